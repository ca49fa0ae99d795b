//! Counts what blocks hold, transaction by transaction, for the sums that an audit shows.
//!
//! The count of the chain's rules is not used for that. At the end the two are held against each other: they can differ
//! only if this program counts wrongly.

use std::fmt;

use chain::{Audit, Tally};
use protocol::admission::AdmissionRule;
use protocol::block::Block;
use protocol::election::Election;
use protocol::transaction::Transaction;

use crate::schema::{AuditSums, QuestionSum, Refusal, SUMS_DIFFER};

/// What the blocks of a chain hold.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) registrations: u64,
    pub(super) withdrawals: u64,
    votes: u64,
    questions: Vec<QuestionSum>,
    /// For each question, the votes for each option.
    options: Vec<Vec<u64>>,
}

/// A sum of what the blocks hold that is not what the chain's rules counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "THE SUMS DON'T AGREE: {sum}: the rules counted {counted}, and the blocks hold {held}; this program is wrong, so trust none of its numbers and tell its authors"
)]
pub struct SumsError {
    pub(super) sum: Sum,
    pub(super) counted: u64,
    pub(super) held: u64,
}

/// What was summed. Questions and options are counted from 1, as people do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    Transactions,
    RegisteredVoters,
    Votes,
    Option { question: usize, option: usize },
    Blank { question: usize },
    Choices { question: usize },
}

impl fmt::Display for Sum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transactions => formatter.write_str("transactions"),
            Self::RegisteredVoters => formatter.write_str("registered voters"),
            Self::Votes => formatter.write_str("votes"),
            Self::Option { question, option } => {
                write!(formatter, "question {question}, votes for option {option}")
            }
            Self::Blank { question } => write!(formatter, "question {question}, blank votes"),
            Self::Choices { question } => {
                write!(formatter, "question {question}, choices used or not")
            }
        }
    }
}

impl From<SumsError> for Refusal {
    fn from(error: SumsError) -> Self {
        Self { kind: SUMS_DIFFER.to_owned(), message: error.to_string() }
    }
}

impl Sums {
    pub(super) fn new(election: &Election) -> Self {
        let questions = election.questions.iter().map(|question| QuestionSum {
            choices_max: question.choices_max,
            chosen: 0,
            not_chosen: 0,
            blank: 0,
        });
        let options = election.questions.iter().map(|question| vec![0; question.options.len()]);
        Self {
            registrations: 0,
            withdrawals: 0,
            votes: 0,
            questions: questions.collect(),
            options: options.collect(),
        }
    }

    /// Adds a block that follows all rules.
    pub(super) fn add(&mut self, block: &Block) {
        for transaction in &block.transactions {
            match transaction.transaction() {
                Transaction::Registration { .. } => self.registrations += 1,
                Transaction::Withdrawal { .. } => self.withdrawals += 1,
                Transaction::Vote { vote, .. } => {
                    self.votes += 1;
                    let sums = self.questions.iter_mut().zip(&mut self.options);
                    for ((sum, options), chosen) in sums.zip(&vote.choices) {
                        for option in chosen {
                            // The rules took the block, so that each of them is there.
                            if let Some(votes) = options.get_mut(usize::from(*option)) {
                                *votes += 1;
                            }
                        }
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

    /// Holds every sum against what an audit of the same blocks counted.
    ///
    /// # Errors
    /// The first that differs.
    pub(super) fn check(&self, audit: &Audit) -> Result<(), SumsError> {
        let registered = audit.registered_voters();
        // Whoever was never registered may be withdrawn as well, and is no registered voter less.
        let registered_min = match audit.election().admission {
            AdmissionRule::Open { .. } => self.registrations,
            AdmissionRule::Registrars { .. } => self.registrations.saturating_sub(self.withdrawals),
        };
        let held = registered.clamp(registered_min, self.registrations).max(self.votes);
        let transactions = self.registrations + self.withdrawals + self.votes;
        same(Sum::Transactions, audit.transactions(), transactions)?;
        same(Sum::RegisteredVoters, registered, held)?;
        self.check_tally(audit.tally())
    }

    fn check_tally(&self, tally: &Tally) -> Result<(), SumsError> {
        same(Sum::Votes, tally.votes, self.votes)?;
        for (place, (sum, options)) in self.questions.iter().zip(&self.options).enumerate() {
            let question = place + 1;
            let counted = tally.options.get(place).map(Vec::as_slice).unwrap_or_default();
            for (option, held) in options.iter().enumerate() {
                let counted = counted.get(option).copied().unwrap_or_default();
                same(Sum::Option { question, option: option + 1 }, counted, *held)?;
            }
            let blank = tally.blank.get(place).copied().unwrap_or_default();
            same(Sum::Blank { question }, blank, sum.blank)?;
            let max = u64::from(sum.choices_max);
            let choices = counted.iter().sum::<u64>() + sum.not_chosen + blank * max;
            same(Sum::Choices { question }, tally.votes * max, choices)?;
        }
        Ok(())
    }
}

fn same(sum: Sum, counted: u64, held: u64) -> Result<(), SumsError> {
    if counted == held { Ok(()) } else { Err(SumsError { sum, counted, held }) }
}
