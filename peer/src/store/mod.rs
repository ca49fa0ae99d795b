//! Everything a peer remembers across restarts: one redb database in its data directory.
//!
//! The format on disk is private to this module. A batch is confirmed only once the disk holds all of it. Batches that
//! wait are written in one commit, so that a busy peer pays for few syncs. Every row carries a checksum of ours,
//! because redb verifies nothing when it reads. redb's errors and panics must not leave this module, and damage must
//! never be hidden: whatever can still be read moves to a fresh database, and what is missing is reported.

mod backend;
pub(crate) mod commit_metrics;
pub(crate) mod data_directory;
mod database;
pub(crate) mod default_places;
mod finality;
pub(crate) mod local_election;
mod offline;
mod overlay;
mod pages;
mod read;
mod rows;
mod salvage;
mod volume;
mod write;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use protocol::block::{Block, Header};
use protocol::units::ElectionId;
use redb::StorageBackend;

use backend::Backend;
use chain::BlockEffects;
use database::{Database, IntegrityCheck, StoreFault};
use host::files::FileError;
use node::{LoadFailure, LoadJob, PersistBatch, Restored};
pub(crate) use offline::{ChainImporter, StoredChain};
use overlay::Overlay;
use pages::Pages;
use read::Contents;
use rows::{BlockKey, State};
use volume::{Access, CHAIN_FILE, FileVolume, UNFINISHED_FILE, Volume};
use writer::{Job, Writer};

/// The reason why the chain of a data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("another process uses {path}: end it first", path = path.display())]
    InUse { path: PathBuf },
    #[error("{path} is no chain of Ostrakon: move it away", path = path.display())]
    NotAChain { path: PathBuf },
    #[error("{path} has format {found}; this program knows {known}: update it", path = path.display(), known = rows::FORMAT)]
    NewerFormat { path: PathBuf, found: u32 },
    #[error(
        "{path} has the older format {found}; this program knows {known} alone: go on with the program that made it, or \
         move the directory away",
        path = path.display(), known = rows::FORMAT
    )]
    OlderFormat { path: PathBuf, found: u32 },
    #[error("{path} belongs to election {found}, not {expected}: give each election its own --data-dir", path = path.display())]
    OtherElection { path: PathBuf, found: ElectionId, expected: ElectionId },
    #[error("{path} is damaged ({reason}): a peer that starts on it mends it", path = path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{path} is there already: name an empty directory", path = path.display())]
    Exists { path: PathBuf },
}

/// The reason why the disk gives no block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("the disk does not have it")]
    Absent,
    #[error("it is damaged ({0})")]
    Damaged(String),
    #[error("the disk does not give it: {0}")]
    Disk(String),
}

/// What was wrong with a database, and how it was repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// What was noticed first.
    pub(crate) reason: String,
    /// The path where the damaged file is kept.
    pub(crate) kept: PathBuf,
    pub(crate) saved: Rows,
    /// What is known to have been lost. If the counts themselves are lost, nothing is known.
    pub(crate) lost: Option<Rows>,
    /// The number of transactions in blocks that are no longer connected to the chain. They are in
    /// the pool again.
    pub(crate) returned: u64,
}

/// Numbers of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    /// The number of blocks, with or without their bodies.
    pub(crate) blocks: u64,
    pub(crate) bodies: u64,
    pub(crate) pooled: u64,
}

/// An opened database, and what it remembers.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) chain: OpenedChain,
    pub(crate) restored: Restored,
    pub(crate) damage: Option<Damage>,
}

/// An opened database that is ready to be written to.
#[derive(Debug)]
pub(crate) struct OpenedChain {
    volume: Arc<dyn Volume>,
    election: ElectionId,
    database: Database,
    state: State,
    /// The highest row of the pool.
    last_row: u64,
}

