//! Evidence of a validator that broke the rules of finality.

use bincode::{Decode, Encode};

use super::{FinalityVote, FinalityVoteError};
use crate::roster::Roster;
use crate::units::{ElectionId, Height};

/// Two votes of one validator that no honest one signs both, whatever happens to its machine.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Evidence {
    /// One of the votes.
    pub first: FinalityVote,
    /// The other.
    pub second: FinalityVote,
}

/// What a finality vote says, with a block's hash or whatever else tells blocks apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statement<H> {
    /// PREPARE(target, source).
    Prepare {
        /// The height and the hash of the target.
        target: (Height, H),
        /// The height of the source.
        source: Height,
    },
    /// COMMIT(block).
    Commit {
        /// The height and the hash of the block.
        block: (Height, H),
    },
}

/// What two votes of one validator prove against it. No validator that follows the rules ever signs two such votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// It prepared two blocks of one height.
    TwoPrepares,
    /// It committed two blocks of one height.
    TwoCommits,
    /// It prepared a block above one that it committed, from a source below that one: it left its lock, or committed
    /// below its PREPARE.
    SurroundedCommit,
}

/// The reason why two votes are no evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum EvidenceError {
    /// The votes are by two validators.
    #[error("the votes are by validators {first} and {second}: each may be honest")]
    TwoValidators { first: u16, second: u16 },
    /// An honest validator may sign both.
    #[error("an honest validator may sign both votes")]
    NoOffence,
    /// A vote is not signed by the validator.
    #[error(transparent)]
    Vote(#[from] FinalityVoteError),
}

impl Evidence {
    /// Checks that one validator signed both votes, and what it did by that.
    ///
    /// # Errors
    /// See [`EvidenceError`].
    pub fn check(&self, election: &ElectionId, roster: &Roster) -> Result<Offence, EvidenceError> {
        let (first, second) = (self.first.validator(), self.second.validator());
        if first != second {
            return Err(EvidenceError::TwoValidators { first, second });
        }
        let offence = Offence::between(&self.first.statement(), &self.second.statement())
            .ok_or(EvidenceError::NoOffence)?;
        self.first.check(election, roster)?;
        self.second.check(election, roster)?;
        Ok(offence)
    }
}

impl Offence {
    /// The offence that two votes of one validator prove, if any. Their order does not matter.
    ///
    /// Not everything that the rules forbid leaves such a proof: that a source or a committed block was not justified,
    /// or that heights fell, can't be seen in two votes.
    #[must_use]
    pub fn between<H: PartialEq>(first: &Statement<H>, second: &Statement<H>) -> Option<Self> {
        let is_double =
            |one: &(Height, H), other: &(Height, H)| one.0 == other.0 && one.1 != other.1;
        match (first, second) {
            (Statement::Prepare { target: one, .. }, Statement::Prepare { target: other, .. }) => {
                is_double(one, other).then_some(Self::TwoPrepares)
            }
            (Statement::Commit { block: one }, Statement::Commit { block: other }) => {
                is_double(one, other).then_some(Self::TwoCommits)
            }
            (Statement::Prepare { target, source }, Statement::Commit { block })
            | (Statement::Commit { block }, Statement::Prepare { target, source }) => {
                (*source < block.0 && block.0 < target.0).then_some(Self::SurroundedCommit)
            }
        }
    }

    /// A word for programs that never changes.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::TwoPrepares => "two_prepares",
            Self::TwoCommits => "two_commits",
            Self::SurroundedCommit => "surrounded_commit",
        }
    }
}
