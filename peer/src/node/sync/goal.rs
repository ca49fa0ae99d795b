//! Which branch to fetch: that of the best header, unless nobody has its bodies. Headers show work, but a
//! miner may withhold the bodies; then the best branch that a neighbour stands on is fetched instead.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::units::{BlockHash, Height, Now};

use crate::chain::Candidate;
use crate::node::Node;

/// Without a piece for this long, and every neighbour asked several times, a branch counts as withheld.
const PATIENCE: Duration = Duration::from_secs(10);
/// Withheld branches remembered; each cost its maker more work than our chain has.
const WITHHELD_MAX: usize = 16;
/// A withheld branch is tried again after this long, for whatever reason it could not be had.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// A branch whose bodies nobody gave.
#[derive(Debug)]
struct Withheld {
    hash: BlockHash,
    since: Instant,
    /// Neighbours that claimed to stand on it and gave nothing. Any other one may have been given the bodies
    /// meanwhile, as by a miner who wants to keep the network apart.
    claimants: Vec<SocketAddr>,
}

#[derive(Debug, Default)]
pub(super) struct Goal {
    withheld: VecDeque<Withheld>,
    /// The goal as it was looked at last, and since when it is.
    current: Option<(BlockHash, Instant)>,
}

impl Node {
    /// The end of the branch that is fetched.
    pub(in crate::node) fn sync_goal(&self) -> Candidate {
        let (best, tip) = (self.chain.best_header(), self.chain.tip());
        let is_withheld = |hash| self.sync.goal.withheld.iter().any(|known| known.hash == hash);
        if !is_withheld(best.hash) {
            return best;
        }
        let claimed = self.neighbours.iter().filter_map(|(_, neighbour)| neighbour.tip());
        claimed
            .filter(|claimed| !is_withheld(claimed.hash))
            .filter(|claimed| !self.chain.is_invalid(&claimed.hash))
            .filter_map(|Candidate { hash, .. }| {
                Some(Candidate { work: self.chain.work(&hash)?, hash })
            })
            .fold(tip, |goal, other| if self.prefers(other, goal) { other } else { goal })
    }

    /// Height of the goal; the tip's when nothing is missing.
    pub(in crate::node) fn sync_target(&self) -> Height {
        let goal = self.chain.header(&self.sync_goal().hash);
        goal.map_or(self.chain.tip_header().height, |header| header.height)
    }

    /// Gives up a goal towards which nothing moves.
    pub(super) fn watch_goal(&mut self, now: Now) {
        let goal = self.sync_goal();
        if !self.prefers(goal, self.chain.tip()) {
            self.sync.goal.current = None;
            return;
        }
        let since = match self.sync.goal.current {
            Some((hash, since)) if hash == goal.hash => since,
            Some(_) | None => {
                self.sync.goal.current = Some((goal.hash, now.instant));
                now.instant
            }
        };
        let progress_at = self.sync.progress_at.map_or(since, |at| at.max(since));
        if now.instant < progress_at + PATIENCE {
            return;
        }
        if self.sync.goal.withheld.len() >= WITHHELD_MAX {
            self.sync.goal.withheld.pop_front();
        }
        let claimants = self.claimants(goal.hash);
        let withheld = Withheld { hash: goal.hash, since: now.instant, claimants };
        self.sync.goal.withheld.push_back(withheld);
        self.sync.goal.current = None;
    }

    /// Takes up branches again that somebody may have by now.
    pub(super) fn try_withheld_again(&mut self, now: Now) {
        let mut withheld = std::mem::take(&mut self.sync.goal.withheld);
        withheld.retain(|known| {
            let claimants = self.claimants(known.hash);
            now.instant < known.since + TRY_AGAIN
                && claimants.iter().all(|claimant| known.claimants.contains(claimant))
        });
        self.sync.goal.withheld = withheld;
    }

    /// Neighbours that say that they stand on a block.
    fn claimants(&self, hash: BlockHash) -> Vec<SocketAddr> {
        let claims = self.neighbours.iter();
        claims
            .filter(|(_, neighbour)| neighbour.tip().is_some_and(|tip| tip.hash == hash))
            .map(|(address, _)| *address)
            .collect()
    }

    /// Somebody new may have what nobody had.
    pub(in crate::node) fn forget_withheld(&mut self) {
        self.sync.goal = Goal::default();
    }
}