/// The outcome of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreReport {
    /// This batch and all batches before it are durable. `took` is how long the disk took for those
    /// that were not durable before.
    Persisted { batch: u64, took: Duration },
    /// The batches up to this one that were not confirmed are not durable, and are tried again.
    Failed { batch: u64, reason: String },
    /// The database was damaged and has been repaired; `damage` describes what happened. Some of
    /// what was confirmed before may be lost.
    Mended { damage: String },
    /// A block that was asked for. It was checked against its key, and its body against its header.
    /// If the block is lost, its summary is given if that is intact.
    Loaded { number: u64, outcome: Result<Arc<Block>, LoadFailure> },
}

/// The thread that owns the database.
#[derive(Debug)]
pub(crate) struct Store {
    jobs: mpsc::Sender<Job>,
    thread: JoinHandle<()>,
}

/// Opens or creates the database, and reads all of it except the bodies. Damage is repaired.
///
/// # Errors
/// When the file can't be read or written, belongs to another election or a newer version, or is
/// not a database.
pub(crate) fn open(directory: &Path, election: &ElectionId) -> Result<Opened, StoreError> {
    open_on(Arc::new(FileVolume { directory: directory.to_owned() }), election)
}

fn open_on(volume: Arc<dyn Volume>, election: &ElectionId) -> Result<Opened, StoreError> {
    let opened = open_or_mend(&volume, election).map_err(|fault| fault.of(&*volume, election));
    let (database, contents, damage) = opened?;
    let Contents { state, restored } = contents;
    let last_row = restored.pool.iter().map(|(row, _)| *row).max().unwrap_or_default();
    let chain = OpenedChain { volume, election: *election, database, state, last_row };
    Ok(Opened { chain, restored, damage })
}

type Found = (Database, Contents, Option<Damage>);

fn open_or_mend(volume: &Arc<dyn Volume>, election: &ElectionId) -> Result<Found, StoreFault> {
    // If the power failed while a database was being made, the unfinished file means nothing.
    volume.remove(UNFINISHED_FILE)?;
    if !volume.exists(CHAIN_FILE)? {
        drop(create(&**volume, election)?);
        volume.rename(UNFINISHED_FILE, CHAIN_FILE)?;
        volume.sync()?;
    }
    let damage = match inspect(&**volume, election) {
        Ok(_) => None,
        Err(StoreFault::Damaged(reason)) => Some(reason),
        Err(fault) => return Err(fault),
    };
    let damage = damage.map(|reason| salvage::mend(&**volume, election, reason, 0)).transpose()?;
    let database =
        Database::open(Pages::new(volume.open(CHAIN_FILE, Access::Write)?), IntegrityCheck::Skip)?;
    let contents = database.run(|redb| read::read_contents(redb, election))?;
    Ok((database, contents, damage))
}

/// Creates an empty database under the name that means nothing yet.
fn create(volume: &dyn Volume, election: &ElectionId) -> Result<Database, StoreFault> {
    let database = Database::open(
        Pages::new(volume.open(UNFINISHED_FILE, Access::Create)?),
        IntegrityCheck::Skip,
    )?;
    database.run(|redb| write::create_tables(redb, election))?;
    Ok(database)
}

/// Reads the database without changing a byte of its file.
fn inspect(volume: &dyn Volume, election: &ElectionId) -> Result<(Database, Contents), StoreFault> {
    let file = volume.open(CHAIN_FILE, Access::Read)?;
    if !salvage::may_be_ours(&file)? {
        return Err(StoreFault::NotAChain);
    }
    if Pages::new(file.clone()).len()? == 0 {
        return Err(StoreFault::damaged("the file is empty"));
    }
    let database = open_unchanged(file)?;
    let contents = database.run(|redb| read::read_contents(redb, election))?;
    Ok((database, contents))
}

/// Opens a database in such a way that its file stays as it is.
fn open_unchanged(file: Backend) -> Result<Database, StoreFault> {
    Database::open(Overlay::new(Pages::new(file))?, IntegrityCheck::Skip)
}

impl OpenedChain {
    /// The path of the database.
    pub(crate) fn path(&self) -> PathBuf {
        self.volume.path(CHAIN_FILE)
    }

