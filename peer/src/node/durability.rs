//! Records for the disk: gathered while one input is handled, written together, confirmed by number.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::units::Now;

use super::Node;
use super::output::{PersistBatch, Record};
use super::timers::Timer;

/// Good neighbours are remembered this long after their list changed.
const REMEMBER_NEIGHBOURS_AFTER: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Durability {
    records: Vec<Record>,
    /// Number of the last batch that was handed out.
    last_batch: u64,
    confirmed: u64,
    /// The good neighbours as they were written last.
    remembered: Vec<SocketAddr>,
}

impl Durability {
    /// The number of the batch that the next record goes into.
    pub(super) fn batch_being_filled(&self) -> u64 {
        self.last_batch + 1
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
        self.records.is_empty() && self.confirmed == self.last_batch
    }
}

impl Node {
    pub(super) fn persist(&mut self, record: Record) {
        self.durability.records.push(record);
    }

    pub(super) fn on_persisted(&mut self, batch: u64, now: Now) {
        self.durability.confirmed = self.durability.confirmed.max(batch);
        self.acknowledge(batch);
        self.leave_if_done(now);
    }

    pub(super) fn on_persist_failed(&mut self, batch: u64, reason: &str, now: Now) {
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
