//! The pool: valid transactions that are not on the best chain yet, and votes that wait for their
//! registration.
//!
//! Everything that enters was checked, including its signatures. For each voter at most one
//! registration is kept, and one vote or one withdrawal: the one that arrived first.

mod held;
mod invariants;
mod returned;
mod slots;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::datagram::ShortId;
use protocol::transaction::{HashedTransaction, TransactionKind};
use protocol::units::{LeafHash, TransactionId, VoterId};

use chain::rules::{Rule, Rules};
use chain::{Chain, TipChange, TransactionError};
use held::Held;
use slots::VoterSlots;

/// A transaction's position in the order of arrival.
pub type Arrival = u64;

/// The reason why a transaction was not added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PoolError {
    /// It is here already.
    #[error("the pool holds transaction {id} already")]
    Known {
        /// The transaction's id.
        id: TransactionId,
    },
    /// The pool is full.
    #[error("the pool is full with {transactions} transactions")]
    Full {
        /// The number of transactions in it.
        transactions: usize,
    },
    /// The transaction breaks a rule, given the chain and the content of the pool.
    #[error(transparent)]
    Context(#[from] TransactionError),
}

/// A transaction that cannot be counted any more, because another one took its place, or because
/// other voters took all the room that the election has.
#[derive(Debug)]
pub(crate) struct Superseded {
    /// What can not be counted.
    pub(crate) transaction: Arc<HashedTransaction>,
    /// What stands in its place, if something does and memory holds it.
    pub(crate) by: Option<TransactionId>,
}

#[derive(Debug)]
struct Entry {
    transaction: Arc<HashedTransaction>,
    arrival: Arrival,
}

/// The transactions that may enter the next blocks, in the order in which they arrived.
#[derive(Debug)]
pub struct Pool {
    bytes_max: usize,
    entries: BTreeMap<TransactionId, Entry>,
    by_arrival: BTreeMap<Arrival, TransactionId>,
    by_short_id: BTreeMap<ShortId, TransactionId>,
    by_voter: BTreeMap<VoterId, VoterSlots>,
    held: Held,
    bytes: usize,
    registrations: usize,
    votes: usize,
    arrivals: Arrival,
}

/// What a change of the best chain did to the pool.
#[derive(Debug, Default)]
pub(crate) struct PoolChange {
    /// Transactions of disconnected blocks that are in the pool again.
    pub(crate) returned: Vec<Arc<HashedTransaction>>,
    /// Votes of disconnected blocks that wait for their registration again.
    pub(crate) held: Vec<Arc<HashedTransaction>>,
    /// Votes whose registration arrived with the change: to be inserted like new ones.
    pub(crate) released: Vec<Arc<HashedTransaction>>,
    /// Transactions that can not be counted any more.
    pub(crate) superseded: Vec<Superseded>,
}

impl Pool {
    /// A pool for this number of bytes of transactions and of votes that wait for their registration.
    pub(crate) fn new(bytes_max: usize, held_max: usize) -> Self {
        Self {
            bytes_max,
            entries: BTreeMap::new(),
            by_arrival: BTreeMap::new(),
            by_short_id: BTreeMap::new(),
            by_voter: BTreeMap::new(),
            held: Held::new(held_max),
            bytes: 0,
            registrations: 0,
            votes: 0,
            arrivals: 0,
        }
    }

    /// The number of transactions, without those that are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the pool contains no transaction, apart from those that are held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of votes, without those that are held.
    pub(crate) fn votes(&self) -> usize {
        self.votes
    }

    /// The number of votes that wait for their registration.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// A transaction by its id.
    #[must_use]
    pub fn get(&self, id: &TransactionId) -> Option<&Arc<HashedTransaction>> {
        self.entries.get(id).map(|entry| &entry.transaction)
    }

    /// Whether exactly this transaction, including its signatures, is in the pool or held.
    #[must_use]
    pub fn contains(&self, transaction: &HashedTransaction) -> bool {
        let leaf = transaction.leaf();
        self.by_short_id(&short_id(&leaf)).is_some_and(|known| known.leaf() == leaf)
            || self.held.contains(transaction)
    }

    /// The transaction with the short id that announcements of blocks use.
    #[must_use]
    pub fn by_short_id(&self, short_id: &ShortId) -> Option<&Arc<HashedTransaction>> {
        self.get(self.by_short_id.get(short_id)?)
    }

    /// The registration of a voter in the pool.
    #[must_use]
    pub fn registration(&self, voter: &VoterId) -> Option<&Arc<HashedTransaction>> {
        self.get(&self.by_voter.get(voter)?.registration?)
    }

    /// The vote of a voter in the pool.
    #[must_use]
    pub fn vote(&self, voter: &VoterId) -> Option<&Arc<HashedTransaction>> {
        self.get(&self.by_voter.get(voter)?.vote?)
    }

