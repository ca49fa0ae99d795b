//! Which branch to fetch: that of the best header, unless nobody has its bodies. Headers show work, but a
//! miner may withhold the bodies; then the best branch that a neighbour stands on is fetched instead.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::units::{BlockHash, Height, Now};

use crate::chain::Candidate;
use crate::node::Node;

/// Without a piece for this long, and every neighbour asked several times, a branch counts as withheld.
const PATIENCE: Duration = Duration::from_secs(10);
/// Withheld branches remembered; each cost its maker more work than our chain has.
const WITHHELD_MAX: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Goal {
    withheld: VecDeque<BlockHash>,
    /// The goal as it was looked at last, and since when it is.
    current: Option<(BlockHash, Instant)>,
}

impl Node {
    /// The end of the branch that is fetched.
    pub(in crate::node) fn sync_goal(&self) -> Candidate {
        let (best, tip) = (self.chain.best_header(), self.chain.tip());
        let withheld = &self.sync.goal.withheld;
        if !withheld.contains(&best.hash) {
            return best;
        }
        let claimed = self.neighbours.iter().filter_map(|(_, neighbour)| neighbour.tip());
        claimed
            .filter(|claimed| !withheld.contains(&claimed.hash))
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
        self.sync.goal.withheld.push_back(goal.hash);
    }

    /// Somebody new may have what nobody had.
    pub(in crate::node) fn forget_withheld(&mut self) {
        self.sync.goal = Goal::default();
    }
}
