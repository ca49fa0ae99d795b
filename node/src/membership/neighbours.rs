//! The table of neighbours, and what membership knows of each. It must stay bounded: at most
//! [`NEIGHBOURS_MAX`] entries of a fixed size.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::token::Token;
use protocol::units::UnixMillis;

/// Most neighbours: a network of this size is fully meshed, a larger one well connected.
pub(super) const NEIGHBOURS_MAX: usize = 64;
/// A peer looks for neighbours by itself up to this number only, so that others find room; strangers find room
/// up to this number only, so that they can't take it all from those that it looks for.
pub(super) const NEIGHBOURS_WANTED: usize = 48;
/// Between two POKEs to one neighbour.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);
/// A neighbour is dropped at its third missed heartbeat in a row.
pub(super) const MISSED_MAX: u8 = 3;
/// Clocks that differ by more are reported: votes and blocks bear times.
const CLOCK_DIFFERENCE_MAX_MS: u64 = 30_000;
/// A neighbour with more unforgiven faults is banned. Damage on the way looks like a fault of its sender, so a few
/// are nothing.
const FAULTS_MAX: u32 = 16;
/// One fault is forgiven per period.
const FORGIVE_PERIOD: Duration = Duration::from_secs(2);

/// One neighbour.
#[derive(Debug)]
pub(crate) struct Neighbour {
    /// The token that it issued to us.
    pub(super) token: Token,
    pub(super) poke_at: Instant,
    pub(super) poke_nonce: u64,
    pub(super) poked_at: Option<Instant>,
    /// Whether anything valid came since the last POKE.
    pub(super) heard: bool,
    /// Heartbeats in a row that it missed.
    pub(crate) missed: u8,
    /// Whether a RETRY may make us POKE at once; one per heartbeat, so that RETRYs are no lever.
    pub(super) may_retry: bool,
    /// By how much its clock is ahead of ours, once it told its time.
    pub(crate) clock_offset_ms: Option<i64>,
    clock_reported: bool,
    /// When it is told of other peers next.
    pub(super) peers_at: Instant,
    /// Its word on other peers is not listened to before then.
    pub(super) hints_not_before: Instant,
    /// A neighbour that started again is told everything once more, but not before then.
    pub(super) restart_not_before: Instant,
    /// Whether that is to be done as soon as it may.
    pub(super) restart_wanted: bool,
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
            clock_offset_ms: None,
            clock_reported: false,
            peers_at: now,
            hints_not_before: now,
            restart_not_before: now + HEARTBEAT,
            restart_wanted: false,
            faults: 0,
            forgive_at: now + FORGIVE_PERIOD,
        }
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
    pub(super) fn record_fault(&mut self, now: Instant) -> bool {
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
