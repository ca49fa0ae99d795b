//! The votes by which validators make a block final, the certificate that a quorum of them forms, and evidence of a
//! validator that broke the rules: data, what is signed, and whether a signature holds.
//!
//! When a validator may sign, and what a block's votes amount to, are rules of the chain.

use bincode::{Decode, Encode};

use crate::codec;
use crate::datagram::RunNumber;
use crate::keys::{PublicKey, Signature, SignatureError, VoterKey, check_signature};
use crate::roster::Roster;
use crate::units::{BlockHash, ElectionId, Height, UnixMillis, sha256};

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

/// A quorum of COMMITs for one block.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Certificate {
    /// The block that is final.
    pub block: BlockReference,
    /// The validators, by their positions in the roster, with the signatures of their COMMITs.
    pub signatures: Vec<(u16, Signature)>,
}

/// A vote of either phase.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum FinalityVote {
    /// Of the first phase.
    Prepare(Prepare),
    /// Of the second phase.
    Commit(Commit),
}

/// Two votes of one validator that no honest one signs both, whatever happens to its machine.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Evidence {
    /// One of the votes.
    pub first: FinalityVote,
    /// The other.
    pub second: FinalityVote,
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

/// The reason why a certificate makes nothing final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum CertificateError {
    /// There are fewer or more signatures than the quorum.
    #[error("it bears {found} validators' signatures; this election asks for {expected}")]
    SignatureCount { found: usize, expected: u8 },
    /// A validator is named twice, or the validators are not in the ballot's order.
    #[error("it names validator {validator} twice or out of order")]
    NotRising { validator: u16 },
    /// The ballot has no validator at this place.
    #[error("it names validator {validator}; the election has {validators}")]
    UnknownValidator { validator: u16, validators: usize },
    /// Another validator of the election made a signature.
    #[error("the signature of validator {validator} is by validator {signer}")]
    OtherValidator { validator: u16, signer: u16 },
    /// No validator of the election made a signature for this block of this election: it is a stranger's, or for
    /// another height, hash or election.
    #[error(
        "the signature of validator {validator} is by none of the election's validators, or for another block"
    )]
    NotAValidator { validator: u16 },
    /// A signature does not have the one form that is accepted.
    #[error("the signature of validator {validator} does not hold: {reason}")]
    Signature { validator: u16, reason: SignatureError },
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

impl Certificate {
    /// Checks that exactly a quorum of the election's validators committed to the block. Whether the block exists is
    /// not checked here.
    ///
    /// # Errors
    /// See [`CertificateError`]; the cheapest checks come first.
    pub fn check(&self, election: &ElectionId, roster: &Roster) -> Result<(), CertificateError> {
        if self.signatures.len() != usize::from(roster.quorum) {
            let (found, expected) = (self.signatures.len(), roster.quorum);
            return Err(CertificateError::SignatureCount { found, expected });
        }
        let validators = roster.validators.len();
        let mut before = None;
        for &(validator, _) in &self.signatures {
            if before >= Some(validator) {
                return Err(CertificateError::NotRising { validator });
            }
            if usize::from(validator) >= validators {
                return Err(CertificateError::UnknownValidator { validator, validators });
            }
            before = Some(validator);
        }
        let digest = commit_digest(election, &self.block);
        for (validator, signature) in &self.signatures {
            check_at_place(&digest, *validator, signature, roster)?;
        }
        Ok(())
    }

    /// Whether this certificate replaces another one for the same block, so that all peers keep the same one of those
    /// that they know: the one by the validators that stand first in the ballot.
    #[must_use]
    pub fn replaces(&self, other: &Self) -> bool {
        let validators = |certificate: &Self| -> Vec<u16> {
            certificate.signatures.iter().map(|(validator, _)| *validator).collect()
        };
        self.block == other.block && validators(self) < validators(other)
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

/// Checks a signature of a certificate, and finds out who made it if it was somebody else.
fn check_at_place(
    digest: &[u8; 32],
    validator: u16,
    signature: &Signature,
    roster: &Roster,
) -> Result<(), CertificateError> {
    let signed_by = |key: &PublicKey| check_signature(digest, signature, &key.voter());
    let known = roster.validator(validator).expect("the caller looked");
    match signed_by(&known.key) {
        Ok(()) => Ok(()),
        Err(SignatureError::WrongSigner { .. }) => {
            let signer = roster.validators.iter().position(|each| signed_by(&each.key).is_ok());
            Err(match signer.and_then(|place| u16::try_from(place).ok()) {
                Some(signer) => CertificateError::OtherValidator { validator, signer },
                None => CertificateError::NotAValidator { validator },
            })
        }
        Err(reason) => Err(CertificateError::Signature { validator, reason }),
    }
}

#[cfg(test)]
mod tests;
