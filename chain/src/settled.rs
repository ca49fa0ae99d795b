//! What validators settled: the last final block and the highest justified one, and how all other blocks stand to them.
//!
//! Whether a block is final or justified is for the caller to know; this module never judges signatures. It never gives
//! up a final block, whatever branches come later, and says so when it is told of another one that conflicts with it.

use std::collections::BTreeSet;

use protocol::finality::BlockReference;
use protocol::units::{BlockHash, Height, Work};

use super::Chain;
use super::fork_choice::{Candidate, Standing};
use super::rules::Rule;

/// The blocks that fork choice keeps to.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) last_final: BlockReference,
    /// Descends from the final block, or is it.
    pub(super) justified: BlockReference,
}

impl Settled {
    /// The genesis block is justified and final.
    pub(super) fn new(genesis: BlockHash) -> Self {
        let genesis = BlockReference { height: Height(0), hash: genesis };
        Self { last_final: genesis, justified: genesis }
    }
}

/// The reason why a block can't become the last final block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum FinalError {
    /// No header of this hash and height is known here. It may still come.
    #[error("block {} {} is final, and its header is not known here", block.height, block.hash)]
    UnknownHeader { block: BlockReference },
    /// Both blocks are final, and no branch contains both: too many validators signed what no honest one signs.
    #[error(
        "two final blocks conflict: {} {}, and now {} {}",
        known.height, known.hash, found.height, found.hash
    )]
    Conflicting { known: BlockReference, found: BlockReference },
}

impl Chain {
    /// The last final block; the genesis block at first.
    #[must_use]
    pub fn final_block(&self) -> BlockReference {
        self.settled.last_final
    }

    /// The highest justified block that does not conflict with the final block, at least that block itself.
    #[must_use]
    pub fn justified_block(&self) -> BlockReference {
        self.settled.justified
    }

    /// Whether the best chain contains the last final block. It does, except while bodies are missing on the way there.
    #[must_use]
    pub fn holds_final(&self) -> bool {
        self.is_on_best_chain(&self.settled.last_final.hash)
    }

    /// Notes that a block is final. Its header has to be known, its body may still be missing. What is final already
    /// changes nothing. [`advance`](Self::advance) then leaves every branch that does not contain the block.
    ///
    /// # Errors
    /// See [`FinalError`]; the chain then stays as it was.
    pub fn set_final(&mut self, block: BlockReference) -> Result<(), FinalError> {
        if !self.is_known(&block) {
            return Err(FinalError::UnknownHeader { block });
        }
        let known = self.settled.last_final;
        let (lower, higher) =
            if block.height > known.height { (known, block) } else { (block, known) };
        if self.ancestor_at(&higher.hash, lower.height) != Some(lower.hash) {
            return Err(FinalError::Conflicting { known, found: block });
        }
        if higher == known {
            return Ok(());
        }
        self.settled.last_final = block;
        if !self.descends_from(&self.settled.justified.hash, &block.hash) {
            self.settled.justified = block;
        }
        let way = self.way_down(block.hash, known.height);
        let Settled { last_final, justified } = self.settled;
        self.tree.stand(known.hash, |hash, parent| match hash {
            hash if *hash == justified.hash => Standing::Justified,
            hash if *hash == last_final.hash => Standing::Final,
            hash if way.contains(hash) => Standing::Below,
            _ => parent.map_or(Standing::Conflicts, Standing::of_child),
        });
        self.choose_again(known.hash);
        self.count_final();
        Ok(())
    }

    /// Notes that a block is justified. Returns whether that changed anything: a block whose header is not known, that
    /// conflicts with the final block, or that is not higher than the justified block so far, does not.
    /// [`advance`](Self::advance) then moves to the best branch that contains the block, as soon as all of it is here.
    pub fn set_justified(&mut self, block: BlockReference) -> bool {
        let Settled { last_final, justified: known } = self.settled;
        let is_higher = block.height > known.height && self.is_known(&block);
        if !is_higher || !self.descends_from(&block.hash, &last_final.hash) {
            return false;
        }
        self.settled.justified = block;
        let is_above = self.descends_from(&block.hash, &known.hash);
        let elsewhere = (!is_above).then_some(block.hash);
        for root in std::iter::once(known.hash).chain(elsewhere) {
            self.tree.stand(root, |hash, parent| match hash {
                hash if *hash == block.hash => Standing::Justified,
                hash if *hash == last_final.hash => Standing::Final,
                _ => parent.map_or(Standing::Conflicts, Standing::of_child),
            });
        }
        self.choose_again(last_final.hash);
        true
    }

