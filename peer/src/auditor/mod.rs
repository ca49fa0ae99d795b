//! What an auditor does with an election's record: archives, audits, comparisons, imports, tables and receipts.
//!
//! A record is an archive, a data directory, or what a running peer sends. Nothing here changes what is examined or
//! orders a peer to do anything. The rules of the chain are not here: [`chain::Audit`] checks them.

mod archive;
mod audit;
mod check_evidence;
mod command;
mod compare;
mod export;
mod finality;
mod import;
mod report;
mod running;
mod source;
mod sums;
mod table;
#[cfg(test)]
mod tests;
mod verify_receipt;
mod voters;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use protocol::units::{ElectionId, Height};

pub(crate) use archive::ArchiveEncoder;
pub use archive::{
    ArchiveError, ArchiveItem, ArchiveReader, ArchiveRecord, ArchiveWriter, RecordPlace,
};
pub use check_evidence::check_evidence;
pub use command::audit;
pub use export::{NotFinal, export};
pub use finality::BadCertificate;
use host::whole_file::WholeFileError;
pub use import::import;
pub use running::NoRecord;
pub use sums::SumsError;
pub use verify_receipt::verify_receipt;

use crate::schema::Refusal;
use crate::store::StoreError;
use crate::store::data_directory::DataDirectoryError;
use crate::store::local_election::LocalElectionError;
use crate::voter::receipt::ReceiptFileError;
use chain::{AuditError, AuditFailure, HeaderError};
use host::files::FileError;

/// The reason why a record can't be exported, audited or imported. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error("{path}: {reason}", path = path.display())]
    Archive { path: PathBuf, reason: ArchiveError },
    #[error(transparent)]
    Write(#[from] WholeFileError),
    #[error(
        "an archive of an archive is the archive itself: copy it, or name --as votes, voters or results"
    )]
    ArchiveOfArchive,
    #[error("{path}: let the name of a table end in .csv or .jsonl", path = path.display())]
    TableName { path: PathBuf },
    #[error(transparent)]
    Receipt(#[from] ReceiptFileError),
    #[error(
        "{path} has no certificate, so that a ballot alone proves nothing: name an archive, a data directory or a peer instead of --ballot",
        path = path.display()
    )]
    NoCertificate { path: PathBuf },
    #[error("{path} is no evidence: {reason}", path = path.display())]
    NoEvidence { path: PathBuf, reason: String },
    #[error("the election of {path} has no validators", path = path.display())]
    NoValidators { path: PathBuf },
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
    #[error("{path}: {failure}; {undone}", path = path.display())]
    Broken { path: PathBuf, failure: Box<AuditFailure>, undone: Undone },
    #[error("{path}: {bad}; {undone}", path = path.display())]
    BadCertificate { path: PathBuf, bad: Box<BadCertificate>, undone: Undone },
    #[error("{path}: {reason}: nothing was exported", path = path.display())]
    NotFinal { path: PathBuf, reason: NotFinal },
    #[error("{path}: {ahead}: {undone}", path = path.display())]
    AheadOfClock { path: PathBuf, ahead: AheadOfClock, undone: Undone },
    #[error("{path}: {error}; {undone}", path = path.display())]
    SumsDiffer { path: PathBuf, error: SumsError, undone: Undone },
    #[error(transparent)]
    Running(NoRecord),
    #[error(
        "a peer runs on {path} without an API that could be asked: end it first, or start it with one",
        path = path.display()
    )]
    NoApi { path: PathBuf },
    #[error("can't write to stdout: {}", host::reason::of(.0))]
    Stdout(#[from] io::Error),
}

/// What a command did not do because of a block, in the words of its error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undone {
    Audit,
    Export,
    Import,
    Proof,
}

impl fmt::Display for Undone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Audit => "only what comes before it is counted",
            Self::Export => "nothing was exported",
            Self::Import => "nothing was imported",
            Self::Proof => "nothing is proved",
        })
    }
}

/// A block whose time has not come by this machine's clock. It breaks no rule: either its miner's clock is fast, or
/// this one is slow, and nobody here can tell which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "can't be judged: by this machine's clock block {height}'s time lies {} s ahead; set the clock and try again",
    ahead.as_secs()
)]
pub struct AheadOfClock {
    pub height: Height,
    pub ahead: Duration,
}

impl AheadOfClock {
    /// `None` if the block breaks a rule, whatever the time is.
    fn of(failure: &AuditFailure) -> Option<Self> {
        match failure.error {
            AuditError::Header(HeaderError::TooEarly { ahead }) => {
                Some(Self { height: failure.height, ahead })
            }
            AuditError::Header(_) | AuditError::Body(_) => None,
        }
    }
}

impl From<AheadOfClock> for Refusal {
    fn from(ahead: AheadOfClock) -> Self {
        Self { kind: "ahead_of_clock".to_owned(), message: ahead.to_string() }
    }
}

impl OfflineError {
    /// The error of every command that a block stopped, be it for a rule or for the clock.
    fn stopped(path: &Path, failure: AuditFailure, undone: Undone) -> Self {
        let path = path.to_owned();
        match AheadOfClock::of(&failure) {
            Some(ahead) => Self::AheadOfClock { path, ahead, undone },
            None => Self::Broken { path, failure: Box::new(failure), undone },
        }
    }

    /// Whether the record itself was refused. Otherwise the user has to correct a file or something
    /// that was typed.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Broken { .. }
                | Self::BadCertificate { .. }
                | Self::NotFinal { .. }
                | Self::SumsDiffer { .. }
        ) || matches!(self, Self::Running(error) if error.is_refusal())
    }

    /// Whether a running peer was to be asked, and was not reached.
    #[must_use]
    pub fn is_no_contact(&self) -> bool {
        matches!(self, Self::Running(error) if error.is_no_contact())
    }

    /// Whether a report that was printed has said it, to programs as well.
    #[must_use]
    pub fn is_told(&self) -> bool {
        matches!(self, Self::AheadOfClock { undone: Undone::Audit, .. })
    }

    /// Whether this machine's clock kept the record from being judged.
    #[must_use]
    pub fn is_unjudged(&self) -> bool {
        matches!(self, Self::AheadOfClock { .. })
    }
}

fn archive_error(path: &Path) -> impl Fn(ArchiveError) -> OfflineError {
    move |reason| OfflineError::Archive { path: path.to_owned(), reason }
}
