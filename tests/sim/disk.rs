//! A simulated disk. What was written becomes durable only some time later, and a crash loses
//! everything that was not durable yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chain::{BlockEffects, StoredBlock};
use node::{LoadFailure, PersistBatch, Record, Restored, RestoredFinality};
use protocol::block::Block;
use protocol::transaction::HashedTransaction;
use protocol::units::BlockHash;
use rand::RngExt;
use rand::seq::{IteratorRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::random;

/// How long one sync takes: at least as long as on a fast solid-state disk, and at most as long as
/// on a busy virtual one.
const SYNC_LEAST: Duration = Duration::from_micros(200);
const SYNC_MOST: Duration = Duration::from_millis(12);

/// The share of reads that fail although they would succeed a moment later.
const REFUSAL: f64 = 0.02;

#[derive(Debug)]
struct Pending {
    batch: PersistBatch,
    /// `None` while the disk has no space for the batch.
    durable_at: Option<Duration>,
}

/// What is durable.
#[derive(Debug, Default)]
struct Platter {
    blocks: BTreeMap<BlockHash, Arc<Block>>,
    tip: Option<BlockHash>,
    pool: BTreeMap<u64, Arc<HashedTransaction>>,
    neighbours: Vec<SocketAddr>,
    finality: RestoredFinality,
    /// The blocks that can't be read any more.
    damaged: BTreeSet<BlockHash>,
}

#[derive(Debug)]
pub struct Disk {
    durable: Platter,
    pending: VecDeque<Pending>,
    busy_until: Duration,
    is_full: bool,
    rng: ChaCha8Rng,
}

/// The outcome of a batch that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The batch, and all batches before it, will be durable at this time.
    DurableAt(Duration),
    /// There is no space, which will be reported at this time.
    FullAt(Duration),
}

impl Disk {
    #[must_use]
    pub fn new(rng: ChaCha8Rng) -> Self {
        Self {
            durable: Platter::default(),
            pending: VecDeque::new(),
            busy_until: Duration::ZERO,
            is_full: false,
            rng,
        }
    }

    /// A disk that contains these records already.
    #[must_use]
    pub fn with(records: Vec<Record>, rng: ChaCha8Rng) -> Self {
        let mut disk = Self::new(rng);
        disk.durable.apply(records);
        disk
    }

    pub fn write(&mut self, batch: PersistBatch, at: Duration) -> Written {
        let latency = random::between(&mut self.rng, SYNC_LEAST, SYNC_MOST);
        let done = self.busy_until.max(at) + latency;
        self.busy_until = done;
        let durable_at = (!self.is_full).then_some(done);
        self.pending.push_back(Pending { batch, durable_at });
        if self.is_full { Written::FullAt(done) } else { Written::DurableAt(done) }
    }

    /// The number of the newest batch that is durable by now, if any became durable since the last
    /// call.
    pub fn sync(&mut self, at: Duration) -> Option<u64> {
        let mut newest = None;
        while let Some(pending) = self.pending.front() {
            if pending.durable_at.is_none_or(|durable_at| durable_at > at) {
                break;
            }
            let pending = self.pending.pop_front().expect("there is a front");
            newest = Some(pending.batch.number);
            self.durable.apply(pending.batch.records);
        }
        newest
    }

    /// From now on the disk has no space.
    pub fn fill(&mut self) {
        self.is_full = true;
    }

    /// The disk has space again. Returns when the batches that waited become durable.
    pub fn free(&mut self, at: Duration) -> Duration {
        self.is_full = false;
        let latency = random::between(&mut self.rng, SYNC_LEAST, SYNC_MOST);
        let done = self.busy_until.max(at) + latency;
        self.busy_until = done;
        for pending in &mut self.pending {
            pending.durable_at.get_or_insert(done);
        }
        done
    }

    #[must_use]
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Loses what is not durable, except for some batches that happened to reach the disk in time.
    pub fn crash(&mut self, at: Duration) {
        self.sync(at);
        while self.pending.front().is_some_and(|pending| pending.durable_at.is_some())
            && self.rng.random_bool(0.3)
        {
            let pending = self.pending.pop_front().expect("there is a front");
            self.durable.apply(pending.batch.records);
        }
        self.pending.clear();
        self.busy_until = at;
    }

    /// Waits until everything is written, as a program does that ends by itself.
    pub fn flush(&mut self) {
        for pending in self.pending.drain(..) {
            self.durable.apply(pending.batch.records);
        }
    }

