//! Records which row on the disk stores which transaction of the pool. Row numbers rise, and none
//! is ever used again.

use std::collections::{BTreeMap, BTreeSet};

use protocol::units::TransactionId;

#[derive(Debug, Default)]
pub(super) struct Rows {
    by_id: BTreeMap<TransactionId, u64>,
    last: u64,
}

impl Rows {
    pub(super) fn get(&self, id: &TransactionId) -> Option<u64> {
        self.by_id.get(id).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TransactionId, u64)> {
        self.by_id.iter().map(|(id, row)| (id, *row))
    }

    /// Checks that no two transactions share a row, and that new rows will be new.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        let rows: BTreeSet<u64> = self.by_id.values().copied().collect();
        assert_eq!(rows.len(), self.by_id.len(), "two transactions share a row");
        assert!(rows.last().is_none_or(|last| *last <= self.last), "a row would be used twice");
    }

    /// Assigns a new row to a transaction; `None` if it already has one.
    pub(super) fn insert(&mut self, id: TransactionId) -> Option<u64> {
        if self.by_id.contains_key(&id) {
            return None;
        }
        self.last += 1;
        self.by_id.insert(id, self.last);
        Some(self.last)
    }

    /// Records a row that the disk has from an earlier run. Returns false if the transaction has another row already.
    pub(super) fn remember(&mut self, id: TransactionId, row: u64) -> bool {
        self.last = self.last.max(row);
        *self.by_id.entry(id).or_insert(row) == row
    }

    pub(super) fn remove(&mut self, id: &TransactionId) -> Option<u64> {
        self.by_id.remove(id)
    }
}
