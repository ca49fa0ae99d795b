//! The arguments of the commands that examine an election's record without a running peer.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use protocol::units::ElectionId;

use super::format::AnswerFormat;

/// What of a chain to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportKind {
    /// All of it, in one file that is whole in itself
    Archive,
    /// A table of the votes
    Votes,
    /// A table of who was registered or withdrawn, and who voted
    Voters,
    /// A table of the count
    Results,
}

/// Which chain to write into which file.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ExportChain {
    /// The file to write; a table is CSV or JSON Lines, as the name ends in .csv or .jsonl
    pub file: PathBuf,

    /// What to write: an archive, or a table of the votes, the voters or the results, audited on the way
    #[arg(
        long = "as",
        value_name = "KIND",
        default_value = "archive",
        hide_possible_values = true
    )]
    pub kind: ExportKind,

    /// Only a result that can't change any more: the archive ends with the block by which it became final, and is the
    /// same from every peer, now and later
    #[arg(long = "final")]
    pub is_final: bool,

    /// Take the chain of an archive, for a table, or of a running peer as http://HOST:PORT, instead of a data
    /// directory's
    #[arg(long, value_name = "FILE|URL", conflicts_with = "data_dir")]
    pub from: Option<PathBuf>,

    /// The data directory whose best chain is written, unless there is only one where peers keep them; a peer that
    /// runs on it is asked
    #[arg(long, value_name = "DIR", env = "OSTRAKON_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,

    /// Write cells of CSV that begin as a formula does as they are, instead of with an apostrophe before them: for
    /// programs, never for spreadsheets
    #[arg(long)]
    pub raw_cells: bool,

    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    pub format: AnswerFormat,
}

/// What to audit.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct AuditChain {
    /// An archive, a data directory, or a running peer as http://HOST:PORT
    pub source: PathBuf,

    /// Another record of the same election: audit both, and show where they part
    #[arg(long, value_name = "SOURCE")]
    pub against: Option<PathBuf>,

    /// The election that it has to be, as a file
    #[arg(long, value_name = "FILE", conflicts_with = "election")]
    pub ballot: Option<PathBuf>,

    /// The election that it has to be, as its 64 digits
    #[arg(long, value_name = "ID")]
    pub election: Option<ElectionId>,

    #[command(flatten)]
    pub format: AnswerFormat,
}

/// Which receipt to check against which chain.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct VerifyReceipt {
    /// The receipt, as `myvote --receipt` wrote it
    pub file: PathBuf,

    /// An archive, a data directory, or a running peer as http://HOST:PORT; unless there is only one directory where
    /// peers keep them
    pub source: Option<PathBuf>,

    /// Check a receipt with a certificate by the election alone, without any record or peer
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    pub ballot: Option<PathBuf>,

    #[command(flatten)]
    pub format: AnswerFormat,
}

/// Which evidence to check.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct CheckEvidence {
    /// The evidence: a file with an `evidence` event of a peer, or with the hexadecimal digits of one
    pub file: PathBuf,

    /// The election
    #[arg(long, value_name = "FILE", default_value = "ballot.toml")]
    pub ballot: PathBuf,

    #[command(flatten)]
    pub format: AnswerFormat,
}

/// Which archive to begin a data directory with.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ImportChain {
    /// The archive
    pub file: PathBuf,

    /// The data directory to make; one that has a chain is refused
    #[arg(long, value_name = "DIR", env = "OSTRAKON_DATA_DIR", hide_env_values = true)]
    pub data_dir: PathBuf,

    #[command(flatten)]
    pub format: AnswerFormat,
}
