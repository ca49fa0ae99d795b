//! Records for the disk: gathered while one input is handled, written together, confirmed by number.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::block::{Block, HEADER_BYTES};
use protocol::transaction::HashedTransaction;
use protocol::units::{BlockHash, Now, TransactionId};

use super::Node;
use super::output::{Event, Output, PersistBatch, Record};
use super::timers::Timer;
use super::views::Tip;

/// Good neighbours are remembered this long after their list changed.
const REMEMBER_NEIGHBOURS_AFTER: Duration = Duration::from_secs(5);

/// Bytes of blocks that may wait for the disk: many batches for a slow one. With more, no further bodies are
/// fetched, so that a sync does not fill the memory while the disk is full.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A block in a batch that is not confirmed yet.
#[derive(Debug)]
struct WaitingBlock {
    batch: u64,
    hash: BlockHash,
    bytes: usize,
}

/// Where the disk keeps a transaction of the pool, or is going to.
#[derive(Debug)]
struct PoolRow {
    row: u64,
    /// The batch that writes it; 0 for one of an earlier run.
    batch: u64,
}

#[derive(Debug, Default)]
pub(super) struct Durability {
    records: Vec<Record>,
    /// Number of the last batch that was handed out.
    last_batch: u64,
    confirmed: u64,
    waiting: VecDeque<WaitingBlock>,
    waiting_bytes: usize,
    is_failing: bool,
    pool_rows: BTreeMap<TransactionId, PoolRow>,
    last_pool_row: u64,
    /// The good neighbours as they were written last.
    remembered: Vec<SocketAddr>,
}

impl Durability {
    /// The batch whose confirmation means that a transaction of the pool is durable; `None` if it is.
    pub(super) fn batch_of_pooled(&self, id: &TransactionId) -> Option<u64> {
        let batch = self.pool_rows.get(id).map(|place| place.batch);
        batch.filter(|batch| *batch > self.confirmed)
    }

    /// The same of a block that was checked in this run.
    pub(super) fn batch_of_block(&self, hash: &BlockHash) -> Option<u64> {
        self.waiting.iter().find(|block| block.hash == *hash).map(|block| block.batch)
    }

    pub(super) fn take_batch(&mut self) -> Option<PersistBatch> {
        if self.records.is_empty() {
            return None;
        }
        self.last_batch += 1;
        Some(PersistBatch { number: self.last_batch, records: std::mem::take(&mut self.records) })
    }

    /// Whether everything was written.
    pub(super) fn is_settled(&self) -> bool {
        self.records.is_empty() && self.confirmed >= self.last_batch
    }

    /// Whether more bodies may be fetched.
    pub(super) fn has_room(&self) -> bool {
        self.waiting_bytes <= WAITING_BYTES_MAX
    }

    /// Takes note of a row that the disk has from an earlier run.
    pub(super) fn remember_row(&mut self, id: TransactionId, row: u64) {
        self.pool_rows.insert(id, PoolRow { row, batch: 0 });
        self.last_pool_row = self.last_pool_row.max(row);
    }

    fn take_confirmed(&mut self) -> Vec<BlockHash> {
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
    pub(super) fn persist(&mut self, record: Record) {
        self.durability.records.push(record);
    }

    pub(super) fn persist_block(&mut self, block: Arc<Block>) {
        // Blocks without transactions take room, too.
        let body: usize = block.transactions.iter().map(|transaction| transaction.bytes()).sum();
        let bytes = HEADER_BYTES + body;
        let (batch, hash) = (self.durability.last_batch + 1, block.header.hash());
        self.durability.waiting.push_back(WaitingBlock { batch, hash, bytes });
        self.durability.waiting_bytes += bytes;
        self.persist(Record::Block(block));
    }

    /// Remembers a transaction that is in the pool, or that waits for its registration.
    pub(super) fn persist_transaction(&mut self, transaction: Arc<HashedTransaction>) {
        let durability = &mut self.durability;
        if durability.pool_rows.contains_key(&transaction.id()) {
            return;
        }
        durability.last_pool_row += 1;
        let row = durability.last_pool_row;
        let place = PoolRow { row, batch: durability.last_batch + 1 };
        durability.pool_rows.insert(transaction.id(), place);
        self.persist(Record::PoolInsert { row, transaction });
    }

    /// A block holds the transaction, or it can't be counted any more.
    pub(super) fn forget_transaction(&mut self, id: &TransactionId) {
        if let Some(PoolRow { row, .. }) = self.durability.pool_rows.remove(id) {
            self.persist(Record::PoolRemove { row });
        }
    }

    /// Writes the pool and the tip into the same rows as before.
    pub(super) fn write_pool_again(&mut self) {
        let batch = self.durability.last_batch + 1;
        let rows = self.durability.pool_rows.iter_mut();
        let known = rows.filter_map(|(id, place)| Some((place, self.pool.get(id)?)));
        let records: Vec<_> = known
            .map(|(place, transaction)| {
                place.batch = batch;
                let transaction = Arc::clone(transaction);
                Record::PoolInsert { row: place.row, transaction }
            })
            .collect();
        self.durability.records.extend(records);
        let Tip { height, hash } = self.tip();
        if height.0 > 0 {
            self.persist(Record::Tip { height, hash });
        }
    }

    pub(super) fn on_persisted(&mut self, batch: u64, now: Now) {
        let had_room = self.durability.has_room();
        self.durability.confirmed = self.durability.confirmed.max(batch);
        for hash in self.durability.take_confirmed() {
            self.chain.mark_stored(&hash);
        }
        if std::mem::take(&mut self.durability.is_failing) {
            self.output(Output::Event(Event::DiskRecovered));
        }
        self.acknowledge(batch);
        if !had_room {
            self.continue_sync(now);
        }
        self.leave_if_done(now);
    }

    pub(super) fn on_persist_failed(&mut self, batch: u64, reason: &str, now: Now) {
        if !std::mem::replace(&mut self.durability.is_failing, true) {
            let reason = reason.to_owned();
            self.output(Output::Event(Event::DiskRefuses { reason }));
        }
        self.refuse_for_disk(batch, reason);
        self.leave_if_done(now);
    }

    pub(super) fn remember_neighbours_soon(&mut self, now: Now) {
        self.timers.set_by(Timer::RememberNeighbours, now.instant + REMEMBER_NEIGHBOURS_AFTER);
    }

    pub(super) fn on_remember_neighbours_timer(&mut self) {
        let good: Vec<_> = self.probes.good().collect();
        if good != self.durability.remembered {
            self.durability.remembered.clone_from(&good);
            self.persist(Record::Neighbours(good));
        }
    }
}
