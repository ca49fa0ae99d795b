//! The count of the votes as it is shown to users.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HeldBy, Tip, Unready, Waiting};

/// The count on the best chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Results {
    pub(crate) tip: Tip,
    /// Votes counted, blank ones included.
    pub(crate) votes: u64,
    pub(crate) registered_voters: u64,
    pub(crate) admitted: Admitted,
    /// Blocks from the newest block that holds a vote up to the tip, both included; 0 without votes.
    pub(crate) blocks_deep: u64,
    pub(crate) questions: Vec<QuestionTally>,
    /// Neighbours whose chains hold the tip, so that they count the same; `null` where no peer runs that could know.
    pub(crate) tip_held_by: Option<HeldBy>,
    /// What keeps this peer from speaking for the network; empty where nothing does.
    pub(crate) unready: Vec<Unready>,
    pub(crate) waiting: Waiting,
}

/// By what right voters were registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub(crate) enum Admitted {
    /// Anybody could register any number of keys.
    Anybody,
    Registrars {
        /// Voters whom they took the right to vote from, registered before or not.
        withdrawn: u64,
        /// All registrars, in the ballot's order.
        registrars: Vec<RegistrarCount>,
    },
}

/// What a registrar signed of what stands on the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RegistrarCount {
    pub(crate) name: String,
    pub(crate) admissions: u64,
    pub(crate) withdrawals: u64,
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
            admitted: Admitted::from(&results.admitted),
            blocks_deep: results.blocks_deep,
            questions: results.tally.iter().map(QuestionTally::from).collect(),
            tip_held_by: Some(results.tip_held_by.into()),
            unready: results.unready.iter().map(|unready| (*unready).into()).collect(),
            waiting: results.waiting.into(),
        }
    }
}

impl From<&node::Admitted> for Admitted {
    fn from(admitted: &node::Admitted) -> Self {
        match admitted {
            node::Admitted::Openly => Self::Anybody,
            node::Admitted::ByRegistrars { withdrawn, signed } => {
                let registrars = signed.iter().map(|(name, count)| RegistrarCount {
                    name: name.clone(),
                    admissions: count.admissions,
                    withdrawals: count.withdrawals,
                });
                Self::Registrars { withdrawn: *withdrawn, registrars: registrars.collect() }
            }
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
