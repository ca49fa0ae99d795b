//! Spreads transactions through the network. They are sent on at once in small batches, announced
//! again at growing intervals until a block contains them, and given to new neighbours completely.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::datagram::{DATAGRAM_BYTES_MAX, ENVELOPE_BYTES};
use protocol::transaction::HashedTransaction;
use protocol::units::{Now, TransactionId};
use rand::RngExt;

use super::pool::{Arrival, Pool};
use super::recipient::Recipient;
use super::{Ledger, Output, Timer};
use crate::packing::pack;
use chain::rules::Rule;

/// Transactions that arrive within this time are sent on in the same datagrams.
const BATCH_PERIOD: Duration = Duration::from_millis(10);
/// The time until a transaction is announced for the second time. It doubles with every further
/// announcement, up to the longest.
const REANNOUNCE_FIRST: Duration = Duration::from_secs(1);
/// The longest time between two announcements. When a peer was cut off, its pool is known to others
/// again within this time.
const REANNOUNCE_MAX: Duration = Duration::from_secs(60);
/// The number of datagrams with the pool's transactions in one batch, for all new neighbours
/// together; this is 6 MB/s. The same number limits how much is announced again at a time.
const POOL_DATAGRAMS_PER_BATCH: usize = 48;
/// About how many transactions fit into one datagram.
const TRANSACTIONS_PER_DATAGRAM: usize = 7;
/// The most of this peer's own transactions that are announced once more with every LEAVE_PEER. One
/// voter has two.
const OWN_AT_LEAVE_MAX: usize = 64;
/// The bytes of NEW_TRANSACTIONS before its transactions: envelope, variant and length.
const OVERHEAD: usize = ENVELOPE_BYTES + 4 + 8;

/// The state of announcing one transaction.
#[derive(Debug)]
struct Spread {
    /// When the transaction is announced again.
    next_at: Instant,
    wait: Duration,
}

/// All transactions that are announced until a block contains them.
#[derive(Debug, Default)]
pub(super) struct Spreads {
    /// The transactions that entered the pool since the last batch.
    fresh: Vec<Arc<HashedTransaction>>,
    by_id: BTreeMap<TransactionId, Spread>,
    due: BTreeSet<(Instant, TransactionId)>,
}

impl Spreads {
    /// Stops announcing a transaction that left the pool.
    pub(super) fn remove(&mut self, id: &TransactionId) {
        if let Some(spread) = self.by_id.remove(id) {
            self.due.remove(&(spread.next_at, *id));
        }
    }

    pub(super) fn contains(&self, id: &TransactionId) -> bool {
        self.by_id.contains_key(id)
    }

    /// Checks that everything that is announced has one next time, and is in the pool or held.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self, pool: &Pool) {
        assert_eq!(self.due.len(), self.by_id.len(), "times of announcements");
        for (id, spread) in &self.by_id {
            assert!(self.due.contains(&(spread.next_at, *id)), "{id} is never announced again");
            assert!(spread.wait <= REANNOUNCE_MAX, "{id} waits for {:?}", spread.wait);
            let is_kept = pool.get(id).is_some() || pool.holds(id);
            assert!(is_kept, "{id} is announced, and the pool has forgotten it");
        }
    }

    fn start(&mut self, transaction: Arc<HashedTransaction>, now: Instant) {
        let id = transaction.id();
        self.remove(&id);
        let next_at = now + REANNOUNCE_FIRST;
        self.by_id.insert(id, Spread { next_at, wait: REANNOUNCE_FIRST });
        self.due.insert((next_at, id));
        self.fresh.push(transaction);
    }

    /// When the next transaction has to be announced again.
    fn next_at(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Returns at most `most` transactions that are due to be announced again, and schedules the
    /// next announcement of each. `jitter` is between 0 and 1.
    fn pop_due(&mut self, most: usize, jitter: f32, now: Instant) -> Vec<TransactionId> {
        let mut due = Vec::new();
        while let Some(&(at, id)) = self.due.first().filter(|(at, _)| *at <= now) {
            if due.len() >= most {
                break;
            }
            self.due.remove(&(at, id));
            let Some(spread) = self.by_id.get_mut(&id) else { continue };
            spread.wait = (spread.wait * 2).min(REANNOUNCE_MAX);
            spread.next_at = now + spread.wait.mul_f32(1.0 + jitter / 4.0);
            self.due.insert((spread.next_at, id));
            due.push(id);
        }
        due
    }
}

impl Ledger {
    /// Starts to send the whole pool to a neighbour that is new or that restarted.
    pub(crate) fn add_recipient(&mut self, address: SocketAddr, now: Now) {
        self.recipients.insert(address, Recipient::default());
        self.timers.set_by(Timer::Gossip, now.instant);
    }

    /// Stops announcing anything to a neighbour.
    pub(crate) fn remove_recipient(&mut self, address: &SocketAddr) {
        self.recipients.remove(address);
    }

    /// Announces what arrived since the last time, and a part of the pool to new neighbours.
    pub(crate) fn announce_fresh(&mut self, now: Now) {
        let fresh = std::mem::take(&mut self.spreads.fresh);
        let new = self.recipients.values().filter(|each| each.pool_cursor.is_some()).count();
        let share = (POOL_DATAGRAMS_PER_BATCH / new.max(1)).max(1);
        for address in self.recipients.keys().copied().collect::<Vec<_>>() {
            self.announce(address, &fresh);
            self.send_pool_to_new_neighbour(address, share, now);
        }
    }

