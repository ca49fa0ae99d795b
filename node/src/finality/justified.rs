//! The blocks that are known to be justified.
//!
//! Whether a quorum's PREPAREs justify a block is decided by [`chain::finality`] alone.

use std::collections::{BTreeMap, BTreeSet};

use protocol::finality::{BlockReference, Prepare};
use protocol::units::Height;

use super::votes::Votes;
use chain::Chain;
use chain::finality::is_justified;

/// The most justified blocks that are kept, the highest. A validator that is behind names a source a few blocks below.
pub(super) const JUSTIFIED_MAX: usize = 256;
/// The most PREPAREs that are kept on the disk to show that a block is justified: a validator that comes back has to
/// show the others all that they missed, however long it is that nothing became final. They take 190 kB.
pub(super) const JUSTIFICATION_KEPT_MAX: usize = 1_024;
/// The most PREPAREs that one answer sends to show that a block is justified: those of the blocks that it builds on
/// as well, since what is justified and not final in a row is seldom more than two or three blocks.
pub(super) const JUSTIFICATION_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Justified {
    blocks: BTreeSet<BlockReference>,
    quorum: usize,
}

impl Justified {
    /// The genesis block is justified.
    pub(super) fn new(genesis: BlockReference, quorum: usize) -> Self {
        Self { blocks: BTreeSet::from([genesis]), quorum }
    }

    pub(super) fn contains(&self, block: &BlockReference) -> bool {
        self.blocks.contains(block)
    }

    pub(super) fn insert(&mut self, block: BlockReference) {
        self.blocks.insert(block);
        if self.blocks.len() > JUSTIFIED_MAX {
            self.blocks.pop_first();
        }
    }

    /// Finds all blocks above the final one that the votes justify now, and keeps them.
    pub(super) fn find(&mut self, votes: &Votes, chain: &Chain) {
        // Sources are below their targets, so that each target finds its sources judged.
        for target in votes.targets_above(chain.final_block().height) {
            if !self.contains(&target) && self.holds(&target, votes, chain) {
                self.insert(target);
            }
        }
    }

    fn holds(&self, target: &BlockReference, votes: &Votes, chain: &Chain) -> bool {
        let is_known = chain.header(&target.hash).is_some_and(|head| head.height == target.height);
        let prepares = votes.prepares_of(target);
        let links = prepares.map(|prepare| (prepare.validator, self.counts(prepare, chain)));
        is_known && is_justified(links, self.quorum)
    }

    /// Whether a PREPARE for a known block names a justified source on the way to it.
    fn counts(&self, Prepare { target, source, .. }: &Prepare, chain: &Chain) -> bool {
        self.is_source(source, chain) && is_proper_ancestor(source, target, chain)
    }

    /// Whether a block may be the source of a PREPARE that counts. Those that the final block builds on all may: who
    /// starts anew or late can't know which of them were justified, and honest validators sign for no others, which is
    /// enough (the search of the rules shows that a quorum is safe whatever is counted, as long as they do).
    fn is_source(&self, block: &BlockReference, chain: &Chain) -> bool {
        let last = chain.final_block();
        self.contains(block) || *block == last || is_proper_ancestor(block, &last, chain)
    }

    /// The highest justified block on the way to this one.
    pub(super) fn highest_below(
        &self,
        target: &BlockReference,
        chain: &Chain,
    ) -> Option<BlockReference> {
        let below = self.blocks.iter().rev().filter(|block| block.height < target.height);
        below.copied().find(|block| is_proper_ancestor(block, target, chain))
    }

    /// The blocks above a height, in ascending order.
    pub(super) fn above(&self, height: Height) -> Vec<BlockReference> {
        self.blocks.iter().filter(|block| block.height > height).copied().collect()
    }

    /// The PREPAREs that justify a block, after those that justify what these build on above a height. Those for the
    /// lowest blocks are left out if they are too many.
    pub(super) fn justification(
        &self,
        block: BlockReference,
        votes: &Votes,
        chain: &Chain,
        above: Height,
    ) -> Vec<Prepare> {
        let mut prepares = Vec::new();
        for justifying in self.way_down(block, votes, chain, above) {
            if prepares.len() + justifying.len() > JUSTIFICATION_KEPT_MAX {
                break;
            }
            prepares.extend(justifying);
        }
        prepares.reverse();
        prepares
    }

    /// A part of these PREPAREs down to the final block, which may be too many for one answer; another part each turn.
    /// Whoever asks again and again comes to know them all, however long it is that nothing became final.
    pub(super) fn part_of_justification(
        &self,
        block: BlockReference,
        votes: &Votes,
        chain: &Chain,
        turn: usize,
    ) -> Vec<Prepare> {
        let all = self.way_down(block, votes, chain, chain.final_block().height);
        let all: Vec<_> = all.into_iter().rev().flatten().collect();
        let parts = all.len().div_ceil(JUSTIFICATION_MAX).max(1);
        all.chunks(JUSTIFICATION_MAX).nth(turn % parts).unwrap_or_default().to_vec()
    }

    /// The PREPAREs for a block, then those for what they build on, and so on above a height: one of each validator for
    /// each block.
    fn way_down(
        &self,
        block: BlockReference,
        votes: &Votes,
        chain: &Chain,
        above: Height,
    ) -> Vec<Vec<Prepare>> {
        let mut wanted = BTreeSet::from([block]);
        let mut way = Vec::new();
        while let Some(target) = wanted.pop_last().filter(|block| block.height > above) {
            let mut justifying = BTreeMap::new();
            for prepare in votes.prepares_of(&target) {
                let source = &prepare.source;
                let may_count = self.is_source(source, chain) && source.height < target.height;
                // A dishonest validator may have signed several, of which one counts.
                let is_better = is_proper_ancestor(source, &target, chain)
                    || !justifying.contains_key(&prepare.validator);
                if may_count && is_better {
                    justifying.insert(prepare.validator, prepare.clone());
                }
            }
            wanted.extend(justifying.values().map(|prepare| prepare.source));
            way.push(justifying.into_values().collect());
        }
        way
    }

    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        assert!(self.blocks.len() <= JUSTIFIED_MAX, "{} justified blocks", self.blocks.len());
    }
}

pub(super) fn is_proper_ancestor(
    ancestor: &BlockReference,
    block: &BlockReference,
    chain: &Chain,
) -> bool {
    ancestor.height < block.height
        && chain.ancestor_at(&block.hash, ancestor.height) == Some(ancestor.hash)
}
