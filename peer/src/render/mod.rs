//! Turns answers, refusals and events into what is printed: text for people, or one JSON object per
//! line for programs. Both are made from the same `schema` types, which are the only types that
//! this module may know.

mod audit;
mod comparison;
mod event;
mod human;
mod key;
mod layout;
mod receipt;
mod registrar;
mod tally;
mod text;

#[cfg(test)]
mod documented;

use serde::Serialize;

use crate::schema::{Event, Question, Refusal, Reply};

pub(crate) use event::event as event_text;
pub(crate) use key::phrase;
pub(crate) use text::{choice_line, choices_allowed, iso_8601, rate, short, time, unready};

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

    /// An answer, ended by a line feed.
    pub(crate) fn answer(self, reply: &Reply) -> String {
        match self {
            Self::Human { color } => human::reply(reply, color),
            Self::Json => line(reply),
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
            Self::Human { .. } => format!("{}\n", event::event(event)),
            Self::Json => line(event),
        }
    }

    /// A question with its numbered options, ended by a line feed.
    pub(crate) fn question(self, number: usize, question: &Question) -> String {
        let color = matches!(self, Self::Human { color: true });
        format!("{}\n", human::question_text(number, question, color))
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

/// Whether a terminal may be given colours: <https://no-color.org>, any value but the empty one says no.
pub(crate) fn wants_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !is_dumb_terminal()
}

/// Whether the terminal says that it knows no codes, as those inside editors do.
pub(crate) fn is_dumb_terminal() -> bool {
    std::env::var_os("TERM").is_some_and(|name| name == "dumb" || name == "emacs")
}

/// One JSON object, ended by a line feed.
fn line(object: &impl Serialize) -> String {
    let text = serde_json::to_string(object).expect("all keys are texts");
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_their_kind() {
        let refusal = Refusal {
            kind: "mining_off".into(),
            message: "this peer does not mine: start it without --no-mining".into(),
        };
        let shown = |word| Style::Json.refusal(word, &refusal);
        assert_eq!(
            shown("mine"),
            "{\"answer\":\"mine\",\"error\":{\"kind\":\"mining_off\",\"message\":\"this peer does not mine: start it without --no-mining\"}}\n"
        );
        assert!(shown("vote").starts_with("{\"answer\":\"vote\",\"accepted\":false,"));
    }
}
