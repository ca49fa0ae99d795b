//! What must always be true of a [`Node`], whatever datagrams, users, disk and clock did to it: what its parts keep for
//! speed is what they would find by looking again, its parts agree with each other, and nothing is larger than its
//! bound.
//!
//! These checks recompute and compare; they must never change or repair anything, and a released program never runs
//! them. Each part has its own, beside its private state.

use crate::Node;

/// The size of a chain and pool, in blocks, voters and transactions, above which debug builds no longer check them
/// after every command: their users would notice.
const CHECKED_SIZE_MAX: usize = 2_048;

impl Node {
    /// Checks everything that must always be true of a node once its outputs are drained. Costs a walk over the whole
    /// chain, the way to the best header, and the pool.
    ///
    /// # Panics
    /// When an invariant does not hold, which is a defect of this crate.
    pub fn check_invariants(&self) {
        self.chain.check_invariants();
        self.ledger.check_invariants(&self.chain);
        self.sync.check_plan(&self.chain);
        self.check_small_invariants();
    }

    /// Checks that part of them that costs no more than the tables of neighbours, requests and probes are long.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub fn check_small_invariants(&self) {
        self.membership.check_invariants(self.chain.tip(), self.chain.tip_header().height);
        self.sync.check_invariants(&self.chain, &self.limits);
        self.disk.check_invariants();
        self.own_alone.check_invariants();
        self.progress.check_invariants();
        self.closing.check_invariants();
        if let Some(finality) = &self.finality {
            finality.check_invariants();
        }
        let neighbours = self.membership.addresses();
        assert!(self.sync.sources.keys().eq(&neighbours), "neighbours, and whom blocks come from");
        assert!(self.ledger.recipients().eq(&neighbours), "neighbours, and who hears of votes");
    }

    /// Checks all of it after a command, as far as it costs nothing that a user would notice.
    pub(crate) fn check_after_command(&self) {
        let blocks = usize::try_from(self.chain.tip_header().height.0).unwrap_or(usize::MAX);
        let others = self.chain.registered_voters() + self.ledger.pool().len();
        if blocks.saturating_add(others) <= CHECKED_SIZE_MAX {
            self.check_invariants();
        } else {
            self.check_small_invariants();
        }
    }
}
