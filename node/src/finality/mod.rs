//! Finality: what validators signed, what that makes final, and what this node's own validator signs.

pub(crate) mod records;
pub(crate) mod views;

use protocol::units::Now;

use crate::Node;
use records::Signed;

impl Node {
    /// What came of an [`Output::Sign`](crate::Output::Sign).
    pub fn handle_signed(&mut self, signed: Signed, now: Now) {
        tracing::trace!(?signed, ?now, "signed");
    }
}
