//! What can be asked of an election's record without a peer.

use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;
use protocol::units::ElectionId;

/// Which chain to write into which file.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ExportChain {
    /// The archive to write
    pub file: PathBuf,

    /// The data directory whose best chain is written, unless there is only one where peers keep them; no
    /// peer may run on it
    #[arg(long, value_name = "DIR", env = "OSTRAKON_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,

    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

/// What to audit.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct AuditChain {
    /// An archive, or a data directory that no peer runs on
    pub source: PathBuf,

    /// The election that it has to be, as a file
    #[arg(long, value_name = "FILE", conflicts_with = "election")]
    pub ballot: Option<PathBuf>,

    /// The election that it has to be, as its 64 digits
    #[arg(long, value_name = "ID")]
    pub election: Option<ElectionId>,

    /// The report as one JSON object
    #[arg(
        long,
        env = "OSTRAKON_JSON",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    pub json: bool,
}

/// Which archive to begin a data directory with.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ImportChain {
    /// The archive
    pub file: PathBuf,

    /// The data directory to make; one that has a chain is refused
    #[arg(long, value_name = "DIR", env = "OSTRAKON_DATA_DIR", hide_env_values = true)]
    pub data_dir: PathBuf,
}
