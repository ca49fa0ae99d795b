//! The count of the votes as it is shown to users.

use std::fmt;

use protocol::election::Question;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Finality, HeldBy, Tip, Unready, Waiting};

/// The count on the best chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Results {
    pub(crate) tip: Tip,
    /// Votes counted, blank ones included.
    pub(crate) votes: u64,
    pub(crate) registered_voters: u64,
    /// Votes per hundred registered voters on the same branch, rounded to tenths; `null` where nobody is registered.
    pub(crate) turnout_percent: Option<Percent>,
    pub(crate) admitted: Admitted,
    /// Blocks from the newest block that holds a vote up to the tip, both included; 0 without votes.
    pub(crate) blocks_deep: u64,
    pub(crate) questions: Vec<QuestionTally>,
    /// Neighbours whose chains hold the tip, so that they count the same; `null` where no peer runs that could know.
    pub(crate) tip_held_by: Option<HeldBy>,
    /// What keeps this peer from speaking for the network; empty where nothing does.
    pub(crate) unready: Vec<Unready>,
    pub(crate) waiting: Waiting,
    /// How far a timed election has come, and how final its count is; `null` in an untimed one, whose count never is.
    pub(crate) finality: Option<Finality>,
}

/// A share in percent, rounded to tenths, which are what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(from = "f64", into = "f64")]
#[schema(value_type = f64)]
pub(crate) struct Percent(u64);

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
        let questions: Vec<Question> =
            results.tally.iter().map(|tally| tally.question.clone()).collect();
        let finality = results.finality.as_deref();
        let finality = finality.map(|view| Finality::of(view, &questions));
        let unready = results.unready.iter().map(|unready| (*unready).into());
        Self {
            tip: results.tip.into(),
            votes: results.votes,
            registered_voters: results.registered_voters,
            turnout_percent: Percent::of(results.votes, results.registered_voters),
            admitted: Admitted::from(&results.admitted),
            blocks_deep: results.blocks_deep,
            questions: results.tally.iter().map(QuestionTally::from).collect(),
            tip_held_by: Some(results.tip_held_by.into()),
            unready: unready.chain(finality.iter().flat_map(Unready::of_result)).collect(),
            waiting: results.waiting.into(),
            finality,
        }
    }
}

impl Percent {
    /// A part of a whole; `None` of nothing.
    pub(crate) fn of(part: u64, whole: u64) -> Option<Self> {
        let (part, whole) = (u128::from(part), u128::from(whole));
        let tenths = (part * 1_000 + whole / 2).checked_div(whole)?;
        // Who is missing, or the only one who is there, does not vanish by rounding.
        let tenths = if part < whole { tenths.min(999) } else { tenths };
        let tenths = if part > 0 { tenths.max(1) } else { tenths };
        Some(Self(u64::try_from(tenths).unwrap_or(u64::MAX)))
    }
}

/// `42.9`: the same digits in texts and in JSON.
impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl From<Percent> for f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    fn from(percent: Percent) -> Self {
        percent.0 as Self / 10.0
    }
}

impl From<f64> for Percent {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped")]
    fn from(percent: f64) -> Self {
        Self((percent * 10.0).round().max(0.0) as u64)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_to_tenths_and_nothing_has_none() {
        for (part, whole, shown) in [
            (3, 7, "42.9"),
            (0, 7, "0.0"),
            (7, 7, "100.0"),
            (1, 3, "33.3"),
            (2, 3, "66.7"),
            (1, 2_000, "0.1"),
            (u64::MAX, u64::MAX, "100.0"),
        ] {
            let percent = Percent::of(part, whole).expect("a whole");
            assert_eq!(percent.to_string(), shown);
            let json = serde_json::to_string(&percent).expect("a number");
            assert_eq!(json, shown);
            assert_eq!(serde_json::from_str::<Percent>(&json).expect("a number"), percent);
        }
        assert_eq!(Percent::of(0, 0), None);
    }
}
