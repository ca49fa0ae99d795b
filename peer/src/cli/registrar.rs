//! The arguments of the commands with which registrars admit and withdraw voters, by means of lists
//! and of files that are passed from one registrar to the next.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::client::{ClientRequest, ClientTask, Connection};
use super::format::{AnswerFormat, Quiet};
use super::key::{LockOptions, PassphraseOptions};

/// What a registrar does without a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrarTask {
    Init(InitRegistrar),
    Admit(SignList),
    Withdraw(SignList),
    Show(ShowSigned),
}

/// The same as it is typed, and what takes a running peer.
#[derive(Debug, Subcommand)]
pub(super) enum RegistrarCommand {
    /// Make a registrar's key, and print what goes into the ballot
    Init(InitRegistrar),
    /// Sign the admission of every voter of a list, beside those who signed before
    Admit(SignList),
    /// Sign the withdrawal of every voter of a list; it is for good, and whoever has voted stays
    Withdraw(SignList),
    /// Check a file of signatures, and show who signed and what is missing
    Show(ShowSigned),
    /// Hand in all that enough registrars signed to a running peer; safe to run again
    Post(PostSigned),
}

/// Which key to make.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct InitRegistrar {
    /// The file that gets the secret key
    #[arg(long, value_name = "FILE", default_value = "registrar.key")]
    pub key: PathBuf,

    /// What the ballot calls this registrar
    #[arg(long, value_name = "NAME", default_value = "Registrar")]
    pub name: String,

    #[command(flatten)]
    pub lock: LockOptions,

    #[command(flatten)]
    pub format: AnswerFormat,
}

/// Whom to sign for.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SignList {
    /// A table (CSV) whose first line names the columns; `voter_key` or `key` is read, and for withdrawals `voter`, too
    #[arg(value_name = "KEYS.csv")]
    pub list: PathBuf,

    /// The election
    #[arg(long, value_name = "FILE", default_value = "ballot.toml")]
    pub ballot: PathBuf,

    /// The registrar's secret key
    #[arg(long, value_name = "FILE", default_value = "registrar.key")]
    pub key: PathBuf,

    #[command(flatten)]
    pub passphrase: PassphraseOptions,

    /// The file in which the signatures gather; another registrar's is added to. admissions.jsonl or withdrawals.jsonl
    /// unless told
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// The column of your own ids, by which one member with two keys is found (`id` unless told); ids go no further
    #[arg(long, value_name = "NAME")]
    pub id_column: Option<String>,

    /// The list has no ids of your own, so that nothing finds one member with two keys
    #[arg(long, conflicts_with = "id_column")]
    pub without_ids: bool,

    /// Ids that differ in spaces, marks, accents, leading zeros, the order of words or letters that
    /// look alike are different members
    #[arg(long)]
    pub similar_ids: bool,

    #[command(flatten)]
    pub quiet: Quiet,

    #[command(flatten)]
    pub format: AnswerFormat,
}

/// Which file to show.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ShowSigned {
    /// The file of admissions or withdrawals
    pub file: PathBuf,

    /// The election
    #[arg(long, value_name = "FILE", default_value = "ballot.toml")]
    pub ballot: PathBuf,

    #[command(flatten)]
    pub format: AnswerFormat,
}

/// Which file to hand in.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(super) struct PostSigned {
    /// The file of admissions or withdrawals
    file: PathBuf,

    #[command(flatten)]
    connection: Connection,
}

impl RegistrarCommand {
    /// What is done here, or else asked of a peer.
    pub(super) fn task(self) -> Result<RegistrarTask, Box<ClientRequest>> {
        match self {
            Self::Init(task) => Ok(RegistrarTask::Init(task)),
            Self::Admit(task) => Ok(RegistrarTask::Admit(task)),
            Self::Withdraw(task) => Ok(RegistrarTask::Withdraw(task)),
            Self::Show(task) => Ok(RegistrarTask::Show(task)),
            Self::Post(PostSigned { file, connection }) => Err(Box::new(ClientRequest {
                task: ClientTask::Post(file),
                connection,
                passphrase: None,
            })),
        }
    }
}
