//! The newest of the transactions that were handed in at this peer, by their age.

use std::collections::{BTreeSet, VecDeque};

use protocol::units::TransactionId;

/// The most transactions that are remembered. They take 350 kB, and are far more than those that
/// are repeated before a leave.
const SUBMITTED_MAX: usize = 4_096;

/// The ids of the newest transactions.
#[derive(Debug, Default)]
pub(super) struct Newest {
    ids: BTreeSet<TransactionId>,
    order: VecDeque<TransactionId>,
}

impl Newest {
    /// Notes that a transaction was handed in. It keeps its age if it was handed in before.
    pub(super) fn insert(&mut self, id: TransactionId) {
        if !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > SUBMITTED_MAX
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
        assert!(self.order.len() <= SUBMITTED_MAX, "{} were handed in", self.order.len());
        assert!(self.order.iter().all(|id| self.ids.contains(id)), "newest transactions by id");
        assert_eq!(self.order.len(), self.ids.len(), "newest transactions by age");
    }

    pub(super) fn contains(&self, id: &TransactionId) -> bool {
        self.ids.contains(id)
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
        let mut newest_ids = Newest::default();
        (0..SUBMITTED_MAX).for_each(|number| newest_ids.insert(id(number)));
        newest_ids.insert(id(0));
        let newest = SUBMITTED_MAX - 1;
        assert!(
            newest_ids.newest_first().eq((0..=newest).rev().map(id).collect::<Vec<_>>().iter())
        );
        newest_ids.insert(id(newest + 1));
        assert_eq!(newest_ids.newest_first().next(), Some(&id(newest + 1)));
        assert_eq!(newest_ids.newest_first().last(), Some(&id(1)), "the oldest gave way");
        assert_eq!(newest_ids.ids.len(), newest_ids.order.len());
    }
}
