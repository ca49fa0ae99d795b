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
    /// Pairs of siblings with subtrees of one shape, each with all of its blocks, the elder one first.
    twins: Vec<(BlockSet, BlockSet)>,
}

impl Blocks {
    /// The genesis block with these above it, given by their parents; each stands above its parent.
    pub(super) fn above_genesis(parents: &[Block]) -> Self {
        assert!(parents.len() < BLOCKS_MAX);
        let mut tree = Self {
            heights: vec![Height(0)],
            ancestries: vec![BlockSet::of(GENESIS)],
            twins: Vec::new(),
        };
        for parent in parents {
            let block = tree.count();
            tree.heights.push(tree.height(*parent).next());
            tree.ancestries.push(tree.ancestries[usize::from(*parent)].with(block));
        }
        let siblings = |one: Block, other: Block| {
            parents[usize::from(one) - 1] == parents[usize::from(other) - 1]
                && shape(parents, one) == shape(parents, other)
        };
        let pairs =
            tree.above().flat_map(|younger| (1..younger).map(move |elder| (elder, younger)));
        let twins = pairs.filter(|(elder, younger)| siblings(*elder, *younger));
        tree.twins =
            twins.map(|(elder, younger)| (tree.subtree(elder), tree.subtree(younger))).collect();
        tree
    }

    fn subtree(&self, root: Block) -> BlockSet {
        self.above().filter(|block| self.descends(*block, root)).collect()
    }

    /// The blocks that some others could stand for, since nothing distinguishes the two but their names: those of the
    /// younger one of two subtrees of which nothing was touched.
    pub(super) fn copies(&self, touched: BlockSet) -> BlockSet {
        let untouched =
            self.twins.iter().filter(|(elder, younger)| touched.is_disjoint(elder.union(*younger)));
        untouched.fold(BlockSet::default(), |copies, (_, younger)| copies.union(*younger))
    }

    /// All blocks but the genesis block, parents before children.
    pub(super) fn above(&self) -> impl Iterator<Item = Block> + use<> {
        1..self.count()
    }

    /// How many blocks there are, with the genesis block.
    pub(super) fn count(&self) -> Block {
        Block::try_from(self.heights.len()).expect("there are few blocks")
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

/// How the subtree of a block branches, whatever its blocks are called.
fn shape(parents: &[Block], root: Block) -> String {
    let children = (1..).zip(parents).filter(|(_, parent)| **parent == root);
    let mut shapes: Vec<_> = children.map(|(child, _)| shape(parents, child)).collect();
    shapes.sort_unstable();
    format!("({})", shapes.concat())
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

    pub(super) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn is_disjoint(self, other: Self) -> bool {
        self.0 & other.0 == 0
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
