//! Who else has what this node has: the blocks of its best chain and the transactions of its pool.
//!
//! A neighbour counts as having a block while the tip that it last told stands on it, and as having a transaction once
//! it sent or acknowledged it. What this node has never counts for itself, so that nobody is told that others have what
//! is here alone.

use std::collections::VecDeque;
use std::net::SocketAddr;

use protocol::block::Block;
use protocol::datagram::{ACKNOWLEDGED_MAX, Datagram};
use protocol::transaction::TransactionKind;
use protocol::units::{BlockHash, Height, IdPrefix, TransactionId, VoterId};

use super::Node;
use super::disk::Durability;
use super::event::Event;
use super::output::Output;
use super::views::{HeldBy, Standing};
use chain::Chain;

/// The most votes of this peer's own user whose blocks nobody else is known to have yet. A user casts one or two, and
/// one that is forgotten here is merely not told of when a neighbour takes its block.
const OWN_ALONE_MAX: usize = 64;

/// The votes of this peer's own user in blocks that nobody else is known to have, the oldest first.
#[derive(Debug, Default)]
pub(super) struct OwnAlone {
    votes: VecDeque<OwnVote>,
}

#[derive(Debug, Clone, Copy)]
struct OwnVote {
    id: TransactionId,
    voter: VoterId,
    block: (Height, BlockHash),
}

impl OwnAlone {
    /// Checks the bound.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        assert!(self.votes.len() <= OWN_ALONE_MAX, "{} own votes", self.votes.len());
    }

    fn push(&mut self, vote: OwnVote) {
        if self.votes.len() >= OWN_ALONE_MAX {
            self.votes.pop_front();
        }
        self.votes.push_back(vote);
    }
}

impl Node {
    /// The neighbours that have the best chain's block at this height.
    pub(super) fn block_held_by(&self, height: Height) -> HeldBy {
        self.held_by(|node, address| node.holds_block(address, height))
    }

    /// The neighbours that have a transaction: in their pools, or, where `height` names its block here, in their
    /// chains.
    pub(super) fn transaction_held_by(&self, id: &TransactionId, height: Option<Height>) -> HeldBy {
        self.held_by(|node, address| {
            node.ledger.is_held_by(address, id)
                || height.is_some_and(|height| node.holds_block(address, height))
        })
    }

    /// Where a transaction of the pool stands.
    pub(super) fn standing_in_pool(&self, id: &TransactionId) -> Standing {
        Standing::Pool { held_by: self.transaction_held_by(id, None) }
    }

    /// Where that stands which is in the best chain's block at a height.
    pub(super) fn standing_in_block(&self, height: Height) -> Standing {
        let hash = self.chain.best_hash(height).expect("places are on the best chain");
        let blocks_deep = self.tip().height.0 - height.0 + 1;
        Standing::Block { height, hash, blocks_deep, held_by: self.block_held_by(height) }
    }

    /// Tells the neighbours which of the transactions that they sent have become durable here.
    pub(super) fn acknowledge_written(&mut self) {
        let (durability, chain) = (&self.disk.durability, &self.chain);
        let is_row_durable = |row| durability.batch_of_row(row).is_none();
        let is_block_durable = |id: &TransactionId| is_durable_in_block(chain, durability, id);
        for (to, ids) in self.ledger.pop_acknowledgements(is_row_durable, is_block_durable) {
            self.send_acknowledgement(to, &ids);
        }
    }

    /// Tells a neighbour which of these transactions, which it sent and which were here, are durable; the others are
    /// acknowledged once they are.
    pub(super) fn acknowledge_known(&mut self, to: SocketAddr, known: Vec<TransactionId>) {
        let (durability, chain) = (&self.disk.durability, &self.chain);
        let is_durable = |id: &TransactionId| match self.ledger.row(id) {
            Some(row) => durability.batch_of_row(row).is_none(),
            None => is_durable_in_block(chain, durability, id) == Some(true),
        };
        let (durable, others): (Vec<_>, Vec<_>) = known.into_iter().partition(is_durable);
        others.into_iter().for_each(|id| self.ledger.owe_acknowledgement(to, id));
        let durable: Vec<_> = durable.iter().map(TransactionId::prefix).collect();
        self.send_acknowledgement(to, &durable);
    }

