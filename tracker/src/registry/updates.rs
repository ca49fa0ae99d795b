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

/// Least time between two UPDATE_PEERS to one receiver.
pub const UPDATE_PERIOD: Duration = Duration::from_secs(1);
/// How long a change waits for others to share its UPDATE_PEERS: too short to notice, long enough for peers
/// that were started together.
pub const UPDATE_DELAY: Duration = Duration::from_millis(20);
/// Without any change the list is repeated so often, since datagrams get lost.
pub const UPDATE_REPEAT: Duration = Duration::from_secs(10);
/// Most UPDATE_PEERS in one step, and the pause before the next: 64 full datagrams fit the smallest usual
/// socket buffer with room for pokes and answers, and 20,000 receivers take a third of a second.
pub const UPDATES_PER_STEP: usize = 64;
const STEP_PAUSE: Duration = Duration::from_millis(1);
/// Up to so many listed peers all are told of a change at once. In a larger network a newcomer and those it
/// is told of learn of each other at once, and the others by the repetition.
pub const SMALL_NETWORK_MAX: usize = 1_000;
/// Those that left are named for so long: every receiver's repetition falls into it.
const LEFT_WINDOW: Duration = Duration::from_secs(12);
/// Longest log: a receiver that is further behind gets a plain sample instead of the newcomers.
const CHANGES_MAX: usize = 1_024;
/// Most changes looked at for one UPDATE_PEERS, the newest first.
const CHANGES_SCANNED_MAX: usize = 4 * PEERS_MAX;

#[derive(Debug)]
pub(super) struct Updates {
    changes: VecDeque<Change>,
    sequence_next: u64,
    receivers: BTreeMap<SocketAddr, Receiver>,
    due: BTreeSet<(Instant, SocketAddr)>,
    /// Receivers that wait for nothing but the repetition.
    settled: BTreeSet<SocketAddr>,
    /// No update before, since the last step was full.
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
    /// The first change that it was not told of.
    cursor: u64,
    due: Instant,
    sent_at: Option<Instant>,
}

/// What one UPDATE_PEERS says.
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

    /// The first change that is yet to come: who is told the list now has a cursor here.
    pub(super) fn cursor(&self) -> u64 {
        self.sequence_next
    }

    /// A peer was listed: it receives updates from now on, and others learn of it. It was told the changes
    /// before `cursor` already.
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

    /// A listed peer is gone.
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

    /// The receivers whose updates are due, as many as one step may serve.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<SocketAddr> {
        if self.pause_until.is_some_and(|pause_until| now < pause_until) {
            return Vec::new();
        }
        let due = self.due.iter().take_while(|(at, _)| *at <= now).take(UPDATES_PER_STEP);
        let taken: Vec<_> = due.map(|(_, address)| *address).collect();
        self.pause_until = (taken.len() == UPDATES_PER_STEP).then_some(now + STEP_PAUSE);
        taken
    }

    /// What a receiver whose update is due is told now; nothing if there is nobody to tell of.
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
            // NATs open when both sides send at once.
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

    /// The newest newcomers from `cursor` on and the newest leavers that a receiver may be told of.
    fn news(&self, receiver: SocketAddr, cursor: u64, peers: &Peers, now: Instant) -> Update {
        let scope = Scope::of(receiver);
        let mut update = Update { live: Vec::new(), left: Vec::new() };
        for change in self.changes.iter().rev().take(CHANGES_SCANNED_MAX) {
            let is_recent = now < change.at + LEFT_WINDOW;
            if change.sequence < cursor && !is_recent {
                break;
            }
            // What counts is where a peer stands now: it may have come and gone several times.
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

    fn hurry(&mut self, address: SocketAddr, now: Instant) {
        if self.settled.remove(&address) {
            self.make_due(address, now);
        }
    }

    /// Brings forward a receiver that was settled.
    fn make_due(&mut self, address: SocketAddr, now: Instant) {
        let receiver = self.receivers.get_mut(&address).expect("who is settled is a receiver");
        let earliest = receiver.sent_at.map_or(now, |sent_at| sent_at + UPDATE_PERIOD);
        self.due.remove(&(receiver.due, address));
        receiver.due = earliest.max(now + UPDATE_DELAY).min(receiver.due);
        self.due.insert((receiver.due, address));
    }
}
