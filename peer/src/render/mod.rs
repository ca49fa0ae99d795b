//! From typed answers, errors and events to what is printed: text for people, or one JSON object a line for
//! programs, with the same facts.

mod audit;
mod human;
mod key;
mod receipt;
mod registrar;
mod text;

#[cfg(test)]
mod documented;

use protocol::election::Election;
use serde::Serialize;

use crate::actions::{ActionError, Reply};
use crate::auditor::{AuditReport, ReceiptStanding};
use crate::organiser::{NewRegistrar, ShowReport, SignReport};
use crate::schema::{Ballot, Event, KeyShown, Question, Refusal};

pub(crate) use key::phrase;
pub(crate) use text::{event as event_text, rate, short, time};

/// How answers and events look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `color` is for terminals alone.
    Human {
        color: bool,
    },
    Json,
}

impl Style {
    /// JSON if that was asked for; else text, with colours where it goes to a terminal.
    pub(crate) fn of(json: bool, color: bool) -> Self {
        if json { Self::Json } else { Self::Human { color } }
    }

    /// The answer to the command `word`, ended by a line feed.
    pub(crate) fn outcome(self, word: &str, outcome: &Result<Reply, ActionError>) -> String {
        match (self, outcome) {
            (Self::Human { color }, Ok(reply)) => human::reply(reply, color),
            (Self::Human { .. }, Err(error)) => format!("{error}\n"),
            (Self::Json, Ok(reply)) => line(reply),
            (Self::Json, Err(error)) => self.refusal(word, &error.into()),
        }
    }

    /// Why the command `word` was refused, ended by a line feed.
    pub(crate) fn refusal(self, word: &str, refusal: &Refusal) -> String {
        match self {
            Self::Human { .. } => format!("{}\n", refusal.message),
            Self::Json => line(&Refused::new(word, refusal)),
        }
    }

    /// An event, ended by a line feed.
    pub(crate) fn event(self, event: &Event) -> String {
        match self {
            Self::Human { .. } => format!("{}\n", text::event(event)),
            Self::Json => line(event),
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
            Self::Json => line(&audit::json(report)),
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
            Self::Json => line(&receipt::json(standing, election)),
        }
    }

    /// Whose key a file holds.
    pub(crate) fn key(self, key: &KeyShown) -> String {
        match self {
            Self::Human { .. } => key::human(key),
            Self::Json => line(key),
        }
    }

    /// A registrar's new key.
    pub(crate) fn new_registrar(self, made: &NewRegistrar) -> String {
        match self {
            Self::Human { .. } => registrar::new_registrar(made),
            Self::Json => line(&registrar::new_registrar_json(made)),
        }
    }

    /// What a registrar signed.
    pub(crate) fn signed(self, report: &SignReport) -> String {
        match self {
            Self::Human { .. } => registrar::signed(report),
            Self::Json => line(&registrar::signed_json(report)),
        }
    }

    /// What a file of registrars' signatures holds.
    pub(crate) fn signed_file(self, report: &ShowReport) -> String {
        match self {
            Self::Human { .. } => registrar::shown(report),
            Self::Json => line(&registrar::shown_json(report)),
        }
    }

    /// The ballot, also for `peer ballot check`.
    pub(crate) fn ballot(self, election: &Election) -> String {
        let reply = Reply::Ballot(Ballot::of(election));
        self.outcome(reply.name(), &Ok(reply))
    }
}

/// A command that was refused.
#[derive(Debug, Serialize)]
struct Refused<'a> {
    answer: &'a str,
    /// Said of what would have been accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<bool>,
    error: &'a Refusal,
}

impl<'a> Refused<'a> {
    fn new(word: &'a str, error: &'a Refusal) -> Self {
        let accepted = matches!(word, "vote" | "register" | "submit").then_some(false);
        Self { answer: word, accepted, error }
    }
}

/// One JSON object, ended by a line feed.
fn line(object: &impl Serialize) -> String {
    let text = serde_json::to_string(object).expect("all keys are texts");
    text + "\n"
}

/// The choices as one line: `Ada; Tuesday, Wednesday`.
pub(crate) fn choice_line(choices: &[Vec<String>]) -> String {
    let answers = choices.iter().map(|names| match names.as_slice() {
        [] => "blank".to_owned(),
        names => names.join(", "),
    });
    answers.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_their_kind() {
        let refused = || Err(ActionError::Command(node::CommandError::MiningOff));
        let shown = |word| Style::Json.outcome(word, &refused());
        assert_eq!(
            shown("mine"),
            "{\"answer\":\"mine\",\"error\":{\"kind\":\"mining_off\",\"message\":\"this peer does not mine: start it without --no-mining\"}}\n"
        );
        assert!(shown("vote").starts_with("{\"answer\":\"vote\",\"accepted\":false,"));
    }
}
