//! What a branch of the chain says of its voters: who is registered, who voted, and the count. Blocks are
//! applied at its end and taken off again in reverse, so that a change of branch costs as much as the
//! branches are long. A block's [`Summary`] is all that this takes.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use protocol::election::Election;
use protocol::transaction::TransactionKind;
use protocol::units::{Height, VoterId};

use super::error::{BlockError, TransactionError};
use super::summary::Summary;
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

/// The state at the end of one branch.
#[derive(Debug)]
pub(super) struct Branch {
    voters: BTreeMap<VoterId, PackedRecord>,
    tally: Tally,
    /// Heights of the blocks that hold votes.
    vote_heights: Vec<Height>,
    rules: Rules,
}

impl Branch {
    pub(super) fn new(election: &Election, rules: Rules) -> Self {
        let tally = Tally::new(election);
        Self { voters: BTreeMap::new(), tally, vote_heights: Vec::new(), rules }
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
        for (place, &(kind, voter)) in summary.transactions.iter().enumerate() {
            if let Err(error) = self.check(kind, voter) {
                self.remove_first(summary, place);
                return Err(BlockError::Transaction { place, error });
            }
            let index = u32::try_from(place).expect("a body of 1 MiB holds fewer");
            self.add(kind, voter, Place { height, index });
        }
        self.tally.change(summary, |count, votes| *count += votes);
        if summary.count(TransactionKind::Vote) > 0 {
            self.vote_heights.push(height);
        }
        Ok(())
    }

    /// Takes the last block off.
    pub(super) fn undo(&mut self, summary: &Summary) {
        self.remove_first(summary, summary.transactions.len());
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
        off.iter().for_each(|(_, summary)| self.undo(summary));
        for (index, (height, summary)) in on.iter().enumerate() {
            if let Err(error) = self.apply(*height, summary) {
                on[..index].iter().rev().for_each(|(_, summary)| self.undo(summary));
                for (height, summary) in off.iter().rev() {
                    self.apply(*height, summary).expect("it was on the branch before");
                }
                return Err((index, error));
            }
        }
        Ok(())
    }

    fn add(&mut self, kind: TransactionKind, voter: VoterId, place: Place) {
        match kind {
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

    fn remove_first(&mut self, summary: &Summary, count: usize) {
        for (kind, voter) in summary.transactions[..count].iter().rev() {
            match kind {
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

/// A place in 8 bytes: there may be a million voters. The height is above 0, since the genesis holds nothing,
/// so that an optional one takes no more.
#[derive(Debug, Clone, Copy)]
struct PackedPlace(NonZeroU64);

#[derive(Debug, Clone, Copy)]
struct PackedRecord {
    registration: PackedPlace,
    vote: Option<PackedPlace>,
}

/// A body of 1 MiB holds fewer than 2^16 transactions, as each takes at least 44 bytes.
const INDEX_BITS: u32 = 16;

impl PackedPlace {
    fn new(place: Place) -> Self {
        let packed = (place.height.0 << INDEX_BITS) | u64::from(place.index);
        Self(NonZeroU64::new(packed).expect("only the genesis has height 0"))
    }

    fn unpack(self) -> Place {
        let height = Height(self.0.get() >> INDEX_BITS);
        let index = self.0.get() & ((1 << INDEX_BITS) - 1);
        Place { height, index: u32::try_from(index).expect("it has 16 bits") }
    }
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
    fn a_voter_takes_48_bytes_and_places_survive_packing() {
        assert_eq!(size_of::<(VoterId, PackedRecord)>(), 48);
        for (height, index) in [(1, 0), (7, 65_535), ((1 << 48) - 1, 3)] {
            let place = Place { height: Height(height), index };
            assert_eq!(PackedPlace::new(place).unpack(), place);
        }
    }
}
