//! The state at the end of one branch: who is registered, who voted, and the count.
//!
//! Blocks are applied at the end and undone in reverse order, so a change of branch costs as much as the branches are
//! long. All that this takes of a block is its [`BlockEffects`].
//!
//! The rules that depend on what came before a transaction are in this module; all others are in [`super::check`].

mod invariants;

use std::collections::BTreeMap;

use protocol::election::Election;
use protocol::transaction::TransactionKind;
use protocol::units::{Height, TransactionId, VoterId};

use super::error::{BlockError, TransactionError};
use super::locations::{LocationIndex, PackedLocation, TransactionLocation};
use super::summary::{BlockEffects, TransactionSummary};
use crate::rules::{Rule, Rules};
use crate::time::Period;

/// What a branch knows about a registered voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoterRecord {
    /// Where the voter's registration is.
    pub registration: TransactionLocation,
    /// Where the voter's vote is, if there is one.
    pub vote: Option<TransactionLocation>,
}

/// The count of the votes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The number of votes counted, including blank ones.
    pub votes: u64,
    /// For each question, the number of votes per option in the ballot's order.
    pub options: Vec<Vec<u64>>,
    /// For each question, the number of voters who chose no option.
    pub blank: Vec<u64>,
}

/// What the registrars did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdmissionCounts {
    /// The number of voters who were withdrawn, whether they had been registered or not.
    pub withdrawn: u64,
    /// For each registrar, in the ballot's order, the admissions and withdrawals that the registrar
    /// signed.
    pub by_registrar: Vec<RegistrarCount>,
}

/// What one registrar signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RegistrarCount {
    /// Number of admissions.
    pub admissions: u64,
    /// Number of withdrawals.
    pub withdrawals: u64,
}

/// What a block does, and where it stands.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) height: Height,
    pub(super) period: Period,
    pub(super) effects: BlockEffects,
}

/// The state at the end of one branch.
#[derive(Debug)]
pub(super) struct Branch {
    voters: BTreeMap<VoterId, PackedRecord>,
    /// Where a voter was withdrawn, and what was known about the voter before.
    withdrawn: BTreeMap<VoterId, (PackedLocation, Option<PackedRecord>)>,
    by_registrar: Vec<RegistrarCount>,
    max_voters: Option<u32>,
    locations: LocationIndex,
    tally: Tally,
    /// The heights of the blocks that contain votes.
    vote_heights: Vec<Height>,
    rules: Rules,
}

impl Branch {
    pub(super) fn new(election: &Election, rules: Rules) -> Self {
        let tally = Tally::new(election);
        Self {
            voters: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            by_registrar: vec![RegistrarCount::default(); election.admission.registrars().len()],
            max_voters: election.admission.max_voters(),
            locations: LocationIndex::default(),
            tally,
            vote_heights: Vec::new(),
            rules,
        }
    }

    pub(super) fn voter(&self, voter: &VoterId) -> Option<VoterRecord> {
        self.voters.get(voter).map(PackedRecord::unpack)
    }

    /// Where a voter was withdrawn.
    pub(super) fn withdrawal(&self, voter: &VoterId) -> Option<TransactionLocation> {
        self.withdrawn.get(voter).map(|(location, _)| location.unpack())
    }

    /// The number of voters who are registered and not withdrawn.
    pub(super) fn registered_voters(&self) -> usize {
        self.voters.len()
    }