    fn send_acknowledgement(&mut self, to: SocketAddr, ids: &[IdPrefix]) {
        for ids in ids.chunks(ACKNOWLEDGED_MAX) {
            self.send(to, Datagram::TransactionsAck { ids: ids.to_vec() });
        }
    }

    pub(super) fn handle_transactions_ack(&mut self, from: SocketAddr, ids: &[IdPrefix]) {
        for id in self.ledger.handle_acknowledged(from, ids) {
            let Some(transaction) = self.ledger.pool().get(&id) else { continue };
            if transaction.kind() == TransactionKind::Vote {
                let (voter, standing) = (transaction.voter(), Box::new(self.standing_in_pool(&id)));
                self.output(Output::Event(Event::OwnVote { id, voter, standing }));
            }
        }
    }

    /// Tells this peer's own user which of the user's votes are in a block that joined the best chain.
    pub(super) fn tell_own_votes(&mut self, block: &Block) {
        let (height, hash) = (block.header.height, block.header.hash());
        let votes = block.transactions.iter().filter(|each| each.kind() == TransactionKind::Vote);
        let own: Vec<_> = votes
            .filter(|vote| self.ledger.is_own(&vote.id()))
            .map(|vote| OwnVote { id: vote.id(), voter: vote.voter(), block: (height, hash) })
            .collect();
        for vote in own {
            self.tell_own_vote(vote);
            if self.block_held_by(height).neighbours == 0 {
                self.own_alone.push(vote);
            }
        }
    }

    /// Tells this peer's own user of votes whose block a neighbour has for the first time. To be called when a
    /// neighbour told its tip, or the best chain changed.
    pub(super) fn tell_no_longer_alone(&mut self) {
        for vote in std::mem::take(&mut self.own_alone.votes) {
            let (height, hash) = vote.block;
            if self.chain.best_hash(height) != Some(hash) {
                continue;
            }
            match self.block_held_by(height).neighbours {
                0 => self.own_alone.push(vote),
                _ => self.tell_own_vote(vote),
            }
        }
    }

    fn tell_own_vote(&mut self, vote: OwnVote) {
        let OwnVote { id, voter, block: (height, _) } = vote;
        let standing = Box::new(self.standing_in_block(height));
        self.output(Output::Event(Event::OwnVote { id, voter, standing }));
    }

    fn holds_block(&self, address: &SocketAddr, height: Height) -> bool {
        let fork = self.sync.sources.get(address).and_then(|source| source.fork(&self.chain));
        fork.is_some_and(|fork| fork >= height)
    }

    fn held_by(&self, holds: impl Fn(&Self, &SocketAddr) -> bool) -> HeldBy {
        let (neighbours, of) = self.membership.count(|address| holds(self, address));
        HeldBy { neighbours, of }
    }
}

/// Whether the block of the best chain that contains a transaction is durable; `None` if none contains it.
fn is_durable_in_block(chain: &Chain, durability: &Durability, id: &TransactionId) -> Option<bool> {
    let place = chain.locations_of(id).next()?;
    let hash = chain.best_hash(place.height)?;
    Some(durability.batch_of_block(&hash).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_votes_that_nobody_else_has_are_bounded() {
        let vote = |number: usize| OwnVote {
            id: TransactionId([0; 32]),
            voter: VoterId([0; 32]),
            block: (Height(number as u64), BlockHash([0; 32])),
        };
        let mut alone = OwnAlone::default();
        (0..=OWN_ALONE_MAX).for_each(|number| alone.push(vote(number)));
        alone.check_invariants();
        let kept: Vec<_> = alone.votes.iter().map(|vote| vote.block.0.0).collect();
        assert!(kept.into_iter().eq(1..=OWN_ALONE_MAX as u64), "the oldest gave way");
    }
}
