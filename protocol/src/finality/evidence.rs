//! Evidence of a validator that broke the rules of finality.

use bincode::{Decode, Encode};

use super::{FinalityVote, FinalityVoteError};
use crate::roster::Roster;
use crate::units::ElectionId;

/// Two votes of one validator that no honest one signs both, whatever happens to its machine.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Evidence {
    /// One of the votes.
    pub first: FinalityVote,
    /// The other.
    pub second: FinalityVote,
}

/// What a validator did that no honest one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// It signed two PREPAREs for one height.
    TwoPrepares,
    /// It signed two COMMITs for one height.
    TwoCommits,
    /// It signed a PREPARE from below a COMMIT of its own to above it.
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
        let offence =
            Offence::between(&self.first, &self.second).ok_or(EvidenceError::NoOffence)?;
        self.first.check(election, roster)?;
        self.second.check(election, roster)?;
        Ok(offence)
    }
}

impl Offence {
    /// What a validator did that signed both votes; `None` if an honest one may sign both.
    #[must_use]
    pub fn between(first: &FinalityVote, second: &FinalityVote) -> Option<Self> {
        match (first, second) {
            (FinalityVote::Prepare(one), FinalityVote::Prepare(other)) => {
                let is_twice =
                    one.target.height == other.target.height && one.target != other.target;
                is_twice.then_some(Self::TwoPrepares)
            }
            (FinalityVote::Commit(one), FinalityVote::Commit(other)) => {
                let is_twice = one.block.height == other.block.height && one.block != other.block;
                is_twice.then_some(Self::TwoCommits)
            }
            (FinalityVote::Prepare(prepare), FinalityVote::Commit(commit))
            | (FinalityVote::Commit(commit), FinalityVote::Prepare(prepare)) => {
                let height = commit.block.height;
                let surrounds = prepare.source.height < height && height < prepare.target.height;
                surrounds.then_some(Self::SurroundedCommit)
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
