//! The formats in which an answer can be printed.

use clap::Args;
use clap::builder::FalseyValueParser;

/// Whether to be quiet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct Quiet {
    /// Nothing but the answer and errors: no warnings and no progress on stderr
    #[arg(long, short)]
    pub quiet: bool,
}

/// How an answer looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct AnswerFormat {
    /// The answer as one JSON object
    #[arg(
        long,
        env = "OSTRAKON_JSON",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    pub json: bool,
}
