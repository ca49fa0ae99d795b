//! What sync knows of one neighbour: where its chain ends, and how fast and how reliably blocks come from it.

use std::time::{Duration, Instant};

use protocol::datagram::PeerStatus;

use super::window::Window;
use chain::Candidate;

/// A neighbour that blocks can be fetched from.
#[derive(Debug)]
pub(crate) struct Source {
    /// What it said last of its chain.
    pub(crate) status: Option<PeerStatus>,
    pub(crate) window: Window,
    /// Blocks in a row that it let stall.
    pub(super) stalls: u8,
    /// After a header sync that brought nothing: not before then again.
    pub(crate) headers_not_before: Instant,
    pub(super) headers_wait: Duration,
}

impl Source {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            status: None,
            window: Window::default(),
            stalls: 0,
            headers_not_before: now,
            headers_wait: Duration::ZERO,
        }
    }

    /// The end of its best chain, as it said last.
    pub(super) fn tip(&self) -> Option<Candidate> {
        self.status.map(|status| Candidate { work: status.work, hash: status.tip })
    }
}
