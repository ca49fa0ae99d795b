//! Which transactions of one voter the pool holds.

use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::TransactionId;

#[derive(Debug, Default)]
pub(super) struct VoterSlots {
    pub(super) registration: Option<TransactionId>,
    pub(super) vote: Option<TransactionId>,
    withdrawal: Option<TransactionId>,
}

impl VoterSlots {
    /// The slot for a transaction's kind.
    pub(super) fn of(&mut self, transaction: &HashedTransaction) -> &mut Option<TransactionId> {
        match transaction.transaction() {
            Transaction::Registration { .. } => &mut self.registration,
            Transaction::Vote { .. } => &mut self.vote,
            Transaction::Withdrawal { .. } => &mut self.withdrawal,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.registration.is_none() && self.vote.is_none() && self.withdrawal.is_none()
    }
}
