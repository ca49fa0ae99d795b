//! The reasons why a line of the prompt, or the words after `peer`, name nothing that a peer can
//! do.

/// Longest line that is read. A transaction in hexadecimal digits takes far less.
pub(crate) const LINE_BYTES_MAX: usize = 16 * 1024;

/// What was typed makes no sense as a command. Each message is one line, and says what to type instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InputError {
    #[error("there is no command {word:?}: {}", did_you_mean(*suggestion))]
    UnknownCommand { word: String, suggestion: Option<&'static str> },
    #[error("`{usage}` takes {expected}, and here is {found:?}")]
    Argument { usage: &'static str, found: String, expected: &'static str },
    #[error("there is no experiment {word:?}: {}", experiment_or_help(*suggestion))]
    UnknownExperiment { word: String, suggestion: Option<&'static str> },
    #[error("there is no rule {word:?}: {}", rule_or_list(*suggestion))]
    UnknownRule { word: String, suggestion: Option<&'static str> },
    #[error(
        "the line has a character that is no UTF-8, and nothing was done: set what you type in to UTF-8, and type the line again"
    )]
    NotUtf8,
    #[error("the line has over {LINE_BYTES_MAX} bytes, and nothing was done: type less")]
    TooLong,
}

impl InputError {
    /// A stable word for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::UnknownCommand { .. } => "unknown_command",
            Self::Argument { .. } => "bad_argument",
            Self::UnknownExperiment { .. } => "unknown_experiment",
            Self::UnknownRule { .. } => "unknown_rule",
            Self::NotUtf8 | Self::TooLong => "bad_line",
        }
    }
}

fn experiment_or_help(suggestion: Option<&str>) -> String {
    let help = || "see `help lab`".to_owned();
    suggestion.map_or_else(help, |word| format!("did you mean `lab {word}`?"))
}

fn rule_or_list(suggestion: Option<&str>) -> String {
    let list = || "`lab rules` shows them".to_owned();
    suggestion.map_or_else(list, |word| format!("did you mean `{word}`?"))
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(|| "see `help`".to_owned(), |word| format!("did you mean `{word}`?"))
}
