//! What the header of the next block has to follow: the newest blocks of one branch.

use std::collections::VecDeque;

use protocol::block::Header;
use protocol::election::Election;
use protocol::units::{Difficulty, Height, UnixMillis};

use super::difficulty::{self, Solved, WINDOW_BLOCKS};
use super::{Period, Phase, Timing};

/// The number of blocks whose times the median time past is taken of.
const MEDIAN_BLOCKS: u64 = 11;

/// How many blocks below a block the one stands whose time is the median time past.
///
/// Times strictly rise, so the blocks are sorted as they stand: of n blocks that end at this one, `sorted[n / 2]` is
/// the one that has (n − 1) / 2 above it, rounded down.
pub(crate) fn median_depth(height: Height) -> usize {
    let blocks = height.0.saturating_add(1).min(MEDIAN_BLOCKS);
    usize::try_from((blocks - 1) / 2).expect("it is at most 5")
}

/// The newest blocks of one branch: whatever the header of the next block depends on.
#[derive(Debug, Clone)]
pub struct Past {
    timing: Timing,
    parent: Header,
    /// The times and difficulties of the newest blocks, the parent's at the front.
    blocks: VecDeque<(UnixMillis, Difficulty)>,
}

impl Past {
    /// As many blocks as can matter: the window of the difficulty, and the block from which the oldest solve time of
    /// that window counts.
    const BLOCKS: usize = WINDOW_BLOCKS + 1;

    /// The past of an election's first block.
    #[must_use]
    pub fn genesis(election: &Election) -> Self {
        Self::of(Timing::of(election), Header::genesis(election), std::iter::empty())
    }

    /// The past of a block on `parent`, which follows `ancestors`, of which the newest comes first.
    pub(crate) fn of<'a>(
        timing: Timing,
        parent: Header,
        ancestors: impl Iterator<Item = &'a Header>,
    ) -> Self {
        let headers = std::iter::once(parent).chain(ancestors.copied());
        let blocks = headers.map(|header| (header.time, header.difficulty)).take(Self::BLOCKS);
        Self { timing, parent, blocks: blocks.collect() }
    }

    /// Adds a block, whose header must follow the parent.
    pub fn add(&mut self, header: &Header) {
        self.parent = *header;
        self.blocks.push_front((header.time, header.difficulty));
        self.blocks.truncate(Self::BLOCKS);
    }

    /// The newest block, on which the next one stands.
    #[must_use]
    pub fn parent(&self) -> &Header {
        &self.parent
    }

    /// The median of the times of the parent and of its at most ten ancestors (MTP).
    #[must_use]
    pub fn median_time(&self) -> UnixMillis {
        let middle = self.blocks.get(median_depth(self.parent.height));
        middle.map_or(self.parent.time, |(time, _)| *time)
    }

    /// The difficulty that the next block has to bear.
    #[must_use]
    pub fn next_difficulty(&self) -> Difficulty {
        let Some(interval_ms) = self.timing.interval_ms else { return self.timing.floor };
        let below = self.blocks.iter().skip(1).map(|(time, _)| *time);
        let times = below.map(Some).chain([None]);
        let heights = (0..=self.parent.height.0).rev();
        let solved = self.blocks.iter().zip(times).zip(heights);
        let solved = solved.map(|((&(time, difficulty), before), height)| {
            // The genesis block is not mined, and may be made long before anybody mines.
            let before = before.filter(|_| height > 1);
            let after_ms = before.map(|before| time.0.saturating_sub(before.0));
            Solved { difficulty, after_ms }
        });
        difficulty::next(solved, interval_ms, self.timing.floor)
    }

    /// Whether the election is open by the parent's median time past.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.period().phase()
    }

    pub(crate) fn period(&self) -> Period {
        Period::new(self.timing, || self.median_time())
    }
}
