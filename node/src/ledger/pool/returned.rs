//! What comes back to the pool from a branch that lost. It was acknowledged, so whatever can't come back is told of.

use std::sync::Arc;

use protocol::block::Block;
use protocol::transaction::{HashedTransaction, Transaction};

use super::{Pool, PoolChange, PoolError, Superseded};
use chain::{Chain, TransactionError};

impl Pool {
    /// Takes back what disconnected blocks contained, unless the chain holds it again.
    pub(super) fn return_disconnected(
        &mut self,
        chain: &Chain,
        disconnected: &[Arc<Block>],
        change: &mut PoolChange,
    ) {
        for transaction in disconnected.iter().rev().flat_map(|block| &block.transactions) {
            // Only what is refused may be on the chain already. A place alone does not tell that it is.
            let is_on_chain = || chain.locations_of(&transaction.id()).next().is_some();
            match self.check(transaction, chain) {
                Ok(()) => {
                    self.add(Arc::clone(transaction));
                    change.returned.push(Arc::clone(transaction));
                }
                Err(_) if is_on_chain() => {}
                // The branch that lost may yet win, and until the result is final nobody says that it is not counted.
                Err(PoolError::Context(TransactionError::Closed { .. })) => {
                    self.add(Arc::clone(transaction));
                    change.returned.push(Arc::clone(transaction));
                }
                Err(PoolError::Context(TransactionError::NotRegistered { .. })) => {
                    let vote = Arc::clone(transaction);
                    match self.keep_if_room(Arc::clone(&vote), chain) {
                        Ok(()) => change.held.push(vote),
                        Err(lost) => change.superseded.push(lost),
                    }
                }
                Err(PoolError::Context(
                    TransactionError::AlreadyVoted { voter }
                    | TransactionError::WithdrawalAfterVote { voter },
                )) => {
                    let by = self.vote_of(&voter, chain);
                    let transaction = Arc::clone(transaction);
                    change.superseded.push(Superseded { transaction, by });
                }
                Err(PoolError::Context(TransactionError::Withdrawn { voter })) => {
                    let by = self.withdrawal_of(&voter, chain);
                    let transaction = Arc::clone(transaction);
                    change.superseded.push(Superseded { transaction, by });
                }
                Err(PoolError::Context(
                    TransactionError::VotersFull { .. }
                    | TransactionError::WithdrawalAfterOpening { .. },
                )) => {
                    let transaction = Arc::clone(transaction);
                    change.superseded.push(Superseded { transaction, by: None });
                }
                Err(PoolError::Known { .. } | PoolError::Full { .. } | PoolError::Context(_)) => {}
            }
        }
    }

    /// Keeps a vote whose registration left with the branch that lost, until another registration
    /// arrives. If other voters took all the room in the meantime, none can.
    pub(crate) fn keep_if_room(
        &mut self,
        vote: Arc<HashedTransaction>,
        chain: &Chain,
    ) -> Result<(), Superseded> {
        if chain.check_voter_capacity(self.registrations).is_err() {
            return Err(Superseded { transaction: vote, by: None });
        }
        self.keep(vote)
    }

    /// Holds the votes whose registration left with the branch that lost and did not come back.
    pub(super) fn hold_unregistered(&mut self, chain: &Chain, change: &mut PoolChange) {
        let unregistered: Vec<_> = self
            .entries
            .values()
            .filter(|entry| matches!(entry.transaction.transaction(), Transaction::Vote { .. }))
            .filter(|entry| {
                let voter = entry.transaction.voter();
                chain.voter(&voter).is_none() && self.registration(&voter).is_none()
            })
            .map(|entry| entry.transaction.id())
            .collect();
        for id in unregistered {
            if let Some(vote) = self.remove(&id) {
                change.superseded.extend(self.keep_if_room(vote, chain).err());
            }
        }
    }
}
