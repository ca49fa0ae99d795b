//! Completes what is typed when the tab key is pressed: commands, their arguments, and the names of
//! options.

use std::sync::Arc;

use protocol::election::{Election, Question};
use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use crate::actions::{BLANK, QUESTION_SEPARATOR};
use crate::cli::command::CommandName;
use crate::cli::laboratory::EXPERIMENTS;
use chain::Forgery;

/// What may be completed at the cursor.
#[derive(Debug, Clone)]
pub(super) enum Completion {
    /// A command line.
    Command(Arc<Election>),
    /// The answer to one of the ballot's questions, by its index.
    Answer(Arc<Election>, usize),
    /// Anything else.
    Nothing,
}

impl Completion {
    pub(super) fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    /// The position at which the word under completion starts, and what it may become.
    fn candidates(&self, line: &str) -> (usize, Vec<String>) {
        match self {
            Self::Nothing => (0, Vec::new()),
            Self::Answer(election, index) => choices(line, 0, election.questions.get(*index)),
            Self::Command(election) => command(line, election),
        }
    }
}

fn command(line: &str, election: &Election) -> (usize, Vec<String>) {
    let indent = line.len() - line.trim_start().len();
    let Some((word, argument)) = line[indent..].split_once(char::is_whitespace) else {
        return (indent, beginning(&line[indent..], command_words()));
    };
    let argument_start = line.len() - argument.trim_start().len();
    let argument = &line[argument_start..];
    match word.to_lowercase().as_str() {
        "help" => (argument_start, beginning(argument, command_words())),
        "lab" => match argument.split_once(char::is_whitespace) {
            None => (argument_start, beginning(argument, EXPERIMENTS.into_iter())),
            Some((experiment, last)) => {
                let start = line.len() - last.trim_start().len();
                let rules = Forgery::OFFERED.iter().map(|(rule, _)| rule.name());
                let words: Vec<_> = match experiment {
                    "partition" => vec!["on", "off"],
                    "bad-block" => rules.collect(),
                    _ => vec![],
                };
                (start, beginning(&line[start..], words.into_iter()))
            }
        },
        "vote" => {
            let question = argument.matches(QUESTION_SEPARATOR).count();
            let start = argument.rfind(QUESTION_SEPARATOR).map_or(0, |at| at + 1);
            choices(line, argument_start + start, election.questions.get(question))
        }
        _ => (line.len(), Vec::new()),
    }
}

fn command_words() -> impl Iterator<Item = &'static str> {
    CommandName::ALL.into_iter().map(CommandName::word)
}

/// The names for the last choice after `start`.
fn choices(line: &str, start: usize, question: Option<&Question>) -> (usize, Vec<String>) {
    let Some(question) = question else { return (line.len(), Vec::new()) };
    let last = line[start..].rfind(',').map_or(start, |at| start + at + 1);
    let start = line.len() - line[last..].trim_start().len();
    let blank = Some(BLANK).filter(|_| question.choices_min == 0);
    let names = question.options.iter().map(String::as_str).chain(blank);
    (start, beginning(&line[start..], names))
}

fn beginning<'w>(typed: &str, words: impl Iterator<Item = &'w str>) -> Vec<String> {
    let typed = typed.to_lowercase();
    words.filter(|word| word.to_lowercase().starts_with(&typed)).map(str::to_owned).collect()
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.candidates(&line[..position]))
    }
}

impl Hinter for Completion {
    type Hint = String;
}
impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use protocol::units::UnixMillis;

    use protocol::admission::AdmissionRule;

    use super::*;

    fn election() -> Arc<Election> {
        let question = |title: &str, options: &[&str], min| Question {
            title: title.into(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            choices_min: min,
            choices_max: 2,
        };
        Arc::new(Election {
            id: [1; 16],
            title: "Board".into(),
            created: UnixMillis(0),
            difficulty_bits: 8,
            admission: AdmissionRule::Open { registration_bits: 4, max_voters: None },
            block_bytes_max: 64 * 1024,
            questions: vec![
                question("Chair", &["Ada", "Adele", "Grace"], 1),
                question("Evenings", &["Tuesday", "Thursday"], 0),
            ],
            block_interval_s: None,
            times: None,
        })
    }

    #[test]
    fn commands_arguments_and_options_are_completed() {
        let completion = Completion::Command(election());
        for (line, start, words) in [
            ("", 0, CommandName::ALL.map(CommandName::word).to_vec()),
            ("s", 0, vec!["status", "sync", "submit"]),
            ("  my", 2, vec!["myvote"]),
            ("help le", 5, vec!["leave"]),
            ("vote ", 5, vec!["Ada", "Adele", "Grace"]),
            ("vote ad", 5, vec!["Ada", "Adele"]),
            ("vote Ada; t", 10, vec!["Tuesday", "Thursday"]),
            ("vote Ada;Tuesday, th", 18, vec!["Thursday"]),
            ("vote Ada; b", 10, vec!["blank"]),
            ("vote Ada; Tuesday; x", 20, vec![]),
            ("status ", 7, vec![]),
        ] {
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            assert_eq!(completion.candidates(line), (start, words), "{line:?}");
        }
        let answer = Completion::Answer(election(), 1);
        assert_eq!(answer.candidates("Tuesday,T"), (8, vec!["Tuesday".into(), "Thursday".into()]));
        assert_eq!(Completion::Nothing.candidates("x"), (0, vec![]));
    }
}
