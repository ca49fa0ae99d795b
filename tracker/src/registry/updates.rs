//! Decides which peers are told that the list changed, when, and what they are told.
//!
//! All changes go into one log, and every receiver has a cursor into it. A change makes a receiver
//! that was *settled* *due*, and sending its update makes it settled again, at most once a second.
//! The work therefore grows with the number of datagrams sent, and never with changes × receivers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::datagram::{LEFT_MAX, PEERS_MAX};
use protocol::scope::Scope;
use rand_chacha::ChaCha8Rng;

use super::peers::Peers;

/// The shortest time between two UPDATE_PEERS to one receiver.
pub const UPDATE_PERIOD: Duration = Duration::from_secs(1);
/// How long a change waits for others, so that one UPDATE_PEERS can carry several. It is too short
/// for people to notice, and long enough for peers that are started together.
pub const UPDATE_DELAY: Duration = Duration::from_millis(20);
/// The interval at which the list is repeated when nothing changed, since datagrams can get lost.
pub const UPDATE_REPEAT: Duration = Duration::from_secs(10);
/// The most UPDATE_PEERS in one step, and the pause before the next step. 64 full datagrams fit
/// into the smallest usual socket buffer with room for pokes and answers, and at this pace 20,000
/// receivers take a third of a second.
pub const UPDATES_PER_STEP: usize = 64;
const STEP_PAUSE: Duration = Duration::from_millis(1);
/// Up to this number of listed peers, everybody is told of a change at once. In a larger network
/// only a newcomer and the peers that it is told about learn of each other at once, and all others
/// with the next repetition.
pub const SMALL_NETWORK_MAX: usize = 1_000;
/// How long peers that left are named in updates. It is longer than the interval of repetition, so
/// every receiver gets at least one update within it.
const LEFT_WINDOW: Duration = Duration::from_secs(12);
/// The longest log of changes. A receiver that is further behind gets a plain sample of the list
/// instead of the newcomers.
const CHANGES_MAX: usize = 1_024;
/// The most changes that are examined for one UPDATE_PEERS, starting with the newest.
const CHANGES_SCANNED_MAX: usize = 4 * PEERS_MAX;

#[derive(Debug)]
pub(super) struct Updates {
    changes: VecDeque<Change>,
    sequence_next: u64,
    receivers: BTreeMap<SocketAddr, Receiver>,
    due: BTreeSet<(Instant, SocketAddr)>,
    /// Receivers that wait only for the next repetition.
    settled: BTreeSet<SocketAddr>,
    /// The last step was full, so no update is sent before this time.
    pause_until: Option<Instant>,
}

#[derive(Debug)]
struct Change {
    sequence: u64,
    at: Instant,
    address: SocketAddr,
    joined: bool,
}

#[derive(Debug)]
struct Receiver {
    /// The first change that the receiver has not been told.
    cursor: u64,
    due: Instant,
    sent_at: Option<Instant>,
}

/// The content of one UPDATE_PEERS.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) live: Vec<SocketAddr>,
    pub(super) left: Vec<SocketAddr>,
}

impl Updates {
    pub(super) fn new() -> Self {
        Self {
            changes: VecDeque::new(),
            sequence_next: 0,
            receivers: BTreeMap::new(),
            due: BTreeSet::new(),
            settled: BTreeSet::new(),
            pause_until: None,
        }
    }

    /// The receivers of updates, in the order of their addresses.
    pub(super) fn receivers(&self) -> impl Iterator<Item = &SocketAddr> {
        self.receivers.keys()
    }

