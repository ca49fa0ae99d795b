//! The block that a miner works on, before its nonce is found.

use std::sync::Arc;
use std::time::Duration;

use protocol::block::{self, Header};
use protocol::transaction::HashedTransaction;
use protocol::units::UnixMillis;

/// A header for the block after `parent`, without a nonce; its time is as honest as the parent's lets it be.
#[must_use]
pub fn next_header(
    parent: &Header,
    transactions: &[Arc<HashedTransaction>],
    now: UnixMillis,
) -> Header {
    Header {
        previous: parent.hash(),
        merkle_root: block::merkle_root(transactions),
        height: parent.height.next(),
        time: now.max(parent.time.plus(Duration::from_millis(1))),
        difficulty: parent.difficulty,
        nonce: 0,
    }
}
