//! Transactions on their way through the network: sent on at once in batches, announced again with back-off
//! until a block holds them, and given whole to new neighbours.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::datagram::{DATAGRAM_BYTES_MAX, Datagram, ENVELOPE_BYTES};
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::{Now, TransactionId};

use super::Node;
use super::neighbours::NEIGHBOURS_MAX;
use super::packing::pack;
use super::timers::Timer;
use super::verification::Purpose;
use crate::chain::TransactionError;
use crate::pool::{Arrival, PoolError};
use crate::rules::Rule;

/// What comes within this time goes on in the same datagrams.
const BATCH_PERIOD: Duration = Duration::from_millis(10);
/// Before a transaction is announced for the second time; doubles up to the longest.
const REANNOUNCE_FIRST: Duration = Duration::from_secs(1);
/// Longest time between announcements: the pool of a peer that was cut off is known again within it.
const REANNOUNCE_MAX: Duration = Duration::from_secs(60);
/// Datagrams of one batch to one new neighbour: 3 MB/s.
const POOL_DATAGRAMS_PER_BATCH: usize = 24;
/// Bytes of NEW_TRANSACTIONS before its transactions: envelope, variant, length.
const OVERHEAD: usize = ENVELOPE_BYTES + 4 + 8;

/// What is under way of one transaction.
#[derive(Debug)]
struct Spread {
    /// Neighbours that sent it to us, by their bits.
    known_by: u64,
    /// When it is announced again.
    next_at: Instant,
    wait: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Gossip {
    /// New in the pool since the last batch.
    fresh: Vec<Arc<HashedTransaction>>,
    spreads: BTreeMap<TransactionId, Spread>,
    due: BTreeSet<(Instant, TransactionId)>,
}

impl Gossip {
    /// A neighbour's slot has a new owner, or its owner forgot everything.
    pub(super) fn forget_knowledge(&mut self, bit: u64) {
        self.spreads.values_mut().for_each(|spread| spread.known_by &= !bit);
    }

    /// A transaction left the pool.
    pub(super) fn forget(&mut self, id: &TransactionId) {
        if let Some(spread) = self.spreads.remove(id) {
            self.due.remove(&(spread.next_at, *id));
        }
    }

    fn note_known_by(&mut self, id: &TransactionId, bit: u64) {
        if let Some(spread) = self.spreads.get_mut(id) {
            spread.known_by |= bit;
        }
    }

    fn is_known_by(&self, id: &TransactionId, bit: u64) -> bool {
        self.spreads.get(id).is_some_and(|spread| spread.known_by & bit != 0)
    }

    fn start(&mut self, transaction: Arc<HashedTransaction>, known_by: u64, now: Instant) {
        let id = transaction.id();
        self.forget(&id);
        let next_at = now + REANNOUNCE_FIRST;
        self.spreads.insert(id, Spread { known_by, next_at, wait: REANNOUNCE_FIRST });
        self.due.insert((next_at, id));
        self.fresh.push(transaction);
    }

    /// Transactions whose time has come to be announced again.
    fn take_due(&mut self, now: Instant) -> Vec<TransactionId> {
        let mut due = Vec::new();
        while let Some(&(at, id)) = self.due.first().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            let Some(spread) = self.spreads.get_mut(&id) else { continue };
            spread.wait = (spread.wait * 2).min(REANNOUNCE_MAX);
            spread.next_at = now + spread.wait;
            self.due.insert((spread.next_at, id));
            due.push(id);
        }
        due
    }
}

impl Node {
    /// Sends a transaction that entered the pool on its way.
    pub(super) fn spread(
        &mut self,
        transaction: Arc<HashedTransaction>,
        source: Option<SocketAddr>,
        now: Now,
    ) {
        let known_by =
            source.and_then(|source| self.neighbours.get(&source)).map_or(0, |n| n.bit());
        self.gossip.start(transaction, known_by, now.instant);
        self.timers.set_by(Timer::Gossip, now.instant + BATCH_PERIOD);
        self.arm_reannounce_timer();
    }

    pub(super) fn on_gossip_timer(&mut self, now: Now) {
        let fresh = std::mem::take(&mut self.gossip.fresh);
        for address in self.neighbours.addresses() {
            self.announce_transactions(address, &fresh);
            self.send_pool_to_new_neighbour(address, now);
        }
    }

