//! Groups transactions so that each group fits into one datagram.

use std::sync::Arc;

use protocol::transaction::{HashedTransaction, Transaction};

/// Groups transactions in their order, with as many per group as fit into `bytes_max`.
pub(super) fn pack<'a>(
    transactions: impl IntoIterator<Item = &'a Arc<HashedTransaction>>,
    bytes_max: usize,
) -> Vec<Vec<Arc<HashedTransaction>>> {
    let mut groups: Vec<Vec<Arc<HashedTransaction>>> = Vec::new();
    let mut room = 0;
    for transaction in transactions {
        if groups.is_empty() || transaction.bytes() > room {
            groups.push(Vec::new());
            room = bytes_max;
        }
        room = room.saturating_sub(transaction.bytes());
        let group = groups.last_mut().expect("pushed above when there was none");
        group.push(Arc::clone(transaction));
    }
    groups
}

/// Copies a group into the form that a datagram carries. To be called just before it is sent: what waits shares the
/// pool's transactions.
pub(super) fn for_datagram(group: &[Arc<HashedTransaction>]) -> Vec<Transaction> {
    group.iter().map(|transaction| transaction.transaction().clone()).collect()
}
