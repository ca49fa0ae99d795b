//! What one neighbour is known to have of the pool, so that nothing is sent to it twice. The memory
//! is bounded; a transaction that is forgotten is merely announced once more than necessary.

use std::collections::{BTreeSet, VecDeque};

use protocol::units::TransactionId;

use super::pool::Arrival;

/// The number of transactions that are remembered as known by a neighbour, which covers the last
/// minute under heavy load.
pub(super) const KNOWN_MAX: usize = 8_192;

/// A neighbour to which transactions are announced.
#[derive(Debug)]
pub(super) struct Recipient {
    /// The transactions that the neighbour sent to us.
    pub(super) known: Known,
    /// While the neighbour is new: the position in the pool's order of arrival from which the pool
    /// is sent next.
    pub(super) pool_cursor: Option<Arrival>,
}

impl Default for Recipient {
    fn default() -> Self {
        Self { known: Known::default(), pool_cursor: Some(0) }
    }
}

/// The ids of the newest transactions.
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

    /// Checks that both indexes name the same transactions, and that there are not too many.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        assert!(self.ids.len() <= KNOWN_MAX, "{} transactions are known", self.ids.len());
        assert_eq!(self.order.len(), self.ids.len(), "known transactions by age");
        assert!(self.order.iter().all(|id| self.ids.contains(id)), "known transactions by id");
    }

    pub(super) fn contains(&self, id: &TransactionId) -> bool {
        self.ids.contains(id)
    }
}
