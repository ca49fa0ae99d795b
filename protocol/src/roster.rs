//! The times of an election and who finishes it: when it opens and closes, and the validators whose certificates make
//! its blocks final.
//!
//! This module holds what the ballot says. It never decides whether a block or a signature is valid.

use bincode::{Decode, Encode};

use crate::keys::PublicKey;
use crate::units::UnixMillis;

/// The most validators. A certificate by all of them fits into one datagram.
pub const VALIDATORS_MAX: usize = 16;
/// The shortest interval between blocks, in seconds. With a shorter one, blocks cross on their way all the time.
pub const BLOCK_INTERVAL_S_MIN: u32 = 1;
/// The longest interval between blocks, in seconds: an hour. Twelve of them are the margin before the close.
pub const BLOCK_INTERVAL_S_MAX: u32 = 3_600;
/// The shortest interval between blocks where validators sign, in seconds: about ten times as long as a block
/// takes to reach everybody.
pub const VALIDATED_INTERVAL_S_MIN: u32 = 2;
/// The margin, in block intervals, before `opens`, from which blocks are mined, and before `closes`, until which a
/// vote is sure to be in time. The median of 11 blocks lags behind the newest one by about 6 of them.
pub const MARGIN_INTERVALS: u64 = 12;
/// The most `confirmations`. More of them than blocks in a day would never come.
pub const CONFIRMATIONS_MAX: u32 = 10_000;

/// When an election opens and closes, and what its end is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Times {
    /// Votes stand in blocks from this median time past on.
    pub opens: UnixMillis,
    /// No transaction stands in a block from this median time past on.
    pub closes: UnixMillis,
    /// What makes the result final.
    pub finality: FinalityRule,
}

/// What makes the closing block, and so the result, final.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum FinalityRule {
    /// Each peer's own observation that the closing block lies deep enough.
    Depth {
        /// The number of blocks from the closing block to the tip, both included; 1 to [`CONFIRMATIONS_MAX`].
        confirmations: u32,
    },
    /// Certificates by a quorum of validators, which anybody can check.
    Roster(Roster),
}

/// The validators of an election.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Roster {
    /// The validators, 1 to [`VALIDATORS_MAX`], in the order of the ballot.
    pub validators: Vec<Validator>,
    /// How many of them have to sign: at least [`quorum_min`].
    pub quorum: u8,
    /// Whether the organiser vouches that validators fail only by stopping, so that more than half of them are enough.
    pub crash_faults_only: bool,
}

/// A person or body that signs for blocks.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Validator {
    /// The name by which people know the validator.
    pub name: String,
    /// The key with which the validator signs.
    pub key: PublicKey,
}

impl Roster {
    /// The validator at a place of the ballot, counted from 0.
    #[must_use]
    pub fn validator(&self, place: u16) -> Option<&Validator> {
        self.validators.get(usize::from(place))
    }

    /// The place of the validator with this key.
    #[must_use]
    pub fn place_of(&self, key: &PublicKey) -> Option<u16> {
        let place = self.validators.iter().position(|each| each.key == *key)?;
        Some(u16::try_from(place).expect("bounded by VALIDATORS_MAX"))
    }
}

/// The fewest signatures that a ballot may ask for, of this many validators. Two quorums of more than two thirds share
/// an honest validator as long as fewer than a third lie; where none lies, more than half are enough.
#[must_use]
pub fn quorum_min(validators: usize, crash_faults_only: bool) -> usize {
    if crash_faults_only { validators / 2 + 1 } else { validators * 2 / 3 + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_quorums_share_an_honest_validator() {
        for validators in 1..=VALIDATORS_MAX {
            let liars = (validators - 1) / 3;
            let quorum = quorum_min(validators, false);
            assert!(2 * quorum > validators + liars, "{validators}");
            assert!(quorum <= validators - liars, "{validators}: the honest ones alone are enough");
            let quorum = quorum_min(validators, true);
            assert!(2 * quorum > validators && quorum <= validators, "{validators}");
        }
        assert_eq!(quorum_min(4, false), 3);
        assert_eq!(quorum_min(4, true), 3);
        assert_eq!(quorum_min(5, true), 3);
    }
}