    /// Checks that each receiver is due once, and that the log has no gaps and is not too long.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        assert_eq!(self.due.len(), self.receivers.len(), "times of updates");
        for (address, receiver) in &self.receivers {
            assert!(self.due.contains(&(receiver.due, *address)), "{address} is never told");
            assert!(receiver.cursor <= self.sequence_next, "{address} was told the future");
        }
        let are_receivers = self.settled.iter().all(|address| self.receivers.contains_key(address));
        assert!(are_receivers, "somebody is settled who receives nothing");
        assert!(self.changes.len() <= CHANGES_MAX, "{} changes are logged", self.changes.len());
        let sequences = self.changes.iter().map(|change| change.sequence);
        let expected = self.sequence_next - self.changes.len() as u64..self.sequence_next;
        assert!(sequences.eq(expected), "the log of changes has gaps");
    }

    /// The cursor of a receiver that is told the whole list now: it points at the first change that
    /// is yet to come.
    pub(super) fn cursor(&self) -> u64 {
        self.sequence_next
    }

    /// A peer was listed. It receives updates from now on, and others are told about it. It has
    /// already been told the changes before `cursor`.
    pub(super) fn joined(&mut self, address: SocketAddr, cursor: u64, now: Instant) {
        let is_small = self.receivers.len() < SMALL_NETWORK_MAX;
        if is_small {
            self.hurry_all(now);
        }
        let is_settled = is_small && cursor == self.sequence_next;
        let due = now + if is_settled { UPDATE_REPEAT } else { UPDATE_DELAY };
        if is_settled {
            self.settled.insert(address);
        }
        self.due.insert((due, address));
        self.receivers.insert(address, Receiver { cursor, due, sent_at: None });
        self.log(address, true, now);
    }

    /// A listed peer was removed.
    pub(super) fn left(
        &mut self,
        address: SocketAddr,
        peers: &Peers,
        rng: &mut ChaCha8Rng,
        now: Instant,
    ) {
        if let Some(receiver) = self.receivers.remove(&address) {
            self.due.remove(&(receiver.due, address));
            self.settled.remove(&address);
        }
        self.log(address, false, now);
        if self.receivers.len() <= SMALL_NETWORK_MAX {
            self.hurry_all(now);
        } else {
            for receiver in peers.sample(address, &[], PEERS_MAX, rng) {
                self.hurry(receiver, now);
            }
        }
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        let (due, _) = self.due.first()?;
        Some(self.pause_until.map_or(*due, |pause_until| pause_until.max(*due)))
    }

    /// The receivers whose updates are due, at most as many as one step may serve.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<SocketAddr> {
        if self.pause_until.is_some_and(|pause_until| now < pause_until) {
            return Vec::new();
        }
        let due = self.due.iter().take_while(|(at, _)| *at <= now).take(UPDATES_PER_STEP);
        let taken: Vec<_> = due.map(|(_, address)| *address).collect();
        self.pause_until = (taken.len() == UPDATES_PER_STEP).then_some(now + STEP_PAUSE);
        taken
    }

    /// What a receiver whose update is due is told now; `None` if there is nobody to tell it about.
    pub(super) fn compose(
        &mut self,
        address: SocketAddr,
        peers: &Peers,
        rng: &mut ChaCha8Rng,
        now: Instant,
    ) -> Option<Update> {
        let receiver = self.receivers.get_mut(&address)?;
        self.due.remove(&(receiver.due, address));
        let cursor = std::mem::replace(&mut receiver.cursor, self.sequence_next);
        let is_first = receiver.sent_at.is_none();
        receiver.due = now + UPDATE_REPEAT;
        self.due.insert((receiver.due, address));
        self.settled.insert(address);

        let Update { mut live, left } = self.news(address, cursor, peers, now);
        live.truncate(PEERS_MAX - left.len());
        live.extend(peers.sample(address, &live, PEERS_MAX - left.len() - live.len(), rng));
        if is_first && self.receivers.len() > SMALL_NETWORK_MAX {
            // NATs let datagrams through once both sides have sent, so both are told at once.
            for other in &live {
                self.hurry(*other, now);
            }
        }
        if live.is_empty() && left.is_empty() {
            return None;
        }
        self.receivers.get_mut(&address)?.sent_at = Some(now);
        Some(Update { live, left })
    }

    /// The newest peers that joined since `cursor`, and the newest ones that left, as far as the
    /// receiver may be told about them.
    fn news(&self, receiver: SocketAddr, cursor: u64, peers: &Peers, now: Instant) -> Update {
        let scope = Scope::of(receiver);
        let mut update = Update { live: Vec::new(), left: Vec::new() };
        for change in self.changes.iter().rev().take(CHANGES_SCANNED_MAX) {
            let is_recent = now < change.at + LEFT_WINDOW;
            if change.sequence < cursor && !is_recent {
                break;
            }
            // A peer may have come and gone several times, so its present state decides, and not
            // the change in the log.
            let is_listed = peers.is_listed(change.address);
            let (list, most, is_wanted) = if change.joined {
                let is_wanted = is_listed && change.sequence >= cursor;
                (&mut update.live, PEERS_MAX, is_wanted)
            } else {
                (&mut update.left, LEFT_MAX, !is_listed && is_recent)
            };
            if is_wanted
                && list.len() < most
                && change.address != receiver
                && scope.may_be_told(Scope::of(change.address))
                && !list.contains(&change.address)
            {
                list.push(change.address);
            }
        }
        update
    }

    fn log(&mut self, address: SocketAddr, joined: bool, now: Instant) {
        if self.changes.len() >= CHANGES_MAX {
            self.changes.pop_front();
        }
        let sequence = self.sequence_next;
        self.sequence_next += 1;
        self.changes.push_back(Change { sequence, at: now, address, joined });
    }

    fn hurry_all(&mut self, now: Instant) {
        for address in std::mem::take(&mut self.settled) {
            self.make_due(address, now);
        }
    }

    /// Tells a receiver as soon as it may be told anything again.
    pub(super) fn hurry(&mut self, address: SocketAddr, now: Instant) {
        if self.settled.remove(&address) {
            self.make_due(address, now);
        }
    }

    /// Makes the update of a receiver due that was settled.
    fn make_due(&mut self, address: SocketAddr, now: Instant) {
        let receiver = self.receivers.get_mut(&address).expect("who is settled is a receiver");
        let earliest = receiver.sent_at.map_or(now, |sent_at| sent_at + UPDATE_PERIOD);
        self.due.remove(&(receiver.due, address));
        receiver.due = earliest.max(now + UPDATE_DELAY).min(receiver.due);
        self.due.insert((receiver.due, address));
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
mod tests;
