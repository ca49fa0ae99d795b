//! Certificates, judged against the election and against the chain that was audited.
//!
//! A certificate says that a quorum of the election's validators made a block final. It is worth something only for a
//! chain that contains this block: then nothing up to it can change any more.

use std::fmt;

use protocol::election::Election;
use protocol::finality::{BlockReference, Certificate, CertificateError, Commit};
use protocol::units::{BlockHash, ElectionId, Height};

use super::Audit;

/// The reason why a certificate makes no block of a chain final.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum CertifyError {
    /// The ballot has no roster, so nobody can certify anything.
    #[error("this election has no validators: nobody can make its blocks final by a certificate")]
    NoRoster,
    /// The chain that was audited ends below the block.
    #[error(
        "it is for block {} {}, and this chain ends with block {tip}", block.height, block.hash
    )]
    AboveTip { block: BlockReference, tip: Height },
    /// The block is on the chain, at another height.
    #[error("it names block {} at height {}; it stands at height {found}", block.hash, block.height)]
    OtherHeight { block: BlockReference, found: Height },
    /// The chain has another block at this height.
    #[error("it is for block {} {}; this chain's is {expected}", block.height, block.hash)]
    OtherHash { block: BlockReference, expected: BlockHash },
    /// None of several signatures holds, as when they were all made for something else.
    #[error(
        "none of its {signatures} signatures is for block {} {} of this election: \
         they are for another election or block",
        block.height, block.hash
    )]
    OtherElection { block: BlockReference, signatures: usize },
    /// A signature is missing, or one does not hold.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// Makes the enum and the list of its variants from one place, so that neither lacks what the other has.
macro_rules! certificate_rules {
    ($($(#[$doc:meta])* $name:ident $word:literal)*) => {
        /// A rule that a certificate can break.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum CertificateRule {
            $($(#[$doc])* $name,)*
        }

        impl CertificateRule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// A stable word for programs.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

certificate_rules! {
    /// Only an election with a roster has certificates.
    NoRoster "certificate_without_roster"
    /// The certified block is not above the end of the chain.
    AboveTip "certificate_above_tip"
    /// The certified block stands at the height that is named.
    OtherHeight "certificate_other_height"
    /// The chain's block at that height has the hash that is named.
    OtherHash "certificate_other_hash"
    /// There are exactly as many signatures as the quorum.
    SignatureCount "certificate_signature_count"
    /// No validator is named twice, and they are named in the ballot's order.
    ValidatorTwice "certificate_validator_twice"
    /// Only validators of the ballot are named.
    UnknownValidator "certificate_unknown_validator"
    /// Each signature is by the validator at its place.
    OtherValidator "certificate_other_validator"
    /// Each signature is by a validator.
    Stranger "certificate_stranger"
    /// The signatures are for this block of this election.
    OtherElection "certificate_other_election"
    /// Each signature has the one form that is accepted.
    Signature "certificate_bad_signature"
}

impl fmt::Display for CertificateRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl CertifyError {
    /// The rule that this error belongs to.
    #[must_use]
    pub fn rule(&self) -> CertificateRule {
        match self {
            Self::NoRoster => CertificateRule::NoRoster,
            Self::AboveTip { .. } => CertificateRule::AboveTip,
            Self::OtherHeight { .. } => CertificateRule::OtherHeight,
            Self::OtherHash { .. } => CertificateRule::OtherHash,
            Self::OtherElection { .. } => CertificateRule::OtherElection,
            Self::Certificate(error) => match error {
                CertificateError::SignatureCount { .. } => CertificateRule::SignatureCount,
                CertificateError::NotRising { .. } => CertificateRule::ValidatorTwice,
                CertificateError::UnknownValidator { .. } => CertificateRule::UnknownValidator,
                CertificateError::OtherValidator { .. } => CertificateRule::OtherValidator,
                CertificateError::NotAValidator { .. } => CertificateRule::Stranger,
                CertificateError::Signature { .. } => CertificateRule::Signature,
            },
        }
    }
}

/// Checks what can be checked of a certificate with the ballot alone: that a quorum of the election's validators signed
/// for its block. That this block exists, and what is in it, is not said by that.
///
/// # Errors
/// See [`CertifyError`].
pub fn check_certificate(
    certificate: &Certificate,
    election: &Election,
    id: &ElectionId,
) -> Result<(), CertifyError> {
    let roster = election.roster().ok_or(CertifyError::NoRoster)?;
    let checked = certificate.check(id, roster);
    // One signature that fits nobody is a stranger's. When none fits anybody, it is what was signed that differs.
    let is_signed_by_anybody = || {
        certificate.signatures.iter().any(|&(validator, signature)| {
            let block = certificate.block;
            Commit { validator, block, signature }.check(id, roster).is_ok()
        })
    };
    match checked {
        Err(CertificateError::NotAValidator { .. })
            if certificate.signatures.len() > 1 && !is_signed_by_anybody() =>
        {
            let (block, signatures) = (certificate.block, certificate.signatures.len());
            Err(CertifyError::OtherElection { block, signatures })
        }
        checked => Ok(checked?),
    }
}

impl Audit {
    /// Takes a certificate for a block of the chain that was audited so far. From now on that block is final, with
    /// everything below it.
    ///
    /// # Errors
    /// See [`CertifyError`]. What was final before stays so.
    pub fn certify(&mut self, certificate: &Certificate) -> Result<(), CertifyError> {
        if self.election.roster().is_none() {
            return Err(CertifyError::NoRoster);
        }
        let block = certificate.block;
        self.check_place(block)?;
        check_certificate(certificate, &self.election, &self.election.election_id())?;
        self.final_block = self.final_block.max(Some(block));
        Ok(())
    }

    /// The highest block that a certificate makes final; `None` if there was no certificate.
    #[must_use]
    pub fn final_block(&self) -> Option<BlockReference> {
        self.final_block
    }

    fn check_place(&self, block: BlockReference) -> Result<(), CertifyError> {
        let at = |height: Height| self.hashes.get(usize::try_from(height.0).ok()?).copied();
        if at(block.height) == Some(block.hash) {
            return Ok(());
        }
        let found = (0..).map(Height).zip(&self.hashes).find(|(_, hash)| **hash == block.hash);
        if let Some((found, _)) = found {
            return Err(CertifyError::OtherHeight { block, found });
        }
        match at(block.height) {
            Some(expected) => Err(CertifyError::OtherHash { block, expected }),
            None => Err(CertifyError::AboveTip { block, tip: self.tip().0 }),
        }
    }
}
