//! The transactions of one voter that the pool contains. There are never two that could not both be
//! on a chain.

use protocol::transaction::TransactionKind;
use protocol::units::{TransactionId, VoterId};

use chain::TransactionError;

/// At most one transaction of each kind, and never a withdrawal together with a vote: the one that
/// arrived first keeps the other out.
#[derive(Debug, Default)]
pub(super) struct VoterSlots {
    pub(super) registration: Option<TransactionId>,
    pub(super) vote: Option<TransactionId>,
    pub(super) withdrawal: Option<TransactionId>,
}

impl VoterSlots {
    /// The slot for transactions of a kind.
    pub(super) fn of(&mut self, kind: TransactionKind) -> &mut Option<TransactionId> {
        match kind {
            TransactionKind::Registration => &mut self.registration,
            TransactionKind::Vote => &mut self.vote,
            TransactionKind::Withdrawal => &mut self.withdrawal,
        }
    }

    /// The transaction of a kind.
    pub(super) fn get(&self, kind: TransactionKind) -> Option<TransactionId> {
        match kind {
            TransactionKind::Registration => self.registration,
            TransactionKind::Vote => self.vote,
            TransactionKind::Withdrawal => self.withdrawal,
        }
    }

    /// All transactions of the voter.
    pub(super) fn iter(&self) -> impl Iterator<Item = TransactionId> {
        [self.registration, self.vote, self.withdrawal].into_iter().flatten()
    }

    /// Whether another transaction of the voter may join those that are here.
    pub(super) fn check(
        &self,
        kind: TransactionKind,
        voter: VoterId,
    ) -> Result<(), TransactionError> {
        match kind {
            TransactionKind::Registration if self.registration.is_some() => {
                Err(TransactionError::AlreadyRegistered { voter })
            }
            TransactionKind::Vote if self.vote.is_some() => {
                Err(TransactionError::AlreadyVoted { voter })
            }
            TransactionKind::Withdrawal if self.withdrawal.is_some() => {
                Err(TransactionError::AlreadyWithdrawn { voter })
            }
            TransactionKind::Withdrawal if self.vote.is_some() => {
                Err(TransactionError::WithdrawalAfterVote { voter })
            }
            TransactionKind::Registration | TransactionKind::Vote if self.withdrawal.is_some() => {
                Err(TransactionError::Withdrawn { voter })
            }
            TransactionKind::Registration | TransactionKind::Vote | TransactionKind::Withdrawal => {
                Ok(())
            }
        }
    }

    /// The transactions that cannot be on a chain after one of this kind.
    pub(super) fn rivals(&self, mined: TransactionKind) -> Vec<TransactionId> {
        let rivals = match mined {
            TransactionKind::Registration => [self.registration, None, None],
            TransactionKind::Vote => [None, self.vote, self.withdrawal],
            TransactionKind::Withdrawal => [self.registration, self.vote, self.withdrawal],
        };
        rivals.into_iter().flatten().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}
