//! Votes that arrived before their voter's registration, which happens because datagrams can
//! overtake each other. Their number must stay small, because anybody can sign votes with keys that
//! nobody registers.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::transaction::HashedTransaction;
use protocol::units::VoterId;

/// The newest vote of each voter. The votes are dropped in the order in which they arrived.
#[derive(Debug)]
pub(super) struct Held {
    max: usize,
    by_voter: BTreeMap<VoterId, (u64, Arc<HashedTransaction>)>,
    by_arrival: BTreeMap<u64, VoterId>,
    arrivals: u64,
}

impl Held {
    /// Keeps at most this number of votes.
    pub(super) fn new(max: usize) -> Self {
        Self { max, by_voter: BTreeMap::new(), by_arrival: BTreeMap::new(), arrivals: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.by_voter.len()
    }

    pub(super) fn contains(&self, vote: &HashedTransaction) -> bool {
        self.by_voter.get(&vote.voter()).is_some_and(|(_, held)| held.leaf() == vote.leaf())
    }

    pub(super) fn insert(&mut self, vote: Arc<HashedTransaction>) {
        let voter = vote.voter();
        self.release(&voter);
        self.by_arrival.insert(self.arrivals, voter);
        self.by_voter.insert(voter, (self.arrivals, vote));
        self.arrivals += 1;
        if self.by_voter.len() > self.max
            && let Some((_, oldest)) = self.by_arrival.pop_first()
        {
            self.by_voter.remove(&oldest);
        }
    }

    pub(super) fn release(&mut self, voter: &VoterId) -> Option<Arc<HashedTransaction>> {
        let (arrival, vote) = self.by_voter.remove(voter)?;
        self.by_arrival.remove(&arrival);
        Some(vote)
    }
}
