//! Variables of the environment that set options: one that is empty is one that is not set, as files of settings and
//! containers hand them over; and lists, by commas as people type them, and by spaces or line ends as such files have
//! them.

use std::str::FromStr;

use clap::builder::Resettable;
use clap::{Arg, Command, Parser};

/// A command line that passes over variables which are empty, or hold nothing but what separates values.
#[must_use]
pub fn without_empty(command: Command) -> Command {
    command.mut_args(unset_if_empty).mut_subcommands(without_empty)
}

/// Reads this program's command line and the variables that are not empty.
///
/// # Errors
/// When they can't be read, or ask for help or the version instead.
pub fn try_parse<A: Parser>() -> Result<A, clap::Error> {
    A::from_arg_matches(&without_empty(A::command()).try_get_matches()?)
}

/// The values of one text, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> List<T> {
    /// All values of several texts.
    #[must_use]
    pub fn joined(lists: Vec<Self>) -> Vec<T> {
        lists.into_iter().flat_map(|list| list.0).collect()
    }
}

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        let parts = text.split(is_between);
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
        // What has no part is refused as an empty value is.
        let parts = if parts.is_empty() { vec![""] } else { parts };
        parts.into_iter().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

fn unset_if_empty(argument: Arg) -> Arg {
    let value = argument.get_env().and_then(std::env::var_os);
    let is_empty = value.is_some_and(|value| value.to_str().is_some_and(is_nothing));
    if is_empty { argument.env(Resettable::Reset) } else { argument }
}

/// Whether a text is empty but for what separates values, as `${A},${B}` is where neither is set.
fn is_nothing(text: &str) -> bool {
    text.chars().all(is_between)
}

fn is_between(each: char) -> bool {
    each == ',' || each.is_whitespace()
}

#[cfg(test)]
mod tests {
    use protocol::address::AddressText;

    use super::*;

    #[test]
    fn commas_spaces_and_line_ends_separate() {
        let read = |text: &str| text.parse::<List<AddressText>>().map(|list| list.0);
        let (one, two) = (AddressText::Port(1), AddressText::Port(2));
        for text in ["1,2", "1 2", "1, 2\n", "1\r\n2\r\n", " 1\t2 ,"] {
            assert_eq!(read(text), Ok(vec![one.clone(), two.clone()]), "{text:?}");
        }
        assert!(read(" , ").is_err() && read("").is_err() && read("1,x").is_err());
        assert!(["", " ", ",", " ,\n"].into_iter().all(is_nothing) && !is_nothing(" ,1"));
    }
}
