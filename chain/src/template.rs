//! The block template: the header that a miner starts from, before its nonce is found.

use std::sync::Arc;
use std::time::Duration;

use protocol::block::{self, Header};
use protocol::transaction::HashedTransaction;
use protocol::units::UnixMillis;

/// Makes the header of a block that would follow `parent`, with the nonce 0. Its time is `now`, or
/// one millisecond after the parent's time if that is later.
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