    pub(super) fn on_reannounce_timer(&mut self, now: Now) {
        if self.rules.hold(Rule::Reannouncement) {
            let due = self.gossip.take_due(now.instant);
            let (due, gone): (Vec<_>, Vec<_>) =
                due.into_iter().partition(|id| self.pool.get(id).is_some());
            gone.iter().for_each(|id| self.gossip.forget(id));
            let due: Vec<_> = due.iter().filter_map(|id| self.pool.get(id)).cloned().collect();
            for address in self.neighbours.addresses() {
                self.announce_transactions(address, &due);
            }
            self.arm_reannounce_timer();
        }
    }

    pub(super) fn on_new_transactions(
        &mut self,
        from: SocketAddr,
        transactions: Vec<Transaction>,
        now: Now,
    ) {
        let Some(bit) = self.neighbours.get(&from).map(|neighbour| neighbour.bit()) else { return };
        let mut to_verify = Vec::new();
        for transaction in transactions {
            let transaction = HashedTransaction::new(transaction, self.chain.election_id());
            self.gossip.note_known_by(&transaction.id(), bit);
            if self.pool.contains(&transaction)
                || self.verification.is_pending_or_refused(&transaction)
            {
                continue;
            }
            if let Err(error) = self.chain.check_structure(&transaction) {
                self.fault(from, format!("sent a transaction that is refused: {error}"), now);
                continue;
            }
            match self.pool.check(&transaction, &self.chain) {
                // A vote without its registration may just have overtaken it.
                Ok(()) | Err(PoolError::Context(TransactionError::NotRegistered { .. })) => {
                    to_verify.push(Arc::new(transaction));
                }
                Err(PoolError::Known { .. } | PoolError::Full { .. } | PoolError::Context(_)) => {}
            }
        }
        self.verify(to_verify, Purpose::Gossip { from }, now);
    }

    /// Takes in a transaction that a neighbour sent, whose signatures hold.
    pub(super) fn take_gossiped(
        &mut self,
        transaction: Arc<HashedTransaction>,
        from: Option<SocketAddr>,
        now: Now,
    ) {
        match self.add_to_pool(Arc::clone(&transaction), from, now) {
            Err(PoolError::Context(TransactionError::NotRegistered { .. })) => {
                self.pool.hold(transaction);
            }
            Ok(())
            | Err(PoolError::Known { .. } | PoolError::Full { .. } | PoolError::Context(_)) => {}
        }
    }

    fn announce_transactions(&mut self, to: SocketAddr, transactions: &[Arc<HashedTransaction>]) {
        let Some(bit) = self.neighbours.get(&to).map(|neighbour| neighbour.bit()) else { return };
        let unknown: Vec<_> = transactions
            .iter()
            .filter(|transaction| !self.gossip.is_known_by(&transaction.id(), bit))
            .cloned()
            .collect();
        for batch in pack(&unknown, DATAGRAM_BYTES_MAX - OVERHEAD) {
            self.send(to, Datagram::NewTransactions(batch));
        }
    }

    fn send_pool_to_new_neighbour(&mut self, to: SocketAddr, now: Now) {
        let Some(neighbour) = self.neighbours.get(&to) else { return };
        let (Some(first), bit) = (neighbour.pool_cursor, neighbour.bit()) else { return };
        let mut room = POOL_DATAGRAMS_PER_BATCH * DATAGRAM_BYTES_MAX;
        let mut sending = Vec::new();
        let mut next: Option<Arrival> = None;
        for (arrival, transaction) in self.pool.from_arrival(first) {
            let Some(left) = room.checked_sub(transaction.bytes()) else {
                next = Some(arrival);
                break;
            };
            if !self.gossip.is_known_by(&transaction.id(), bit) {
                room = left;
                sending.push(Arc::clone(transaction));
            }
        }
        for batch in pack(&sending, DATAGRAM_BYTES_MAX - OVERHEAD) {
            self.send(to, Datagram::NewTransactions(batch));
        }
        if let Some(neighbour) = self.neighbours.get_mut(&to) {
            neighbour.pool_cursor = next;
        }
        if next.is_some() {
            self.timers.set_by(Timer::Gossip, now.instant + BATCH_PERIOD);
        }
    }

    fn arm_reannounce_timer(&mut self) {
        let next = self.gossip.due.first().map(|(at, _)| *at);
        self.timers.set(Timer::Reannounce, next);
    }
}

const _: () = assert!(NEIGHBOURS_MAX <= u64::BITS as usize, "masks of neighbours are one word");
