//! The votes by which validators make a block final, the certificate that a quorum of them forms, and evidence of a
//! validator that broke the rules: data, what is signed, and whether a signature holds.
//!
//! When a validator may sign, and what a block's votes amount to, are rules of the chain.

mod certificate;
mod evidence;

use bincode::{Decode, Encode};

use crate::codec;
use crate::keys::{Signature, SignatureError, VoterKey, check_signature};
use crate::roster::Roster;
use crate::units::{BlockHash, ElectionId, Height, RunNumber, UnixMillis, sha256};
pub use certificate::{Certificate, CertificateError};
pub use evidence::{Evidence, EvidenceError, Offence, Statement};

/// Precedes what a PREPARE signs, so that no signature of one kind is one of another.
const PREPARE_TAG: &[u8] = b"ostrakon/prepare/1";
/// Precedes what a COMMIT signs.
const COMMIT_TAG: &[u8] = b"ostrakon/commit/1";
/// Precedes what a PRESENCE signs.
const PRESENCE_TAG: &[u8] = b"ostrakon/presence/1";

/// A reference to a block by its height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct BlockReference {
    /// The block's height.
    pub height: Height,
    /// The block's hash.
    pub hash: BlockHash,
}

/// A validator's vote of the first phase (PREPARE).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Prepare {
    /// The validator's position in the ballot's roster.
    pub validator: u16,
    /// The block that the vote is for.
    pub target: BlockReference,
    /// The justified block on which the vote builds, which is an ancestor of the target.
    pub source: BlockReference,
    /// The validator's signature.
    pub signature: Signature,
}

/// A validator's vote of the second phase (COMMIT).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Commit {
    /// The validator's position in the ballot's roster.
    pub validator: u16,
    /// The block that the vote is for.
    pub block: BlockReference,
    /// The validator's signature.
    pub signature: Signature,
}

/// A vote of either phase.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum FinalityVote {
    /// Of the first phase.
    Prepare(Prepare),
    /// Of the second phase.
    Commit(Commit),
}

/// Says that a peer runs with a validator's key, so that two of them notice each other.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Presence {
    /// The validator's position in the ballot's roster.
    pub validator: u16,
    /// The number of the peer's run.
    pub run: RunNumber,
    /// The peer's clock.
    pub time: UnixMillis,
    /// The validator's signature.
    pub signature: Signature,
}

/// The reason why a validator's signature counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum FinalityVoteError {
    /// The ballot has no validator at this place.
    #[error("it names validator {validator}; the election has {validators}")]
    UnknownValidator { validator: u16, validators: usize },
    /// The validator did not sign this.
    #[error("the signature of validator {validator} does not hold: {reason}")]
    Signature { validator: u16, reason: SignatureError },
}

/// What a PREPARE signs.
#[must_use]
pub fn prepare_digest(
    election: &ElectionId,
    target: &BlockReference,
    source: &BlockReference,
) -> [u8; 32] {
    sha256(&[PREPARE_TAG, &election.0, &codec::encode(&(target, source))])
}

/// What a COMMIT signs.
#[must_use]
pub fn commit_digest(election: &ElectionId, block: &BlockReference) -> [u8; 32] {
    sha256(&[COMMIT_TAG, &election.0, &codec::encode(block)])
}

/// What a PRESENCE signs.
#[must_use]
pub fn presence_digest(election: &ElectionId, run: RunNumber, time: UnixMillis) -> [u8; 32] {
    sha256(&[PRESENCE_TAG, &election.0, &codec::encode(&(run, time))])
}

impl Prepare {
    /// Signs a PREPARE. Whether it may be signed is for the caller to know.
    #[must_use]
    pub fn sign(
        election: &ElectionId,
        validator: u16,
        (target, source): (BlockReference, BlockReference),
        key: &VoterKey,
    ) -> Self {
        let signature = key.sign(&prepare_digest(election, &target, &source));
        Self { validator, target, source, signature }
    }

    /// Checks that the validator signed it.
    ///
    /// # Errors
    /// See [`FinalityVoteError`].
    pub fn check(&self, election: &ElectionId, roster: &Roster) -> Result<(), FinalityVoteError> {
        let digest = prepare_digest(election, &self.target, &self.source);
        check_validator(&digest, self.validator, &self.signature, roster)
    }
}

impl Commit {
    /// Signs a COMMIT. Whether it may be signed is for the caller to know.
    #[must_use]
    pub fn sign(
        election: &ElectionId,
        validator: u16,
        block: BlockReference,
        key: &VoterKey,
    ) -> Self {
        let signature = key.sign(&commit_digest(election, &block));
        Self { validator, block, signature }
    }

    /// Checks that the validator signed it.
    ///
    /// # Errors
    /// See [`FinalityVoteError`].
    pub fn check(&self, election: &ElectionId, roster: &Roster) -> Result<(), FinalityVoteError> {
        let digest = commit_digest(election, &self.block);
        check_validator(&digest, self.validator, &self.signature, roster)
    }
}

impl Presence {
    /// Signs that a run with the validator's key is alive.
    #[must_use]
    pub fn sign(
        election: &ElectionId,
        validator: u16,
        run: RunNumber,
        time: UnixMillis,
        key: &VoterKey,
    ) -> Self {
        let signature = key.sign(&presence_digest(election, run, time));
        Self { validator, run, time, signature }
    }

    /// Checks that the validator signed it.
    ///
    /// # Errors
    /// See [`FinalityVoteError`].
    pub fn check(&self, election: &ElectionId, roster: &Roster) -> Result<(), FinalityVoteError> {
        let digest = presence_digest(election, self.run, self.time);
        check_validator(&digest, self.validator, &self.signature, roster)
    }
}

impl FinalityVote {
    /// The validator's position in the ballot's roster.
    #[must_use]
    pub fn validator(&self) -> u16 {
        match self {
            Self::Prepare(prepare) => prepare.validator,
            Self::Commit(commit) => commit.validator,
        }
    }

    /// What the vote says.
    #[must_use]
    pub fn statement(&self) -> Statement<BlockHash> {
        let pair = |block: &BlockReference| (block.height, block.hash);
        match self {
            Self::Prepare(Prepare { target, source, .. }) => {
                Statement::Prepare { target: pair(target), source: source.height }
            }
            Self::Commit(Commit { block, .. }) => Statement::Commit { block: pair(block) },
        }
    }

    /// The block that the vote is for.
    #[must_use]
    pub fn block(&self) -> BlockReference {
        match self {
            Self::Prepare(prepare) => prepare.target,
            Self::Commit(commit) => commit.block,
        }
    }

    /// Checks that the validator signed it.
    ///
    /// # Errors
    /// See [`FinalityVoteError`].
    pub fn check(&self, election: &ElectionId, roster: &Roster) -> Result<(), FinalityVoteError> {
        match self {
            Self::Prepare(prepare) => prepare.check(election, roster),
            Self::Commit(commit) => commit.check(election, roster),
        }
    }
}

fn check_validator(
    digest: &[u8; 32],
    validator: u16,
    signature: &Signature,
    roster: &Roster,
) -> Result<(), FinalityVoteError> {
    let Some(known) = roster.validator(validator) else {
        let validators = roster.validators.len();
        return Err(FinalityVoteError::UnknownValidator { validator, validators });
    };
    check_signature(digest, signature, &known.key.voter())
        .map_err(|reason| FinalityVoteError::Signature { validator, reason })
}

#[cfg(test)]
mod tests;
