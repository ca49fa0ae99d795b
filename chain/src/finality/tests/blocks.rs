//! A small tree of blocks, by their parents, for searches and simulations.

use protocol::units::Height;

/// A block's place in its tree.
pub(super) type Block = u8;

pub(super) const GENESIS: Block = 0;

/// The most blocks of a tree, so that a set of them is one number.
const BLOCKS_MAX: usize = 64;

#[derive(Debug, Clone)]
pub(super) struct Blocks {
    heights: Vec<Height>,
    /// For each block itself and its ancestors.
    ancestries: Vec<BlockSet>,
}

impl Blocks {
    /// The genesis block with these above it, given by their parents; each stands above its parent.
    pub(super) fn above_genesis(parents: &[Block]) -> Self {
        assert!(parents.len() < BLOCKS_MAX);
        let mut tree = Self { heights: vec![Height(0)], ancestries: vec![BlockSet::of(GENESIS)] };
        for parent in parents {
            let block = Block::try_from(tree.heights.len()).expect("there are few blocks");
            tree.heights.push(tree.height(*parent).next());
            tree.ancestries.push(tree.ancestries[usize::from(*parent)].with(block));
        }
        tree
    }

    /// All blocks but the genesis block, parents before children.
    pub(super) fn above(&self) -> impl Iterator<Item = Block> + use<> {
        1..Block::try_from(self.heights.len()).expect("there are few blocks")
    }

    pub(super) fn height(&self, block: Block) -> Height {
        self.heights[usize::from(block)]
    }

    /// Whether a block descends from another one, or is that one.
    pub(super) fn descends(&self, block: Block, from: Block) -> bool {
        self.ancestries[usize::from(block)].contains(from)
    }

    /// Whether no chain contains both blocks.
    pub(super) fn are_in_conflict(&self, one: Block, other: Block) -> bool {
        !self.descends(one, other) && !self.descends(other, one)
    }
}

/// A set of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct BlockSet(u64);

impl BlockSet {
    pub(super) fn of(block: Block) -> Self {
        Self(1 << block)
    }

    pub(super) fn with(self, block: Block) -> Self {
        Self(self.0 | 1 << block)
    }

    pub(super) fn without(self, block: Block) -> Self {
        Self(self.0 & !(1 << block))
    }

    pub(super) fn contains(self, block: Block) -> bool {
        self.0 & 1 << block != 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Block> {
        (0..64).filter(move |block| self.contains(*block))
    }

    /// Whether some two of these blocks are related in a way that does not depend on their order.
    pub(super) fn has_pair(self, are_related: impl Fn(Block, Block) -> bool) -> bool {
        self.iter().any(|one| {
            self.iter().take_while(|other| *other < one).any(|other| are_related(one, other))
        })
    }
}

impl FromIterator<Block> for BlockSet {
    fn from_iter<I: IntoIterator<Item = Block>>(blocks: I) -> Self {
        blocks.into_iter().fold(Self::default(), Self::with)
    }
}
