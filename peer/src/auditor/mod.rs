//! What an auditor does with an election's record, without a peer: archives, audits, imports, tables and receipts.
//!
//! Nothing here opens a socket, and nothing changes the directory or archive that is examined. The rules of the chain
//! are not here: [`chain::Audit`] checks them.

mod archive;
mod audit;
mod export;
mod import;
mod report;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod verify_receipt;

use std::io;
use std::path::{Path, PathBuf};

use protocol::units::{BlockHash, ElectionId, Height};

pub(crate) use archive::ArchiveEncoder;
pub use archive::{ArchiveError, ArchiveReader, ArchiveRecord, ArchiveWriter, RecordPlace};
pub use audit::audit;
pub use export::export;
use host::whole_file::WholeFileError;
pub use import::import;
pub use verify_receipt::verify_receipt;

use crate::store::StoreError;
use crate::store::data_directory::DataDirectoryError;
use crate::store::local_election::LocalElectionError;
use crate::voter::receipt::ReceiptFileError;
use chain::{AuditFailure, HeaderError};
use host::files::FileError;

/// The reason why a record can't be exported, audited or imported. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error("{path}: {reason}", path = path.display())]
    Archive { path: PathBuf, reason: ArchiveError },
    #[error(transparent)]
    Write(#[from] WholeFileError),
    #[error(
        "an archive of an archive is the archive itself: copy it, or name --as votes or results"
    )]
    ArchiveOfArchive,
    #[error("{path}: let the name of a table end in .csv or .jsonl", path = path.display())]
    TableName { path: PathBuf },
    #[error(transparent)]
    Receipt(#[from] ReceiptFileError),
    #[error("{path} is of election {found}, not {expected}", path = path.display())]
    OtherElection { path: PathBuf, found: ElectionId, expected: ElectionId },
    #[error(transparent)]
    Ballot(#[from] LocalElectionError),
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path}: {failure}; nothing was exported", path = path.display())]
    NotExported { path: PathBuf, failure: Box<AuditFailure> },
    #[error("{path}: {failure}; nothing was imported", path = path.display())]
    NotImported { path: PathBuf, failure: Box<AuditFailure> },
    #[error("{path}: {failure}; nothing is proved", path = path.display())]
    NotProved { path: PathBuf, failure: Box<AuditFailure> },
    #[error(
        "{path}: block {height} {hash} can't be judged by this machine's clock: {ahead}; set the clock, or try again later: nothing is proved",
        path = path.display()
    )]
    AheadOfClock { path: PathBuf, height: Height, hash: BlockHash, ahead: HeaderError },
    #[error("can't write to stdout: {0}")]
    Stdout(#[from] io::Error),
}

impl OfflineError {
    /// Whether the record itself was refused. Otherwise the user has to correct a file or something
    /// that was typed.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::NotImported { .. }
            | Self::NotExported { .. }
            | Self::NotProved { .. }
            | Self::AheadOfClock { .. } => true,
            Self::Archive { .. }
            | Self::Write(_)
            | Self::ArchiveOfArchive
            | Self::TableName { .. }
            | Self::Receipt(_)
            | Self::OtherElection { .. }
            | Self::Ballot(_)
            | Self::DataDirectory(_)
            | Self::Store(_)
            | Self::File(_)
            | Self::Stdout(_) => false,
        }
    }
}

fn archive_error(path: &Path) -> impl Fn(ArchiveError) -> OfflineError {
    move |reason| OfflineError::Archive { path: path.to_owned(), reason }
}
