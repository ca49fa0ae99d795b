//! The block template: the header that a miner starts from, before its nonce is found.

use std::sync::Arc;
use std::time::Duration;

use protocol::block::{self, Header};
use protocol::transaction::HashedTransaction;
use protocol::units::{BlockHash, UnixMillis};

use super::Chain;
use crate::time::Past;

impl Past {
    /// Makes the header of the block that comes next, with the nonce 0. Its time is `now`, or one millisecond after
    /// the parent's time if that is later.
    #[must_use]
    pub fn next_header(&self, transactions: &[Arc<HashedTransaction>], now: UnixMillis) -> Header {
        let parent = self.parent();
        Header {
            previous: parent.hash(),
            merkle_root: block::merkle_root(transactions),
            height: parent.height.next(),
            time: now.max(parent.time.plus(Duration::from_millis(1))),
            difficulty: self.next_difficulty(),
            nonce: 0,
        }
    }
}

impl Chain {
    /// The past of a block that would follow a known block.
    #[must_use]
    pub fn past(&self, parent: &BlockHash) -> Option<Past> {
        let mut headers = self.tree.headers_down_from(parent);
        let parent = *headers.next()?;
        Some(Past::of(self.timing, parent, headers))
    }

    /// Makes the header of a block that would follow the tip: see [`Past::next_header`].
    #[must_use]
    pub fn next_header(&self, transactions: &[Arc<HashedTransaction>], now: UnixMillis) -> Header {
        self.tip_past().next_header(transactions, now)
    }

    /// The past of a block that would follow the tip.
    #[must_use]
    pub fn tip_past(&self) -> Past {
        self.past(&self.tip().hash).expect("the tip is in the tree")
    }
}
