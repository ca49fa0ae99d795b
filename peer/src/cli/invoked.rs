//! What can be told of a command line before it is read, or though it can't be: which command it is, and whether a
//! program reads its answer.

use std::ffi::OsString;

use clap::CommandFactory;

use super::arguments::Arguments;

/// Values of a variable that mean no, as clap reads them.
const NO: [&str; 7] = ["", "n", "no", "f", "false", "off", "0"];

/// The word for a peer that was to start.
pub const PEER_WORD: &str = "peer";

/// What was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoked {
    /// The words of the command, such as `registrar admit`, or [`PEER_WORD`].
    pub word: String,
    /// Whether answers are JSON.
    pub json: bool,
}

/// Finds out what was called. `variable` is the value of `OSTRAKON_JSON`.
#[must_use]
pub fn invoked(arguments: &[OsString], variable: Option<&str>) -> Invoked {
    let arguments = arguments.iter().skip(1).map(|each| each.to_string_lossy());
    let arguments: Vec<_> = arguments.take_while(|each| each != "--").collect();
    let is_yes = |value: &str| !NO.contains(&value.to_ascii_lowercase().as_str());
    let json = arguments.iter().any(|each| each == "--json") || variable.is_some_and(is_yes);
    let all = Arguments::command();
    let mut command = &all;
    let mut words = Vec::new();
    for argument in &arguments {
        if let Some(found) = command.find_subcommand(argument.as_ref()) {
            words.push(found.get_name());
            command = found;
        }
    }
    let word = if words.is_empty() { PEER_WORD.to_owned() } else { words.join(" ") };
    Invoked { word, json }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_known_though_its_line_is_wrong() {
        for (line, variable, word, json) in [
            ("peer 5000 6001", None, "peer", false),
            ("peer --json 5000", None, "peer", true),
            ("peer audit --json", None, "audit", true),
            ("peer registrar admit --nonsense --json x", None, "registrar admit", true),
            ("peer audit -- --json", None, "audit", false),
            ("peer key show", Some("1"), "key show", true),
            ("peer key show", Some("false"), "key show", false),
            ("peer key show", Some(""), "key show", false),
        ] {
            let arguments: Vec<_> = line.split(' ').map(OsString::from).collect();
            let expected = Invoked { word: word.to_owned(), json };
            assert_eq!(invoked(&arguments, variable), expected, "{line} {variable:?}");
        }
    }
}