    /// Reads a block. Now and then the disk gives nothing for a moment.
    ///
    /// # Errors
    /// When the block is damaged, or is not given for now. A node that asks for a block which is
    /// not durable gets an error too.
    pub fn read(&mut self, hash: &BlockHash) -> Result<Arc<Block>, LoadFailure> {
        if self.rng.random_bool(REFUSAL) {
            return Err(LoadFailure::Refused { reason: "input/output error".to_owned() });
        }
        let block = self.durable.blocks.get(hash);
        if self.durable.damaged.contains(hash) {
            let reason = "its checksum does not match".to_owned();
            let summary = block.map(|block| BlockEffects::of(block));
            return Err(LoadFailure::Lost { reason, summary: summary.map(Box::new) });
        }
        let lost = || LoadFailure::Lost { reason: "it is not there".to_owned(), summary: None };
        block.map(Arc::clone).ok_or_else(lost)
    }

    /// A block that was written, whether it is damaged or not.
    #[must_use]
    pub fn block(&self, hash: &BlockHash) -> Option<&Arc<Block>> {
        self.durable.blocks.get(hash)
    }

    /// What is durable of finality.
    #[must_use]
    pub fn finality(&self) -> &RestoredFinality {
        &self.durable.finality
    }

    /// Loses what is known of finality, as a disk that was exchanged.
    pub fn lose_finality(&mut self) {
        self.durable.finality = RestoredFinality::default();
    }

    /// Makes one more block unreadable, of those that exist `elsewhere` as well: a peer that loses
    /// the only copy of a block would stay alone on its branch until another branch is heavier.
    pub fn damage(&mut self, elsewhere: &BTreeSet<BlockHash>) -> Option<BlockHash> {
        let known = self.durable.blocks.keys().filter(|hash| elsewhere.contains(*hash));
        let hash = known.copied().choose(&mut self.rng)?;
        self.durable.damaged.insert(hash);
        Some(hash)
    }

    /// The blocks that can be read.
    pub fn readable(&self) -> impl Iterator<Item = BlockHash> {
        let blocks = self.durable.blocks.keys();
        blocks.filter(|hash| !self.durable.damaged.contains(*hash)).copied()
    }

    /// Whether all blocks can be read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.durable.damaged.is_empty()
    }

    /// What a node finds at its start, in any order. Damage to a body shows only when the body is
    /// read.
    pub fn restored(&mut self) -> Restored {
        let durable = &self.durable;
        let stored = |block: &Arc<Block>| StoredBlock {
            header: block.header,
            summary: BlockEffects::of(block),
            has_body: true,
        };
        let pool = durable.pool.iter();
        let mut restored = Restored {
            blocks: durable.blocks.values().map(stored).collect(),
            tip: durable.tip,
            pool: pool.map(|(row, transaction)| (*row, (**transaction).clone())).collect(),
            neighbours: durable.neighbours.clone(),
            finality: durable.finality.clone(),
        };
        restored.blocks.shuffle(&mut self.rng);
        restored.pool.shuffle(&mut self.rng);
        restored
    }
}

impl Platter {
    fn apply(&mut self, records: Vec<Record>) {
        for record in records {
            match record {
                Record::Block(block) => {
                    let hash = block.header.hash();
                    self.damaged.remove(&hash);
                    self.blocks.insert(hash, block);
                }
                Record::Tip { hash, .. } => self.tip = Some(hash),
                Record::PoolInsert { row, transaction } => {
                    self.pool.insert(row, transaction);
                }
                Record::PoolRemove { row } => {
                    self.pool.remove(&row);
                }
                Record::Neighbours(neighbours) => self.neighbours = neighbours,
                Record::Finality(record) => self.finality.note(record),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::units::Height;

    use super::*;

    fn batch(number: u64) -> PersistBatch {
        let height = Height(number);
        PersistBatch { number, records: vec![Record::Tip { height, hash: hash(number) }] }
    }

    fn hash(number: u64) -> BlockHash {
        BlockHash([u8::try_from(number).expect("a small number"); 32])
    }

    #[test]
    fn a_crash_loses_only_what_was_not_durable() {
        for seed in 0..20 {
            let mut disk = Disk::new(random::stream(seed, "disk"));
            let Written::DurableAt(first) = disk.write(batch(1), Duration::ZERO) else {
                unreachable!("there is space")
            };
            let Written::DurableAt(second) = disk.write(batch(2), Duration::ZERO) else {
                unreachable!("there is space")
            };
            assert!(second > first);
            assert_eq!(disk.sync(Duration::ZERO), None);
            disk.crash(first);
            assert!([Some(hash(1)), Some(hash(2))].contains(&disk.durable.tip));
            assert_eq!(disk.sync(second), None);
        }
    }

    #[test]
    fn a_full_disk_takes_its_batches_later() {
        let mut disk = Disk::new(random::stream(1, "disk"));
        disk.fill();
        let Written::FullAt(at) = disk.write(batch(1), Duration::ZERO) else {
            unreachable!("there is no space")
        };
        assert_eq!(disk.sync(at + Duration::from_secs(1)), None);
        let freed = disk.free(at + Duration::from_secs(2));
        assert_eq!(disk.sync(freed), Some(1));
    }
}
