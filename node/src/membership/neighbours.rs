//! The table of neighbours, and what membership knows of each. It must stay bounded: at most
//! [`NEIGHBOURS_MAX`] entries of a fixed size.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chain::rules::{Rule, Rules};
use protocol::peer_name::PeerName;
use protocol::token::Token;

use super::clock::OtherClock;
use super::names::Introduction;
use super::voice::Who;

/// The most neighbours. A network of up to this size is fully meshed, and a larger one is still
/// well connected.
pub(super) const NEIGHBOURS_MAX: usize = 64;
/// A peer looks for neighbours itself only until it has this many, so that others can find room.
/// Strangers find room only up to this number too, so that they cannot take all places from the
/// peers that it looks for.
pub(super) const NEIGHBOURS_WANTED: usize = 48;
/// The interval between two POKEs to one neighbour.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);
/// A neighbour is dropped at its third missed heartbeat in a row.
pub(super) const MISSED_MAX: u8 = 3;
/// A neighbour with more unforgiven faults than this is banned. Damage on the way looks like a
/// fault of the sender, so a few faults mean nothing.
pub(super) const FAULTS_MAX: u32 = 16;
/// One fault is forgiven per period.
const FORGIVE_PERIOD: Duration = Duration::from_secs(2);

/// What membership knows about one neighbour.
#[derive(Debug)]
pub(crate) struct Neighbour {
    /// The token that the neighbour issued to us.
    pub(super) token: Token,
    pub(super) poke_at: Instant,
    pub(super) poke_nonce: u64,
    /// Whether anything valid arrived since the last POKE.
    pub(super) heard: bool,
    /// Whether it ever answered a POKE, and said where its chain ends.
    pub(super) answered: bool,
    /// The number of heartbeats in a row that the neighbour missed.
    pub(crate) missed: u8,
    /// Whether a RETRY may make us POKE at once. This is allowed once per heartbeat, so that RETRYs
    /// cannot be used to make us send a lot.
    pub(super) may_retry: bool,
    pub(super) clock: OtherClock,
    /// When the neighbour is told about other peers next.
    pub(super) peers_at: Instant,
    /// What the neighbour says about other peers is ignored before this time.
    pub(super) hints_not_before: Instant,
    /// A neighbour that may have lost what it knew is told everything anew, but not before then.
    pub(super) refresh_not_before: Instant,
    /// Whether it is to be told everything anew as soon as that is allowed.
    pub(super) refresh_wanted: bool,
    /// What it said of itself.
    pub(super) introduction: Introduction,
    faults: u32,
    forgive_at: Instant,
}

impl Neighbour {
    /// What it is called by whoever runs it, as it says.
    pub(crate) fn name(&self) -> Option<&PeerName> {
        self.introduction.name()
    }

    /// Who it is that was met at this address, as it says.
    pub(super) fn who(&self, address: SocketAddr) -> Who {
        self.introduction.who(address)
    }

    fn new(token: Token, now: Instant) -> Self {
        Self {
            token,
            poke_at: now,
            poke_nonce: 0,
            heard: true,
            answered: false,
            missed: 0,
            may_retry: true,
            clock: OtherClock::default(),
            peers_at: now,
            hints_not_before: now,
            refresh_not_before: now + HEARTBEAT,
            refresh_wanted: false,
            introduction: Introduction::new(now),
            faults: 0,
            forgive_at: now + FORGIVE_PERIOD,
        }
    }

    /// Checks that a neighbour that should be gone is gone.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self, rules: Rules) {
        let is_gone = self.missed >= MISSED_MAX && rules.enforces(Rule::MissedHeartbeats);
        assert!(!is_gone, "{} heartbeats were missed", self.missed);
        assert!(self.faults <= FAULTS_MAX, "{} faults were forgiven none", self.faults);
    }

    /// By how many milliseconds the neighbour's clock is ahead of ours, once it was measured.
    pub(crate) fn clock_offset_ms(&self) -> Option<i64> {
        self.clock.offset_ms()
    }

    /// Counts a broken rule. Returns true when there were too many.
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