    /// What a neighbour says of the end of its branch, to be compared with what is known here. Of a known block the
    /// truth is known. An unknown one may be on the best branch, so that its work alone is left to decide whether it is
    /// worth a question.
    #[must_use]
    pub fn claimed(&self, work: Work, hash: BlockHash) -> Candidate {
        match self.tree.get(&hash) {
            Some(_) => self.candidate(hash),
            None => Candidate { standing: self.best_header.standing, work, hash },
        }
    }

    /// The highest block up to the final one whose branch is complete.
    pub(super) fn highest_complete_below_final(&self) -> BlockHash {
        let mut hash = self.settled.last_final.hash;
        while !self.entry(&hash).complete {
            hash = self.entry(&hash).header.previous;
        }
        hash
    }

    fn is_known(&self, block: &BlockReference) -> bool {
        self.header(&block.hash).is_some_and(|header| header.height == block.height)
    }

    /// The blocks from `hash` down to a height.
    fn way_down(&self, hash: BlockHash, height: Height) -> BTreeSet<BlockHash> {
        let up_to_there = |hash: &BlockHash| {
            let header = self.entry(hash).header;
            (header.height > height).then_some(header.previous)
        };
        std::iter::successors(Some(hash), up_to_there).collect()
    }

    /// Compares the branches again after the standing of `root` or of some of its descendants has changed. All other
    /// blocks conflict with the final block or are below `root`.
    fn choose_again(&mut self, root: BlockHash) {
        let is_complete =
            |hash: &BlockHash| self.tree.get(hash).is_some_and(|entry| entry.complete);
        let ends = self.tree.descendants(root).filter(|(_, entry)| entry.complete);
        let ends = ends.filter(|(_, entry)| !entry.children.iter().any(is_complete));
        let known = self.candidates.iter().map(|each| each.hash);
        let all = known.chain(ends.map(|(hash, _)| hash));
        let all = all.chain([self.highest_complete_below_final()]);
        self.candidates = all.map(|hash| self.candidate(hash)).collect();
        match self.best_header_of(self.tree.descendants(root)) {
            Some(best) if self.rules.enforces(Rule::FinalBlock) => self.best_header = best,
            Some(_) | None => self.find_best_header(),
        }
    }

    /// Checks how all blocks stand to what is settled, and that the best chain keeps to it.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_settled(&self) {
        let Settled { last_final, justified } = self.settled;
        for block in [last_final, justified] {
            assert!(self.is_known(&block), "block {} is settled and not known", block.hash);
        }
        let way = self.way_down(justified.hash, last_final.height);
        assert!(way.contains(&last_final.hash), "the justified block conflicts with the final one");
        let way = self.way_down(last_final.hash, Height(0));
        for (hash, entry) in self.tree.iter() {
            let parent = self.tree.get(&entry.header.previous);
            let standing = match hash {
                hash if *hash == justified.hash => Standing::Justified,
                hash if *hash == last_final.hash => Standing::Final,
                hash if way.contains(hash) => Standing::Below,
                _ => parent.expect("parents are in the tree").standing.of_child(),
            };
            assert_eq!(entry.standing, standing, "how {hash} stands to what is settled");
        }
        let due = self.entry(&last_final.hash);
        if due.complete && self.due.has(due) && self.rules.enforces(Rule::FinalBlock) {
            let best = self.candidates.last().max(Some(&self.tip())).map(|best| best.standing);
            assert!(best >= Some(Standing::Final), "nothing leads to the final block");
        }
    }
}
