//! Votes that wait for their voter's registration. Some arrived before it, which happens because datagrams can overtake
//! each other. Their number must stay small, because anybody can sign votes with keys that nobody registers.
//!
//! Others were acknowledged: their registration left with a branch that lost. Those must never give way to the former.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::transaction::HashedTransaction;
use protocol::units::{TransactionId, VoterId};

#[derive(Debug)]
struct HeldVote {
    vote: Arc<HashedTransaction>,
    /// The place in the order of arrival; `None` for a vote that was acknowledged.
    arrival: Option<u64>,
}

/// The votes by voter, at most one of each. Those that were not acknowledged are dropped in the order in which they
/// arrived.
#[derive(Debug)]
pub(super) struct Held {
    /// The most votes that were not acknowledged. The others stood on the chain or in the pool, which bounds them.
    max: usize,
    by_voter: BTreeMap<VoterId, HeldVote>,
    by_arrival: BTreeMap<u64, VoterId>,
    arrivals: u64,
}

impl Held {
    /// Keeps at most this number of votes that were not acknowledged.
    pub(super) fn new(max: usize) -> Self {
        Self { max, by_voter: BTreeMap::new(), by_arrival: BTreeMap::new(), arrivals: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.by_voter.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<HashedTransaction>> {
        self.by_voter.values().map(|held| &held.vote)
    }

    /// Checks that both indexes name the same votes, and that there are not too many that nobody was promised anything
    /// about.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        assert!(self.by_arrival.len() <= self.max, "{} votes are held", self.by_arrival.len());
        for (voter, held) in &self.by_voter {
            assert_eq!(held.vote.voter(), *voter);
            if let Some(arrival) = held.arrival {
                let found = self.by_arrival.get(&arrival);
                assert!(found == Some(voter) && arrival < self.arrivals, "a held vote's arrival");
            }
        }
        let droppable = self.by_voter.values().filter(|held| held.arrival.is_some()).count();
        assert_eq!(self.by_arrival.len(), droppable, "held votes by arrival");
    }

    pub(super) fn contains(&self, vote: &HashedTransaction) -> bool {
        self.by_voter.get(&vote.voter()).is_some_and(|held| held.vote.leaf() == vote.leaf())
    }

    /// Holds a vote that nobody was promised anything about. It takes the place of an earlier one of
    /// its voter, unless that was acknowledged.
    pub(super) fn insert(&mut self, vote: Arc<HashedTransaction>) {
        let voter = vote.voter();
        if self.by_voter.get(&voter).is_some_and(|held| held.arrival.is_none()) {
            return;
        }
        self.release(&voter);
        self.by_arrival.insert(self.arrivals, voter);
        self.by_voter.insert(voter, HeldVote { vote, arrival: Some(self.arrivals) });
        self.arrivals += 1;
        if self.by_arrival.len() > self.max
            && let Some((_, oldest)) = self.by_arrival.pop_first()
        {
            self.by_voter.remove(&oldest);
        }
    }

    /// Holds a vote that was acknowledged, for as long as it takes. Returns the id of an earlier one of the same voter
    /// that was acknowledged too and stays instead.
    pub(super) fn keep(&mut self, vote: Arc<HashedTransaction>) -> Option<TransactionId> {
        let voter = vote.voter();
        let kept = self.by_voter.get(&voter).filter(|held| held.arrival.is_none());
        if let Some(kept) = kept {
            return Some(kept.vote.id());
        }
        self.release(&voter);
        self.by_voter.insert(voter, HeldVote { vote, arrival: None });
        None
    }

    /// Removes all votes that were acknowledged.
    pub(super) fn release_kept(&mut self) -> Vec<Arc<HashedTransaction>> {
        let kept = self.by_voter.extract_if(.., |_, held| held.arrival.is_none());
        kept.map(|(_, held)| held.vote).collect()
    }

    pub(super) fn release(&mut self, voter: &VoterId) -> Option<Arc<HashedTransaction>> {
        let held = self.by_voter.remove(voter)?;
        if let Some(arrival) = held.arrival {
            self.by_arrival.remove(&arrival);
        }
        Some(held.vote)
    }
}
