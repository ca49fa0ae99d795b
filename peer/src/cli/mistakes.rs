//! What is wrong with what was typed, in one line.

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Arguments;
use crate::actions::suggest;

/// What is wrong, and what was meant, if that is known.
pub(super) fn message(error: &clap::Error) -> String {
    unknown_word(error).unwrap_or_else(|| one_line(&error.render().to_string()))
}

/// A word that stands where a command could, and is taken for an address only because it is none.
fn unknown_word(error: &clap::Error) -> Option<String> {
    let value = |kind| {
        let Some(ContextValue::String(text)) = error.get(kind) else { return None };
        Some(text.as_str())
    };
    if value(ContextKind::InvalidArg) != Some("[ADDRESS]...") {
        return None;
    }
    let word = value(ContextKind::InvalidValue)?;
    let is_word = word.starts_with(char::is_alphabetic) && !word.contains([':', '.']);
    if error.kind() != ErrorKind::ValueValidation || !is_word {
        return None;
    }
    let command = Arguments::command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    Some(match suggest(word, names) {
        Some(name) => format!("there is no command {word:?}: did you mean `peer {name}`?"),
        None => format!(
            "{word:?} is no command, and no address: see `peer --help`, or write host:port (127.0.0.1:6001)"
        ),
    })
}

/// What is wrong and the tip, without the usage that follows them.
fn one_line(text: &str) -> String {
    let end =
        ["\n\nUsage:", "\n\nFor more information"].iter().filter_map(|end| text.find(end)).min();
    let text = &text[..end.unwrap_or(text.len())];
    let words: Vec<_> = text.trim_start_matches("error: ").split_whitespace().collect();
    words.join(" ").replace(" tip:", "; tip:")
}
