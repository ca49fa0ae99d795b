//! Turns answers, refusals and events into what is printed: text for people, or one JSON object per
//! line for programs. Both are made from the same `schema` types, which are the only types that
//! this module may know.

mod audit;
mod bars;
mod comparison;
mod event;
mod evidence;
mod finality;
mod human;
mod key;
mod layout;
mod receipt;
mod registrar;
mod tally;
mod text;

#[cfg(test)]
mod documented;

use std::io;

use host::output::{columns, print};
use host::wrap::wrap;
use owo_colors::OwoColorize;
use serde::Serialize;

use crate::schema::{Event, Question, Refusal, Reply, Told};

pub(crate) use event::{Tone, event as event_text, tone as event_tone};
pub(crate) use finality::{
    late as finality_late, state_word as election_state_word, vote_by as finality_vote_by,
};
pub(crate) use key::phrase;
pub(crate) use text::{
    choice_line, choices_allowed, chosen, idle_in_short, iso_8601, neighbour as neighbour_text,
    rate, short, time, unready,
};

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

    /// Why the command `word` was refused, ended by a line feed; and when, where there is a time.
    pub(crate) fn refusal(self, word: &str, refusal: &Refusal, at_ms: Option<u64>) -> String {
        match self {
            Self::Human { color } => timed(&Tone::Bad.paint(&refusal.message, color), at_ms, color),
            Self::Json => line(&Refused::new(word, refusal, at_ms)),
        }
    }

    /// An event and when it was told, ended by a line feed.
    pub(crate) fn event(self, event: &Event, at_ms: u64) -> String {
        match self {
            Self::Human { color } => {
                let text = event::tone(event).paint(&event::event(event), color);
                timed(&text, Some(at_ms), color)
            }
            Self::Json => line(&Told { event, at_ms }),
        }
    }

    /// Many transactions that came at once, as one event; `None` for programs, which are told each of them.
    pub(crate) fn many(self, registrations: u64, votes: u64, at_ms: u64) -> Option<String> {
        match self {
            Self::Human { color } => {
                Some(timed(&event::many(registrations, votes), Some(at_ms), color))
            }
            Self::Json => None,
        }
    }

    /// A text for a terminal of this width, broken between words; programs get their lines whole.
    pub(crate) fn fitted(self, text: String, columns: Option<usize>) -> String {
        match (self, columns) {
            (Self::Human { .. }, Some(columns)) => wrap(&text, columns),
            (Self::Human { .. }, None) | (Self::Json, _) => text,
        }
    }

    /// Prints an answer on stdout, as wide as its terminal.
    ///
    /// # Errors
    /// When stdout can't be written.
    pub(crate) fn print(self, reply: &Reply) -> io::Result<()> {
        print(&self.fitted(self.answer(reply), columns(&io::stdout())))
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
    /// Said of what would have been accepted, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<bool>,
    error: &'a Refusal,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_ms: Option<u64>,
}

impl<'a> Refused<'a> {
    fn new(word: &'a str, error: &'a Refusal, at_ms: Option<u64>) -> Self {
        let is_known = error.kind != "answer_lost";
        let is_handed_in = matches!(word, "vote" | "register" | "submit");
        let accepted = (is_known && is_handed_in).then_some(false);
        Self { answer: word, accepted, error, at_ms }
    }
}

/// Whether a terminal may be given colours: <https://no-color.org>, any value but the empty one says no.
pub(crate) fn wants_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !is_dumb_terminal()
}

/// Whether the terminal says that it knows no codes, as those inside editors do, or says nothing where all others do.
pub(crate) fn is_dumb_terminal() -> bool {
    let is_dumb = |name: &std::ffi::OsString| {
        ["", "dumb", "emacs", "unknown"].iter().any(|dumb| *name == **dumb)
    };
    std::env::var_os("TERM").map_or(cfg!(unix), |name| is_dumb(&name))
}

/// A text with the time of day before it, in UTC as all times, ended by a line feed.
fn timed(text: &str, at_ms: Option<u64>, color: bool) -> String {
    let Some(at_ms) = at_ms else { return format!("{text}\n") };
    let moment = text::time(at_ms);
    let moment = moment.get(11..19).unwrap_or(&moment);
    match color {
        true => format!("{}  {text}\n", moment.dimmed()),
        false => format!("{moment}  {text}\n"),
    }
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
        let shown = |word| Style::Json.refusal(word, &refusal, None);
        assert_eq!(
            shown("mine"),
            "{\"answer\":\"mine\",\"error\":{\"kind\":\"mining_off\",\"message\":\"this peer does not mine: start it without --no-mining\"}}\n"
        );
        assert!(shown("vote").starts_with("{\"answer\":\"vote\",\"accepted\":false,"));
        let lost = Refusal { kind: "answer_lost".into(), message: "who knows".into() };
        for word in ["vote", "register"] {
            let told = Style::Json.refusal(word, &lost, None);
            assert!(!told.contains("accepted"), "{told}");
        }
        let timed = Style::Json.refusal("mine", &refusal, Some(7));
        assert!(timed.ends_with(",\"at_ms\":7}\n"), "{timed}");
    }

    #[test]
    fn events_and_refusals_have_a_time_and_colours_on_a_terminal_alone() {
        let event = Event::DiskRefuses { reason: "full".into() };
        let shown = |style: Style| style.event(&event, 1_795_233_117_040);
        let plain = "03:51:57  the disk takes nothing (full): no vote is accepted until it does\n";
        assert_eq!(shown(Style::Human { color: false }), plain);
        let colored = shown(Style::Human { color: true });
        assert!(colored.starts_with("\u{1b}[2m03:51:57\u{1b}[0m  \u{1b}[31m"), "{colored:?}");
        let json = "{\"event\":\"disk_refuses\",\"reason\":\"full\",\"at_ms\":1795233117040}\n";
        assert_eq!(shown(Style::Json), json);
        let refusal = Refusal { kind: "mining_off".into(), message: "no".into() };
        let shown = |color| Style::Human { color }.refusal("mine", &refusal, Some(0));
        assert_eq!(shown(false), "00:00:00  no\n");
        assert!(shown(true).contains("\u{1b}[31mno"), "{:?}", shown(true));
    }
}