    /// The withdrawal of a voter in the pool.
    #[must_use]
    pub fn withdrawal(&self, voter: &VoterId) -> Option<&Arc<HashedTransaction>> {
        self.get(&self.by_voter.get(voter)?.withdrawal?)
    }

    /// The transactions from an arrival number on, in the order of arrival.
    pub fn from_arrival(
        &self,
        first: Arrival,
    ) -> impl Iterator<Item = (Arrival, &Arc<HashedTransaction>)> {
        self.by_arrival.range(first..).filter_map(|(arrival, id)| Some((*arrival, self.get(id)?)))
    }

    /// Whether a transaction may enter now, given the chain and the content of the pool.
    ///
    /// # Errors
    /// The rule that it breaks, or that it or another one of its voter is here already.
    pub(crate) fn check(
        &self,
        transaction: &HashedTransaction,
        chain: &Chain,
    ) -> Result<(), PoolError> {
        let (id, voter) = (transaction.id(), transaction.voter());
        if self.entries.contains_key(&id) {
            return Err(PoolError::Known { id });
        }
        if let Some(slots) = self.by_voter.get(&voter) {
            slots.check(transaction.kind(), voter)?;
        }
        if transaction.kind() == TransactionKind::Registration {
            chain.check_voter_capacity(self.registrations)?;
        }
        match chain.check_context(transaction) {
            Err(TransactionError::NotRegistered { .. }) if self.registration(&voter).is_some() => {
                Ok(())
            }
            // Only the time has to come, and whatever else could be wrong with it was checked.
            Err(TransactionError::NotOpenYet { .. }) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(()),
        }
    }

    /// Adds a transaction whose signatures are valid. Returns the votes that waited for it, which
    /// must be inserted next.
    ///
    /// # Errors
    /// See [`check`](Self::check); also when the pool is full.
    pub(crate) fn insert(
        &mut self,
        transaction: Arc<HashedTransaction>,
        chain: &Chain,
    ) -> Result<Vec<Arc<HashedTransaction>>, PoolError> {
        if self.bytes + transaction.bytes() > self.bytes_max {
            self.check(&transaction, chain)?;
            return Err(PoolError::Full { transactions: self.len() });
        }
        self.restore(transaction, chain)
    }

    /// Adds a transaction that was acknowledged before. As with transactions that return from a
    /// branch that lost, it is added even if the pool is full. Returns the votes that waited for it.
    ///
    /// # Errors
    /// See [`check`](Self::check).
    pub(crate) fn restore(
        &mut self,
        transaction: Arc<HashedTransaction>,
        chain: &Chain,
    ) -> Result<Vec<Arc<HashedTransaction>>, PoolError> {
        self.check(&transaction, chain)?;
        let (voter, kind) = (transaction.voter(), transaction.kind());
        self.add(transaction);
        let is_registration = kind == TransactionKind::Registration;
        let released = if is_registration { self.held.release(&voter) } else { None };
        Ok(released.into_iter().collect())
    }

    /// Keeps a vote whose signature holds until its voter's registration comes, or until other such votes need the
    /// place.
    pub(crate) fn hold(&mut self, vote: Arc<HashedTransaction>) {
        self.held.insert(vote);
    }

    /// Does the same with a vote that was acknowledged, which gives way to no other.
    ///
    /// # Errors
    /// When another vote of the same voter is kept already.
    pub(crate) fn keep(&mut self, vote: Arc<HashedTransaction>) -> Result<(), Superseded> {
        let id = vote.id();
        match self.held.keep(Arc::clone(&vote)) {
            Some(kept) if kept != id => Err(Superseded { transaction: vote, by: Some(kept) }),
            Some(_) | None => Ok(()),
        }
    }

    /// The votes that wait for their registration.
    pub(crate) fn all_held(&self) -> impl Iterator<Item = &Arc<HashedTransaction>> {
        self.held.iter()
    }

    /// Follows the chain from one branch to another. What comes back from a branch that lost is taken in even
    /// if the pool is full: it was acknowledged, and memory held it already.
    pub(crate) fn follow(&mut self, chain: &Chain, moved: &TipChange, rules: Rules) -> PoolChange {
        let mut change = PoolChange::default();
        let connected = || moved.connected.iter().flat_map(|block| &block.transactions);
        for transaction in connected() {
            change.superseded.extend(self.remove_rivals(transaction));
        }
        let is_registration =
            |each: &&Arc<HashedTransaction>| each.kind() == TransactionKind::Registration;
        for registration in connected().filter(is_registration) {
            change.released.extend(self.held.release(&registration.voter()));
        }
        if !moved.disconnected.is_empty() || moved.disconnected_lost > 0 {
            if rules.enforces(Rule::ReturnToPool) {
                self.return_disconnected(chain, &moved.disconnected, &mut change);
            }
            self.hold_unregistered(chain, &mut change);
        }
        if !chain.phase().takes(TransactionKind::Withdrawal) {
            change.superseded.extend(self.remove_withdrawals());
        }
        if chain.remaining_voter_capacity() == 0 {
            change.superseded.extend(self.remove_without_room(chain));
        }
        change
    }

