//! What a peer remembers across restarts: one append-only log in its data directory.
//!
//! Nobody outside this module knows how it looks on disk. A batch is confirmed only after the disk has it;
//! batches that wait are written together, so that a busy peer pays few syncs.

mod format;
mod writer;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use protocol::units::ElectionId;

use super::files::{self, FileError};
use crate::node::{PersistBatch, Restored};
use format::Head;
pub use format::HeadError;
use writer::{LogFile, Writer};

const LOG_FILE: &str = "log";

/// The log as it was before the newest damage was mended.
pub(crate) const DAMAGED_FILE: &str = "log.damaged";

/// Why the log of a data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path}: {reason}", path = path.display())]
    Head { path: PathBuf, reason: HeadError },
}

/// Parts of the log that could not be read and were left out; neighbours may have what they held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where the first of them begins.
    pub(crate) at: u64,
    /// Length of all of them.
    pub(crate) bytes: u64,
    /// Bad records that good ones follow.
    pub(crate) skipped: u64,
    /// What is wrong with the first.
    pub(crate) reason: String,
}

/// An opened log, ready to be written to.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    length: u64,
}

/// What became of a batch, and all before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreReport {
    Persisted { batch: u64 },
    Failed { batch: u64, reason: String },
    Loaded { number: u64, outcome: Result<std::sync::Arc<protocol::block::Block>, String> },
}

/// The thread that writes.
#[derive(Debug)]
pub(crate) struct Store {
    batches: mpsc::Sender<PersistBatch>,
    thread: JoinHandle<()>,
}

/// Opens or makes the log, and reads all of it.
///
/// # Errors
/// When the file can't be read or written, or belongs to another election or a newer version.
pub(crate) fn open(
    directory: &Path,
    election: &ElectionId,
) -> Result<(Log, Restored, Option<Damage>), StoreError> {
    let path = directory.join(LOG_FILE);
    let failed = |action| {
        let path = path.clone();
        move |error| FileError::new(action, &path, error)
    };
    let head = Head { election: *election };
    if !path.try_exists().map_err(failed("read"))? {
        files::write_whole(&path, &head.to_bytes())?;
    }
    let mut file = File::options().read(true).write(true).open(&path).map_err(failed("open"))?;
    let scan = file
        .metadata()
        .and_then(|metadata| format::scan(&file, metadata.len(), head))
        .map_err(failed("read"))?;
    let scan = scan.map_err(|reason| StoreError::Head { path: path.clone(), reason })?;
    if let Some(damage) = &scan.damage {
        match mend(file, &path, head, &scan.good) {
            // A torn end is what a crash leaves: a full disk must not keep the peer from starting after it.
            Err(error)
                if error.kind() == io::ErrorKind::StorageFull
                    && damage.skipped == 0
                    && !scan.good.is_empty() =>
            {
                tracing::warn!("there is no room to keep the damaged log: its end is cut off");
                cut(&path, damage.at).map_err(failed("mend"))?;
            }
            mended => mended.map_err(failed("mend"))?,
        }
        file = File::options().read(true).write(true).open(&path).map_err(failed("open"))?;
    }
    let length = file.seek(SeekFrom::End(0)).map_err(failed("read"))?;
    Ok((Log { file, length }, scan.restored, scan.damage))
}

/// Puts a log of all that is good in the place of a damaged one, which stays beside it.
fn mend(mut damaged: File, path: &Path, head: Head, good: &[Range<u64>]) -> io::Result<()> {
    let unfinished = path.with_added_extension("new");
    let mut file = File::create(&unfinished)?;
    if good.is_empty() {
        // Even the head was torn: the log starts anew.
        file.write_all(&head.to_bytes())?;
    }
    for range in good {
        damaged.seek(SeekFrom::Start(range.start))?;
        io::copy(&mut (&mut damaged).take(range.end - range.start), &mut file)?;
    }
    file.sync_all()?;
    drop((file, damaged));
    let kept = path.with_file_name(DAMAGED_FILE);
    match fs::remove_file(&kept) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    // A second name, not a renaming: at every moment there is a log.
    fs::hard_link(path, &kept)?;
    fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), files::sync_directory)
}

/// Cuts a log off, in place.
fn cut(path: &Path, length: u64) -> io::Result<()> {
    // What was begun in its stead takes up room.
    let _ = fs::remove_file(path.with_added_extension("new"));
    let file = File::options().write(true).open(path)?;
    file.set_len(length)?;
    file.sync_all()
}

impl Store {
    /// Starts the thread; `report` is called on it.
    ///
    /// # Panics
    /// When the system starts no thread.
    pub(crate) fn start(log: Log, report: impl Fn(StoreReport) + Send + 'static) -> Self {
        let (batches, receiver) = mpsc::channel();
        let writer = Writer::new(log.file, log.length);
        let thread = thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run(&receiver, &report))
            .expect("the system starts a thread");
        Self { batches, thread }
    }

    /// Hands over a batch; a report follows.
    ///
    /// # Errors
    /// Gives the report at once where the thread has ended, by a panic: nothing is written any more.
    pub(crate) fn persist(&self, batch: PersistBatch) -> Result<(), StoreReport> {
        self.batches.send(batch).map_err(|mpsc::SendError(batch)| StoreReport::Failed {
            batch: batch.number,
            reason: "the thread that writes has ended: restart the peer".into(),
        })
    }

    pub(crate) fn load(&self, job: crate::node::LoadJob) -> Result<(), StoreReport> {
        Err(StoreReport::Loaded { number: job.number, outcome: Err(String::new()) })
    }
    /// Writes what waits, then ends.
    pub(crate) fn close(self) {
        drop(self.batches);
        if self.thread.join().is_err() {
            tracing::error!("the store's thread had ended by a panic");
        }
    }
}

impl LogFile for File {
    fn write_at(&mut self, place: u64, bytes: &[u8]) -> std::io::Result<()> {
        self.seek(SeekFrom::Start(place))?;
        self.write_all(bytes)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> std::io::Result<()> {
        self.set_len(length)
    }
}
