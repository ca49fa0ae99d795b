//! What time it is on the best chain: its median time past, whether the election is open by it, and its closing block.

use std::time::Duration;

use protocol::finality::BlockReference;
use protocol::units::{BlockHash, Difficulty, Height, UnixMillis};

use super::Chain;
use crate::time::{Period, Phase, median_depth};

impl Chain {
    /// The median of the times of a known block and of its at most ten ancestors (MTP).
    #[must_use]
    pub fn median_time_past(&self, hash: &BlockHash) -> Option<UnixMillis> {
        let depth = median_depth(self.header(hash)?.height);
        self.tree.headers_down_from(hash).nth(depth).map(|header| header.time)
    }

    /// The median time past of the tip, by which the next block is judged.
    #[must_use]
    pub fn tip_median_time_past(&self) -> UnixMillis {
        self.median_on_best_chain(self.best.len() - 1)
    }

    /// Where the next block stands between the election's opening and closing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.next_period().phase()
    }

    /// The first block of the best chain that carries no transactions because the election has closed.
    #[must_use]
    pub fn closing_block(&self) -> Option<BlockReference> {
        self.closing
    }

    /// How far a block's time may be ahead of the local clock.
    #[must_use]
    pub fn time_ahead_max(&self) -> Duration {
        self.timing.ahead_max
    }

    /// The difficulty that the block after the tip has to bear.
    #[must_use]
    pub fn next_difficulty(&self) -> Difficulty {
        self.difficulty_after(&self.tip().hash)
    }

    /// The difficulty of a block on a known one. Looks at no other header unless the election has a block interval.
    pub(super) fn difficulty_after(&self, parent: &BlockHash) -> Difficulty {
        let steered = self.timing.interval_ms.and_then(|_| self.past(parent));
        steered.map_or(self.timing.floor, |past| past.next_difficulty())
    }

    /// The period of the block after the tip.
    pub(super) fn next_period(&self) -> Period {
        Period::new(self.timing, || self.tip_median_time_past())
    }

    /// The period of a known block.
    pub(super) fn period_of(&self, hash: &BlockHash) -> Period {
        let parent = self.entry(hash).header.previous;
        let median = || self.median_time_past(&parent).unwrap_or_default();
        Period::new(self.timing, median)
    }

    /// Finds the closing block anew after the best chain has moved. The median time past rises along a chain, so it
    /// need not look at each block.
    pub(super) fn find_closing_block(&mut self) {
        let Some(hours) = self.timing.hours else { return };
        let is_open = |hash: &BlockHash| {
            self.median_time_past(hash).is_some_and(|median| median < hours.closes)
        };
        let height = self.best.partition_point(is_open) + 1;
        let closing = self.best.get(height);
        self.closing =
            closing.map(|hash| BlockReference { height: Height(height as u64), hash: *hash });
    }

    fn median_on_best_chain(&self, index: usize) -> UnixMillis {
        let middle = index - median_depth(Height(index as u64));
        self.entry(&self.best[middle]).header.time
    }
}
