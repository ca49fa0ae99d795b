//! Records for the disk: gathered while one input is handled, written together, confirmed by number.
//!
//! Nothing may be called durable before the batch that holds it was confirmed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use protocol::block::{Block, HEADER_BYTES};
use protocol::units::{BlockHash, Now};

use crate::Node;
use crate::event::Event;
use crate::output::{Output, PersistBatch, Record};
use crate::views::Tip;

/// A block in a batch that has not been confirmed yet.
#[derive(Debug)]
struct WaitingBlock {
    batch: u64,
    hash: BlockHash,
    bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Durability {
    records: Vec<Record>,
    /// The number of the last batch that was handed out.
    last_batch: u64,
    confirmed: u64,
    waiting: VecDeque<WaitingBlock>,
    waiting_bytes: usize,
    /// Beyond this number of waiting bytes no further bodies are fetched.
    waiting_bytes_max: usize,
    is_failing: bool,
    /// Rows of the pool that are not confirmed, and the batch that writes each. A row that is removed or written
    /// again leaves nothing behind, so the pool's bounds hold here too, however long the disk confirms nothing.
    row_batches: BTreeMap<u64, u64>,
    /// The same in the order of batches: batch and row.
    rows_by_batch: BTreeSet<(u64, u64)>,
}

impl Durability {
    pub(crate) fn new(waiting_bytes_max: usize) -> Self {
        Self {
            records: Vec::new(),
            last_batch: 0,
            confirmed: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            waiting_bytes_max,
            is_failing: false,
            row_batches: BTreeMap::new(),
            rows_by_batch: BTreeSet::new(),
        }
    }

    /// The batch whose confirmation means that a row of the pool is durable; `None` if it is
    /// durable already.
    pub(crate) fn batch_of_row(&self, row: u64) -> Option<u64> {
        self.row_batches.get(&row).copied()
    }

    /// The batch whose confirmation means that a block which was checked in this run is durable;
    /// `None` if it is durable already.
    pub(crate) fn batch_of_block(&self, hash: &BlockHash) -> Option<u64> {
        self.waiting.iter().find(|block| block.hash == *hash).map(|block| block.batch)
    }

    /// Takes all records since the last batch as a new batch.
    pub(crate) fn pop_batch(&mut self) -> Option<PersistBatch> {
        if self.records.is_empty() {
            return None;
        }
        self.last_batch += 1;
        Some(PersistBatch { number: self.last_batch, records: std::mem::take(&mut self.records) })
    }

    /// Whether everything has been written.
    pub(crate) fn is_settled(&self) -> bool {
        self.records.is_empty() && self.confirmed >= self.last_batch
    }

    /// Whether more bodies may be fetched.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting_bytes <= self.waiting_bytes_max
    }

    /// The batch that the records since the last one will be in.
    pub(crate) fn next_batch(&self) -> u64 {
        self.last_batch + 1
    }

    /// The newest batch that is durable, with all before it.
    pub(crate) fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// Checks that sums and indexes are those of what waits, and that nothing waits for what was confirmed.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        assert!(self.confirmed <= self.last_batch, "a batch was confirmed that nobody wrote");
        let bytes: usize = self.waiting.iter().map(|block| block.bytes).sum();
        assert_eq!(self.waiting_bytes, bytes, "bytes that wait for the disk");
        assert!(self.waiting.iter().is_sorted_by_key(|block| block.batch));
        let next = self.confirmed + 1..=self.last_batch + 1;
        assert!(self.waiting.iter().all(|block| next.contains(&block.batch)), "batches of blocks");
        let by_batch: BTreeSet<_> =
            self.row_batches.iter().map(|(row, batch)| (*batch, *row)).collect();
        assert_eq!(self.rows_by_batch, by_batch, "rows that wait for the disk");
        assert!(by_batch.iter().all(|(batch, _)| next.contains(batch)), "batches of rows");
    }

    /// Adds a record to the next batch.
    fn record(&mut self, record: Record) {
        match record {
            Record::PoolInsert { row, .. } => {
                let batch = self.last_batch + 1;
                self.forget_row(row);
                self.row_batches.insert(row, batch);
                self.rows_by_batch.insert((batch, row));
            }
            Record::PoolRemove { row } => self.forget_row(row),
            Record::Block(_) | Record::Tip { .. } | Record::Neighbours(_) | Record::Finality(_) => {
            }
        }
        self.records.push(record);
    }

    /// Waits no more for a row: it was removed, or is written again.
    fn forget_row(&mut self, row: u64) {
        if let Some(batch) = self.row_batches.remove(&row) {
            self.rows_by_batch.remove(&(batch, row));
        }
    }

    /// Ends the wait for what is confirmed: the blocks among it.
    fn pop_confirmed(&mut self) -> Vec<BlockHash> {
        let later = self.rows_by_batch.split_off(&(self.confirmed + 1, 0));
        for (_, row) in std::mem::replace(&mut self.rows_by_batch, later) {
            self.row_batches.remove(&row);
        }
        let count = self.waiting.partition_point(|block| block.batch <= self.confirmed);
        let confirmed = self.waiting.drain(..count);
        let mut hashes = Vec::new();
        for block in confirmed {
            self.waiting_bytes -= block.bytes;
            hashes.push(block.hash);
        }
        hashes
    }
}

