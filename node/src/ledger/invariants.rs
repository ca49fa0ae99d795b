//! What must always be true of a [`Ledger`].

use std::net::SocketAddr;

use chain::Chain;

use super::Ledger;
use super::recipient::Recipient;

impl Ledger {
    /// Who is told about transactions, in the order of their addresses.
    pub(crate) fn recipients(&self) -> impl Iterator<Item = &SocketAddr> {
        self.recipients.keys()
    }

    /// Checks that the pool agrees with the chain, and rows and announcements with the pool.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(crate) fn check_invariants(&self, chain: &Chain) {
        self.pool.check_invariants(chain);
        self.rows.check_invariants();
        for (_, transaction) in self.pool.from_arrival(0) {
            let id = transaction.id();
            assert!(self.rows.get(&id).is_some(), "{id} is in the pool and not on the disk");
            assert!(self.spreads.contains(&id), "{id} is in the pool and not announced");
        }
        for (id, row) in self.rows.iter() {
            let is_kept = self.pool.get(id).is_some() || self.pool.holds(id);
            assert!(is_kept, "row {row} keeps {id}, which the pool has forgotten");
        }
        self.spreads.check_invariants(&self.pool);
        self.recipients.values().for_each(Recipient::check_invariants);
        self.own.check_invariants();
        self.entrusted.check_invariants();
        self.verification.check_invariants();
    }
}
