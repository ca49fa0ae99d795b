//! What evidence against a validator proves, as who checks it is shown it.

use protocol::finality::{BlockReference, Commit, Evidence, FinalityVote, Prepare};
use protocol::roster::Roster;
use protocol::units::ElectionId;
use serde::Serialize;

use super::Tip;

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
