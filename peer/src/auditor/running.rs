//! Asks a running peer for its record, through its API. Nothing that it sends is believed: it is read and checked as an
//! archive from anybody is. No token is needed, and none is sent.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use protocol::election::Election;
use protocol::units::ElectionId;

use super::{ArchiveError, OfflineError};
use crate::cli::{AnswerFormat, Connection};
use crate::client::error::{ClientError, ClientExit};
use crate::client::http::{Http, Patience};
use crate::client::server::{Target, TargetError};
use crate::schema::Status;
use crate::store::data_directory;

/// A peer whose record is read.
#[derive(Debug)]
pub(super) struct RunningPeer {
    http: Http,
    /// What was named: the peer's data directory or its URL.
    name: PathBuf,
    /// What its data directory keeps.
    election: Option<ElectionId>,
}

/// The bytes of an archive as they arrive.
pub(super) struct Received(Box<dyn Read + Send>);

/// The reason why a running peer gives no record.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoRecord(Box<ClientError>);

impl RunningPeer {
    /// The peer with this URL.
    ///
    /// # Errors
    /// When it is no URL of a peer.
    pub(super) fn at(url: &str) -> Result<Self, OfflineError> {
        Self::find(Some(url), None)
    }

    /// The peer that runs on a data directory.
    ///
    /// # Errors
    /// When it can't be told where the peer's API is.
    pub(super) fn on(directory: &Path) -> Result<Self, OfflineError> {
        match Self::find(None, Some(directory)) {
            Err(OfflineError::Running(NoRecord(error))) if is_without_api(&error) => {
                Err(OfflineError::NoApi { path: directory.to_owned() })
            }
            found => found,
        }
    }

    fn find(url: Option<&str>, directory: Option<&Path>) -> Result<Self, OfflineError> {
        let election = directory.map(data_directory::read_election).transpose()?.flatten();
        let name = directory.map_or_else(|| url.unwrap_or_default().into(), Path::to_owned);
        let target = Target::find(&Connection {
            server: url.map(str::to_owned),
            data_dir: directory.map(Path::to_owned),
            token_file: None,
            format: AnswerFormat::default(),
        });
        let target = target.map_err(ClientError::from)?;
        let http = Http::new(target.server, Patience::default());
        Ok(Self { http, name, election: election.as_ref().map(Election::election_id) })
    }

    /// The election that the peer's data directory keeps, if that was named.
    pub(super) fn election(&self) -> Option<ElectionId> {
        self.election
    }

    pub(super) fn name(&self) -> &Path {
        &self.name
    }

    /// The height of the peer's tip, and the stream of its record.
    ///
    /// # Errors
    /// When the peer is not reached or refuses.
    pub(super) fn archive(&self) -> Result<(u64, Received), OfflineError> {
        let status: Status = self.http.get("/v1/status").map_err(ClientError::from)?;
        let archive = self.http.archive().map_err(ClientError::from)?;
        Ok((status.tip.height, Received(Box::new(archive.into_reader()))))
    }

    /// The error of an archive that was being received.
    pub(super) fn failed(&self, error: ArchiveError) -> OfflineError {
        if let ArchiveError::Io(error) = &error {
            return ClientError::from(self.http.broke_off(error)).into();
        }
        OfflineError::Archive { path: self.name.clone(), reason: error }
    }
}

impl Read for Received {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Received")
    }
}

fn is_without_api(error: &ClientError) -> bool {
    matches!(error, ClientError::Target(TargetError::NotRunning { .. }))
}

impl From<ClientError> for OfflineError {
    fn from(error: ClientError) -> Self {
        Self::Running(NoRecord(Box::new(error)))
    }
}

impl NoRecord {
    /// A word for programs that never changes.
    pub(crate) fn kind(&self) -> &str {
        self.0.kind()
    }

    /// Whether the peer was not reached, or broke off.
    pub(super) fn is_no_contact(&self) -> bool {
        self.0.exit() == ClientExit::NoContact
    }

    /// Whether the peer refused.
    pub(super) fn is_refusal(&self) -> bool {
        self.0.exit() == ClientExit::Refused
    }
}
