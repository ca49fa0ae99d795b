//! What must always be true of a [`Membership`].

use chain::Candidate;
use protocol::datagram::LEFT_MAX;
use protocol::units::Height;

use super::Membership;
use super::neighbours::NEIGHBOURS_MAX;
use crate::config::NEIGHBOURS_BY_HAND_MAX;

impl Membership {
    /// Checks that no table exceeds its bound, and that POKEs carry the given tip.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(crate) fn check_invariants(&self, tip: Candidate, height: Height) {
        assert_eq!(self.tip, (height, tip.hash, tip.work), "the tip in POKEs");
        let neighbours = self.neighbours.len();
        assert!(neighbours <= NEIGHBOURS_MAX, "{neighbours} neighbours");
        for (address, neighbour) in self.neighbours.iter() {
            assert!(!self.probes.is_own(address), "this node is a neighbour of itself");
            neighbour.check_invariants(self.rules);
        }
        assert!(self.departed.len() <= LEFT_MAX, "{} that left are told of", self.departed.len());
        self.probes.check_invariants();
        self.trackers.check_invariants();
        assert!(self.by_name.len() <= NEIGHBOURS_BY_HAND_MAX, "{} by name", self.by_name.len());
        self.contact.check_invariants();
        self.inner.check_invariants();
    }
}
