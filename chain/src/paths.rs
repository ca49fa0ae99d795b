//! Paths through the tree of blocks: where a branch leaves the best chain, the way from there to a header, and the
//! locator that tells another peer which blocks are known here.

use std::cmp::Ordering;

use protocol::datagram::LOCATOR_MAX;
use protocol::units::{BlockHash, Height};

use super::Chain;

/// How many blocks of a branch are looked at to find where it leaves the best chain. Whoever is further away is being
/// caught up with, or is on a branch of its own.
pub(super) const BRANCH_WALK_MAX: usize = 256;

impl Chain {
    /// Hashes that tell another peer where this peer's best branch of headers runs: the newest ten,
    /// then hashes at doubling distances, and finally the genesis block (as in Bitcoin's
    /// `getheaders`).
    #[must_use]
    pub fn locator(&self) -> Vec<BlockHash> {
        let (above, fork) = self.path_from_best_chain(self.best_header.hash);
        let hash_at = |height: u64| match height.checked_sub(fork.0 + 1) {
            Some(index) => above[usize::try_from(index).expect("it indexes memory")],
            None => self.best_hash(Height(height)).expect("at or below the fork"),
        };
        let mut height = fork.0 + above.len() as u64;
        let (mut locator, mut step) = (Vec::new(), 1);
        while height > 0 && locator.len() < LOCATOR_MAX - 1 {
            locator.push(hash_at(height));
            if locator.len() >= 10 {
                step *= 2;
            }
            height = height.saturating_sub(step);
        }
        locator.push(self.best[0]);
        locator
    }

    /// The height of the first hash in a locator that is on the best chain.
    #[must_use]
    pub fn find_fork(&self, locator: &[BlockHash]) -> Option<Height> {
        let known = locator.iter().find(|hash| self.is_on_best_chain(hash))?;
        self.header(known).map(|header| header.height)
    }

    /// The blocks between the best chain and a header of the tree, up to that one, with their
    /// heights.
    #[must_use]
    pub fn way_from_best_chain(&self, end: BlockHash) -> Vec<(Height, BlockHash)> {
        let (above, Height(fork)) = self.path_from_best_chain(end);
        (fork + 1..).map(Height).zip(above).collect()
    }

    /// The height up to which the branch that ends in `end` is the best chain. `None` if its end is not known here, or
    /// if it leaves the best chain more than `BRANCH_WALK_MAX` blocks below its end: such a branch can't be told to
    /// hold anything.
    #[must_use]
    pub fn fork_with(&self, end: &BlockHash) -> Option<Height> {
        let mut hash = *end;
        for _ in 0..=BRANCH_WALK_MAX {
            let header = self.header(&hash)?;
            if self.is_on_best_chain(&hash) {
                return Some(header.height);
            }
            hash = header.previous;
        }
        None
    }

    /// The block at a height of the branch that ends in a known block: the block itself, or its ancestor. Costs a walk
    /// from there down to the best chain.
    #[must_use]
    pub fn ancestor_at(&self, hash: &BlockHash, height: Height) -> Option<BlockHash> {
        let mut hash = *hash;
        loop {
            let header = self.header(&hash)?;
            match header.height.cmp(&height) {
                Ordering::Less => return None,
                Ordering::Equal => return Some(hash),
                Ordering::Greater if self.is_on_best_chain(&hash) => return self.best_hash(height),
                Ordering::Greater => hash = header.previous,
            }
        }
    }

    /// Whether a known block is `ancestor` or descends from it. Costs as much as [`ancestor_at`](Self::ancestor_at).
    #[must_use]
    pub fn descends_from(&self, hash: &BlockHash, ancestor: &BlockHash) -> bool {
        let height = self.header(ancestor).map(|header| header.height);
        height.is_some_and(|height| self.ancestor_at(hash, height) == Some(*ancestor))
    }

    /// The blocks between the best chain and `hash`, in ascending order, and the height at which
    /// they leave the best chain.
    pub(super) fn path_from_best_chain(&self, hash: BlockHash) -> (Vec<BlockHash>, Height) {
        let mut above = Vec::new();
        let mut hash = hash;
        while !self.is_on_best_chain(&hash) {
            above.push(hash);
            hash = self.entry(&hash).header.previous;
        }
        above.reverse();
        (above, self.entry(&hash).header.height)
    }
}
