//! What may stand in a block before, between and after an election's opening and closing, by the median time past of
//! its parent. Each rule is one small function.
//!
//! The closing block is the first one whose parent has a median time past at or after the closing. It and all blocks
//! above it are empty.

use protocol::transaction::TransactionKind;
use protocol::units::UnixMillis;

use super::{Hours, Timing};
use crate::error::{BlockError, TransactionError};

/// Where the next block of a branch stands between the election's opening and closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The election has no opening and no closing: everything may stand in the next block.
    Untimed,
    /// The election has not opened: voters are registered and withdrawn, and no vote may stand in the next block.
    Upcoming,
    /// The election is open: registrations and votes may stand in the next block.
    Open,
    /// The election has closed: the next block is the closing block, or follows it, and is empty.
    Closed,
}

impl Phase {
    /// Whether a transaction of this kind may stand in the next block, as far as opening and closing decide it.
    #[must_use]
    pub fn takes(self, kind: TransactionKind) -> bool {
        match self {
            Self::Untimed => true,
            Self::Upcoming => kind != TransactionKind::Vote,
            Self::Open => kind != TransactionKind::Withdrawal,
            Self::Closed => false,
        }
    }
}

/// What the opening and the closing mean for one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    hours: Option<Hours>,
    /// The median time past of the block's parent; without a meaning where there are no hours.
    median: UnixMillis,
}

impl Period {
    /// The period of every block of an election without opening and closing.
    pub(crate) const ALWAYS: Self = Self { hours: None, median: UnixMillis(0) };

    /// `median` is asked for only if it matters.
    pub(crate) fn new(timing: Timing, median: impl FnOnce() -> UnixMillis) -> Self {
        timing.hours.map_or(Self::ALWAYS, |hours| Self { hours: Some(hours), median: median() })
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.hours {
            None => Phase::Untimed,
            Some(hours) if self.median < hours.opens => Phase::Upcoming,
            Some(hours) if self.median < hours.closes => Phase::Open,
            Some(_) => Phase::Closed,
        }
    }

    /// The closing block, and all blocks after it, carry no transactions.
    ///
    /// docs/PROTOCOL.md, "Opening and closing"; broken by
    /// `tests::audit::each_rule_broken_once_is_named_where_it_is_broken`.
    pub(crate) fn check_empty_after_close(&self, transactions: usize) -> Result<(), BlockError> {
        let median = self.median;
        match self.hours {
            Some(Hours { closes, .. }) if median >= closes && transactions > 0 => {
                Err(BlockError::TransactionsAfterClose { transactions, closes, median })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A transaction stands in a block only before the closing block. This is the rule of
    /// [`check_empty_after_close`](Self::check_empty_after_close), for a transaction that is in no block yet.
    ///
    /// docs/PROTOCOL.md, "Opening and closing"; broken by `tests::period::what_may_stand_in_the_next_block`.
    pub(crate) fn check_not_closed(&self) -> Result<(), TransactionError> {
        let median = self.median;
        match self.hours {
            Some(Hours { closes, .. }) if median >= closes => {
                Err(TransactionError::Closed { closes, median })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A vote stands in a block only once the election has opened.
    ///
    /// docs/PROTOCOL.md, "Opening and closing"; broken by `tests::period::what_may_stand_in_the_next_block`.
    pub(crate) fn check_vote(&self) -> Result<(), TransactionError> {
        let median = self.median;
        match self.hours {
            Some(Hours { opens, .. }) if median < opens => {
                Err(TransactionError::NotOpenYet { opens, median })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A withdrawal stands in a block only until the election opens, so that nobody can look at what was voted first.
    ///
    /// docs/PROTOCOL.md, "Opening and closing"; broken by `tests::period::what_may_stand_in_the_next_block`.
    pub(crate) fn check_withdrawal(&self) -> Result<(), TransactionError> {
        let median = self.median;
        match self.hours {
            Some(Hours { opens, .. }) if median >= opens => {
                Err(TransactionError::WithdrawalAfterOpening { opens, median })
            }
            Some(_) | None => Ok(()),
        }
    }
}
