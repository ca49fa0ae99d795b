//! Reads what can be audited block by block: an archive, the best chain of a data directory, or that of a running peer.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::block::{Block, Header};
use protocol::election::Election;
use protocol::finality::{BlockReference, Certificate};
use protocol::units::ElectionId;

use super::archive::{ArchiveItem, ArchiveReader, ArchiveRecord};
use super::running::{Received, RunningPeer};
use super::{OfflineError, archive_error};
use crate::store::StoredChain;
use crate::store::data_directory::{self, ReadOnlyDirectory};
use host::files::FileError;

/// What is said to be a chain, in ascending order. Nothing of it is checked here.
#[derive(Debug)]
pub(super) enum Source {
    Archive { path: PathBuf, reader: Box<ArchiveReader<BufReader<File>>>, length: u64 },
    Directory(Box<DirectorySource>),
    Running(Box<RunningSource>),
}

/// The archive that a running peer sends.
#[derive(Debug)]
pub(super) struct RunningSource {
    peer: RunningPeer,
    reader: ArchiveReader<BufReader<Received>>,
    /// The height of the peer's tip when it was asked.
    blocks: u64,
}

/// The best chain of a data directory.
#[derive(Debug)]
pub(super) struct DirectorySource {
    path: PathBuf,
    election: Arc<Election>,
    chain: StoredChain,
    headers: Vec<Header>,
    next: usize,
    /// The certificate of the block that was given last.
    certificate: Option<Certificate>,
    /// The lock that keeps peers from using the directory.
    _directory: ReadOnlyDirectory,
}

/// A block that was read, but perhaps not decoded yet.
#[derive(Debug)]
pub(super) enum Unchecked {
    Record { path: PathBuf, record: ArchiveRecord },
    Block(Box<Block>),
}

/// What was read.
#[derive(Debug)]
pub(super) enum Read {
    Block(Unchecked),
    /// A certificate for a block before it, perhaps.
    Certificate(Box<Certificate>),
}

impl Source {
    /// # Errors
    /// When there is no such thing, or it is neither a data directory nor an archive, or the peer that it names is not
    /// reached.
    pub(super) fn open(path: &Path) -> Result<Self, OfflineError> {
        if let Some(url) = url_of(path) {
            return Self::open_running(RunningPeer::at(url)?);
        }
        let metadata = fs::metadata(path).map_err(|error| FileError::new("read", path, error))?;
        if metadata.is_dir() {
            return Self::open_directory(path);
        }
        let reader = ArchiveReader::open(path).map_err(archive_error(path))?;
        Ok(Self::Archive {
            path: path.to_owned(),
            reader: Box::new(reader),
            length: metadata.len(),
        })
    }

    /// The best chain of a data directory. If a peer runs on it, that is asked for it.
    ///
    /// # Errors
    /// When a peer runs on it that is not reached, or it has no chain that can be read.
    pub(super) fn open_directory(path: &Path) -> Result<Self, OfflineError> {
        if data_directory::is_in_use(path) {
            return Self::open_running(RunningPeer::on(path)?);
        }
        Ok(Self::Directory(Box::new(DirectorySource::open(path)?)))
    }