    /// Announces once more, before this peer leaves, what was handed in here and waits for a block: first what its own
    /// user handed in, then what others did, each the newest first, because the older ones had the most time to become
    /// known.
    pub(crate) fn announce_own_again(&mut self, to: &[SocketAddr]) {
        let others = self.entrusted.newest_first().filter(|id| !self.own.contains(id));
        let submitted = self.own.newest_first().chain(others).filter_map(|id| self.pool.get(id));
        let own: Vec<_> = submitted.take(OWN_AT_LEAVE_MAX).cloned().collect();
        for address in to {
            self.announce(*address, &own);
        }
    }

    /// Starts to announce a transaction that entered the pool.
    pub(super) fn spread(&mut self, transaction: Arc<HashedTransaction>, now: Now) {
        self.spreads.start(transaction, now.instant);
        self.timers.set_by(Timer::Gossip, now.instant + BATCH_PERIOD);
        self.timers.set(Timer::Reannounce, self.spreads.next_at());
    }

    /// Announces again what is not in a block yet.
    pub(super) fn announce_again(&mut self, now: Now) {
        if !self.rules.enforces(Rule::Reannouncement) {
            return;
        }
        let recipients = self.recipients.len().max(1);
        let datagrams = (POOL_DATAGRAMS_PER_BATCH / recipients).max(1);
        let (most, jitter) = (datagrams * TRANSACTIONS_PER_DATAGRAM, self.random.random());
        let due = self.spreads.pop_due(most, jitter, now.instant);
        let (due, gone): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|id| self.pool.get(id).is_some());
        gone.iter().for_each(|id| self.spreads.remove(id));
        let due: Vec<_> = due.iter().filter_map(|id| self.pool.get(id)).cloned().collect();
        for address in self.recipients.keys().copied().collect::<Vec<_>>() {
            self.announce(address, &due);
        }
        let next = self.spreads.next_at().map(|at| at.max(now.instant + BATCH_PERIOD));
        self.timers.set(Timer::Reannounce, next);
    }

    /// Sends a neighbour those transactions that it is not known to have.
    fn announce(&mut self, to: SocketAddr, transactions: &[Arc<HashedTransaction>]) {
        let Some(recipient) = self.recipients.get(&to) else { return };
        let unknown = transactions.iter().filter(|each| !recipient.holds(&each.id()));
        let unknown: Vec<_> = unknown.cloned().collect();
        self.send(to, &unknown);
    }

    fn send_pool_to_new_neighbour(&mut self, to: SocketAddr, datagrams: usize, now: Now) {
        let Some(recipient) = self.recipients.get(&to) else { return };
        let Some(first) = recipient.pool_cursor else { return };
        let mut room = datagrams * DATAGRAM_BYTES_MAX;
        let mut sending = Vec::new();
        let mut next: Option<Arrival> = None;
        for (arrival, transaction) in self.pool.from_arrival(first) {
            let Some(left) = room.checked_sub(transaction.bytes()) else {
                next = Some(arrival);
                break;
            };
            if !recipient.holds(&transaction.id()) {
                room = left;
                sending.push(Arc::clone(transaction));
            }
        }
        self.send(to, &sending);
        if let Some(recipient) = self.recipients.get_mut(&to) {
            recipient.pool_cursor = next;
        }
        if next.is_some() {
            self.timers.set_by(Timer::Gossip, now.instant + BATCH_PERIOD);
        }
    }

    fn send(&mut self, to: SocketAddr, transactions: &[Arc<HashedTransaction>]) {
        let batches = pack(transactions, DATAGRAM_BYTES_MAX - OVERHEAD);
        let sends = batches.into_iter().map(|transactions| Output::Send { to, transactions });
        self.outputs.extend(sends);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chain::fixtures::registration;

    /// When a transaction is announced again, in milliseconds after it entered the pool.
    fn announced_at(jitter: f32, times: usize) -> Vec<u64> {
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
        let start = Instant::now();
        let mut spreads = Spreads::default();
        spreads.start(registration(1), start);
        let mut announced = Vec::new();
        while announced.len() < times {
            let at = spreads.next_at().expect("it is still announced");
            let before = at - Duration::from_millis(1);
            assert!(spreads.pop_due(1, jitter, before).is_empty(), "it is early");
            assert_eq!(spreads.pop_due(1, jitter, at), [registration(1).id()]);
            announced.push((at - start).as_millis().try_into().expect("minutes"));
        }
        announced
    }

    #[test]
    fn announcements_back_off_to_one_a_minute() {
        let gaps = |at: &[u64]| at.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>();
        let at = announced_at(0.0, 9);
        assert_eq!(at[0], 1_000);
        assert_eq!(gaps(&at), [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
        // At most a quarter later, so that peers do not all speak at once.
        let latest = gaps(&announced_at(1.0, 9));
        assert_eq!(latest, [2_500, 5_000, 10_000, 20_000, 40_000, 75_000, 75_000, 75_000]);
    }

    #[test]
    fn no_more_are_announced_again_at_a_time_than_there_is_room_for() {
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
        let start = Instant::now();
        let mut spreads = Spreads::default();
        (1..=3).for_each(|voter| spreads.start(registration(voter), start));
        let due = start + REANNOUNCE_FIRST;
        assert_eq!(spreads.pop_due(2, 0.0, due).len(), 2);
        assert_eq!(spreads.pop_due(2, 0.0, due).len(), 1, "the third one waited");
        assert!(spreads.pop_due(2, 0.0, due).is_empty());
    }
}
