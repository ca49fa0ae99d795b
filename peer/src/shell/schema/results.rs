//! The count.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Tip;
use crate::node;

/// The count on the best chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Results {
    pub(crate) tip: Tip,
    /// Votes counted, blank ones included.
    pub(crate) votes: u64,
    pub(crate) registered_voters: u64,
    /// Blocks from the newest block that holds a vote up to the tip, both included; 0 without votes.
    pub(crate) blocks_deep: u64,
    pub(crate) questions: Vec<QuestionTally>,
}

/// The count of one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct QuestionTally {
    pub(crate) title: String,
    pub(crate) options: Vec<OptionTally>,
    /// Voters who chose nothing here.
    pub(crate) blank: u64,
}

/// The votes for one option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct OptionTally {
    pub(crate) name: String,
    pub(crate) votes: u64,
}

impl From<&node::Results> for Results {
    fn from(results: &node::Results) -> Self {
        Self {
            tip: results.tip.into(),
            votes: results.votes,
            registered_voters: results.registered_voters,
            blocks_deep: results.blocks_deep,
            questions: results.tally.iter().map(QuestionTally::from).collect(),
        }
    }
}

impl From<&node::QuestionTally> for QuestionTally {
    fn from(tally: &node::QuestionTally) -> Self {
        let options = tally.question.options.iter().zip(&tally.votes);
        let options =
            options.map(|(name, votes)| OptionTally { name: name.clone(), votes: *votes });
        Self { title: tally.question.title.clone(), options: options.collect(), blank: tally.blank }
    }
}
