//! Certificates and evidence as users and programs are shown them.

use protocol::codec;
use protocol::finality::{self, BlockReference, Commit, Evidence, FinalityVote, Prepare};
use protocol::roster::Roster;
use protocol::units::{BlockHash, ElectionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Hash, Tip};

/// The signatures by which a quorum of the validators made a block final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Certificate {
    /// Of the block that is final.
    pub(crate) height: u64,
    #[schema(value_type = Hash)]
    pub(crate) hash: BlockHash,
    /// Who signed, counted from 1 in the ballot's order.
    pub(crate) validators: Vec<u16>,
    /// The certificate's bytes in hexadecimal digits.
    #[schema(pattern = "^([0-9a-f]{2})+$")]
    pub(crate) encoding: String,
}

impl From<&finality::Certificate> for Certificate {
    fn from(certificate: &finality::Certificate) -> Self {
        Self {
            height: certificate.block.height.0,
            hash: certificate.block.hash,
            validators: certificate.signatures.iter().map(|(place, _)| place + 1).collect(),
            encoding: hex::encode(codec::encode(certificate)),
        }
    }
}

/// What two signed votes prove against a validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct EvidenceProof {
    pub(crate) proves: bool,
    /// The validator's name in the ballot; null if it has no such validator.
    pub(crate) validator: Option<String>,
    /// Its number, counted from 1 in the ballot's order.
    pub(crate) number: u32,
    /// `two_prepares`, `two_commits` or `surrounded_commit`; null if nothing is proved.
    pub(crate) offence: Option<String>,
    pub(crate) first: SignedVote,
    pub(crate) second: SignedVote,
    /// Why nothing is proved.
    pub(crate) reason: Option<String>,
}

/// What a validator signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "vote", rename_all = "snake_case")]
pub(crate) enum SignedVote {
    /// A vote of the first phase, for `target`, building on `source`.
    Prepare { target: Tip, source: Tip },
    /// A vote of the second phase.
    Commit { block: Tip },
}

impl EvidenceProof {
    pub(crate) fn of(evidence: &Evidence, election: &ElectionId, roster: &Roster) -> Self {
        let checked = evidence.check(election, roster);
        let place = evidence.first.validator();
        Self {
            proves: checked.is_ok(),
            validator: roster.validator(place).map(|validator| validator.name.clone()),
            number: u32::from(place) + 1,
            offence: checked.ok().map(|offence| offence.kind().to_owned()),
            first: SignedVote::of(&evidence.first),
            second: SignedVote::of(&evidence.second),
            reason: checked.err().map(|error| error.to_string()),
        }
    }
}

impl SignedVote {
    fn of(vote: &FinalityVote) -> Self {
        let tip = |block: &BlockReference| Tip { height: block.height.0, hash: block.hash };
        match vote {
            FinalityVote::Prepare(Prepare { target, source, .. }) => {
                Self::Prepare { target: tip(target), source: tip(source) }
            }
            FinalityVote::Commit(Commit { block, .. }) => Self::Commit { block: tip(block) },
        }
    }
}
