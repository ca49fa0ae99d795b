//! The certificate that a quorum of COMMITs forms.

use bincode::{Decode, Encode};

use super::{BlockReference, commit_digest};
use crate::keys::{PublicKey, Signature, SignatureError, check_signature};
use crate::roster::Roster;
use crate::units::ElectionId;

/// A quorum of COMMITs for one block.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Certificate {
    /// The block that is final.
    pub block: BlockReference,
    /// The validators, by their positions in the roster, with the signatures of their COMMITs.
    pub signatures: Vec<(u16, Signature)>,
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
