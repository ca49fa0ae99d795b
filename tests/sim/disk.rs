//! A simulated disk: what was written is durable only some time later, and a crash loses the rest.

use std::collections::VecDeque;
use std::time::Duration;

use peer::node::{PersistBatch, Record, Restored};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::random;

/// How long one sync takes: a fast solid-state disk at least, a busy virtual one at most.
const SYNC_LEAST: Duration = Duration::from_micros(200);
const SYNC_MOST: Duration = Duration::from_millis(12);

#[derive(Debug)]
struct Pending {
    batch: PersistBatch,
    /// `None` while there is no space for it.
    durable_at: Option<Duration>,
}

#[derive(Debug)]
pub struct Disk {
    durable: Vec<Record>,
    pending: VecDeque<Pending>,
    busy_until: Duration,
    is_full: bool,
    rng: ChaCha8Rng,
}

/// What came of a batch that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It will be durable then, with all before it.
    DurableAt(Duration),
    /// There is no space; word of that comes then.
    FullAt(Duration),
}

impl Disk {
    #[must_use]
    pub fn new(rng: ChaCha8Rng) -> Self {
        Self {
            durable: Vec::new(),
            pending: VecDeque::new(),
            busy_until: Duration::ZERO,
            is_full: false,
            rng,
        }
    }

    /// A disk that holds these already.
    #[must_use]
    pub fn with(records: Vec<Record>, rng: ChaCha8Rng) -> Self {
        Self { durable: records, ..Self::new(rng) }
    }

    pub fn write(&mut self, batch: PersistBatch, at: Duration) -> Written {
        let latency = random::between(&mut self.rng, SYNC_LEAST, SYNC_MOST);
        let done = self.busy_until.max(at) + latency;
        self.busy_until = done;
        let durable_at = (!self.is_full).then_some(done);
        self.pending.push_back(Pending { batch, durable_at });
        if self.is_full { Written::FullAt(done) } else { Written::DurableAt(done) }
    }

    /// Number of the newest batch that is durable by now, if any became so since the last call.
    pub fn sync(&mut self, at: Duration) -> Option<u64> {
        let mut newest = None;
        while let Some(pending) = self.pending.front() {
            if pending.durable_at.is_none_or(|durable_at| durable_at > at) {
                break;
            }
            let pending = self.pending.pop_front().expect("there is a front");
            newest = Some(pending.batch.number);
            self.durable.extend(pending.batch.records);
        }
        newest
    }

    /// From now on there is no space.
    pub fn fill(&mut self) {
        self.is_full = true;
    }

    /// There is space again: what waited becomes durable then.
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

    /// Loses what is not durable, but for some batches that happened to reach the platter in time.
    pub fn crash(&mut self, at: Duration) {
        self.sync(at);
        while self.pending.front().is_some_and(|pending| pending.durable_at.is_some())
            && self.rng.random_bool(0.3)
        {
            let pending = self.pending.pop_front().expect("there is a front");
            self.durable.extend(pending.batch.records);
        }
        self.pending.clear();
        self.busy_until = at;
    }

    /// Waits for all that was written, as a program does that ends by itself.
    pub fn flush(&mut self) {
        self.durable.extend(self.pending.drain(..).flat_map(|pending| pending.batch.records));
    }

    /// What a node finds at its start: all records, in any order, but the newest list of neighbours alone.
    pub fn restored(&mut self) -> Restored {
        let mut restored = Restored::default();
        for record in &self.durable {
            match record {
                Record::Block(block) => restored.blocks.push((**block).clone()),
                Record::Transaction(transaction) => {
                    restored.transactions.push((**transaction).clone());
                }
                Record::Neighbours(neighbours) => restored.neighbours.clone_from(neighbours),
            }
        }
        restored.blocks.shuffle(&mut self.rng);
        restored.transactions.shuffle(&mut self.rng);
        restored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(number: u64) -> PersistBatch {
        PersistBatch { number, records: vec![Record::Neighbours(Vec::new())] }
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
            assert!((1..=2).contains(&disk.durable.len()));
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
