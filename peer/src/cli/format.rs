//! The formats in which an answer can be printed.

use clap::Args;
use clap::builder::FalseyValueParser;

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