    fn open_running(peer: RunningPeer) -> Result<Self, OfflineError> {
        let (blocks, archive) = peer.archive()?;
        let reader = ArchiveReader::new(BufReader::new(archive));
        let reader = reader.map_err(|error| peer.failed(error))?;
        let kept = peer.election();
        let source = Self::Running(Box::new(RunningSource { peer, reader, blocks }));
        if let Some(expected) = kept {
            source.expect(&expected)?;
        }
        Ok(source)
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Archive { path, .. } => path,
            Self::Directory(directory) => &directory.path,
            Self::Running(running) => running.peer.name(),
        }
    }

    pub(super) fn election(&self) -> &Arc<Election> {
        match self {
            Self::Archive { reader, .. } => reader.election(),
            Self::Directory(directory) => &directory.election,
            Self::Running(running) => running.reader.election(),
        }
    }

    /// Refuses any election other than this one.
    pub(super) fn expect(&self, expected: &ElectionId) -> Result<(), OfflineError> {
        let found = self.election().election_id();
        if found == *expected {
            return Ok(());
        }
        let path = self.path().to_owned();
        Err(OfflineError::OtherElection { path, found, expected: *expected })
    }

    /// The number of steps from the beginning to the end: bytes of an archive, or blocks of a data directory or a
    /// running peer.
    pub(super) fn steps(&self) -> u64 {
        match self {
            Self::Archive { length, .. } => *length,
            Self::Directory(directory) => directory.headers.len() as u64,
            Self::Running(running) => running.blocks,
        }
    }

    /// The next block, or a certificate, and the number of its steps; `None` after the last one, once the source was
    /// found to be complete. Nothing of it is checked, so nobody but
    /// [`audit_source`](super::audit::audit_source) takes blocks from here.
    ///
    /// # Errors
    /// When the source is not complete, or when it can't be read.
    pub(super) fn next_unchecked(&mut self) -> Result<Option<(Read, u64)>, OfflineError> {
        match self {
            Self::Archive { path, reader, .. } => {
                let item = reader.next_item().map_err(archive_error(path))?;
                Ok(item.map(|item| match item {
                    ArchiveItem::Block(record) => {
                        let steps = record.bytes();
                        (Read::Block(Unchecked::Record { path: path.clone(), record }), steps)
                    }
                    ArchiveItem::Certificate(certificate, steps) => {
                        (Read::Certificate(certificate), steps)
                    }
                }))
            }
            Self::Directory(directory) => directory.next(),
            Self::Running(running) => {
                let item = running.reader.next_item();
                let item = item.map_err(|error| running.peer.failed(error))?;
                let path = running.peer.name().to_owned();
                Ok(item.map(|item| match item {
                    ArchiveItem::Block(record) => {
                        (Read::Block(Unchecked::Record { path, record }), 1)
                    }
                    ArchiveItem::Certificate(certificate, _) => (Read::Certificate(certificate), 0),
                }))
            }
        }
    }
}

/// The URL of a peer, if that is what was named instead of a file or directory.
pub(super) fn url_of(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| text.starts_with("http://") || text.starts_with("https://"))
}

impl DirectorySource {
    fn open(path: &Path) -> Result<Self, OfflineError> {
        let directory = ReadOnlyDirectory::open(path)?;
        let election = Arc::new(directory.election.clone());
        let mut chain = StoredChain::open(path, &election.election_id())?;
        chain.choose_best(&election)?;
        let headers = chain.headers().to_vec();
        let path = path.to_owned();
        Ok(Self {
            path,
            election,
            chain,
            headers,
            next: 0,
            certificate: None,
            _directory: directory,
        })
    }

    /// The next block, with 1 as its steps, or a certificate for the one before it.
    ///
    /// # Errors
    /// When the disk does not have the block, or not whole.
    fn next(&mut self) -> Result<Option<(Read, u64)>, OfflineError> {
        if let Some(certificate) = self.certificate.take() {
            return Ok(Some((Read::Certificate(Box::new(certificate)), 0)));
        }
        let Some(header) = self.headers.get(self.next) else { return Ok(None) };
        self.next += 1;
        let block = self.chain.block(header)?;
        let at = BlockReference { height: header.height, hash: header.hash() };
        let mut kept = self.chain.closing_certificate().into_iter().chain(self.chain.certificate());
        self.certificate = kept.find(|certificate| certificate.block == at).cloned();
        Ok(Some((Read::Block(Unchecked::Block(Box::new(block))), 1)))
    }
}

impl Unchecked {
    /// Decodes the block. This can be done for many blocks at the same time.
    ///
    /// # Errors
    /// When the record in the archive is damaged.
    pub(super) fn decode(self, election: &ElectionId) -> Result<Block, OfflineError> {
        match self {
            Self::Record { path, record } => record.decode(election).map_err(archive_error(&path)),
            Self::Block(block) => Ok(*block),
        }
    }

    /// The length of the block's encoding, at least approximately.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Record { record, .. } => record.bytes(),
            Self::Block(block) => block.transactions.iter().map(|each| each.bytes() as u64).sum(),
        }
    }
}
