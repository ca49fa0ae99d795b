//! What a peer remembers across restarts: one append-only log in its data directory.
//!
//! Nobody outside this module knows how it looks on disk. A batch is confirmed only after the disk has it;
//! batches that wait are written together, so that a busy peer pays few syncs.

mod format;
mod writer;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
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

/// Why the log of a data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path}: {reason}", path = path.display())]
    Head { path: PathBuf, reason: HeadError },
}

/// A part of the log that could not be read and was cut off; the network still has what it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) at: u64,
    pub(crate) bytes: u64,
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
    let mut length = scan.good_bytes;
    if scan.damage.is_some() {
        file.set_len(length).map_err(failed("mend"))?;
    }
    if length == 0 {
        // Even the head was torn: the log starts anew.
        let bytes = head.to_bytes();
        file.seek(SeekFrom::Start(0)).map_err(failed("mend"))?;
        file.write_all(&bytes).map_err(failed("mend"))?;
        length = bytes.len() as u64;
    }
    if scan.damage.is_some() {
        file.sync_all().map_err(failed("mend"))?;
    }
    Ok((Log { file, length }, scan.restored, scan.damage))
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
    pub(crate) fn persist(&self, batch: PersistBatch) {
        // The thread ends only by a panic, after which nothing is confirmed any more.
        let _ = self.batches.send(batch);
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

#[cfg(test)]
mod tests;
