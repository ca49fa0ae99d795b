//! The store's thread: takes batches, writes all that wait at once, and says what is durable.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::StoreReport;
use super::format;
use crate::node::PersistBatch;

/// After a failed write (a full disk), it is tried again with the next batch, or after this long.
const RETRY_PERIOD: Duration = Duration::from_secs(1);
/// Bytes that are written at once: many batches for one sync, and yet a slow disk confirms something soon.
const WRITE_BYTES: usize = 8 * 1024 * 1024;
/// Most bytes that wait for a disk that takes nothing: some 60 of the largest blocks. Batches that come
/// after are not kept and never confirmed; a restart fetches what they held from neighbours.
const PENDING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A file as the writer needs it; tests give one whose disk is full.
pub(super) trait LogFile {
    fn write_at(&mut self, place: u64, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

#[derive(Debug)]
pub(super) struct Writer<F> {
    file: F,
    /// Bytes that are durable.
    length: u64,
    /// Encoded records that are not.
    pending: Vec<u8>,
    /// The newest batch that was taken.
    newest: u64,
    /// Whether some batch still has to be confirmed.
    unconfirmed: bool,
    /// Whether the disk took nothing the last time.
    is_failing: bool,
    /// The first batch that was not kept since the disk failed; those after it were not kept either.
    lost: Option<u64>,
}

impl<F: LogFile> Writer<F> {
    pub(super) fn new(file: F, length: u64) -> Self {
        Self {
            file,
            length,
            pending: Vec::new(),
            newest: 0,
            unconfirmed: false,
            is_failing: false,
            lost: None,
        }
    }

    /// Works until nobody can send batches any more.
    pub(super) fn run(mut self, batches: &Receiver<PersistBatch>, report: &impl Fn(StoreReport)) {
        loop {
            let first = if self.unconfirmed {
                batches.recv_timeout(RETRY_PERIOD)
            } else {
                batches.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match first {
                Ok(batch) => self.take(&batch),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // A disk that works is given what there is; of one that does not, the queue must not grow.
            while (self.is_failing || self.pending.len() < WRITE_BYTES)
                && let Ok(batch) = batches.try_recv()
            {
                self.take(&batch);
            }
            self.write().into_iter().for_each(report);
        }
        if self.unconfirmed {
            for outcome in self.write() {
                if let StoreReport::Failed { reason, .. } = outcome {
                    tracing::error!(bytes = self.pending.len(), reason, "not written to disk");
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn file(&mut self) -> &mut F {
        &mut self.file
    }

    #[cfg(test)]
    pub(super) fn has_lost(&self) -> bool {
        self.lost.is_some()
    }

    pub(super) fn take(&mut self, batch: &PersistBatch) {
        self.newest = batch.number;
        self.unconfirmed = true;
        if self.lost.is_some() || (self.is_failing && self.pending.len() > PENDING_BYTES_MAX) {
            self.lost = self.lost.or(Some(batch.number));
            return;
        }
        for record in &batch.records {
            format::append(record, &mut self.pending);
        }
    }

    /// Makes all that waits durable, or leaves the file as it was.
    pub(super) fn write(&mut self) -> Vec<StoreReport> {
        let written = self
            .file
            .write_at(self.length, &self.pending)
            // After a failed sync the system may forget pages: only writing them again is safe.
            .and_then(|()| self.file.sync());
        self.is_failing = written.is_err();
        if let Err(error) = written {
            // What can't be cut off now is overwritten by the next try, and cut off by the next start.
            if let Err(error) = self.file.truncate(self.length) {
                tracing::warn!(%error, "can't cut off a failed write");
            }
            return vec![StoreReport::Failed { batch: self.newest, reason: error.to_string() }];
        }
        self.length += self.pending.len() as u64;
        self.pending.clear();
        self.unconfirmed = false;
        let Some(first) = self.lost.take() else {
            return vec![StoreReport::Persisted { batch: self.newest }];
        };
        // What was kept is safe now; a later batch says nothing about those that were lost before it.
        vec![
            StoreReport::Persisted { batch: first - 1 },
            StoreReport::Failed {
                batch: self.newest,
                reason: format!("from batch {first} on, too much was waiting for the disk"),
            },
        ]
    }
}
