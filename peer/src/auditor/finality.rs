//! How final a record is: what its certificates, or the depth of its closing block, say of the result.

use chain::{Audit, CertifyError};
use protocol::finality::{BlockReference, Certificate};
use protocol::roster::FinalityRule;

use crate::schema::{self, AuditFailure, AuditFinality};

/// A certificate that makes nothing final.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the certificate of block {} {} breaks the rule {}: {error}",
    block.height, block.hash, error.rule()
)]
pub struct BadCertificate {
    /// The block that it names.
    pub block: BlockReference,
    /// What is wrong with it.
    pub error: CertifyError,
}

impl From<&BadCertificate> for AuditFailure {
    fn from(bad: &BadCertificate) -> Self {
        Self {
            height: bad.block.height.0,
            hash: bad.block.hash,
            rule: bad.error.rule().name().to_owned(),
            reason: bad.error.to_string(),
            is_certificate: true,
        }
    }
}

/// Whether nothing can change the result of the chain that was audited so far: its closing block is final, or deep
/// enough where there are no validators.
pub(super) fn is_final(audit: &Audit) -> bool {
    let (Some(times), Some(closing)) = (&audit.election().times, audit.closing_block()) else {
        return false;
    };
    match &times.finality {
        FinalityRule::Roster(_) => {
            audit.final_block().is_some_and(|block| block.height >= closing.height)
        }
        FinalityRule::Depth { confirmations } => depth(audit, closing) >= u64::from(*confirmations),
    }
}

/// How many blocks there are from the closing block to the tip, both included.
fn depth(audit: &Audit, closing: BlockReference) -> u64 {
    audit.tip().0.0 - closing.height.0 + 1
}

/// What a record says of its finality; `None` if the election has no times.
pub(super) fn of(audit: &Audit, certificate: Option<&Certificate>) -> Option<AuditFinality> {
    let times = audit.election().times.as_ref()?;
    let closing = audit.closing_block();
    let (confirmations, quorum, of) = match &times.finality {
        FinalityRule::Depth { confirmations } => (Some(*confirmations), None, None),
        FinalityRule::Roster(roster) => (None, Some(roster.quorum), Some(roster.validators.len())),
    };
    Some(AuditFinality {
        is_final: is_final(audit),
        closing_block: closing
            .map(|block| schema::Tip { height: block.height.0, hash: block.hash }),
        certificate: certificate.map(schema::Certificate::from),
        signed_by: certificate.map_or_else(Vec::new, |certificate| names(audit, certificate)),
        quorum,
        validators: of,
        blocks_deep: closing.filter(|_| confirmations.is_some()).map(|block| depth(audit, block)),
        confirmations,
    })
}

fn names(audit: &Audit, certificate: &Certificate) -> Vec<String> {
    let roster = audit.election().roster();
    let places = certificate.signatures.iter().map(|(place, _)| *place);
    let validators = places.filter_map(|place| roster?.validator(place));
    validators.map(|validator| validator.name.clone()).collect()
}
