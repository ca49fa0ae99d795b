//! What users see of an election's times and of finality, copied at one moment.

use std::time::Duration;

use protocol::datagram::RunNumber;
use protocol::finality::{BlockReference, Certificate, Evidence, Offence};
use protocol::units::{Height, UnixMillis};

use super::records::SeenCertificate;
use chain::Tally;

/// How far a timed election has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ElectionState {
    /// No vote can stand in the next block yet.
    Upcoming,
    /// A vote can stand in the next block.
    Open,
    /// No vote can stand in a block any more, and the result is not final.
    Sealing,
    /// The result can't change any more.
    Final,
    /// Two results contradict each other, each as final as can be.
    Disputed,
}

impl ElectionState {
    /// A word for programs that never changes.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Upcoming => "upcoming",
            Self::Open => "open",
            Self::Sealing => "sealing",
            Self::Final => "final",
            Self::Disputed => "disputed",
        }
    }
}

/// How far a timed election has come, and how final its count is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalityView {
    /// How far it has come.
    pub state: ElectionState,
    /// The median time past from which votes stand in blocks.
    pub opens: UnixMillis,
    /// The time until which a vote that is cast is sure to be counted.
    pub vote_by: UnixMillis,
    /// The median time past from which no vote stands in a block.
    pub closes: UnixMillis,
    /// The median time past of the tip, by which the election opens and closes.
    pub median_time: UnixMillis,
    /// Whether votes are still taken by this machine's clock, but may come too late to be counted.
    pub is_late: bool,
    /// The highest final block; the genesis block if there is none.
    pub final_block: BlockReference,
    /// The highest justified block; the genesis block if there is none.
    pub justified_block: BlockReference,
    /// The first block that no transaction may stand in, once the best chain has it.
    pub closing_block: Option<BlockReference>,
    /// The count up to the final block, if its body is known; that of the closing block once that is final.
    pub final_tally: Option<Tally>,
    /// The votes of the best chain up to the final block.
    pub votes_final: u64,
    /// The votes of the best chain above the final block.
    pub votes_above: u64,
    /// The votes that wait for a block.
    pub votes_waiting: u64,
    /// When the result was first known to be final, by this machine's clock.
    pub final_since: Option<UnixMillis>,
    /// The certificate of the highest final block.
    pub certificate: Option<SeenCertificate>,
    /// The certificate of the lowest final block at or above the closing block.
    pub closing_certificate: Option<SeenCertificate>,
    /// How the end is observed in an election without validators.
    pub depth: Option<DepthView>,
    /// The validators in the order of the ballot; none in an election without them.
    pub validators: Vec<ValidatorView>,
    /// What this peer's validator does, if it is one.
    pub own_validator: Option<OwnValidatorView>,
    /// Evidence against validators, at most one for each.
    pub evidence: Vec<EvidenceView>,
    /// Two certificates that contradict each other, if there are such.
    pub conflict: Option<Box<(Certificate, Certificate)>>,
}

/// How a peer observes the end of an election without validators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepthView {
    /// How many blocks, with the closing block itself, make the result final.
    pub confirmations: u32,
    /// How many there are.
    pub blocks: u64,
    /// Whether this peer was there when it closed and became final; `None` before that.
    pub is_witnessed: Option<bool>,
    /// The ends that contradict each other, if there are several.
    pub disputed: Vec<DisputedEnd>,
}

/// One of several branches on which the election has closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputedEnd {
    /// The closing block of this branch.
    pub closing: BlockReference,
    /// The count at that block, if it is known.
    pub tally: Option<Tally>,
    /// When this peer first saw it deep enough, by its clock.
    pub seen_at: UnixMillis,
}

/// A validator as the others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorView {
    /// Its name in the ballot.
    pub name: String,
    /// The height of its newest PREPARE that is known.
    pub prepared: Option<Height>,
    /// The height of its newest COMMIT that is known.
    pub committed: Option<Height>,
    /// When it last said that it runs, by its own clock.
    pub present_at: Option<UnixMillis>,
}

/// This peer's own validator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnValidatorView {
    /// Its place in the ballot's roster.
    pub place: u16,
    /// Its name in the ballot.
    pub name: String,
    /// Why it does not sign, if it doesn't.
    pub abstains: Option<Abstention>,
    /// The block of its newest PREPARE.
    pub prepared: Option<BlockReference>,
    /// The block of its newest COMMIT.
    pub committed: Option<BlockReference>,
}

/// The reason why a validator does not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Abstention {
    /// It is too early.
    #[error("signing starts 12 block intervals before the election opens")]
    TooEarly {
        /// When it starts.
        starts: UnixMillis,
    },
    /// Its store says nothing of what it signed before, so it might contradict itself.
    #[error(
        "this store does not say what the validator signed before: give back the store that it had, or start with \
         --trust-empty-store if its key was never used, or not in this election"
    )]
    NoRecord,
    /// It waits for others to tell what it signed before.
    #[error("it trusts an empty store, and first hears others out on what it signed before")]
    HearsOthersOut,
    /// This machine's clock is off.
    #[error("this machine's clock is off")]
    ClockOff,
    /// The newest block's time is too far ahead of this machine's clock.
    #[error("the time of block {height} is {} ms ahead of this machine's clock", ahead.as_millis())]
    BlockAhead {
        /// The height of the block.
        height: Height,
        /// How far its time is ahead.
        ahead: Duration,
    },
    /// Another peer runs with the same key.
    #[error("another peer signs with this validator's key: {0}")]
    Twin(TwinSign),
    /// Two certificates contradict each other.
    #[error("two certificates contradict each other")]
    Disputed,
    /// There is nothing left to sign.
    #[error("the result is final")]
    Final,
}

impl Abstention {
    /// A word for programs that never changes.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::TooEarly { .. } => "too_early",
            Self::NoRecord => "no_record",
            Self::HearsOthersOut => "hears_others_out",
            Self::ClockOff => "clock_off",
            Self::BlockAhead { .. } => "block_ahead",
            Self::Twin(_) => "twin",
            Self::Disputed => "disputed",
            Self::Final => "final",
        }
    }
}

/// By what a validator noticed that another peer runs with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TwinSign {
    /// The other said that it runs.
    #[error("it runs, and said so at {} by its clock", time.rfc_3339())]
    Presence {
        /// The number of its run.
        run: RunNumber,
        /// The time by its clock.
        time: UnixMillis,
    },
    /// The other signed a PREPARE that this one did not sign.
    #[error("it signed a PREPARE at height {}", target.height)]
    Prepare {
        /// The block that it is for.
        target: BlockReference,
    },
    /// The other signed a COMMIT that this one did not sign.
    #[error("it signed a COMMIT at height {}", block.height)]
    Commit {
        /// The block that it is for.
        block: BlockReference,
    },
}

/// Evidence against a validator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceView {
    /// The validator's name in the ballot.
    pub name: String,
    /// What it did.
    pub offence: Offence,
    /// The votes that show it.
    pub evidence: Evidence,
}

/// How final it is what became of a transaction in a timed election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing is final.
    Pending,
    /// It is on the best chain, in a final block or below one.
    Final {
        /// When this was first known here, by this machine's clock; the earliest time that is remembered.
        since: Option<UnixMillis>,
    },
    /// The election closed without it.
    NotCounted,
}
