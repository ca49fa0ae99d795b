//! What must always be true of a [`Branch`].

use protocol::units::Height;

use super::Branch;
use crate::rules::Rule;

impl Branch {
    /// The number of registrations on the branch, those of withdrawn voters included.
    pub(crate) fn registrations(&self) -> usize {
        let withdrawn = self.withdrawn.values().filter(|(_, before)| before.is_some()).count();
        self.voters.len() + withdrawn
    }

    /// The heights of the blocks that contain votes, in ascending order.
    pub(crate) fn vote_heights(&self) -> &[Height] {
        &self.vote_heights
    }

    /// Checks that what is counted is what the voters' records say. `tip` is the height of the branch's last block.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(crate) fn check_invariants(&self, tip: Height) {
        for (voter, record) in self.voters.iter().map(|(voter, record)| (voter, record.unpack())) {
            assert!(!self.withdrawn.contains_key(voter), "withdrawn voter {voter} is registered");
            let place = |at: crate::TransactionLocation| (at.height, at.index);
            let registration = place(record.registration);
            let newest = record.vote.map_or(registration, place);
            assert!(registration <= newest, "voter {voter} voted before registering");
            assert!(newest.0 <= tip, "voter {voter} is known from a block above the tip");
        }
        let registered = self.registered_voters();
        let max = self.max_voters.map_or(usize::MAX, |max| max as usize);
        assert!(registered <= max, "{registered} voters are registered, and {max} may be");
        if !self.rules.enforces(Rule::OneVotePerVoter) {
            return;
        }
        let voted = self.voters.values().filter(|record| record.vote.is_some()).count() as u64;
        assert_eq!(self.tally.votes, voted, "counted votes, and voters who voted");
        let transactions = self.registrations() + self.withdrawn.len();
        assert_eq!(
            self.locations.len() as u64,
            transactions as u64 + voted,
            "indexed transactions"
        );
        for (options, blank) in self.tally.options.iter().zip(&self.tally.blank) {
            let most = options.iter().max().copied().unwrap_or(0);
            assert!(most + blank <= voted, "a question has more answers than there are votes");
            assert!(options.iter().sum::<u64>() + blank >= voted, "a question lacks answers");
        }
        for count in &self.by_registrar {
            assert!(count.admissions <= self.registrations() as u64);
            assert!(count.withdrawals <= self.withdrawn.len() as u64);
        }
    }
}
