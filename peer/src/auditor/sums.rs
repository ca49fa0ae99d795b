//! Counts what blocks hold, transaction by transaction, for the sums that an audit shows.
//!
//! The count of the chain's rules is not used, so that the two can be held against each other. Nothing is judged here.

use chain::Audit;
use protocol::block::Block;
use protocol::election::Election;
use protocol::transaction::Transaction;

use crate::schema::{AuditSums, QuestionSum};

/// What the blocks of a chain hold.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) registrations: u64,
    pub(super) withdrawals: u64,
    votes: u64,
    questions: Vec<QuestionSum>,
}

impl Sums {
    pub(super) fn new(election: &Election) -> Self {
        let questions = election.questions.iter().map(|question| QuestionSum {
            choices_max: question.choices_max,
            chosen: 0,
            not_chosen: 0,
            blank: 0,
        });
        Self { registrations: 0, withdrawals: 0, votes: 0, questions: questions.collect() }
    }

    /// Adds a block that follows all rules.
    pub(super) fn add(&mut self, block: &Block) {
        for transaction in &block.transactions {
            match transaction.transaction() {
                Transaction::Registration { .. } => self.registrations += 1,
                Transaction::Withdrawal { .. } => self.withdrawals += 1,
                Transaction::Vote { vote, .. } => {
                    self.votes += 1;
                    for (sum, chosen) in self.questions.iter_mut().zip(&vote.choices) {
                        let chosen = chosen.len() as u64;
                        sum.chosen += chosen;
                        if chosen == 0 {
                            sum.blank += 1;
                        } else {
                            sum.not_chosen += u64::from(sum.choices_max).saturating_sub(chosen);
                        }
                    }
                }
            }
        }
    }

    /// What has to add up, beside the numbers of an audit of the same blocks.
    pub(super) fn of(&self, audit: &Audit) -> AuditSums {
        let entitled = audit.registered_voters();
        AuditSums {
            withdrawn: self.registrations.saturating_sub(entitled),
            not_voted: entitled.saturating_sub(self.votes),
            questions: self.questions.clone(),
        }
    }
}
