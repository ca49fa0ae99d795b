//! What the node asks of the disk, and who waits for it: records to be written, bodies to be read, and users whose
//! answer comes once something is durable or was read. It must never keep more in memory than its bounds say, however
//! slow the disk is.

mod durability;
mod loading;
mod lost_wait;
mod waiter;

pub(crate) use durability::Durability;
use loading::Loading;
pub(crate) use waiter::{Resubmission, Waiter};

use std::collections::BTreeMap;

use protocol::units::TransactionId;

use crate::command::Ticket;

/// Everything that is under way between the node and its disk.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) durability: Durability,
    pub(crate) loading: Loading,
    last_ticket: u64,
    /// The submissions that are answered once a batch of records is durable.
    awaiting: BTreeMap<u64, Vec<(Ticket, TransactionId)>>,
}

impl Disk {
    pub(crate) fn new(waiting_bytes_max: usize) -> Self {
        Self {
            durability: Durability::new(waiting_bytes_max),
            loading: Loading::default(),
            last_ticket: 0,
            awaiting: BTreeMap::new(),
        }
    }

    /// Makes a name for a command whose answer comes later.
    pub(crate) fn new_ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    /// Checks the parts of the disk, and that nobody waits for a batch that was confirmed.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(crate) fn check_invariants(&self) {
        self.durability.check_invariants();
        self.loading.check_invariants();
        let confirmed = self.durability.confirmed();
        assert!(self.awaiting.keys().all(|batch| *batch > confirmed), "an answer is overdue");
    }

    /// Keeps a submission until a batch is durable.
    pub(crate) fn await_batch(&mut self, batch: u64, ticket: Ticket, id: TransactionId) {
        self.awaiting.entry(batch).or_default().push((ticket, id));
    }

    /// Removes and returns the submissions that waited for the batches up to this one.
    pub(crate) fn pop_awaiting(&mut self, batch: u64) -> Vec<(Ticket, TransactionId)> {
        let later = self.awaiting.split_off(&(batch + 1));
        std::mem::replace(&mut self.awaiting, later).into_values().flatten().collect()
    }
}
