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

#[cfg(test)]
mod tests {
    use protocol::block::{self, Block, Header};

    use super::super::{BlockEffects, PackedLocation, TransactionLocation};
    use super::*;
    use crate::fixtures::{admission, admitted_vote, election_by_registrars, key, withdrawal};
    use crate::rules::Rules;
    use crate::tests::panic_message;
    use crate::time::Period;

    /// Two admissions, the vote of one, and the withdrawal of the other, in the first three blocks.
    fn branch() -> Branch {
        let election = election_by_registrars();
        let mut branch = Branch::new(&election, Rules::ALL);
        let blocks = [
            vec![admission(0), admission(1)],
            vec![admitted_vote(0, vec![vec![1]])],
            vec![withdrawal(1)],
        ];
        for (height, transactions) in (1..).map(Height).zip(blocks) {
            let merkle_root = block::merkle_root(&transactions);
            let header = Header { height, merkle_root, ..Header::genesis(&election) };
            let effects = BlockEffects::of(&Block { header, transactions });
            branch.apply(height, Period::ALWAYS, &effects).expect("it keeps the rules");
        }
        branch
    }

    /// One way to break a branch, and a part of what the check says about it.
    type Breakage = (fn(&mut Branch), &'static str);

    const BREAKAGES: [Breakage; 9] = [
        (
            |branch| {
                let place = TransactionLocation { height: Height(3), index: 0 };
                let voter = key(0).public().voter();
                branch.withdrawn.insert(voter, (PackedLocation::new(place), None));
            },
            "is registered",
        ),
        (
            |branch| {
                for record in branch.voters.values_mut() {
                    let place = TransactionLocation { height: Height(3), index: 0 };
                    record.registration = PackedLocation::new(place);
                }
            },
            "voted before registering",
        ),
        (|branch| branch.max_voters = Some(0), "and 0 may be"),
        (|branch| branch.tally.votes = 2, "counted votes, and voters who voted"),
        (
            |branch| branch.locations = super::super::LocationIndex::default(),
            "indexed transactions",
        ),
        (|branch| branch.tally.options[0][1] = 2, "more answers than there are votes"),
        (|branch| branch.tally.options[0][1] = 0, "lacks answers"),
        (|branch| branch.by_registrar[0].admissions = 3, "count.admissions"),
        (|branch| branch.by_registrar[0].withdrawals = 2, "count.withdrawals"),
    ];

    #[test]
    fn each_breakage_of_a_branch_is_noticed() {
        branch().check_invariants(Height(2));
        let said = panic_message(|| branch().check_invariants(Height(1)));
        assert!(said.contains("is known from a block above the tip"), "{said}");
        for (breaks, expected) in BREAKAGES {
            let mut branch = branch();
            breaks(&mut branch);
            let said = panic_message(|| branch.check_invariants(Height(3)));
            assert!(said.contains(expected), "{said}, not {expected}");
        }
    }
}
