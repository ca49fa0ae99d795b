//! What sync knows about one neighbour: where its chain ends, and how fast and how reliably it
//! delivers blocks.

use std::time::{Duration, Instant};

use protocol::datagram::PeerStatus;

use super::window::Window;
use chain::Candidate;

/// A neighbour from which blocks can be fetched.
#[derive(Debug)]
pub(crate) struct Source {
    /// What the neighbour last reported about its chain.
    pub(crate) status: Option<PeerStatus>,
    pub(crate) window: Window,
    /// The number of blocks in a row that the neighbour let stall.
    pub(super) stalls: u8,
    /// After a header sync that delivered nothing, the neighbour is not asked for headers before
    /// this time.
    pub(crate) headers_not_before: Instant,
    pub(super) headers_wait: Duration,
}

impl Source {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            status: None,
            window: Window::default(),
            stalls: 0,
            headers_not_before: now,
            headers_wait: Duration::ZERO,
        }
    }

    /// The end of the neighbour's best chain, as it was last reported.
    pub(super) fn tip(&self) -> Option<Candidate> {
        self.status.map(|status| Candidate { work: status.work, hash: status.tip })
    }
}
