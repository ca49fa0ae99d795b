//! Walks up a chain block by block while it may change to another branch.
//!
//! What was given is always one line from the genesis. If the chain changes above it, the walk goes on along the new
//! branch; if it changes below its end, it goes on along the branch that it began with, which the node keeps a while.

use std::future::Future;
use std::sync::Arc;

use node::BlockSelector;
use protocol::block::Block;
use protocol::units::{BlockHash, Height};

/// A walk from the genesis block up to the tip of the moment when it began.
#[derive(Debug)]
pub(super) struct Walk {
    /// The hash of the block before the next one.
    previous: BlockHash,
    next: Height,
    /// The tip.
    last: (Height, BlockHash),
    /// The rest of the branch that the chain has left, the lowest block at the end. It has fewer hashes than the chain
    /// has blocks.
    left: Vec<BlockHash>,
}

/// Why a walk ends early.
#[derive(Debug, thiserror::Error)]
pub(super) enum WalkError<E> {
    #[error(transparent)]
    Fetch(#[from] E),
    #[error(
        "the best chain changed to another branch below block {height}, and the other one is gone"
    )]
    Reorganised { height: Height },
}

impl Walk {
    pub(super) fn new(genesis: BlockHash, last: (Height, BlockHash)) -> Self {
        Self { previous: genesis, next: Height(1), last, left: Vec::new() }
    }

    /// The next block; `None` after the last.
    ///
    /// # Errors
    /// When a block is not given, or the branch is gone.
    pub(super) async fn next<E, F>(
        &mut self,
        fetch: impl Fn(BlockSelector) -> F,
    ) -> Result<Option<Arc<Block>>, WalkError<E>>
    where
        F: Future<Output = Result<Arc<Block>, E>>,
    {
        if self.next > self.last.0 {
            return Ok(None);
        }
        let selector = match self.left.pop() {
            Some(hash) => BlockSelector::Hash(hash),
            None => BlockSelector::Height(self.next),
        };
        let mut block = fetch(selector).await?;
        if block.header.previous != self.previous {
            block = self.go_back(&fetch).await?;
        }
        self.previous = block.header.hash();
        self.next = self.next.next();
        Ok(Some(block))
    }

    /// Looks for the rest of the branch on which the walk began, from its tip downwards.
    async fn go_back<E, F>(
        &mut self,
        fetch: &impl Fn(BlockSelector) -> F,
    ) -> Result<Arc<Block>, WalkError<E>>
    where
        F: Future<Output = Result<Arc<Block>, E>>,
    {
        let mut hash = self.last.1;
        loop {
            let block = fetch(BlockSelector::Hash(hash)).await?;
            let Block { header, .. } = &*block;
            if header.height == self.next && header.previous == self.previous {
                return Ok(block);
            }
            if header.height <= self.next {
                return Err(WalkError::Reorganised { height: self.next });
            }
            self.left.push(hash);
            hash = header.previous;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::ready;

    use futures_util::FutureExt;
    use protocol::block::Header;

    use super::*;
    use chain::fixtures::election;

    /// A node with branches, one of which is the best chain.
    #[derive(Default)]
    struct Branches {
        known: RefCell<Vec<Arc<Block>>>,
        best: RefCell<Vec<Arc<Block>>>,
    }

    impl Branches {
        /// Blocks on a parent, told from others by their nonce.
        fn grow(&self, parent: &Header, nonce: u64, length: usize) -> Vec<Arc<Block>> {
            let mut parent = *parent;
            let blocks: Vec<_> = (0..length)
                .map(|_| {
                    let previous = parent.hash();
                    parent = Header { previous, height: parent.height.next(), nonce, ..parent };
                    Arc::new(Block { header: parent, transactions: Vec::new() })
                })
                .collect();
            self.known.borrow_mut().extend(blocks.iter().cloned());
            blocks
        }

        fn fetch(&self, selector: BlockSelector) -> Result<Arc<Block>, &'static str> {
            let found = match selector {
                BlockSelector::Height(height) => {
                    let best = self.best.borrow();
                    best.iter().find(|block| block.header.height == height).cloned()
                }
                BlockSelector::Hash(hash) => {
                    let known = self.known.borrow();
                    known.iter().find(|block| block.header.hash() == hash).cloned()
                }
            };
            found.ok_or("no such block")
        }

        fn step(&self, walk: &mut Walk) -> Result<Option<Arc<Block>>, WalkError<&'static str>> {
            let step = walk.next(|selector| ready(self.fetch(selector)));
            step.now_or_never().expect("memory does not wait")
        }
    }

    /// Walks up, and changes the best chain after so many blocks; gives what was walked.
    fn walk_and_change(
        branches: &Branches,
        line: &[Arc<Block>],
        other: &[Arc<Block>],
        after: usize,
    ) -> Result<Vec<Arc<Block>>, WalkError<&'static str>> {
        branches.best.replace(line.to_vec());
        let tip = line.last().expect("a tip").header;
        let genesis = Header::genesis(&election()).hash();
        let mut walk = Walk::new(genesis, (tip.height, tip.hash()));
        let mut walked = Vec::new();
        loop {
            if walked.len() == after {
                branches.best.replace(other.to_vec());
            }
            match branches.step(&mut walk)? {
                Some(block) => walked.push(block),
                None => return Ok(walked),
            }
        }
    }

    #[test]
    fn whatever_changes_meanwhile_a_walk_is_one_line() {
        let branches = Branches::default();
        let genesis = Header::genesis(&election());
        let line = branches.grow(&genesis, 1, 6);
        let fork = branches.grow(&line[2].header, 2, 5);
        let other = [&line[..3], &fork].concat();
        for after in 0..=6 {
            let walked = walk_and_change(&branches, &line, &other, after).expect("one line");
            // What was given already decides along which branch it goes on.
            let expected = if after <= 3 { &other[..6] } else { &line[..] };
            assert_eq!(walked, expected, "{after}");
        }
    }

    #[test]
    fn a_branch_that_is_gone_ends_a_walk() {
        let branches = Branches::default();
        let genesis = Header::genesis(&election());
        let line = branches.grow(&genesis, 1, 4);
        branches.known.borrow_mut().clear();
        let other = branches.grow(&genesis, 2, 5);
        let gone = walk_and_change(&branches, &line, &other, 2).expect_err("it is gone");
        assert!(matches!(gone, WalkError::Fetch("no such block")), "{gone}");
        // Two changes: the walk stands on a branch that is neither the first nor the best one.
        let third = branches.grow(&genesis, 3, 5);
        branches.known.borrow_mut().extend(line.iter().cloned());
        branches.best.replace(other.clone());
        let tip = line[3].header;
        let mut walk = Walk::new(genesis.hash(), (tip.height, tip.hash()));
        assert_eq!(branches.step(&mut walk).expect("a block"), Some(other[0].clone()));
        branches.best.replace(third);
        let gone = branches.step(&mut walk).expect_err("no way leads on");
        assert!(matches!(gone, WalkError::Reorganised { height: Height(2) }), "{gone}");
    }
}
