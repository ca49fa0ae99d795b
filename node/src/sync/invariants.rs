//! What must always be true of [`Sync`].

use chain::Chain;

use super::Sync;
use super::fetching::ahead_bytes_most;
use crate::limits::Limits;

impl Sync {
    /// Checks that requests, windows and fetches agree with each other and with the chain, and that no table exceeds
    /// its bound.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(crate) fn check_invariants(&self, chain: &Chain, limits: &Limits) {
        self.requests.check_invariants();
        for (address, source) in &self.sources {
            let in_flight = self.requests.in_flight(address);
            assert_eq!(source.window.in_flight(), in_flight, "pieces in flight from {address}");
        }
        self.bodies.check_invariants(chain);
        let most = ahead_bytes_most(limits.ahead_bytes_max, chain.election());
        let ahead = self.bodies.bytes_ahead();
        assert!(ahead <= most, "{ahead} bytes are ahead of the best chain");
        for fetch in self.bodies.fetches.values() {
            assert!(self.sources.contains_key(&fetch.neighbour), "a stranger is asked for a body");
        }
        if let Some(headers) = &self.headers {
            assert!(
                self.sources.contains_key(&headers.neighbour),
                "a stranger is asked for headers"
            );
            headers.check_invariants();
        }
        self.goal.check_invariants(chain);
        self.announcements.check_invariants(limits);
        self.early_headers.check_invariants(limits);
        self.encoded_bodies.check_invariants();
    }

    /// Checks that the plan is the way to the best header. Costs a walk over that way.
    ///
    /// # Panics
    /// When it is not.
    pub(crate) fn check_plan(&self, chain: &Chain) {
        self.bodies.check_plan(chain);
    }
}
