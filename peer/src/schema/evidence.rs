//! Evidence against validators, with both votes that they signed.

use protocol::codec;
use protocol::finality::{self, BlockReference};
use protocol::units::ElectionId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Hash, Tip};

/// What is known against validators, at most one piece for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct EvidenceList {
    pub(crate) evidence: Vec<EvidenceShown>,
}

/// What a validator did, and what proves it. It is what a file for `peer check-evidence` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct EvidenceShown {
    /// Its name in the ballot.
    pub(crate) validator: String,
    /// `two_prepares`, `two_commits` or `surrounded_commit`.
    pub(crate) offence: String,
    #[schema(value_type = Hash)]
    pub(crate) election: ElectionId,
    pub(crate) first: ShownVote,
    pub(crate) second: ShownVote,
    /// Both votes as validators send them, in hexadecimal digits.
    #[schema(pattern = "^([0-9a-f]{2})+$")]
    pub(crate) evidence: String,
}

/// What a validator signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum ShownVote {
    Prepare {
        /// Its place in the ballot, from 1.
        validator: u16,
        target: Tip,
        source: Tip,
        /// 65 bytes in hexadecimal digits.
        #[schema(pattern = "^[0-9a-f]{130}$")]
        signature: String,
    },
    Commit {
        /// Its place in the ballot, from 1.
        validator: u16,
        block: Tip,
        /// 65 bytes in hexadecimal digits.
        #[schema(pattern = "^[0-9a-f]{130}$")]
        signature: String,
    },
}

impl EvidenceList {
    pub(crate) fn of(all: &[node::EvidenceView], election: ElectionId) -> Self {
        let shown = all.iter().map(|each| EvidenceShown {
            validator: each.name.clone(),
            offence: each.offence.kind().to_owned(),
            election,
            first: ShownVote::from(&each.evidence.first),
            second: ShownVote::from(&each.evidence.second),
            evidence: hex::encode(codec::encode(&each.evidence)),
        });
        Self { evidence: shown.collect() }
    }
}

impl From<&finality::FinalityVote> for ShownVote {
    fn from(vote: &finality::FinalityVote) -> Self {
        let validator = vote.validator().saturating_add(1);
        let tip = |block: BlockReference| Tip::from(block);
        match vote {
            finality::FinalityVote::Prepare(prepare) => Self::Prepare {
                validator,
                target: tip(prepare.target),
                source: tip(prepare.source),
                signature: hex::encode(prepare.signature.0),
            },
            finality::FinalityVote::Commit(commit) => Self::Commit {
                validator,
                block: tip(commit.block),
                signature: hex::encode(commit.signature.0),
            },
        }
    }
}
