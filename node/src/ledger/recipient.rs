//! What one neighbour is known to have of the pool, so that nothing is sent to it twice and users can be told who else
//! has their votes. The memory is bounded; a transaction that is forgotten is merely announced once more than
//! necessary, and told to be held by one fewer.

use std::collections::{BTreeSet, VecDeque};

use protocol::units::{IdPrefix, TransactionId};

use super::pool::Arrival;

/// The number of transactions that are remembered as known by a neighbour, which covers the last
/// minute under heavy load.
pub(super) const KNOWN_MAX: usize = 8_192;
/// The most transactions of one neighbour that wait for the disk before they are acknowledged to it. What finds no room
/// is acknowledged when the neighbour announces it again.
pub(super) const UNACKNOWLEDGED_MAX: usize = 8_192;

/// A neighbour to which transactions are announced.
#[derive(Debug)]
pub(super) struct Recipient {
    /// The transactions that the neighbour sent to us.
    pub(super) known: Known<TransactionId>,
    /// The transactions that the neighbour said to have, once it had them durably.
    pub(super) acknowledged: Known<IdPrefix>,
    /// The transactions that the neighbour is to be told to be here as soon as they are durable.
    pub(super) unacknowledged: BTreeSet<TransactionId>,
    /// While the neighbour is new: the position in the pool's order of arrival from which the pool
    /// is sent next.
    pub(super) pool_cursor: Option<Arrival>,
}

impl Default for Recipient {
    fn default() -> Self {
        Self {
            known: Known::default(),
            acknowledged: Known::default(),
            unacknowledged: BTreeSet::new(),
            pool_cursor: Some(0),
        }
    }
}

impl Recipient {
    /// Whether the neighbour sent the transaction or said to have it.
    pub(super) fn holds(&self, id: &TransactionId) -> bool {
        self.known.contains(id) || self.acknowledged.contains(&id.prefix())
    }

    /// Notes that the neighbour is to be told that a transaction is here.
    pub(super) fn owe_acknowledgement(&mut self, id: TransactionId) {
        if self.unacknowledged.len() < UNACKNOWLEDGED_MAX {
            self.unacknowledged.insert(id);
        }
    }

    /// Checks the sets, and that not too many acknowledgements wait.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        self.known.check_invariants();
        self.acknowledged.check_invariants();
        assert!(self.unacknowledged.len() <= UNACKNOWLEDGED_MAX, "acknowledgements that wait");
    }
}

/// The ids of the newest transactions, whole or by their first bytes.
#[derive(Debug)]
pub(super) struct Known<Id> {
    ids: BTreeSet<Id>,
    order: VecDeque<Id>,
}

impl<Id> Default for Known<Id> {
    fn default() -> Self {
        Self { ids: BTreeSet::new(), order: VecDeque::new() }
    }
}

impl<Id: Copy + Ord> Known<Id> {
    /// Adds an id. Returns false if it was there already.
    pub(super) fn insert(&mut self, id: Id) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > KNOWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
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

    pub(super) fn contains(&self, id: &Id) -> bool {
        self.ids.contains(id)
    }
}
