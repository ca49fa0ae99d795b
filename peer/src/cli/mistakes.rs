//! Explains in one line what is wrong with what was typed.

use std::ffi::OsString;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use protocol::text;

use super::arguments::Arguments;
use super::suggest::suggest;

/// What is wrong with these words, and what was meant, if that is known.
pub(super) fn message(error: &clap::Error, words: &[OsString]) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return missing_word(&error.render().to_string()).to_owned();
    }
    unknown_word(error).unwrap_or_else(|| {
        let line = one_line(&error.render().to_string());
        of_variable(error, words, &line).unwrap_or(line)
    })
}

/// The same about the variable that has the value, if nobody typed the option for which that stands.
fn of_variable(error: &clap::Error, words: &[OsString], line: &str) -> Option<String> {
    let option = context(error, ContextKind::InvalidArg)?;
    let value = context(error, ContextKind::InvalidValue)?;
    let mut command = Arguments::command();
    // Only then does an option know how many values it takes, which is part of how it is shown.
    command.build();
    let all = command.get_subcommands().chain([&command]).flat_map(clap::Command::get_arguments);
    let mut named = all.filter(|argument| argument.to_string() == option);
    let argument = named.next()?;
    let typed = format!("--{}", argument.get_long()?);
    let variable = argument.get_env()?.to_str()?;
    let is_its = std::env::var(variable).is_ok_and(|set| set == value)
        && !words.iter().any(|word| is_option(&word.to_string_lossy(), &typed));
    is_its.then(|| line.replace(&format!("for '{option}'"), &format!("of {variable}")))
}

/// Whether a word is that option, with or without its value.
fn is_option(word: &str, option: &str) -> bool {
    word.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    let Some(ContextValue::String(text)) = error.get(kind) else { return None };
    Some(text)
}

/// Which words may follow a command that is none without a second one; clap shows the whole help of that command.
fn missing_word(help: &str) -> &'static str {
    if help.contains("peer key ") {
        "write `peer key new`, `peer key show`, `peer key export`, `peer key import` or `peer key passwd`"
    } else if help.contains("peer sign ") {
        "write `peer sign vote CHOICES` or `peer sign register`"
    } else if help.contains("peer registrar ") {
        "write `peer registrar init`, `admit`, `withdraw`, `show` or `post`"
    } else if help.contains("peer validator ") {
        "write `peer validator init`"
    } else if help.contains("peer lab ") {
        "write `peer lab partition on|off`, `peer lab bad-block RULE`, `peer lab race`, `peer lab sign-twice` or `peer lab rules`"
    } else {
        "write `peer ballot new`, `peer ballot check FILE` or `peer ballot show`"
    }
}

/// A word that stands where a command could, and is taken for an address only because it is none.
fn unknown_word(error: &clap::Error) -> Option<String> {
    if context(error, ContextKind::InvalidArg) != Some("[ADDRESS]...") {
        return None;
    }
    let word = context(error, ContextKind::InvalidValue)?;
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
    words.join(" ").replace(" tip:", "; tip:").chars().map(visible).collect()
}

/// A character of what was typed, by its number if it would show nothing or change the text around it.
fn visible(character: char) -> String {
    let is_hidden = text::first_hidden(character.encode_utf8(&mut [0; 4])).is_some();
    match is_hidden || character.is_control() {
        true => text::shown(character),
        false => character.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_told_from_one_that_begins_like_it() {
        for (word, expected) in [
            ("--api", true),
            ("--api=", true),
            ("--api=x", true),
            ("--api-host", false),
            ("x", false),
        ] {
            assert_eq!(is_option(word, "--api"), expected, "{word}");
        }
    }
}
