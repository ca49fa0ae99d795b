//! One line of headers from the genesis block, without any branch beside it: what an audit checks first of a block.

use std::time::Duration;

use protocol::block::Header;
use protocol::election::Election;
use protocol::units::{BlockHash, Height, UnixMillis, Work};

use crate::check;
use crate::error::HeaderError;
use crate::rules::Rules;
use crate::time::{Past, time_ahead_max};

/// A chain of an election, as far as its headers follow each other. No block is kept in memory.
#[derive(Debug, Clone)]
pub(super) struct HeaderChain {
    past: Past,
    tip_hash: BlockHash,
    ahead_max: Duration,
    work: Work,
}

impl HeaderChain {
    /// Starts at the election's genesis block.
    pub(super) fn new(election: &Election) -> Self {
        let past = Past::genesis(election);
        let (tip_hash, ahead_max) = (past.parent().hash(), time_ahead_max(election));
        Self { past, tip_hash, ahead_max, work: Work(0) }
    }

    /// The last header. Its height is the number of blocks after the genesis block.
    pub(super) fn tip(&self) -> (Height, BlockHash) {
        (self.past.parent().height, self.tip_hash)
    }

    /// What the next header has to follow.
    pub(super) fn past(&self) -> &Past {
        &self.past
    }

    /// The work of the chain up to the [tip](Self::tip).
    pub(super) fn work(&self) -> Work {
        self.work
    }

    /// The height of the block that comes next, whatever its header says.
    pub(super) fn next_height(&self) -> Height {
        self.past.parent().height.next()
    }

    /// Whether a header can come next.
    pub(super) fn check(&self, header: &Header, now: UnixMillis) -> Result<(), HeaderError> {
        if header.previous != self.tip_hash {
            return Err(HeaderError::UnknownParent { previous: header.previous });
        }
        let expected = || self.past.next_difficulty();
        check::header(header, self.past.parent(), expected, Rules::ALL)?;
        check::not_too_early(header, now, self.ahead_max)
    }

    /// Adds a header that was checked.
    pub(super) fn add(&mut self, header: &Header, hash: BlockHash) {
        self.work = self.work.plus(header.difficulty);
        self.past.add(header);
        self.tip_hash = hash;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use protocol::block::Block;
    use protocol::transaction::HashedTransaction;

    use super::*;
    use crate::audit::{Audit, AuditError, AuditFailure, AuditRule, CheckedBlock};
    use crate::fixtures::{NOW, election, id, registration};

    fn mined(past: &Past, transactions: Vec<Arc<HashedTransaction>>) -> Block {
        let header = past.next_header(&transactions, NOW);
        let headers = (0..).map(|nonce| Header { nonce, ..header });
        let header = headers.into_iter().find(Header::has_work).expect("the difficulty is low");
        Block { header, transactions }
    }

    fn extend(audit: &mut Audit, block: &Block, now: UnixMillis) -> Result<(), AuditFailure> {
        let checked = CheckedBlock::new(Arc::new(block.clone()), &election(), &id());
        audit.extend(&checked, now)
    }

    #[test]
    fn blocks_follow_each_other_and_what_does_not_changes_nothing() {
        let genesis = Header::genesis(&election());
        let mut chain = Audit::new(Arc::new(election()));
        assert_eq!((chain.tip(), chain.work()), ((Height(0), genesis.hash()), Work(0)));
        let first = mined(chain.past(), vec![registration(0)]);
        let beside = mined(chain.past(), vec![]);
        let mut past = chain.past().clone();
        past.add(&first.header);
        let second = mined(&past, vec![]);
        assert_eq!(extend(&mut chain, &first, NOW), Ok(()));
        for (block, rule) in [
            (&beside, AuditRule::UnknownParent),
            (&first, AuditRule::UnknownParent),
            (
                &Block { transactions: vec![registration(0)], ..second.clone() },
                AuditRule::MerkleRoot,
            ),
        ] {
            let failure = extend(&mut chain, block, NOW).expect_err("it does not follow");
            assert_eq!((failure.height, failure.hash), (Height(2), block.header.hash()));
            assert_eq!(failure.error.rule(), rule);
        }
        let early = extend(&mut chain, &second, UnixMillis(0)).expect_err("the clock is set back");
        assert!(matches!(early.error, AuditError::Header(HeaderError::TooEarly { .. })), "{early}");
        assert_eq!(extend(&mut chain, &second, NOW), Ok(()));
        assert_eq!(chain.tip(), (Height(2), second.header.hash()));
        let each = Work(0).plus(genesis.difficulty);
        assert_eq!(chain.work(), each.plus(genesis.difficulty));
    }
}
