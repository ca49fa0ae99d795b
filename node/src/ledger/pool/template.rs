//! Selects the transactions of the pool that go into the next block.

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::block::BODY_OVERHEAD_BYTES;
use protocol::transaction::{HashedTransaction, TransactionKind};

use super::Pool;
use chain::Chain;

impl Pool {
    /// The transactions for the next block, in an order that a block may have: by arrival, except
    /// that a voter's registration comes before the vote, and with no more registrations than the
    /// election has room for. Votes wait here for the opening, and nothing is chosen after the closing.
    #[must_use]
    pub fn template(&self, chain: &Chain) -> Vec<Arc<HashedTransaction>> {
        let limit = usize::try_from(chain.election().block_bytes_max).expect("a u32 fits");
        let mut template = Template { bytes: BODY_OVERHEAD_BYTES, limit, chosen: Vec::new() };
        let mut registered_here = BTreeSet::new();
        let room = chain.remaining_voter_capacity();
        let phase = chain.phase();
        let arrived = self.by_arrival.values().filter_map(|id| self.get(id));
        for transaction in arrived.filter(|each| phase.takes(each.kind())) {
            let voter = transaction.voter();
            let is_new_voter = chain.voter(&voter).is_none() && !registered_here.contains(&voter);
            let kind = transaction.kind();
            if is_new_voter && kind != TransactionKind::Withdrawal {
                let Some(registration) = self.registration(&voter) else { continue };
                if registered_here.len() >= room {
                    continue;
                }
                if !template.push(registration) {
                    break;
                }
                registered_here.insert(voter);
            }
            if kind != TransactionKind::Registration && !template.push(transaction) {
                break;
            }
        }
        template.chosen
    }
}

struct Template {
    bytes: usize,
    limit: usize,
    chosen: Vec<Arc<HashedTransaction>>,
}

impl Template {
    fn push(&mut self, transaction: &Arc<HashedTransaction>) -> bool {
        if self.bytes + transaction.bytes() > self.limit {
            return false;
        }
        self.bytes += transaction.bytes();
        self.chosen.push(Arc::clone(transaction));
        true
    }
}
