//! Which transactions this peer's own user or its API handed in, and in which order.
//!
//! What an earlier run left on the disk may be among them, which its row does not tell. It counts as own, and as older
//! than all that is handed in after the start.

use std::collections::{BTreeSet, VecDeque};

use protocol::units::TransactionId;

/// The most own transactions that are remembered. They take 350 kB, and are far more than those that
/// are repeated before a leave.
const OWN_TRANSACTIONS_MAX: usize = 4_096;

/// The ids of the newest own transactions.
#[derive(Debug, Default)]
pub(super) struct Own {
    ids: BTreeSet<TransactionId>,
    order: VecDeque<TransactionId>,
}

impl Own {
    /// Notes that a transaction was handed in. It keeps its age if it was handed in before.
    pub(super) fn insert(&mut self, id: TransactionId) {
        if !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > OWN_TRANSACTIONS_MAX
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
        assert!(self.order.len() <= OWN_TRANSACTIONS_MAX, "{} are own", self.order.len());
        assert!(self.order.iter().all(|id| self.ids.contains(id)), "own transactions by id");
        assert_eq!(self.order.len(), self.ids.len(), "own transactions by age");
    }

    /// The ids, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &TransactionId> {
        self.order.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> TransactionId {
        let mut id = TransactionId([0; 32]);
        // Not in the order of their ages.
        id.0[..8].copy_from_slice(&(number as u64).reverse_bits().to_be_bytes());
        id
    }

    #[test]
    fn the_newest_are_remembered_by_their_age() {
        let mut own = Own::default();
        (0..OWN_TRANSACTIONS_MAX).for_each(|number| own.insert(id(number)));
        own.insert(id(0));
        let newest = OWN_TRANSACTIONS_MAX - 1;
        assert!(own.newest_first().eq((0..=newest).rev().map(id).collect::<Vec<_>>().iter()));
        own.insert(id(newest + 1));
        assert_eq!(own.newest_first().next(), Some(&id(newest + 1)));
        assert_eq!(own.newest_first().last(), Some(&id(1)), "the oldest gave way");
        assert_eq!(own.ids.len(), own.order.len());
    }
}
