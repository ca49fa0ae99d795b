//! The count at the final block, which never goes down, beside the count at the tip, which may.
//!
//! It is one more [`Tally`] and a height, and follows the final block along the best chain, so it takes no memory for
//! the blocks in between. What has left the memory by then is asked for as for a move to another branch. It never
//! guesses: while bodies are read, there is no final count.

use protocol::election::Election;
use protocol::units::{BlockHash, Height};

use super::Chain;
use super::branch::{Placed, Tally};
use super::fork_choice::Standing;
use super::summary::BlockEffects;

/// How many bodies are asked for at a time to count them.
const COUNTED_AT_A_TIME: usize = 64;

/// The count of the best chain up to a height, on the way to the final block's.
#[derive(Debug)]
pub(super) struct FinalTally {
    pub(super) tally: Tally,
    pub(super) counted: Height,
}

impl FinalTally {
    pub(super) fn new(election: &Election) -> Self {
        Self { tally: Tally::new(election), counted: Height(0) }
    }

    fn add(&mut self, height: Height, effects: &BlockEffects) {
        self.tally.change(effects, |count, votes| *count += votes);
        self.counted = height;
    }

    /// Takes the block at this height off, which is the last one counted that has votes.
    fn subtract(&mut self, height: Height, effects: &BlockEffects) {
        self.tally.change(effects, |count, votes| *count = count.saturating_sub(votes));
        self.counted = Height(height.0 - 1);
    }

    /// Notes that blocks leave the best chain, from the tip downwards.
    pub(super) fn leave(&mut self, blocks: &[Placed]) {
        for Placed { height, effects, .. } in blocks {
            if *height <= self.counted {
                self.subtract(*height, effects);
            }
        }
    }
}

impl Chain {
    /// The count at the last final block: those votes can't be taken back. While bodies are missing below that block,
    /// it is the count as far as the best chain leads there. `None` while bodies are read to count them: see
    /// [`Advance::wanted`](crate::Advance::wanted).
    #[must_use]
    pub fn final_tally(&self) -> Option<&Tally> {
        (self.final_tally.counted == self.final_height()).then_some(&self.final_tally.tally)
    }

    /// The numbers of registrations and votes up to the last final block, or as far as the best chain leads there.
    /// Nothing is read for it.
    #[must_use]
    pub fn final_counts(&self) -> (u64, u64) {
        let count = |blocks: &[BlockHash]| {
            let entries = blocks.iter().map(|hash| self.entry(hash));
            entries.fold((0, 0), |(registrations, votes), entry| {
                let more = (u64::from(entry.registrations), u64::from(entry.votes));
                (registrations + more.0, votes + more.1)
            })
        };
        let blocks = usize::try_from(self.final_height().0).expect("it indexes memory") + 1;
        let (below, above) = self.best.split_at(blocks);
        if below.len() < above.len() {
            return count(below);
        }
        let above = count(above);
        (self.branch.registrations() as u64 - above.0, self.tally().votes - above.1)
    }

    /// The height of the best chain's last block that is final: that of the last final block, or where the way to that
    /// block leaves the best chain.
    fn final_height(&self) -> Height {
        if self.holds_final() {
            return self.settled.last_final.height;
        }
        let is_below = |hash: &BlockHash| self.entry(hash).standing == Standing::Below;
        Height(self.best.partition_point(is_below) as u64 - 1)
    }

    /// Moves the final count to the final block, and returns the bodies that have to be in memory to go on.
    pub(super) fn count_final(&mut self) -> Vec<BlockHash> {
        let target = self.final_height();
        let counted = self.final_tally.counted;
        let upwards = self.votes_between(counted, target);
        if !upwards.iter().all(|(_, hash)| self.has_effects(hash)) {
            // After a restart, and when much became final at once, the tip is nearer than what was counted last.
            let downwards = self.votes_between(target, self.tip_header().height);
            if self.cost_of(&downwards) < self.cost_of(&upwards) {
                let (tally, counted) = (self.tally().clone(), self.tip_header().height);
                self.final_tally = FinalTally { tally, counted };
            }
        }
        let counted = self.final_tally.counted;
        let is_up = counted <= target;
        let way = if is_up {
            self.votes_between(counted, target)
        } else {
            self.votes_between(target, counted).into_iter().rev().collect()
        };
        for (place, (height, hash)) in way.iter().enumerate() {
            let Some(effects) = self.effects(hash) else {
                return self.readable(&way[place..]);
            };
            match is_up {
                true => self.final_tally.add(*height, &effects),
                false => self.final_tally.subtract(*height, &effects),
            }
        }
        self.final_tally.counted = target;
        Vec::new()
    }

    /// The blocks of the best chain with votes, above one height and up to another.
    fn votes_between(&self, above: Height, up_to: Height) -> Vec<(Height, BlockHash)> {
        let heights = self.branch.vote_heights();
        let [from, to] = [above, up_to].map(|end| heights.partition_point(|each| *each <= end));
        let heights = heights.get(from..to).unwrap_or_default();
        heights.iter().filter_map(|height| Some((*height, self.best_hash(*height)?))).collect()
    }

    /// How hard it is to count these blocks: how many can't be had at present, and how many there are.
    fn cost_of(&self, blocks: &[(Height, BlockHash)]) -> (usize, usize) {
        let is_unavailable =
            |(_, hash): &&(Height, BlockHash)| !self.has_effects(hash) && !self.is_readable(hash);
        (blocks.iter().filter(is_unavailable).count(), blocks.len())
    }

    /// The bodies to ask for next; none if the first one can't be had at present.
    fn readable(&self, blocks: &[(Height, BlockHash)]) -> Vec<BlockHash> {
        let first = blocks.first().is_some_and(|(_, hash)| self.is_readable(hash));
        let readable = blocks.iter().map(|(_, hash)| *hash).filter(|hash| self.is_readable(hash));
        if first { readable.take(COUNTED_AT_A_TIME).collect() } else { Vec::new() }
    }

    fn is_readable(&self, hash: &BlockHash) -> bool {
        self.is_stored(hash) && !self.is_refused(hash)
    }

    fn has_effects(&self, hash: &BlockHash) -> bool {
        self.block(hash).is_some() || self.lost_summary(hash).is_some()
    }

    /// What a block of the best chain does, if that is known without reading anything.
    fn effects(&self, hash: &BlockHash) -> Option<BlockEffects> {
        let block = self.block(hash).map(|block| BlockEffects::of(block));
        block.or_else(|| self.lost_summary(hash).cloned())
    }

    /// Compares the final count with what the blocks of the best chain contain.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_final_tally(&self) {
        let counted = self.final_tally.counted;
        assert!(counted <= self.tip_header().height, "more is final than there is");
        let votes = |up_to: Height| -> u64 {
            let blocks = self.votes_between(Height(0), up_to);
            blocks.iter().map(|(_, hash)| u64::from(self.entry(hash).votes)).sum()
        };
        assert_eq!(self.final_tally.tally.votes, votes(counted), "final votes");
        assert_eq!(self.final_counts().1, votes(self.final_height()), "the number of final votes");
    }
}
