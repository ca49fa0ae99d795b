//! What has a row on the disk was acknowledged: to this peer's own user, or to a neighbour that believes it safe here.
//! So it must not vanish silently, neither by a restart nor because the pool is full. It waits in the pool or for its
//! registration, until a block holds it or it is told that it can't be counted any more.

use std::sync::Arc;

use protocol::transaction::HashedTransaction;
use protocol::units::Now;

use super::pool::{PoolError, Superseded};
use super::{Ledger, Output};
use crate::output::Record;
use chain::{Chain, TransactionError};

impl Ledger {
    /// Continues with the transactions that an earlier run acknowledged, given with their rows.
    /// They were checked before they were written, so their signatures are not checked again. All of them come back,
    /// however full the pool is, but for those that the chain holds or that can't be counted any more.
    pub(crate) fn restore(
        &mut self,
        mut pooled: Vec<(u64, HashedTransaction)>,
        chain: &Chain,
        now: Now,
    ) {
        pooled.sort_by_key(|(row, _)| *row);
        for (row, transaction) in pooled {
            if !self.rows.remember(transaction.id(), row) {
                self.outputs.push_back(Output::Persist(Record::PoolRemove { row }));
                continue;
            }
            self.verification.trust(&transaction);
            self.entrusted.insert(transaction.id());
            // A vote may come before its registration here, and waits for it then.
            let mut waiting = vec![Arc::new(transaction)];
            while let Some(transaction) = waiting.pop() {
                match self.enter(Arc::clone(&transaction), chain, now) {
                    Ok(released) => waiting.extend(released),
                    Err(error) => self.keep_or_end(transaction, &error, chain),
                }
            }
        }
    }

    /// The records that write the whole pool again into the same rows, for a disk that may have
    /// lost some of them.
    pub(crate) fn pool_records(&self) -> Vec<Record> {
        let waiting = self.pool.from_arrival(0).map(|(_, transaction)| transaction);
        let records = waiting.chain(self.pool.all_held()).filter_map(|transaction| {
            let row = self.rows.get(&transaction.id())?;
            Some(Record::PoolInsert { row, transaction: Arc::clone(transaction) })
        });
        records.collect()
    }

    /// Adds a vote whose registration it waited for.
    pub(super) fn take_back(&mut self, vote: Arc<HashedTransaction>, chain: &Chain, now: Now) {
        if let Err(error) = self.add(Arc::clone(&vote), chain, now) {
            self.keep_or_end(vote, &error, chain);
        }
    }

    /// Deals with a transaction that was taken out of where it waited and can't enter the pool: it waits on, or it is
    /// told of if it was acknowledged.
    fn keep_or_end(
        &mut self,
        transaction: Arc<HashedTransaction>,
        error: &PoolError,
        chain: &Chain,
    ) {
        let (id, voter) = (transaction.id(), transaction.voter());
        let is_acknowledged = self.rows.get(&id).is_some();
        let by = match error {
            PoolError::Known { .. } | PoolError::Full { .. } => return,
            PoolError::Context(TransactionError::NotRegistered { .. }) if is_acknowledged => {
                let kept = self.pool.keep_if_room(Arc::clone(&transaction), chain);
                let Err(superseded) = kept else { return };
                superseded.by
            }
            PoolError::Context(TransactionError::NotRegistered { .. }) => {
                return self.pool.hold(transaction);
            }
            PoolError::Context(TransactionError::Withdrawn { .. }) => {
                self.pool.withdrawal_of(&voter, chain)
            }
            PoolError::Context(
                TransactionError::AlreadyVoted { .. }
                | TransactionError::WithdrawalAfterVote { .. },
            ) => self.pool.vote_of(&voter, chain),
            PoolError::Context(_) => None,
        };
        if !is_acknowledged {
            return;
        }
        self.end(&id);
        if chain.locations_of(&id).next().is_none() {
            self.outputs.push_back(Output::Superseded(Superseded { transaction, by }));
        }
    }
}
