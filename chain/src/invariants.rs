//! What must always be true of a [`Chain`], whatever it was told: what it keeps for speed is what it would find by
//! looking again, and nothing is larger than its bound.
//!
//! These checks recompute and compare; they must never change or repair anything. They are for tests, for the simulated
//! world and for debug builds, because their cost grows with the chain.

use std::collections::BTreeSet;

use protocol::finality::BlockReference;
use protocol::units::{BlockHash, Height, Work};

use super::Chain;
use super::rules::Rule;
use super::time::Phase;
use super::tree::{Body, Entry};

impl Chain {
    /// Checks everything that must always be true of a chain. Costs a walk over all headers and all voters.
    ///
    /// # Panics
    /// When an invariant does not hold, which is a defect of this crate.
    pub fn check_invariants(&self) {
        self.check_tree();
        self.check_best_chain();
        self.check_choice();
        self.check_settled();
        self.due.check_invariants(self.tree.iter());
        self.body_cache.check_invariants(&self.tree);
        self.branch.check_invariants(self.tip_header().height);
        self.check_counts();
        self.check_final_tally();
    }

    fn check_tree(&self) {
        let (mut without_body, mut entries, mut children) = (0, 0, BTreeSet::new());
        for (hash, entry) in self.tree.iter() {
            entries += 1;
            without_body += usize::from(matches!(entry.body, Body::Missing));
            for child in &entry.children {
                let is_new = children.insert(*child);
                let child = self.tree.get(child).expect("children are in the tree");
                assert!(is_new && child.header.previous == *hash, "a child has another parent");
            }
            if *hash == self.best[0] {
                assert!(
                    entry.complete && entry.work == Work(0),
                    "the genesis block is not the root"
                );
                continue;
            }
            let parent = self.tree.get(&entry.header.previous).expect("parents are in the tree");
            assert_eq!(entry.header.height, parent.header.height.next(), "the height of {hash}");
            let work = parent.work.plus(entry.header.difficulty);
            assert_eq!(entry.work, work, "the work of {hash}");
            let is_complete = parent.complete && entry.body.is_checked();
            assert_eq!(entry.complete, is_complete, "whether the branch of {hash} is complete");
            let is_withheld = parent.withheld || self.tree.withheld().contains(hash);
            assert_eq!(entry.withheld, is_withheld, "whether {hash} or one before it is withheld");
            let is_invalid = |entry: &Entry| matches!(entry.body, Body::Invalid);
            assert!(is_invalid(entry) || !is_invalid(parent), "{hash} follows an invalid block");
        }
        assert_eq!(children.len() + 1, entries, "blocks that their parents do not know");
        assert_eq!(self.tree.without_body(), without_body, "headers without a body");
        assert!(
            without_body <= self.headers_without_body_max,
            "{without_body} headers have no body"
        );
    }

    fn check_best_chain(&self) {
        let mut previous = None;
        for (height, hash) in (0..).map(Height).zip(&self.best) {
            let entry = self.entry(hash);
            assert_eq!(entry.header.height, height);
            assert!(entry.complete, "block {hash} of the best chain is not complete");
            assert!(previous.is_none_or(|previous| entry.header.previous == previous));
            previous = Some(*hash);
        }
        let is_closed = |hash: &&BlockHash| self.period_of(hash).phase() == Phase::Closed;
        let closing = self
            .best
            .iter()
            .skip(1)
            .find(is_closed)
            .map(|hash| BlockReference { height: self.entry(hash).header.height, hash: *hash });
        assert_eq!(self.closing, closing, "the closing block");
        let difficulty = self.difficulty_after(&self.entry(&self.tip().hash).header.previous);
        let is_genesis = self.best.len() == 1;
        assert!(is_genesis || self.tip_header().difficulty == difficulty, "the tip's difficulty");
    }

    fn check_choice(&self) {
        for candidate in &self.candidates {
            let is_complete = self.entry(&candidate.hash).complete;
            assert!(is_complete, "candidate {} is not complete", candidate.hash);
            assert_eq!(self.candidate(candidate.hash), *candidate, "a candidate");
        }
        let best = self.entry(&self.best_header.hash);
        assert!(
            !best.withheld && !matches!(best.body, Body::Invalid) && self.due.has(best),
            "the best header is useless"
        );
        if !self.rules.enforces(Rule::TieBreak) {
            return;
        }
        let usable = self.tree.iter().filter(|(_, entry)| !entry.withheld);
        let usable =
            usable.filter(|(_, entry)| !matches!(entry.body, Body::Invalid) && self.due.has(entry));
        let best = usable.map(|(hash, _)| self.candidate(*hash)).max();
        assert_eq!(best, Some(self.best_header), "there is a better header");
    }

    /// Compares the count with what the blocks of the best chain contain.
    fn check_counts(&self) {
        let entries = || self.best.iter().map(|hash| self.entry(hash));
        let registrations: usize = entries().map(|entry| entry.registrations as usize).sum();
        assert_eq!(self.branch.registrations(), registrations, "registrations");
        let votes: u64 = entries().map(|entry| u64::from(entry.votes)).sum();
        assert_eq!(self.tally().votes, votes, "votes");
        let with_votes = entries().filter(|entry| entry.votes > 0);
        let heights: Vec<_> = with_votes.map(|entry| entry.header.height).collect();
        assert_eq!(self.branch.vote_heights(), heights, "heights of blocks with votes");
        if let Some(block) = self.block(&self.tip().hash) {
            for transaction in &block.transactions {
                let places: BTreeSet<_> =
                    self.locations_of(&transaction.id()).map(|place| place.height).collect();
                assert!(
                    places.contains(&block.header.height),
                    "the tip's transaction has no place"
                );
            }
        }
    }
}
