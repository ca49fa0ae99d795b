//! The store's thread. It owns the database, answers requests for blocks, writes all waiting batches in one commit,
//! and reports what is durable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use protocol::block::Block;
use protocol::units::ElectionId;

use super::database::{Database, IntegrityCheck, StoreFault};
use super::pages::Pages;
use super::read;
use super::rows::{BlockKey, State};
use super::salvage;
use super::volume::{Access, CHAIN_FILE, Volume};
use super::write;
use super::{LoadError, OpenedChain, StoreReport, open_unchanged};
use node::{LoadFailure, LoadJob, PersistBatch, Record};

/// After a failed write (for example because the disk is full), it is tried again with the next
/// batch, or after this time.
const RETRY_PERIOD: Duration = Duration::from_secs(1);
/// Once a commit contains this many bytes of blocks and transactions, no more batches join it. That
/// is many batches for one sync, and still lets a slow disk confirm something soon. A batch waits
/// for the commit that is under way and for its own.
const COMMIT_BYTES: usize = 8 * 1024 * 1024;
/// How many bytes a record without transactions counts for, so that one commit cannot contain an
/// unlimited number of them.
const SMALL_BYTES: usize = 64;

/// How many bytes a record of finality counts for: about as many as the PREPAREs of all validators take.
const FINALITY_WEIGHT: usize = 4 * 1024;

/// What the thread is asked to do.
#[derive(Debug)]
pub(super) enum Job {
    Persist(PersistBatch),
    Load(LoadJob),
}

#[derive(Debug)]
pub(super) struct Writer {
    volume: Arc<dyn Volume>,
    election: ElectionId,
    /// `None` after a fault, until the database is opened again.
    open: Option<(Database, State)>,
    /// What is not durable yet, in order. The node keeps these blocks and transactions itself until
    /// they are confirmed, and limits them: it fetches no more bodies while too many are waiting,
    /// and accepts no votes while the disk fails.
    pending: VecDeque<PersistBatch>,
    /// The blocks that the node waits for.
    loads: VecDeque<LoadJob>,
    /// The highest row of the pool that the node has used.
    last_row: u64,
    /// Whether the last write failed.
    is_failing: bool,
    /// Whether the database was repaired since it was last written to.
    has_mended: bool,
}

impl Writer {
    pub(super) fn new(chain: OpenedChain) -> Self {
        let OpenedChain { volume, election, database, state, last_row } = chain;
        Self {
            volume,
            election,
            open: Some((database, state)),
            pending: VecDeque::new(),
            loads: VecDeque::new(),
            last_row,
            is_failing: false,
            has_mended: false,
        }
    }

