//! Which blocks' time has come. A clock that was set back makes blocks early that were none before: they leave the best
//! chain, wait, and come back when their time does. Nothing is ever remembered as invalid for its time.

use std::collections::BTreeSet;

use protocol::units::{BlockHash, UnixMillis};

use super::Chain;
use super::tree::Entry;

/// Blocks by their times, and the latest time that a block may bear now.
#[derive(Debug)]
pub(super) struct Due {
    latest: UnixMillis,
    /// No header that was ever added is later.
    newest: UnixMillis,
    /// The blocks of the tree whose time has not come.
    early: BTreeSet<(UnixMillis, BlockHash)>,
}

impl Due {
    /// Everything is due until a time is known.
    pub(super) fn new() -> Self {
        Self { latest: UnixMillis(u64::MAX), newest: UnixMillis(0), early: BTreeSet::new() }
    }

    /// Notes that a block was added to the tree.
    pub(super) fn add(&mut self, time: UnixMillis, hash: BlockHash) {
        self.newest = self.newest.max(time);
        if time > self.latest {
            self.early.insert((time, hash));
        }
    }

    /// Whether a block's time has come. The genesis block has no time of its own.
    pub(super) fn has(&self, entry: &Entry) -> bool {
        entry.header.height.0 == 0 || entry.header.time <= self.latest
    }

    /// Forgets the blocks that are not in the tree any more.
    pub(super) fn retain(&mut self, is_known: impl Fn(&BlockHash) -> bool) {
        self.early.retain(|(_, hash)| is_known(hash));
    }

    /// Checks that the early blocks are those of the tree.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants<'a>(
        &self,
        tree: impl Iterator<Item = (&'a BlockHash, &'a Entry)>,
    ) {
        let early = tree.filter(|(_, entry)| !self.has(entry));
        let early: BTreeSet<_> = early.map(|(hash, entry)| (entry.header.time, *hash)).collect();
        assert_eq!(self.early, early, "blocks whose time has not come");
    }
}

impl Chain {
    /// Tells the chain the time, by which blocks are due or wait. Returns whether that changed for any block;
    /// [`advance`](Self::advance) then leaves what is not due any more, or joins what is due now.
    ///
    /// What is final is due, whatever this clock says: a quorum of validators saw that its time had come.
    pub fn set_time(&mut self, now: UnixMillis) -> bool {
        let latest = now.plus(self.timing.ahead_max);
        self.set_latest(latest.max(self.final_time()))
    }

    /// The final block has moved.
    pub(super) fn follow_final_time(&mut self) {
        self.set_latest(self.due.latest.max(self.final_time()));
    }

    /// The genesis block, which is final from the start, has no time of its own.
    fn final_time(&self) -> UnixMillis {
        let header = self.header(&self.final_block().hash).filter(|header| header.height.0 > 0);
        header.map_or(UnixMillis(0), |header| header.time)
    }

    fn set_latest(&mut self, latest: UnixMillis) -> bool {
        let before = std::mem::replace(&mut self.due.latest, latest);
        if latest < before && latest < self.due.newest {
            let early = self.tree.iter().filter(|(_, entry)| !self.due.has(entry));
            let early: BTreeSet<_> =
                early.map(|(hash, entry)| (entry.header.time, *hash)).collect();
            let is_changed = early != self.due.early;
            self.due.early = early;
            if is_changed {
                self.find_best_header();
            }
            return is_changed;
        }
        let is_due = |first: &(UnixMillis, BlockHash)| first.0 <= latest;
        if !self.due.early.first().is_some_and(is_due) {
            return false;
        }
        self.due.early.retain(|(time, _)| *time > latest);
        self.find_best_header();
        true
    }

    /// The times of the blocks that are here with all that is below them and whose time has not come, ascending. Each
    /// is due once the clock is at most [`time_ahead_max`](crate::time_ahead_max) behind it.
    pub fn waiting_for_their_time(&self) -> impl Iterator<Item = UnixMillis> {
        self.due.early.iter().filter(|(_, hash)| self.is_complete(hash)).map(|(time, _)| *time)
    }

    /// Whether the time of a known block has come.
    pub(super) fn is_due(&self, hash: &BlockHash) -> bool {
        self.due.has(self.entry(hash))
    }

    /// How many blocks of the best chain are due, from the genesis block on.
    pub(super) fn due_on_best_chain(&self) -> usize {
        self.best.partition_point(|hash| self.is_due(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::panic_message;

    #[test]
    fn a_block_is_early_if_it_is_later_than_the_latest_time_and_forgotten_with_its_header() {
        let mut due = Due { latest: UnixMillis(100), ..Due::new() };
        let hash = |number| BlockHash([number; 32]);
        for (number, time) in [(1, 99), (2, 100), (3, 101), (4, 102)] {
            due.add(UnixMillis(time), hash(number));
        }
        let early = |due: &Due| due.early.iter().map(|(time, _)| time.0).collect::<Vec<_>>();
        assert_eq!((early(&due), due.newest), (vec![101, 102], UnixMillis(102)));
        due.retain(|known| *known == hash(4));
        assert_eq!(early(&due), [102]);
        let message = panic_message(|| due.check_invariants(std::iter::empty()));
        assert!(message.contains("blocks whose time has not come"), "{message}");
    }
}