    fn add(&mut self, transaction: Arc<HashedTransaction>) {
        let (id, arrival) = (transaction.id(), self.arrivals);
        self.arrivals += 1;
        self.bytes += transaction.bytes();
        self.registrations += usize::from(transaction.kind() == TransactionKind::Registration);
        self.votes += usize::from(transaction.kind() == TransactionKind::Vote);
        self.by_arrival.insert(arrival, id);
        self.by_short_id.insert(short_id(&transaction.leaf()), id);
        let slots = self.by_voter.entry(transaction.voter()).or_default();
        *slots.of(transaction.kind()) = Some(id);
        self.entries.insert(id, Entry { transaction, arrival });
    }

    fn remove(&mut self, id: &TransactionId) -> Option<Arc<HashedTransaction>> {
        let Entry { transaction, arrival } = self.entries.remove(id)?;
        self.bytes -= transaction.bytes();
        self.registrations -= usize::from(transaction.kind() == TransactionKind::Registration);
        self.votes -= usize::from(transaction.kind() == TransactionKind::Vote);
        self.by_arrival.remove(&arrival);
        let short_id = short_id(&transaction.leaf());
        if self.by_short_id.get(&short_id) == Some(id) {
            self.by_short_id.remove(&short_id);
        }
        if let Some(slots) = self.by_voter.get_mut(&transaction.voter()) {
            *slots.of(transaction.kind()) = None;
            if slots.is_empty() {
                self.by_voter.remove(&transaction.voter());
            }
        }
        Some(transaction)
    }

    /// Removes what a mined transaction makes unnecessary or impossible: the transaction itself, or
    /// others of its voter.
    fn remove_rivals(&mut self, mined: &HashedTransaction) -> Vec<Superseded> {
        let slots = self.by_voter.get(&mined.voter());
        let rivals = slots.map(|slots| slots.rivals(mined.kind())).unwrap_or_default();
        let mut removed: Vec<_> = rivals.iter().filter_map(|id| self.remove(id)).collect();
        if mined.kind() != TransactionKind::Registration {
            removed.extend(self.held.release(&mined.voter()));
        }
        let others = removed.into_iter().filter(|transaction| transaction.id() != mined.id());
        others.map(|transaction| Superseded { transaction, by: Some(mined.id()) }).collect()
    }

    /// Removes the registrations for which a full election has no room, and the votes of their
    /// voters. So it does with the votes that were promised to wait for a registration.
    fn remove_without_room(&mut self, chain: &Chain) -> Vec<Superseded> {
        let is_new = |entry: &&Entry| chain.voter(&entry.transaction.voter()).is_none();
        let new = self.entries.values().filter(is_new);
        let ids: Vec<_> = new.map(|entry| entry.transaction.id()).collect();
        let mut removed: Vec<_> = ids.iter().filter_map(|id| self.remove(id)).collect();
        removed.extend(self.held.release_kept());
        removed.into_iter().map(|transaction| Superseded { transaction, by: None }).collect()
    }

    /// Removes the withdrawals, once the election has opened: they would only keep their voters' votes out.
    fn remove_withdrawals(&mut self) -> Vec<Superseded> {
        let ids: Vec<_> = self.by_voter.values().filter_map(|slots| slots.withdrawal).collect();
        let removed = ids.iter().filter_map(|id| self.remove(id));
        removed.map(|transaction| Superseded { transaction, by: None }).collect()
    }

    /// The vote that counts for a voter, or that will count once a block contains it, as far as memory holds it.
    pub(super) fn vote_of(&self, voter: &VoterId, chain: &Chain) -> Option<TransactionId> {
        let place = chain.voter(voter).and_then(|record| record.vote);
        let mined = place.and_then(|place| chain.transaction(place));
        mined.or_else(|| self.vote(voter)).map(|vote| vote.id())
    }

    pub(super) fn withdrawal_of(&self, voter: &VoterId, chain: &Chain) -> Option<TransactionId> {
        let mined = chain.withdrawal(voter).and_then(|place| chain.transaction(place));
        mined.or_else(|| self.withdrawal(voter)).map(|withdrawal| withdrawal.id())
    }
}

/// The short id by which announcements of blocks refer to a transaction.
#[must_use]
pub(crate) fn short_id(leaf: &LeafHash) -> ShortId {
    *leaf.0.first_chunk().expect("a hash has 32 bytes")
}