    /// Reads one block. It is checked against its key, and its body against its header.
    ///
    /// # Errors
    /// When the disk does not have the block, or not all of it.
    pub(crate) fn block(&self, header: &Header) -> Result<Arc<Block>, LoadError> {
        let key = BlockKey::of(header);
        let row = self.database.run(|redb| read::read_block_row(redb, key));
        LoadError::unless_whole(row, key, &self.election)
    }
}

impl LoadError {
    /// What a node is told; of what is lost, with the summary that `find_summary` gives.
    fn into_failure(self, find_summary: impl FnOnce() -> Option<BlockEffects>) -> LoadFailure {
        let reason = self.to_string();
        match self {
            Self::Absent | Self::Damaged(_) => {
                LoadFailure::Lost { reason, summary: find_summary().map(Box::new) }
            }
            Self::Disk(_) => LoadFailure::Refused { reason },
        }
    }

    /// The block in a row.
    fn unless_whole(
        row: Result<Option<Vec<u8>>, StoreFault>,
        key: BlockKey,
        election: &ElectionId,
    ) -> Result<Arc<Block>, Self> {
        let decode = |row: Vec<u8>| rows::decode_block(&key.to_bytes(), &row, election);
        match row.and_then(|row| row.map(decode).transpose()) {
            Ok(block) => block.map(Arc::new).ok_or(Self::Absent),
            Err(StoreFault::Damaged(reason)) => Err(Self::Damaged(reason)),
            Err(fault) => Err(Self::Disk(fault.to_string())),
        }
    }
}

impl Store {
    /// Starts the thread, which calls `report`.
    ///
    /// # Panics
    /// When the system cannot start a thread.
    pub(crate) fn start(chain: OpenedChain, report: impl Fn(StoreReport) + Send + 'static) -> Self {
        let (jobs, receiver) = mpsc::channel();
        let writer = Writer::new(chain);
        let thread = thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run(&receiver, &report))
            .expect("the system starts a thread");
        Self { jobs, thread }
    }

    /// Hands over a batch; a report follows.
    ///
    /// # Errors
    /// Returns the report at once if the thread has ended by a panic, since nothing is written any
    /// more.
    pub(crate) fn persist(&self, batch: PersistBatch) -> Result<(), StoreReport> {
        let number = batch.number;
        self.jobs.send(Job::Persist(batch)).map_err(|_| StoreReport::Failed {
            batch: number,
            reason: "the thread that writes has ended: restart the peer".into(),
        })
    }

    /// Asks for a block; a report follows.
    ///
    /// # Errors
    /// Returns the report at once if the thread has ended by a panic, since nothing is read any
    /// more.
    pub(crate) fn load(&self, job: LoadJob) -> Result<(), StoreReport> {
        self.jobs.send(Job::Load(job)).map_err(|_| StoreReport::Loaded {
            number: job.number,
            outcome: Err(LoadFailure::Refused { reason: "the thread that reads has ended".into() }),
        })
    }

    /// Writes everything that waits, and then ends the thread.
    pub(crate) fn close(self) {
        drop(self.jobs);
        if self.thread.join().is_err() {
            tracing::error!("the store's thread had ended by a panic");
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rows { blocks, bodies, pooled } = self.saved;
        write!(
            formatter,
            "the chain's file was damaged ({}): saved {blocks} blocks, {bodies} of them with their votes, and \
             {pooled} waiting transactions; ",
            self.reason
        )?;
        match self.lost {
            Some(Rows { blocks, bodies, pooled }) => write!(
                formatter,
                "lost {blocks} blocks, {bodies} bodies and {pooled} waiting transactions; "
            )?,
            None => write!(formatter, "how much is lost is not known; ")?,
        }
        if self.returned > 0 {
            write!(formatter, "{} transactions wait for a block again; ", self.returned)?;
        }
        write!(
            formatter,
            "what is missing is fetched again from neighbours if they have it, and {} is the file as it was",
            self.kept.display()
        )
    }
}

#[cfg(test)]
mod tests;
