//! What must always be true of a [`Pool`].

use chain::{Chain, TransactionError};
use protocol::transaction::TransactionKind;
use protocol::units::TransactionId;

use super::{Pool, short_id};

impl Pool {
    /// Whether a vote is held until its registration comes.
    pub(crate) fn holds(&self, id: &TransactionId) -> bool {
        self.held.iter().any(|vote| vote.id() == *id)
    }

    /// Checks that all indexes and sums are those of the transactions, and that each transaction may still enter a
    /// block.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(crate) fn check_invariants(&self, chain: &Chain) {
        let (mut bytes, mut registrations, mut votes) = (0, 0, 0);
        for (id, entry) in &self.entries {
            let transaction = &entry.transaction;
            assert_eq!(transaction.id(), *id);
            assert_eq!(self.by_arrival.get(&entry.arrival), Some(id), "the arrival of {id}");
            assert!(entry.arrival < self.arrivals, "{id} arrives in the future");
            let slots = self.by_voter.get(&transaction.voter()).expect("each has its slot");
            assert_eq!(slots.get(transaction.kind()), Some(*id), "the slot of {id}");
            bytes += transaction.bytes();
            registrations += usize::from(transaction.kind() == TransactionKind::Registration);
            votes += usize::from(transaction.kind() == TransactionKind::Vote);
            match chain.check_context(transaction) {
                // A vote waits for the opening, and what the closing keeps out may be let in by another branch.
                Ok(())
                | Err(TransactionError::NotOpenYet { .. } | TransactionError::Closed { .. }) => {}
                Err(TransactionError::NotRegistered { voter }) => {
                    assert!(self.registration(&voter).is_some(), "{id} waits for no registration");
                }
                Err(error) => panic!("{id} is in the pool and can enter no block: {error}"),
            }
        }
        assert_eq!(self.bytes, bytes, "bytes of the pool");
        assert_eq!(self.registrations, registrations, "registrations in the pool");
        assert_eq!(self.votes, votes, "votes in the pool");
        assert_eq!(self.by_arrival.len(), self.entries.len(), "arrivals");
        let slots: usize = self.by_voter.values().map(|slots| slots.iter().count()).sum();
        assert_eq!(slots, self.entries.len(), "slots of voters");
        for (voter, slots) in &self.by_voter {
            assert!(!slots.is_empty(), "voter {voter} has nothing in the pool");
            let rivals = slots.vote.is_some() && slots.withdrawal.is_some();
            assert!(!rivals, "voter {voter} has a vote and a withdrawal in the pool");
        }
        for (short, id) in &self.by_short_id {
            let transaction = self.get(id).expect("short ids lead into the pool");
            assert_eq!(short_id(&transaction.leaf()), *short);
        }
        self.held.check_invariants();
        for vote in self.held.iter() {
            let voter = vote.voter();
            let is_registered =
                chain.voter(&voter).is_some() || self.registration(&voter).is_some();
            assert!(!is_registered, "{} is held although its voter is registered", vote.id());
        }
    }
}
