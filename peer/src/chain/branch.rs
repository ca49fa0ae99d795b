//! What a branch of the chain says of its voters: who is registered, who voted, and the count. Blocks are
//! applied at its end and taken off again in reverse, so that a change of branch costs as much as the
//! branches are long.

use std::collections::BTreeMap;

use protocol::block::Block;
use protocol::election::Election;
use protocol::transaction::{Choices, HashedTransaction, Transaction};
use protocol::units::{Height, VoterId};

use super::error::{BlockError, TransactionError};
use crate::rules::{Rule, Rules};

/// Where a transaction stands on the best chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub height: Height,
    /// Place in the block, from 0.
    pub index: u32,
}

/// What a branch knows of a registered voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoterRecord {
    pub registration: Place,
    pub vote: Option<Place>,
}

/// The count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Votes counted, blank ones included.
    pub votes: u64,
    /// Question by question, the votes per option in the ballot's order.
    pub options: Vec<Vec<u64>>,
    /// Question by question, the voters who chose nothing there.
    pub blank: Vec<u64>,
}

impl Tally {
    fn new(election: &Election) -> Self {
        let options = election.questions.iter().map(|question| vec![0; question.options.len()]);
        Self { votes: 0, options: options.collect(), blank: vec![0; election.questions.len()] }
    }

    fn change(&mut self, choices: &Choices, step: fn(&mut u64)) {
        step(&mut self.votes);
        for (question, chosen) in choices.iter().enumerate() {
            if chosen.is_empty() {
                step(&mut self.blank[question]);
            }
            for &option in chosen {
                step(&mut self.options[question][usize::from(option)]);
            }
        }
    }
}

/// The state at the end of one branch.
#[derive(Debug)]
pub(super) struct Branch {
    voters: BTreeMap<VoterId, VoterRecord>,
    tally: Tally,
    rules: Rules,
}

impl Branch {
    pub(super) fn new(election: &Election, rules: Rules) -> Self {
        Self { voters: BTreeMap::new(), tally: Tally::new(election), rules }
    }

    pub(super) fn voter(&self, voter: &VoterId) -> Option<&VoterRecord> {
        self.voters.get(voter)
    }

    pub(super) fn registered_voters(&self) -> usize {
        self.voters.len()
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether the transaction may follow what the branch holds.
    pub(super) fn check(&self, transaction: &HashedTransaction) -> Result<(), TransactionError> {
        let voter = transaction.voter();
        let record = self.voters.get(&voter);
        match (transaction.transaction(), record) {
            (Transaction::Registration { .. }, None) => Ok(()),
            (Transaction::Registration { .. }, Some(_)) => {
                Err(TransactionError::AlreadyRegistered { voter })
            }
            (Transaction::Vote { .. }, None) => Err(TransactionError::NotRegistered { voter }),
            (Transaction::Vote { .. }, Some(VoterRecord { vote: Some(_), .. }))
                if self.rules.hold(Rule::OneVotePerVoter) =>
            {
                Err(TransactionError::AlreadyVoted { voter })
            }
            (Transaction::Vote { .. }, Some(_)) => Ok(()),
            (Transaction::Withdrawal { .. }, _) => {
                Err(TransactionError::WithdrawalWithoutRegistrars)
            }
        }
    }

    /// Applies a block at the end of the branch; leaves the branch as it was when a transaction breaks a rule.
    pub(super) fn apply(&mut self, block: &Block) -> Result<(), BlockError> {
        for (place, transaction) in block.transactions.iter().enumerate() {
            if let Err(error) = self.check(transaction) {
                self.undo_first(block, place);
                return Err(BlockError::Transaction { place, error });
            }
            let index = u32::try_from(place).expect("a body of 1 MiB holds fewer");
            self.add(transaction, Place { height: block.header.height, index });
        }
        Ok(())
    }

    /// Takes the last block off.
    pub(super) fn undo(&mut self, block: &Block) {
        self.undo_first(block, block.transactions.len());
    }

    fn undo_first(&mut self, block: &Block, count: usize) {
        for transaction in block.transactions[..count].iter().rev() {
            self.remove(transaction);
        }
    }

    fn add(&mut self, transaction: &HashedTransaction, place: Place) {
        match transaction.transaction() {
            Transaction::Registration { .. } => {
                let record = VoterRecord { registration: place, vote: None };
                self.voters.insert(transaction.voter(), record);
            }
            Transaction::Vote { vote, .. } => {
                if let Some(record) = self.voters.get_mut(&vote.voter) {
                    record.vote = Some(place);
                }
                self.tally.change(&vote.choices, |count| *count += 1);
            }
            Transaction::Withdrawal { .. } => {}
        }
    }

    fn remove(&mut self, transaction: &HashedTransaction) {
        match transaction.transaction() {
            Transaction::Registration { .. } => {
                self.voters.remove(&transaction.voter());
            }
            Transaction::Vote { vote, .. } => {
                if let Some(record) = self.voters.get_mut(&vote.voter) {
                    record.vote = None;
                }
                self.tally.change(&vote.choices, |count| *count -= 1);
            }
            Transaction::Withdrawal { .. } => {}
        }
    }
}
