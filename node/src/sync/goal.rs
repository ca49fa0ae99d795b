//! Decides when to give up a branch. Sync leads to the best header. Headers prove work, but a miner
//! may withhold the bodies, and a body that the disk has lost may be nowhere else. In that case the
//! chain is told to ignore that branch, and the best other branch is fetched instead.
//!
//! Giving up must never be permanent, because somebody may get the bodies later.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::units::{BlockHash, Height, Now};

use crate::Node;
use chain::Chain;

/// A branch counts as withheld after this time without a piece. By then every neighbour has been
/// asked several times.
const PATIENCE: Duration = Duration::from_secs(10);
/// When pieces arrive that never complete a body, they postpone giving up for no longer than this.
const PATIENCE_WITH_PIECES: Duration = Duration::from_secs(60);
/// The most withheld branches that are remembered. Each of them cost its maker more work than our
/// chain contains.
const WITHHELD_MAX: usize = 16;
/// A withheld branch is tried again after this time, for whatever reason it could not be fetched.
const TRY_AGAIN: Duration = Duration::from_secs(60);
/// A withheld branch is also tried again when a new neighbour claims it, but not before this time:
/// otherwise a neighbour with many addresses could keep it going for ever.
const TRY_AGAIN_FOR_CLAIMANT: Duration = Duration::from_secs(15);

/// For how long after the first word of a neighbour its claim to have more blocks is believed without any of them. It
/// takes less to ask for headers, and later on a claim alone must not make a peer say that it is behind.
const CLAIMS_BELIEVED: Duration = Duration::from_secs(10);

/// A branch whose bodies nobody provided.
#[derive(Debug)]
struct Withheld {
    /// The lowest block of the branch whose body is missing or lost.
    hash: BlockHash,
    since: Instant,
    /// The neighbours that claimed this branch and provided nothing. Any other neighbour may have
    /// received the bodies in the meantime, for instance from a miner who wants to keep the network
    /// divided.
    claimants: Vec<SocketAddr>,
}

#[derive(Debug, Default)]
pub(super) struct Goal {
    withheld: VecDeque<Withheld>,
    /// The lowest missing block, and since when it has been missing.
    awaited: Option<(BlockHash, Instant)>,
}

impl Goal {
    /// Remembers a withheld branch. Returns the oldest one if there are too many.
    fn add(&mut self, withheld: Withheld) -> Option<Withheld> {
        self.withheld.push_back(withheld);
        let is_one_too_many = self.withheld.len() > WITHHELD_MAX;
        self.withheld.pop_front_if(|_| is_one_too_many)
    }

    /// Forgets a branch whose lowest body has come after all.
    pub(super) fn forget(&mut self, hash: &BlockHash) {
        self.withheld.retain(|known| known.hash != *hash);
    }

    /// Checks that what is withheld in the chain is what will be taken up again, and that it is not too much.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self, chain: &Chain) {
        assert!(self.withheld.len() <= WITHHELD_MAX, "{} are withheld", self.withheld.len());
        let known: BTreeSet<_> = self.withheld.iter().map(|known| known.hash).collect();
        assert_eq!(known.len(), self.withheld.len(), "a block is withheld twice");
        assert_eq!(known, *chain.withheld_blocks(), "withheld blocks");
    }
}

impl Node {
    /// The height of the best header, or of the tip if nothing is missing.
    pub(crate) fn sync_target(&self) -> Height {
        let goal = self.chain.header(&self.chain.best_header().hash);
        goal.expect("the best header is in the tree").height
    }

    /// The greatest height that a neighbour claims beyond the headers that are known here, while this node has just
    /// come into contact and nobody has looked into that claim yet.
    pub(crate) fn claimed_target(&self, now: Now) -> Option<Height> {
        let is_new = self.sync.first_status_at.is_some_and(|at| now.instant < at + CLAIMS_BELIEVED);
        let best = self.chain.best_header();
        let claims = self.sync.sources.values().filter(|source| is_new && source.is_untried());
        let claims = claims.filter_map(|source| source.status.zip(source.tip(&self.chain)));
        let unknown = claims
            .filter(|(_, tip)| self.prefers(*tip, best) && self.chain.header(&tip.hash).is_none());
        unknown.map(|(status, _)| status.height).max()
    }

    /// Whether most neighbours stand on a better chain than this node counts.
    pub(crate) fn most_count_more(&self) -> bool {
        let own = self.chain.tip();
        self.membership.most_neighbours(|address| {
            let tip = self.sync.sources.get(address)?.tip(&self.chain)?;
            Some(self.prefers(tip, own))
        })
    }

    /// Whether there is a better branch than the best chain, to be fetched.
    pub(super) fn is_behind(&self) -> bool {
        self.prefers(self.chain.best_header(), self.chain.tip())
    }

    /// Gives up a branch if its lowest missing block does not arrive, or comes back if the disk has lost it.
    pub(super) fn watch_goal(&mut self, now: Now) {
        // While nothing is asked for because the disk takes nothing, nobody withholds anything.
        let is_asking = self.disk.durability.has_room() && self.is_behind();
        let lowest = || self.lowest_missing().map(|(_, hash)| hash);
        let Some(lowest) = is_asking.then(lowest).flatten() else {
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
        self.chain.set_withheld(&lowest, true);
        let claimants = self.claimants();
        let withheld = Withheld { hash: lowest, since: now.instant, claimants };
        let oldest = self.sync.goal.add(withheld);
        self.release(oldest);
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

    /// Takes up all withheld branches again, because somebody new may have what nobody had before.
    pub(crate) fn forget_withheld(&mut self) {
        let withheld = std::mem::take(&mut self.sync.goal.withheld);
        self.release(withheld);
    }

    fn release(&mut self, withheld: impl IntoIterator<Item = Withheld>) {
        for known in withheld {
            self.chain.set_withheld(&known.hash, false);
        }
    }

    /// The neighbours whose reported tip is on a branch that was given up.
    fn claimants(&self) -> Vec<SocketAddr> {
        let claims = self.sync.sources.iter();
        claims
            .filter(|(_, neighbour)| {
                neighbour.tip(&self.chain).is_some_and(|tip| self.chain.is_withheld(&tip.hash))
            })
            .map(|(address, _)| *address)
            .collect()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_17_withheld_branches_is_taken_up_again() {
        let mut goal = Goal::default();
        let since = Instant::now();
        let withheld = |number: usize| Withheld {
            hash: BlockHash([u8::try_from(number).expect("few"); 32]),
            since,
            claimants: vec![],
        };
        for number in 0..WITHHELD_MAX {
            assert!(goal.add(withheld(number)).is_none());
        }
        for number in 0..3 {
            let oldest = goal.add(withheld(WITHHELD_MAX + number)).map(|oldest| oldest.hash);
            assert_eq!(oldest, Some(withheld(number).hash));
            assert_eq!(goal.withheld.len(), WITHHELD_MAX);
        }
    }
}
