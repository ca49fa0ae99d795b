//! What a branch of the chain says of its voters: who is registered, who voted, and the count. Blocks are
//! applied at its end and taken off again in reverse, so that a change of branch costs as much as the
//! branches are long. A block's [`Summary`] is all that this takes.

use std::collections::BTreeMap;

use protocol::election::Election;
use protocol::transaction::TransactionKind;
use protocol::units::{Height, TransactionId, VoterId};

use super::error::{BlockError, TransactionError};
use super::places::{PackedPlace, Place, Places};
use super::summary::{Summarized, Summary};
use crate::rules::{Rule, Rules};

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

/// The state at the end of one branch.
#[derive(Debug)]
pub(super) struct Branch {
    voters: BTreeMap<VoterId, PackedRecord>,
    places: Places,
    tally: Tally,
    /// Heights of the blocks that hold votes.
    vote_heights: Vec<Height>,
    rules: Rules,
}

impl Branch {
    pub(super) fn new(election: &Election, rules: Rules) -> Self {
        let tally = Tally::new(election);
        let (voters, places) = (BTreeMap::new(), Places::default());
        Self { voters, places, tally, vote_heights: Vec::new(), rules }
    }

    pub(super) fn voter(&self, voter: &VoterId) -> Option<VoterRecord> {
        self.voters.get(voter).map(PackedRecord::unpack)
    }

    pub(super) fn registered_voters(&self) -> usize {
        self.voters.len()
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Where the branch may hold a transaction: see [`Places`].
    pub(super) fn places_of(&self, id: &TransactionId) -> impl Iterator<Item = Place> {
        self.places.candidates(id)
    }

    #[cfg(test)]
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// Height of the newest block that holds a vote.
    pub(super) fn newest_vote(&self) -> Option<Height> {
        self.vote_heights.last().copied()
    }

    /// Whether a transaction of this kind and voter may follow what the branch holds.
    pub(super) fn check(
        &self,
        kind: TransactionKind,
        voter: VoterId,
    ) -> Result<(), TransactionError> {
        let record = self.voters.get(&voter);
        match (kind, record) {
            (TransactionKind::Registration, None) => Ok(()),
            (TransactionKind::Registration, Some(_)) => {
                Err(TransactionError::AlreadyRegistered { voter })
            }
            (TransactionKind::Vote, None) => Err(TransactionError::NotRegistered { voter }),
            (TransactionKind::Vote, Some(record))
                if record.vote.is_some() && self.rules.hold(Rule::OneVotePerVoter) =>
            {
                Err(TransactionError::AlreadyVoted { voter })
            }
            (TransactionKind::Vote, Some(_)) => Ok(()),
            (TransactionKind::Withdrawal, _) => Err(TransactionError::WithdrawalWithoutRegistrars),
        }
    }

    /// Applies a block at the end of the branch; leaves the branch as it was when a transaction breaks a rule.
    pub(super) fn apply(&mut self, height: Height, summary: &Summary) -> Result<(), BlockError> {
        for (place, transaction) in summary.transactions.iter().enumerate() {
            if let Err(error) = self.check(transaction.kind, transaction.voter) {
                self.remove_first(height, summary, place);
                return Err(BlockError::Transaction { place, error });
            }
            self.add(transaction, Place::new(height, place));
        }
        self.tally.change(summary, |count, votes| *count += votes);
        if summary.count(TransactionKind::Vote) > 0 {
            self.vote_heights.push(height);
        }
        Ok(())
    }

    /// Takes the last block off.
    pub(super) fn undo(&mut self, height: Height, summary: &Summary) {
        self.remove_first(height, summary, summary.transactions.len());
        // A body that does not do what its summary said is damage; it must not end the program.
        self.tally.change(summary, |count, votes| *count = count.saturating_sub(votes));
        if summary.count(TransactionKind::Vote) > 0 {
            self.vote_heights.pop();
        }
    }

    /// Takes blocks off, from the last one downwards, and applies others in their stead. When one of these
    /// breaks a rule, gives its index and leaves the branch as it was.
    pub(super) fn move_over(
        &mut self,
        off: &[(Height, Summary)],
        on: &[(Height, Summary)],
    ) -> Result<(), (usize, BlockError)> {
        off.iter().for_each(|(height, summary)| self.undo(*height, summary));
        for (index, (height, summary)) in on.iter().enumerate() {
            if let Err(error) = self.apply(*height, summary) {
                let applied = on[..index].iter().rev();
                applied.for_each(|(height, summary)| self.undo(*height, summary));
                for (height, summary) in off.iter().rev() {
                    self.apply(*height, summary).expect("it was on the branch before");
                }
                return Err((index, error));
            }
        }
        Ok(())
    }

    fn add(&mut self, transaction: &Summarized, place: Place) {
        let voter = transaction.voter;
        self.places.insert(transaction.id_prefix, place);
        match transaction.kind {
            TransactionKind::Registration => {
                let registration = PackedPlace::new(place);
                self.voters.insert(voter, PackedRecord { registration, vote: None });
            }
            TransactionKind::Vote => {
                if let Some(record) = self.voters.get_mut(&voter) {
                    record.vote = Some(PackedPlace::new(place));
                }
            }
            TransactionKind::Withdrawal => {}
        }
    }

    fn remove_first(&mut self, height: Height, summary: &Summary, count: usize) {
        for (index, transaction) in summary.transactions[..count].iter().enumerate().rev() {
            let voter = &transaction.voter;
            self.places.remove(transaction.id_prefix, Place::new(height, index));
            match transaction.kind {
                TransactionKind::Registration => {
                    self.voters.remove(voter);
                }
                TransactionKind::Vote => {
                    if let Some(record) = self.voters.get_mut(voter) {
                        record.vote = None;
                    }
                }
                TransactionKind::Withdrawal => {}
            }
        }
    }
}

impl Tally {
    fn new(election: &Election) -> Self {
        let options = election.questions.iter().map(|question| vec![0; question.options.len()]);
        Self { votes: 0, options: options.collect(), blank: vec![0; election.questions.len()] }
    }

    fn change(&mut self, summary: &Summary, step: fn(&mut u64, u64)) {
        step(&mut self.votes, summary.count(TransactionKind::Vote).into());
        for chosen in &summary.chosen {
            let options = &mut self.options[usize::from(chosen.question)];
            step(&mut options[usize::from(chosen.option)], chosen.votes.into());
        }
        for blank in &summary.blank {
            step(&mut self.blank[usize::from(blank.question)], blank.votes.into());
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct PackedRecord {
    registration: PackedPlace,
    vote: Option<PackedPlace>,
}

impl PackedRecord {
    fn unpack(&self) -> VoterRecord {
        let vote = self.vote.map(PackedPlace::unpack);
        VoterRecord { registration: self.registration.unpack(), vote }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voter_takes_48_bytes() {
        assert_eq!(size_of::<(VoterId, PackedRecord)>(), 48);
    }
}