    pub(super) fn admissions(&self) -> AdmissionCounts {
        let by_registrar = self.by_registrar.clone();
        AdmissionCounts { withdrawn: self.withdrawn.len() as u64, by_registrar }
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The places where the branch may hold a transaction; see [`LocationIndex`].
    pub(super) fn locations_of(
        &self,
        id: &TransactionId,
    ) -> impl Iterator<Item = TransactionLocation> {
        self.locations.candidates(id)
    }

    #[cfg(test)]
    pub(super) fn locations(&self) -> &LocationIndex {
        &self.locations
    }

    /// The height of the newest block that contains a vote.
    pub(super) fn newest_vote(&self) -> Option<Height> {
        self.vote_heights.last().copied()
    }

    /// Checks whether a transaction of this kind, for this voter, may follow the transactions that
    /// the branch holds, in a block of this period. What may come true later is checked last: so a vote that came
    /// before the opening is told to wait only if nothing else is wrong with it.
    pub(super) fn check(
        &self,
        kind: TransactionKind,
        voter: VoterId,
        period: Period,
    ) -> Result<(), TransactionError> {
        period.check_not_closed()?;
        match kind {
            TransactionKind::Registration => self.check_registration(voter),
            TransactionKind::Vote => {
                self.check_vote(voter)?;
                period.check_vote()
            }
            TransactionKind::Withdrawal => {
                self.check_withdrawal(voter)?;
                period.check_withdrawal()
            }
        }
    }

    /// A voter is registered once, never after a withdrawal, and only while the election has room.
    ///
    /// docs/PROTOCOL.md, "Chain rules"; broken by `tests::rules::one_registration_and_one_vote_per_voter` and
    /// `tests::audit::each_rule_broken_once_is_named_where_it_is_broken`.
    fn check_registration(&self, voter: VoterId) -> Result<(), TransactionError> {
        if self.voters.contains_key(&voter) {
            return Err(TransactionError::AlreadyRegistered { voter });
        }
        self.check_not_withdrawn(voter)?;
        self.check_voter_capacity(0)
    }

    /// A voter votes once, and only while registered.
    ///
    /// docs/PROTOCOL.md, "Chain rules"; broken by `tests::rules::one_registration_and_one_vote_per_voter`.
    fn check_vote(&self, voter: VoterId) -> Result<(), TransactionError> {
        let Some(record) = self.voters.get(&voter) else {
            self.check_not_withdrawn(voter)?;
            return Err(TransactionError::NotRegistered { voter });
        };
        if record.vote.is_some() && self.rules.enforces(Rule::OneVotePerVoter) {
            return Err(TransactionError::AlreadyVoted { voter });
        }
        Ok(())
    }

    /// A voter is withdrawn once, and only before voting. The voter need not be registered.
    ///
    /// docs/PROTOCOL.md, "Chain rules"; broken by `tests::audit::each_rule_broken_once_is_named_where_it_is_broken`.
    fn check_withdrawal(&self, voter: VoterId) -> Result<(), TransactionError> {
        if self.withdrawn.contains_key(&voter) {
            return Err(TransactionError::AlreadyWithdrawn { voter });
        }
        match self.voters.get(&voter) {
            Some(record) if record.vote.is_some() => {
                Err(TransactionError::WithdrawalAfterVote { voter })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn check_not_withdrawn(&self, voter: VoterId) -> Result<(), TransactionError> {
        if self.withdrawn.contains_key(&voter) {
            return Err(TransactionError::Withdrawn { voter });
        }
        Ok(())
    }

    /// How many more voters can be registered; `usize::MAX` if the election sets no limit.
    pub(super) fn remaining_voter_capacity(&self) -> usize {
        let max = self.max_voters.map_or(usize::MAX, |max| max as usize);
        max.saturating_sub(self.registered_voters())
    }

    /// There is room for one more voter, beside `others` who are about to be registered.
    ///
    /// docs/PROTOCOL.md, "Chain rules"; broken by `tests::audit::each_rule_broken_once_is_named_where_it_is_broken`.
    pub(super) fn check_voter_capacity(&self, others: usize) -> Result<(), TransactionError> {
        match self.max_voters {
            Some(max) if others >= self.remaining_voter_capacity() => {
                Err(TransactionError::VotersFull { max })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Applies a block at the end of the branch. If a transaction breaks a rule, the branch stays
    /// as it was.
    pub(super) fn apply(
        &mut self,
        height: Height,
        period: Period,
        summary: &BlockEffects,
    ) -> Result<(), BlockError> {
        period.check_empty_after_close(summary.transactions.len())?;
        for (index, transaction) in summary.transactions.iter().enumerate() {
            if let Err(error) = self.check(transaction.kind, transaction.voter, period) {
                self.remove_transactions(height, summary, index);
                return Err(BlockError::Transaction { index, error });
            }
            self.add(transaction, TransactionLocation::new(height, index));
        }
        self.tally.change(summary, |count, votes| *count += votes);
        self.change_signed(summary, |count, signed| *count += signed);
        if summary.count(TransactionKind::Vote) > 0 {
            self.vote_heights.push(height);
        }
        Ok(())
    }

    /// Takes the last block off.
    pub(super) fn undo(&mut self, height: Height, summary: &BlockEffects) {
        self.remove_transactions(height, summary, summary.transactions.len());
        // If a body does not do what its summary said, data was damaged. That must not end the
        // program, so the numbers stop at zero.
        self.tally.change(summary, |count, votes| *count = count.saturating_sub(votes));
        self.change_signed(summary, |count, signed| *count = count.saturating_sub(signed));
        if summary.count(TransactionKind::Vote) > 0 {
            self.vote_heights.pop();
        }
    }

    /// Removes blocks, from the last one downwards, and applies others in their place. If one of
    /// these breaks a rule, its index is returned and the branch stays as it was.
    pub(super) fn replace_blocks(
        &mut self,
        off: &[Placed],
        on: &[Placed],
    ) -> Result<(), (usize, BlockError)> {
        off.iter().for_each(|block| self.undo(block.height, &block.effects));
        for (index, block) in on.iter().enumerate() {
            if let Err(error) = self.apply(block.height, block.period, &block.effects) {
                let applied = on[..index].iter().rev();
                applied.for_each(|block| self.undo(block.height, &block.effects));
                for Placed { height, period, effects } in off.iter().rev() {
                    self.apply(*height, *period, effects).expect("it was on the branch before");
                }
                return Err((index, error));
            }
        }
        Ok(())
    }

    fn add(&mut self, transaction: &TransactionSummary, location: TransactionLocation) {
        let voter = transaction.voter;
        self.locations.insert(transaction.id_prefix, location);
        match transaction.kind {
            TransactionKind::Registration => {
                let registration = PackedLocation::new(location);
                self.voters.insert(voter, PackedRecord { registration, vote: None });
            }
            TransactionKind::Vote => {
                if let Some(record) = self.voters.get_mut(&voter) {
                    record.vote = Some(PackedLocation::new(location));
                }
            }
            TransactionKind::Withdrawal => {
                let before = self.voters.remove(&voter);
                self.withdrawn.insert(voter, (PackedLocation::new(location), before));
            }
        }
    }

    fn remove_transactions(&mut self, height: Height, summary: &BlockEffects, count: usize) {
        for (index, transaction) in summary.transactions[..count].iter().enumerate().rev() {
            let voter = &transaction.voter;
            self.locations.remove(transaction.id_prefix, TransactionLocation::new(height, index));
            match transaction.kind {
                TransactionKind::Registration => {
                    self.voters.remove(voter);
                }
                TransactionKind::Vote => {
                    if let Some(record) = self.voters.get_mut(voter) {
                        record.vote = None;
                    }
                }
                TransactionKind::Withdrawal => {
                    if let Some((_, Some(record))) = self.withdrawn.remove(voter) {
                        self.voters.insert(*voter, record);
                    }
                }
            }
        }
    }

    fn change_signed(&mut self, summary: &BlockEffects, step: fn(&mut u64, u64)) {
        for signed in &summary.signed {
            let count = &mut self.by_registrar[usize::from(signed.registrar)];
            step(&mut count.admissions, signed.admissions.into());
            step(&mut count.withdrawals, signed.withdrawals.into());
        }
    }
}

impl Tally {
    pub(super) fn new(election: &Election) -> Self {
        let options = election.questions.iter().map(|question| vec![0; question.options.len()]);
        Self { votes: 0, options: options.collect(), blank: vec![0; election.questions.len()] }
    }

    pub(super) fn change(&mut self, summary: &BlockEffects, step: fn(&mut u64, u64)) {
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
    registration: PackedLocation,
    vote: Option<PackedLocation>,
}

impl PackedRecord {
    fn unpack(&self) -> VoterRecord {
        let vote = self.vote.map(PackedLocation::unpack);
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
