//! The arguments of the commands that sign votes and registrations without a peer.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::format::{AnswerFormat, Quiet};
use super::key::{KeyLocation, PassphraseOptions};

/// What to sign.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum SignTask {
    /// Sign a vote that is cast now, and print it in hexadecimal digits; a peer takes it within 10 minutes
    Vote(SignVote),
    /// Sign the registration of a key where anybody may register, and print it; its proof of work may take a while
    Register(SignRegistration),
}

/// Who signs in which election, and how the answer looks.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Signing {
    /// The election, as a file; the one in the data directory unless told, or ./ballot.toml with --key alone
    #[arg(long, value_name = "FILE")]
    pub ballot: Option<PathBuf>,

    #[command(flatten)]
    pub place: KeyLocation,

    #[command(flatten)]
    pub passphrase: PassphraseOptions,

    #[command(flatten)]
    pub quiet: Quiet,

    #[command(flatten)]
    pub format: AnswerFormat,
}

/// Which vote to sign.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SignVote {
    /// The choices, as `peer vote` takes them: 'Ada; Red, Blue'; what is doubtful is refused
    pub choices: String,

    #[command(flatten)]
    pub signing: Signing,
}

/// Whose registration to sign.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SignRegistration {
    #[command(flatten)]
    pub signing: Signing,
}