impl Node {
    pub(crate) fn persist(&mut self, record: Record) {
        self.disk.durability.record(record);
    }

    pub(crate) fn persist_block(&mut self, block: Arc<Block>) {
        // The header is counted too, because blocks without transactions also take memory.
        let body: usize = block.transactions.iter().map(|transaction| transaction.bytes()).sum();
        let bytes = HEADER_BYTES + body;
        let (batch, hash) = (self.disk.durability.last_batch + 1, block.header.hash());
        self.disk.durability.waiting.push_back(WaitingBlock { batch, hash, bytes });
        self.disk.durability.waiting_bytes += bytes;
        self.persist(Record::Block(block));
    }

    /// Writes the pool and the tip again, into the same rows as before.
    pub(crate) fn write_pool_again(&mut self) {
        for record in self.ledger.pool_records() {
            self.persist(record);
        }
        let Tip { height, hash } = self.tip();
        if height.0 > 0 {
            self.persist(Record::Tip { height, hash });
        }
    }

    /// All batches up to this number are durable.
    pub fn handle_persisted(&mut self, batch: u64, now: Now) {
        let had_room = self.disk.durability.has_room();
        self.disk.durability.confirmed = self.disk.durability.confirmed.max(batch);
        for hash in self.disk.durability.pop_confirmed() {
            self.chain.mark_stored(&hash);
        }
        if std::mem::take(&mut self.disk.durability.is_failing) {
            self.output(Output::Event(Event::DiskRecovered));
        }
        self.acknowledge(batch);
        self.acknowledge_written();
        self.finality_durable(now);
        if !had_room {
            self.continue_sync(now);
        }
        self.leave_if_done(now);
    }

    /// The disk refuses the batches up to this number that were not confirmed. They may still be confirmed later.
    pub fn handle_persist_failed(&mut self, batch: u64, reason: &str, now: Now) {
        if !std::mem::replace(&mut self.disk.durability.is_failing, true) {
            let reason = reason.to_owned();
            self.output(Output::Event(Event::DiskRefuses { reason }));
        }
        self.refuse_for_disk(batch, reason);
        self.leave_if_done(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chain::fixtures::registration;

    #[test]
    fn fetching_pauses_when_more_than_the_limit_waits() {
        let mut durability = Durability::new(1_000);
        for (waiting, has_room) in [(0, true), (1_000, true), (1_001, false), (1_000, true)] {
            durability.waiting_bytes = waiting;
            assert_eq!(durability.has_room(), has_room, "{waiting}");
        }
    }

    #[test]
    fn only_rows_that_wait_for_the_disk_are_kept() {
        let mut durability = Durability::new(usize::MAX);
        let write = |row| Record::PoolInsert { row, transaction: registration(1) };
        durability.record(write(1));
        durability.record(write(2));
        durability.record(write(3));
        assert_eq!(durability.pop_batch().map(|batch| batch.number), Some(1));
        durability.record(Record::PoolRemove { row: 1 });
        durability.record(write(2));
        assert_eq!(durability.pop_batch().map(|batch| batch.number), Some(2));
        let batches = [1, 2, 3].map(|row| durability.batch_of_row(row));
        assert_eq!(batches, [None, Some(2), Some(1)]);
        assert_eq!(durability.rows_by_batch.len(), 2);

        durability.confirmed = 1;
        durability.pop_confirmed();
        assert_eq!([2, 3].map(|row| durability.batch_of_row(row)), [Some(2), None]);
        durability.confirmed = 2;
        durability.pop_confirmed();
        assert!(durability.row_batches.is_empty() && durability.rows_by_batch.is_empty());
    }
}
