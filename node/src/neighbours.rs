//! The table of neighbours, and what is known of each. Its size is bounded, and so is each entry.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::datagram::PeerStatus;
use protocol::token::Token;
use protocol::units::{TransactionId, UnixMillis};

use super::sync::Window;
use crate::pool::Arrival;
use chain::Candidate;

/// Most neighbours: a network of this size is fully meshed, a larger one well connected.
pub(super) const NEIGHBOURS_MAX: usize = 64;
/// A peer looks for neighbours by itself up to this number only, so that others find room; strangers find room
/// up to this number only, so that they can't take it all from those that it looks for.
pub(super) const NEIGHBOURS_WANTED: usize = 48;
/// Transactions remembered as known by a neighbour: those of the last minute under heavy load. What is
/// forgotten is announced once more than needed.
const KNOWN_MAX: usize = 8_192;
/// Between two POKEs to one neighbour.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);
/// Heartbeats in a row that a neighbour may miss, less one.
pub(super) const MISSED_MAX: u8 = 3;
/// Clocks that differ by more are reported: votes and blocks bear times.
pub(super) const CLOCK_DIFFERENCE_MAX_MS: u64 = 30_000;
/// Faults that bring a ban when they come faster than they are forgiven. Damage on the way looks like a
/// fault of its sender, so a few are nothing.
const FAULTS_MAX: u32 = 16;
/// One fault is forgiven per period.
const FORGIVE_PERIOD: Duration = Duration::from_secs(2);

/// One neighbour.
#[derive(Debug)]
pub(super) struct Neighbour {
    /// The token that it issued to us.
    pub(super) token: Token,
    pub(super) poke_at: Instant,
    pub(super) poke_nonce: u64,
    pub(super) poked_at: Option<Instant>,
    /// Whether anything valid came since the last POKE.
    pub(super) heard: bool,
    pub(super) missed: u8,
    /// Whether a RETRY may make us POKE at once; one per heartbeat, so that RETRYs are no lever.
    pub(super) may_retry: bool,
    pub(super) status: Option<PeerStatus>,
    pub(super) clock_offset_ms: Option<i64>,
    pub(super) clock_reported: bool,
    pub(super) window: Window,
    /// Blocks in a row that it let stall.
    pub(super) stalls: u8,
    /// Transactions that it sent to us.
    pub(super) known: Known,
    /// Where in the pool's order of arrival to go on sending, while it is new.
    pub(super) pool_cursor: Option<Arrival>,
    pub(super) peers_at: Instant,
    /// Its word on other peers is not listened to before then.
    pub(super) hints_not_before: Instant,
    /// A neighbour that started again gets pool and peers once more, but not before then.
    pub(super) renew_not_before: Instant,
    /// Whether that is to be done as soon as it may.
    pub(super) renew_wanted: bool,
    /// After a header sync that brought nothing: not before then again.
    pub(super) headers_not_before: Instant,
    pub(super) headers_wait: Duration,
    faults: u32,
    forgive_at: Instant,
}

impl Neighbour {
    fn new(token: Token, now: Instant) -> Self {
        Self {
            token,
            poke_at: now,
            poke_nonce: 0,
            poked_at: None,
            heard: true,
            missed: 0,
            may_retry: true,
            status: None,
            clock_offset_ms: None,
            clock_reported: false,
            window: Window::default(),
            stalls: 0,
            known: Known::default(),
            pool_cursor: Some(0),
            peers_at: now,
            hints_not_before: now,
            renew_not_before: now + HEARTBEAT,
            renew_wanted: false,
            headers_not_before: now,
            headers_wait: Duration::ZERO,
            faults: 0,
            forgive_at: now + FORGIVE_PERIOD,
        }
    }

    /// The end of its best chain, as it said last.
    pub(super) fn tip(&self) -> Option<Candidate> {
        self.status.map(|status| Candidate { work: status.work, hash: status.tip })
    }

    /// Notes its clock; `Some` with the difference when it is to be reported.
    pub(super) fn note_clock(&mut self, clock: UnixMillis, now: UnixMillis) -> Option<i64> {
        let distance = clock.0.abs_diff(now.0);
        let magnitude = i64::try_from(distance).unwrap_or(i64::MAX);
        let offset = if clock < now { -magnitude } else { magnitude };
        self.clock_offset_ms = Some(offset);
        let differs = distance > CLOCK_DIFFERENCE_MAX_MS;
        let report = differs && !self.clock_reported;
        self.clock_reported = differs;
        report.then_some(offset)
    }

    /// Counts a broken rule; true when it is one too many.
    pub(super) fn fault(&mut self, now: Instant) -> bool {
        while self.faults > 0 && self.forgive_at <= now {
            self.faults -= 1;
            self.forgive_at += FORGIVE_PERIOD;
        }
        if self.faults == 0 {
            self.forgive_at = now + FORGIVE_PERIOD;
        }
        self.faults += 1;
        self.faults > FAULTS_MAX
    }
}

/// All neighbours, by address.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    by_address: BTreeMap<SocketAddr, Neighbour>,
}

impl Neighbours {
    pub(super) fn len(&self) -> usize {
        self.by_address.len()
    }

    pub(super) fn contains(&self, address: &SocketAddr) -> bool {
        self.by_address.contains_key(address)
    }

    pub(super) fn get(&self, address: &SocketAddr) -> Option<&Neighbour> {
        self.by_address.get(address)
    }

    pub(super) fn get_mut(&mut self, address: &SocketAddr) -> Option<&mut Neighbour> {
        self.by_address.get_mut(address)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&SocketAddr, &Neighbour)> {
        self.by_address.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&SocketAddr, &mut Neighbour)> {
        self.by_address.iter_mut()
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.by_address.keys().copied().collect()
    }

    pub(super) fn insert(&mut self, address: SocketAddr, token: Token, now: Instant) {
        self.by_address.insert(address, Neighbour::new(token, now));
    }

    pub(super) fn remove(&mut self, address: &SocketAddr) -> Option<Neighbour> {
        self.by_address.remove(address)
    }
}

/// Ids of transactions, the newest of them.
#[derive(Debug, Default)]
pub(super) struct Known {
    ids: BTreeSet<TransactionId>,
    order: VecDeque<TransactionId>,
}

impl Known {
    pub(super) fn insert(&mut self, id: TransactionId) {
        if !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > KNOWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, id: &TransactionId) -> bool {
        self.ids.contains(id)
    }
}
