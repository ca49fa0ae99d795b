//! Single transactions by their ids: in the pool or on the best chain. The chain's index says which blocks may hold
//! one; only their bodies say whether they do.

use std::sync::Arc;

use protocol::block::Block;
use protocol::receipt::Receipt;
use protocol::transaction::HashedTransaction;
use protocol::units::{BlockHash, TransactionId};

use super::Node;
use super::command::CommandError;
use super::views::{TransactionAnswer, TransactionView};
use chain::TransactionLocation;

impl Node {
    /// The block of the best chain that contains a transaction, or the first block that may contain
    /// it and whose body has to be read to find out. `loaded` is a block that was read for this
    /// purpose already.
    pub(super) fn block_of(
        &self,
        id: &TransactionId,
        loaded: Option<&Arc<Block>>,
    ) -> Option<BlockHash> {
        let read_up_to = loaded
            .map(|block| block.header)
            .filter(|header| self.chain.is_on_best_chain(&header.hash()))
            .map(|header| header.height);
        let mut to_read = None;
        for place in self.chain.locations_of(id) {
            let hash = self.chain.best_hash(place.height).expect("places are on the best chain");
            match self.block_at_hand(&hash, loaded) {
                Some(block) if at(&block, place).is_some_and(|each| each.id() == *id) => {
                    return Some(hash);
                }
                Some(_) => {}
                // Bodies are read in ascending order, so those below were read already and
                // contained another transaction.
                None if read_up_to.is_some_and(|height| place.height <= height) => {}
                None => to_read = to_read.or(Some(hash)),
            }
        }
        to_read
    }

    /// The body if it is in memory or was just read.
    pub(super) fn block_at_hand(
        &self,
        hash: &BlockHash,
        loaded: Option<&Arc<Block>>,
    ) -> Option<Arc<Block>> {
        let loaded = loaded.filter(|block| block.header.hash() == *hash);
        self.chain.block(hash).or(loaded).map(Arc::clone)
    }

    /// `block` is the block of the best chain that contains the transaction, unless it is in the
    /// pool.
    ///
    /// # Errors
    /// When neither contains it.
    pub(super) fn transaction_answer(
        &self,
        id: TransactionId,
        block: Option<&Block>,
    ) -> Result<TransactionAnswer, CommandError> {
        if let Some(transaction) = self.ledger.pool().get(&id) {
            return Ok(TransactionAnswer {
                view: TransactionView::of(transaction),
                transaction: Arc::clone(transaction),
                standing: self.standing_in_pool(&id),
                receipt: None,
                fate: self.fate(None),
            });
        }
        let found = block.and_then(|block| {
            let index = block.transactions.iter().position(|each| each.id() == id)?;
            Some((block, index, &block.transactions[index]))
        });
        let (block, index, transaction) = found.ok_or(CommandError::NoSuchTransaction { id })?;
        Ok(TransactionAnswer {
            view: TransactionView::of(transaction),
            transaction: Arc::clone(transaction),
            standing: self.standing_in_block(block.header.height),
            receipt: Receipt::new(block, index, self.chain.election_id()),
            fate: self.fate(Some(block.header.height)),
        })
    }
}

fn at(block: &Block, place: TransactionLocation) -> Option<&Arc<HashedTransaction>> {
    block.transactions.get(usize::try_from(place.index).ok()?)
}
