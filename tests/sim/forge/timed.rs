//! Elections that open and close by themselves, and their validators.

use protocol::election::Election;
use protocol::keys::VoterKey;
use protocol::roster::{FinalityRule, Roster, Times, Validator, quorum_min};

use super::{election, key};
use crate::clock::UNIX_START;
use crate::faults::Window;

/// An election that opens and closes at these times of its world.
#[must_use]
pub fn timed_election(
    seed: u64,
    difficulty_bits: u8,
    block_interval_s: u32,
    open: Window,
    finality: FinalityRule,
) -> Election {
    let [opens, closes] = [open.from, open.until].map(|at| UNIX_START.plus(at));
    Election {
        block_interval_s: Some(block_interval_s),
        times: Some(Times { opens, closes, finality }),
        ..election(seed, difficulty_bits)
    }
}

/// So many validators, of which the usual quorum is enough.
#[must_use]
pub fn roster(seed: u64, validators: u16) -> FinalityRule {
    let of_place = |place| Validator {
        name: format!("Validator {place}"),
        key: validator_key(seed, place).public(),
    };
    let count = usize::from(validators);
    FinalityRule::Roster(Roster {
        validators: (0..validators).map(of_place).collect(),
        quorum: u8::try_from(quorum_min(count, false)).expect("a roster is small"),
        crash_faults_only: false,
    })
}

/// The key of the validator at a place of the roster.
#[must_use]
pub fn validator_key(seed: u64, place: u16) -> VoterKey {
    key(seed, "validator", place.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timed_elections_are_valid() {
        for validators in [1, 4, 7, 16] {
            let rule = roster(1, validators);
            let election = timed_election(1, 6, 2, Window::seconds(30, 90), rule);
            assert_eq!(election.check(), Ok(()));
            assert_eq!(election.roster().map(|it| it.validators.len()), Some(validators.into()));
        }
        let rule = FinalityRule::Depth { confirmations: 10 };
        let election = timed_election(1, 6, 2, Window::seconds(30, 90), rule);
        assert_eq!(election.check(), Ok(()));
    }
}
