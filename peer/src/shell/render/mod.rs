//! From typed answers, errors and notices to what is printed: text for people, or one JSON object a line for
//! programs, with the same facts.

mod audit;
mod human;
mod json;
mod receipt;
mod text;

#[cfg(test)]
mod documented;

use protocol::election::{Election, Question};
use protocol::transaction::Choices;

use super::actions::{ActionError, Reply};
use super::notice::Notice;
use super::offline::{AuditReport, ReceiptStanding};

/// Said before anybody votes.
pub(crate) const PRIVACY: &str = "Votes are public: everybody can see what your voter key chose, for as long as the chain is kept.";

/// How answers and notices look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `color` is for terminals alone.
    Human {
        color: bool,
    },
    Json,
}

impl Style {
    /// The answer to the command `word`, ended by a line feed.
    pub(crate) fn outcome(
        self,
        word: &str,
        outcome: &Result<Reply, ActionError>,
        election: &Election,
    ) -> String {
        match (self, outcome) {
            (Self::Human { color }, Ok(reply)) => human::reply(reply, election, color),
            (Self::Human { .. }, Err(error)) => format!("{error}\n"),
            (Self::Json, Ok(reply)) => format!("{}\n", json::reply(reply, election)),
            (Self::Json, Err(error)) => format!("{}\n", json::error(word, error)),
        }
    }

    /// A notice, ended by a line feed.
    pub(crate) fn notice(self, notice: &Notice) -> String {
        match self {
            Self::Human { .. } => format!("{}\n", text::notice(notice)),
            Self::Json => format!("{}\n", json::notice(notice)),
        }
    }

    /// A question with its numbered options, ended by a line feed.
    pub(crate) fn question(self, number: usize, question: &Question) -> String {
        let color = matches!(self, Self::Human { color: true });
        format!("{}\n", human::question_text(number, question, color))
    }

    /// What came of an audit, ended by a line feed.
    pub(crate) fn audit(self, report: &AuditReport) -> String {
        match self {
            Self::Human { color } => audit::human(report, color),
            Self::Json => format!("{}\n", audit::json(report)),
        }
    }

    /// What a receipt is worth: one line.
    pub(crate) fn receipt_standing(
        self,
        standing: &ReceiptStanding,
        election: &Election,
    ) -> String {
        match self {
            Self::Human { .. } => receipt::human(standing, election),
            Self::Json => format!("{}\n", receipt::json(standing, election)),
        }
    }

    /// The ballot, also for `peer ballot check`.
    pub(crate) fn ballot(self, election: &Election) -> String {
        let reply = Reply::Ballot { election_id: election.election_id() };
        self.outcome(reply.name(), &Ok(reply), election)
    }
}

/// Names of the chosen options, question by question.
pub(crate) fn choice_names<'e>(choices: &Choices, election: &'e Election) -> Vec<Vec<&'e str>> {
    let named = |(question, chosen): (&'e Question, &Vec<u16>)| {
        let options = chosen.iter().filter_map(|index| question.options.get(usize::from(*index)));
        options.map(String::as_str).collect()
    };
    election.questions.iter().zip(choices).map(named).collect()
}

/// The choices as one line: `Ada; Tuesday, Wednesday`.
pub(crate) fn choice_line(choices: &Choices, election: &Election) -> String {
    let answers = choice_names(choices, election).into_iter().map(|names| match names.as_slice() {
        [] => "blank".to_owned(),
        names => names.join(", "),
    });
    answers.collect::<Vec<_>>().join("; ")
}
