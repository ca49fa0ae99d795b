//! What sync knows about one neighbour: where its chain ends, and how fast and how reliably it
//! delivers blocks.

use std::cell::Cell;
use std::time::{Duration, Instant};

use protocol::datagram::PeerStatus;
use protocol::units::{BlockHash, Height};

use super::window::Window;
use chain::{Candidate, Chain};

/// Where two chains with these ends part.
#[derive(Debug, Clone, Copy)]
struct Fork {
    theirs: BlockHash,
    ours: BlockHash,
    height: Height,
}

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
    /// Since when it is a neighbour.
    met_at: Instant,
    /// Where its chain left ours when that was last looked up, which may be asked many times in a row.
    fork: Cell<Option<Fork>>,
}

impl Source {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            status: None,
            window: Window::default(),
            stalls: 0,
            headers_not_before: now,
            headers_wait: Duration::ZERO,
            met_at: now,
            fork: Cell::new(None),
        }
    }

    /// Whether no header sync with it was in vain.
    pub(super) fn is_untried(&self) -> bool {
        self.headers_wait.is_zero()
    }

    /// Up to which height its chain is the same as the best chain here, if that is known.
    pub(crate) fn fork(&self, chain: &Chain) -> Option<Height> {
        let (theirs, ours) = (self.status?.tip, chain.tip().hash);
        let known = self.fork.get().filter(|known| (known.theirs, known.ours) == (theirs, ours));
        if let Some(known) = known {
            return Some(known.height);
        }
        let height = chain.fork_with(&theirs)?;
        self.fork.set(Some(Fork { theirs, ours, height }));
        Some(height)
    }

    /// Allows the neighbour to be asked for headers at once.
    pub(super) fn forget_fruitless_wait(&mut self) {
        self.headers_wait = Duration::ZERO;
        self.headers_not_before = self.met_at;
    }

    /// The end of the neighbour's best chain, as it was last reported.
    pub(super) fn tip(&self, chain: &Chain) -> Option<Candidate> {
        self.status.map(|status| chain.claimed(status.work, status.tip))
    }
}
