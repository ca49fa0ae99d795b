//! What one neighbour is known to have of the pool, so that nothing is sent to it twice. Bounded: what is forgotten is
//! announced once more than needed.

use std::collections::{BTreeSet, VecDeque};

use protocol::units::TransactionId;

use super::pool::Arrival;

/// Transactions remembered as known by a neighbour: those of the last minute under heavy load.
const KNOWN_MAX: usize = 8_192;

/// A neighbour that transactions are announced to.
#[derive(Debug)]
pub(super) struct Recipient {
    /// Transactions that it sent to us.
    pub(super) known: Known,
    /// Where in the pool's order of arrival to go on sending, while it is new.
    pub(super) pool_cursor: Option<Arrival>,
}

impl Default for Recipient {
    fn default() -> Self {
        Self { known: Known::default(), pool_cursor: Some(0) }
    }
}

/// Ids of transactions, the newest of them.
#[derive(Debug, Default)]
pub(super) struct Known {
    ids: BTreeSet<TransactionId>,
    order: VecDeque<TransactionId>,
}

impl Known {
    pub(super) fn insert(&mut self, id: TransactionId) {
        if !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > KNOWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, id: &TransactionId) -> bool {
        self.ids.contains(id)
    }
}