    /// Works until nobody can send jobs any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>, report: &impl Fn(StoreReport)) {
        loop {
            let first = if self.pending.is_empty() {
                jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else if self.is_failing {
                jobs.recv_timeout(RETRY_PERIOD)
            } else {
                // More was waiting than fits into one commit.
                jobs.try_recv().map_err(|_| RecvTimeoutError::Timeout)
            };
            match first {
                Ok(job) => self.take(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while let Ok(job) = jobs.try_recv() {
                self.take(job);
            }
            self.answer_loads(report);
            self.write(report);
        }
        while !self.pending.is_empty() {
            self.write(report);
            if self.is_failing {
                tracing::error!(batches = self.pending.len(), "not written to disk");
                break;
            }
        }
    }

    pub(super) fn take(&mut self, job: Job) {
        match job {
            Job::Persist(batch) => {
                let rows = batch.records.iter().filter_map(inserted_row);
                self.last_row = rows.fold(self.last_row, u64::max);
                self.pending.push_back(batch);
            }
            Job::Load(job) => self.loads.push_back(job),
        }
    }

    pub(super) fn answer_loads(&mut self, report: &impl Fn(StoreReport)) {
        // This is not kept any longer, because it locks out writers.
        let mut unchanged = None;
        while let Some(job) = self.loads.pop_front() {
            let key = BlockKey { height: job.height, hash: job.hash };
            let outcome = self.load(key, &mut unchanged);
            report(StoreReport::Loaded { number: job.number, outcome });
        }
    }

    fn load(
        &mut self,
        key: BlockKey,
        unchanged: &mut Option<Database>,
    ) -> Result<Arc<Block>, LoadFailure> {
        let row = self.read(unchanged, |redb| read::read_block_row(redb, key));
        LoadError::unless_whole(row, key, &self.election).map_err(|error| {
            error.into_failure(|| {
                self.read(unchanged, |redb| read::read_summary(redb, key)).ok().flatten()
            })
        })
    }

    /// Reads from the database. If the disk does not let it be opened for writing, it is opened so
    /// that nothing changes, because neighbours can be served even from a disk that is full.
    fn read<T>(
        &mut self,
        unchanged: &mut Option<Database>,
        work: impl Fn(&redb::Database) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        let database = match unchanged.take() {
            Some(database) => database,
            None => {
                let outcome = self
                    .with_database(|database, state| Ok((database.run(|redb| work(redb))?, state)));
                let Err(StoreFault::Disk(error)) = outcome else { return outcome };
                self.open_unchanged().map_err(|_| StoreFault::Disk(error))?
            }
        };
        let outcome = database.run(work)?;
        *unchanged = Some(database);
        Ok(outcome)
    }

    fn open_unchanged(&self) -> Result<Database, StoreFault> {
        let database = open_unchanged(self.volume.open(CHAIN_FILE, Access::Read)?)?;
        database.run(|redb| read::read_state_of(redb, &self.election))?;
        Ok(database)
    }

    /// Tries one commit. If the database has to be repaired instead, only that is reported, and the
    /// next attempt is due.
    pub(super) fn write(&mut self, report: &impl Fn(StoreReport)) {
        let Some(newest) = self.pending.back().map(|batch| batch.number) else { return };
        let pending = std::mem::take(&mut self.pending);
        let count = first_commit(&pending);
        let began = Instant::now();
        let written = self.with_database(|database, state| {
            let records = pending.iter().take(count).flat_map(|batch| &batch.records);
            let state = database.run(|redb| {
                write::change(redb, state, |changes| {
                    records.into_iter().try_for_each(|record| changes.put_record(record))
                })
            })?;
            Ok(((), state))
        });
        self.pending = pending;
        let failure = match written {
            Ok(()) => {
                let last = self.pending.drain(..count).next_back();
                let batch = last.expect("a commit has a batch").number;
                (self.is_failing, self.has_mended) = (false, false);
                return report(StoreReport::Persisted { batch, took: began.elapsed() });
            }
            Err(StoreFault::Damaged(reason)) => self.mend(reason, report),
            Err(fault) => Err(fault.to_string()),
        };
        self.is_failing = failure.is_err();
        if let Err(reason) = failure {
            report(StoreReport::Failed { batch: newest, reason });
        }
    }

    /// Calls the database, which is opened first if necessary. After a fault redb refuses
    /// everything, so the database is closed, which writes nothing after an error of the disk or of
    /// a page. What was committed is then read from it again.
    fn with_database<T>(
        &mut self,
        work: impl FnOnce(&Database, State) -> Result<(T, State), StoreFault>,
    ) -> Result<T, StoreFault> {
        let (database, state) = match self.open.take() {
            Some(open) => open,
            None => self.reopen()?,
        };
        let (outcome, state) = work(&database, state)?;
        self.open = Some((database, state));
        Ok(outcome)
    }

    fn reopen(&self) -> Result<(Database, State), StoreFault> {
        let file = self.volume.open(CHAIN_FILE, Access::Write)?;
        let database = Database::open(Pages::new(file), IntegrityCheck::Skip)?;
        let state = database.run(|redb| read::read_state_of(redb, &self.election))?;
        Ok((database, state))
    }

    /// A database that can't be written to because of damage is repaired at once. The node is told
    /// and writes again what it has in memory, and lost bodies are fetched again when somebody
    /// needs them.
    fn mend(&mut self, reason: String, report: &impl Fn(StoreReport)) -> Result<(), String> {
        if self.has_mended {
            return Err(format!("mending did not help: {reason}"));
        }
        match salvage::mend(&*self.volume, &self.election, reason, self.last_row) {
            Ok(damage) => {
                tracing::warn!("{damage}");
                self.has_mended = true;
                report(StoreReport::Mended { damage: damage.to_string() });
                Ok(())
            }
            Err(fault) => Err(format!("it is damaged, and can't be mended: {fault}")),
        }
    }
}

/// The number of batches that go into the next commit.
fn first_commit(pending: &VecDeque<PersistBatch>) -> usize {
    let mut bytes = 0;
    let fits = |batch: &&PersistBatch| {
        let fits = bytes < COMMIT_BYTES;
        bytes += batch.records.iter().map(record_bytes).sum::<usize>();
        fits
    };
    pending.iter().take_while(fits).count()
}

fn inserted_row(record: &Record) -> Option<u64> {
    match record {
        Record::PoolInsert { row, .. } => Some(*row),
        Record::Block(_)
        | Record::Tip { .. }
        | Record::PoolRemove { .. }
        | Record::Neighbours(_)
        | Record::Finality(_) => None,
    }
}

pub(super) fn record_bytes(record: &Record) -> usize {
    match record {
        Record::Block(block) => block.transactions.iter().map(|each| each.bytes()).sum(),
        Record::PoolInsert { transaction, .. } => transaction.bytes(),
        Record::Tip { .. } | Record::PoolRemove { .. } | Record::Neighbours(_) => SMALL_BYTES,
        Record::Finality(_) => FINALITY_WEIGHT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_join_a_commit_up_to_its_bytes() {
        let batch = |number, records: usize| PersistBatch {
            number,
            records: vec![Record::PoolRemove { row: 1 }; records],
        };
        let whole = COMMIT_BYTES / SMALL_BYTES;
        for (records, expected) in [(whole - 1, 2), (whole, 1), (whole + 1, 1)] {
            let pending = VecDeque::from([batch(1, records), batch(2, 1), batch(3, 1)]);
            let pending_bytes = records * SMALL_BYTES;
            assert_eq!(first_commit(&pending), expected, "{pending_bytes} bytes before the next");
        }
    }
}
