//! Transactions on their way through the network: sent on at once in batches, announced again with back-off
//! until a block holds them, and given whole to new neighbours.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::datagram::{DATAGRAM_BYTES_MAX, Datagram, ENVELOPE_BYTES};
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::{Now, TransactionId};
use rand::RngExt;

use super::Node;
use super::packing::pack;
use super::timers::Timer;
use super::verification::Purpose;
use crate::pool::{Arrival, PoolError};
use chain::TransactionError;
use chain::rules::Rule;

/// What comes within this time goes on in the same datagrams.
const BATCH_PERIOD: Duration = Duration::from_millis(10);
/// Before a transaction is announced for the second time; doubles up to the longest.
const REANNOUNCE_FIRST: Duration = Duration::from_secs(1);
/// Longest time between announcements: the pool of a peer that was cut off is known again within it.
const REANNOUNCE_MAX: Duration = Duration::from_secs(60);
/// Datagrams of one batch that tell of the pool, to all new neighbours together: 6 MB/s. The same bounds what
/// is announced again at a time.
const POOL_DATAGRAMS_PER_BATCH: usize = 48;
/// Transactions in one datagram, about.
const TRANSACTIONS_PER_DATAGRAM: usize = 7;
/// Own transactions that are announced once more with every LEAVE_PEER: one voter has two.
const OWN_AT_LEAVE_MAX: usize = 64;
/// Bytes of NEW_TRANSACTIONS before its transactions: envelope, variant, length.
const OVERHEAD: usize = ENVELOPE_BYTES + 4 + 8;

/// What is under way of one transaction.
#[derive(Debug)]
struct Spread {
    /// Whether no neighbour sent it to us.
    is_own: bool,
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
    /// A transaction left the pool.
    pub(super) fn forget(&mut self, id: &TransactionId) {
        if let Some(spread) = self.spreads.remove(id) {
            self.due.remove(&(spread.next_at, *id));
        }
    }

    fn start(&mut self, transaction: Arc<HashedTransaction>, is_own: bool, now: Instant) {
        let id = transaction.id();
        self.forget(&id);
        let next_at = now + REANNOUNCE_FIRST;
        self.spreads.insert(id, Spread { is_own, next_at, wait: REANNOUNCE_FIRST });
        self.due.insert((next_at, id));
        self.fresh.push(transaction);
    }

    /// At most `most` transactions whose time has come to be announced again. `jitter` is between 0 and 1.
    fn take_due(&mut self, most: usize, jitter: f32, now: Instant) -> Vec<TransactionId> {
        let mut due = Vec::new();
        while let Some(&(at, id)) = self.due.first().filter(|(at, _)| *at <= now) {
            if due.len() >= most {
                break;
            }
            self.due.remove(&(at, id));
            let Some(spread) = self.spreads.get_mut(&id) else { continue };
            spread.wait = (spread.wait * 2).min(REANNOUNCE_MAX);
            spread.next_at = now + spread.wait.mul_f32(1.0 + jitter / 4.0);
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
        self.gossip.start(transaction, source.is_none(), now.instant);
        self.timers.set_by(Timer::Gossip, now.instant + BATCH_PERIOD);
        self.arm_reannounce_timer();
    }

    pub(super) fn on_gossip_timer(&mut self, now: Now) {
        let fresh = std::mem::take(&mut self.gossip.fresh);
        let new = self.neighbours.iter().filter(|(_, known)| known.pool_cursor.is_some()).count();
        let share = (POOL_DATAGRAMS_PER_BATCH / new.max(1)).max(1);
        for address in self.neighbours.addresses() {
            self.announce_transactions(address, &fresh);
            self.send_pool_to_new_neighbour(address, share, now);
        }
    }

    pub(super) fn on_reannounce_timer(&mut self, now: Now) {
        if !self.rules.enforces(Rule::Reannouncement) {
            return;
        }
        let neighbours = self.neighbours.len().max(1);
        let datagrams = (POOL_DATAGRAMS_PER_BATCH / neighbours).max(1);
        let (most, jitter) = (datagrams * TRANSACTIONS_PER_DATAGRAM, self.random.random());
        let due = self.gossip.take_due(most, jitter, now.instant);
        let (due, gone): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|id| self.pool.get(id).is_some());
        gone.iter().for_each(|id| self.gossip.forget(id));
        let due: Vec<_> = due.iter().filter_map(|id| self.pool.get(id)).cloned().collect();
        for address in self.neighbours.addresses() {
            self.announce_transactions(address, &due);
        }
        let next = self.gossip.due.first().map(|(at, _)| (*at).max(now.instant + BATCH_PERIOD));
        self.timers.set(Timer::Reannounce, next);
    }

    /// Announces once more what no neighbour is known to have, before this peer leaves.
    pub(super) fn announce_own_again(&mut self, to: &[SocketAddr]) {
        let own = self.gossip.spreads.iter().filter(|(_, spread)| spread.is_own);
        let own: Vec<_> =
            own.filter_map(|(id, _)| self.pool.get(id)).take(OWN_AT_LEAVE_MAX).cloned().collect();
        for address in to {
            self.announce_transactions(*address, &own);
        }
    }

    pub(super) fn on_new_transactions(
        &mut self,
        from: SocketAddr,
        transactions: Vec<Transaction>,
        now: Now,
    ) {
        let mut to_verify = Vec::new();
        for transaction in transactions {
            let transaction = HashedTransaction::new(transaction, self.chain.election_id());
            if let Some(neighbour) = self.neighbours.get_mut(&from) {
                neighbour.known.insert(transaction.id());
            }
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
        let Some(neighbour) = self.neighbours.get(&to) else { return };
        let unknown = transactions.iter().filter(|each| !neighbour.known.contains(&each.id()));
        let unknown: Vec<_> = unknown.cloned().collect();
        for batch in pack(&unknown, DATAGRAM_BYTES_MAX - OVERHEAD) {
            self.send(to, Datagram::NewTransactions(batch));
        }
    }

    fn send_pool_to_new_neighbour(&mut self, to: SocketAddr, datagrams: usize, now: Now) {
        let Some(neighbour) = self.neighbours.get(&to) else { return };
        let Some(first) = neighbour.pool_cursor else { return };
        let mut room = datagrams * DATAGRAM_BYTES_MAX;
        let mut sending = Vec::new();
        let mut next: Option<Arrival> = None;
        for (arrival, transaction) in self.pool.from_arrival(first) {
            let Some(left) = room.checked_sub(transaction.bytes()) else {
                next = Some(arrival);
                break;
            };
            if !neighbour.known.contains(&transaction.id()) {
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
