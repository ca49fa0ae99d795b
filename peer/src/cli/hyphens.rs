//! Choices that begin with a hyphen, which stands for a blank answer: `peer vote '-; Tuesday'`.
//!
//! No flag looks like that, and yet the library takes every word with a hyphen before it for one. What could be a
//! flag, because a letter or another hyphen follows, is left to the library, so that a slip in a flag is never cast.

use std::ffi::OsString;

use clap::{Command, CommandFactory};

use super::arguments::Arguments;
use super::option_number::BLANK_SIGN;

/// The commands that take choices.
const TAKE_CHOICES: [&[&str]; 2] = [&["vote"], &["sign", "vote"]];

/// The words of a command line, with a space before each that is choices and begins with a hyphen. The library takes
/// it for no flag then, and spaces around choices mean nothing.
pub(super) fn apart(mut words: Vec<OsString>) -> Vec<OsString> {
    let Some(names) = TAKE_CHOICES.into_iter().find(|names| begins_with(&words, names)) else {
        return words;
    };
    let all = Arguments::command();
    let command = names.iter().try_fold(&all, |command, name| command.find_subcommand(name));
    let command = command.expect("these are commands");
    let first = 1 + names.len();
    for place in first..words.len() {
        let Some(word) = words[place].to_str() else { continue };
        if word == "--" {
            break;
        }
        if is_choices(word) && !wants_value(&words[place - 1], command) {
            words[place] = format!(" {word}").into();
        }
    }
    words
}

/// Whether these names stand behind the program's own.
fn begins_with(words: &[OsString], names: &[&str]) -> bool {
    words.get(1..=names.len()).is_some_and(|words| words.iter().eq(names.iter()))
}

/// Whether a word is neither a flag, nor a slip in one, nor the sign alone, which the library takes as it is.
fn is_choices(word: &str) -> bool {
    let after = word.strip_prefix(BLANK_SIGN).and_then(|rest| rest.chars().next());
    after.is_some_and(|next| next != '-' && !next.is_alphabetic())
}

/// Whether the next word is the value of this one.
fn wants_value(word: &OsString, command: &Command) -> bool {
    let Some(name) = word.to_str().and_then(|word| word.strip_prefix("--")) else { return false };
    let mut flags = command.get_arguments().filter(|flag| flag.get_long() == Some(name));
    flags.any(|flag| flag.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_answer_may_come_first_and_a_slip_in_a_flag_stays_one() {
        for (line, expected) in [
            ("peer|vote|-; Tuesday", "peer|vote| -; Tuesday"),
            ("peer|vote|--json|-;-", "peer|vote|--json| -;-"),
            ("peer|vote|-1", "peer|vote| -1"),
            ("peer|vote|-,Ada|--voter|-;|Red", "peer|vote| -,Ada|--voter|-;|Red"),
            ("peer|vote|--voter=ada|-;1", "peer|vote|--voter=ada| -;1"),
            ("peer|sign|vote|-;2", "peer|sign|vote| -;2"),
            // The sign alone, a text, slips, and what is said to be choices.
            ("peer|vote|-|Ada; -", "peer|vote|-|Ada; -"),
            ("peer|vote|--jsn|-j|-voter|--; Ada", "peer|vote|--jsn|-j|-voter|--; Ada"),
            ("peer|vote|--|-; Tuesday", "peer|vote|--|-; Tuesday"),
            ("peer|key|-;", "peer|key|-;"),
            ("peer|-;|vote", "peer|-;|vote"),
            ("peer", "peer"),
        ] {
            let words = line.split('|').map(OsString::from).collect();
            let expected: Vec<_> = expected.split('|').map(OsString::from).collect();
            assert_eq!(apart(words), expected, "{line}");
        }
    }
}
