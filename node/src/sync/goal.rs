//! When to give up a branch. Sync leads to the best header; headers show work, but a miner may withhold the
//! bodies. Then the chain is told to pass over that branch, and the best one besides it is fetched instead.
//!
//! Giving up must never be for ever: somebody may get the bodies later.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::units::{BlockHash, Height, Now};

use crate::Node;

/// Without a piece for this long, and every neighbour asked several times, a branch counts as withheld.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pieces that never make a body whole don't count for longer than this.
const PATIENCE_WITH_PIECES: Duration = Duration::from_secs(60);
/// Withheld branches remembered; each cost its maker more work than our chain has.
const WITHHELD_MAX: usize = 16;
/// A withheld branch is tried again after this long, for whatever reason it could not be had.
const TRY_AGAIN: Duration = Duration::from_secs(60);
/// Or when a new neighbour stands on it, but not before this: one with many addresses could go on for ever.
const TRY_AGAIN_FOR_CLAIMANT: Duration = Duration::from_secs(15);

/// A branch whose bodies nobody gave.
#[derive(Debug)]
struct Withheld {
    /// Its lowest block without a body.
    hash: BlockHash,
    since: Instant,
    /// Neighbours that claimed to stand on it and gave nothing. Any other one may have been given the bodies
    /// meanwhile, as by a miner who wants to keep the network apart.
    claimants: Vec<SocketAddr>,
}

#[derive(Debug, Default)]
pub(super) struct Goal {
    withheld: VecDeque<Withheld>,
    /// The lowest block that is missing, and since when.
    awaited: Option<(BlockHash, Instant)>,
}

impl Node {
    /// Height of the best header; the tip's when nothing is missing.
    pub(crate) fn sync_target(&self) -> Height {
        let goal = self.chain.header(&self.chain.best_header().hash);
        goal.expect("the best header is in the tree").height
    }

    /// Whether there is a better branch than the best chain, to be fetched.
    pub(crate) fn is_behind(&self) -> bool {
        self.prefers(self.chain.best_header(), self.chain.tip())
    }

    /// Gives a branch up whose lowest missing block does not come.
    pub(super) fn watch_goal(&mut self, now: Now) {
        let lowest = self.lowest_missing().filter(|_| self.is_behind());
        let Some(lowest) = lowest else {
            self.sync.goal.awaited = None;
            return;
        };
        let since = match self.sync.goal.awaited {
            Some((hash, since)) if hash == lowest => since,
            Some(_) | None => now.instant,
        };
        self.sync.goal.awaited = Some((lowest, since));
        let whole_at = self.sync.whole_at.map_or(since, |at| at.max(since));
        let piece_at = self.sync.piece_at.map_or(whole_at, |at| at.max(whole_at));
        if now.instant < piece_at + PATIENCE && now.instant < whole_at + PATIENCE_WITH_PIECES {
            return;
        }
        self.sync.goal.awaited = None;
        if self.sync.goal.withheld.len() >= WITHHELD_MAX
            && let Some(oldest) = self.sync.goal.withheld.pop_front()
        {
            self.chain.set_withheld(&oldest.hash, false);
        }
        self.chain.set_withheld(&lowest, true);
        let claimants = self.claimants();
        let withheld = Withheld { hash: lowest, since: now.instant, claimants };
        self.sync.goal.withheld.push_back(withheld);
    }

    /// Takes up branches again that somebody may have by now.
    pub(super) fn retry_withheld(&mut self, now: Now) {
        if self.sync.goal.withheld.is_empty() {
            return;
        }
        let claimants = self.claimants();
        let (again, still) = std::mem::take(&mut self.sync.goal.withheld).into_iter().partition(
            |known: &Withheld| {
                let waited = now.instant.saturating_duration_since(known.since);
                let is_new = |claimant: &SocketAddr| !known.claimants.contains(claimant);
                waited >= TRY_AGAIN
                    || waited >= TRY_AGAIN_FOR_CLAIMANT && claimants.iter().any(is_new)
            },
        );
        self.sync.goal.withheld = still;
        self.release(again);
    }

    /// Somebody new may have what nobody had.
    pub(crate) fn forget_withheld(&mut self) {
        let withheld = std::mem::take(&mut self.sync.goal.withheld);
        self.release(withheld);
    }

    fn release(&mut self, withheld: VecDeque<Withheld>) {
        for known in withheld {
            self.chain.set_withheld(&known.hash, false);
        }
    }

    /// Neighbours that say that they stand on a branch that was given up.
    fn claimants(&self) -> Vec<SocketAddr> {
        let claims = self.sync.sources.iter();
        claims
            .filter(|(_, neighbour)| {
                neighbour.tip().is_some_and(|tip| self.chain.is_withheld(&tip.hash))
            })
            .map(|(address, _)| *address)
            .collect()
    }
}
