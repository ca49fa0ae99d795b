//! The table of peers that registered: whether each of them has answered yet, and when it is poked
//! next.
//!
//! A peer is *unconfirmed* from its registration until it answers a poke, and *listed* from then
//! on. Only listed peers are passed on to others. Every operation costs a logarithm of the number
//! of peers, except that drawing a sample costs the size of the sample.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Bound;
use std::time::{Duration, Instant};

use protocol::scope::Scope;
use protocol::token::Token;
use rand::RngExt;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

/// The most peers that have registered and not answered yet. Each of them is dropped after
/// [`POKES_UNANSWERED_MAX`] seconds, so there is room for about 1,000 new peers per second. When
/// there are more, the oldest is dropped; it is not an honest one, because an honest peer answers
/// within a round trip and is no longer unconfirmed by then.
pub const UNCONFIRMED_MAX: usize = 4_096;
/// The most listed peers. They take about 4 MiB here, and 20,000 pokes and as many answers per
/// second, which is a tenth of what one core can send and receive.
pub const PEERS_TOTAL_MAX: usize = 20_000;
/// The interval at which each peer is poked.
pub const POKE_PERIOD: Duration = Duration::from_secs(1);
/// A peer that leaves this many pokes in a row unanswered is dropped when the next poke would be
/// due.
pub const POKES_UNANSWERED_MAX: u8 = 3;

#[derive(Debug)]
pub(super) struct Peers {
    by_address: BTreeMap<SocketAddr, Peer>,
    /// The listed peers by scope. They are in no particular order, so that a sample can be drawn by
    /// index.
    listed: [Vec<SocketAddr>; Scope::ALL.len()],
    /// The unconfirmed peers, starting with the oldest.
    arrivals: BTreeMap<u64, SocketAddr>,
    arrival_next: u64,
    pokes: BTreeSet<(Instant, SocketAddr)>,
}

#[derive(Debug)]
struct Peer {
    /// The token that the peer issued to us most recently.
    token: Token,
    standing: Standing,
    poke_at: Instant,
    /// The nonce of the newest poke, until it is answered.
    nonce: Option<u64>,
    /// The number of pokes in a row that were not answered.
    unanswered: u8,
}

#[derive(Debug, Clone, Copy)]
enum Standing {
    Unconfirmed {
        arrival: u64,
        /// The first change of the list that the peer's REGISTER_ACK did not include.
        cursor: u64,
    },
    Listed {
        /// The peer's index in the list of its scope.
        place: usize,
    },
}

/// What to do about a peer whose poke is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DuePoke {
    Send {
        nonce: u64,
        token: Token,
    },
    /// The peer left too many pokes unanswered and was removed.
    Lost {
        was_listed: bool,
    },
}

/// The meaning of a POKE_ACK.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ack {
    /// The peer is listed from now on. It has already been told the changes of the list before
    /// `cursor`.
    Listed { cursor: u64 },
    /// The peer was already listed.
    Alive,
    /// The peer would be listed if the list had room.
    ListFull,
    /// The POKE_ACK does not answer the newest poke.
    Stale,
}

impl Peers {
    pub(super) fn new() -> Self {
        Self {
            by_address: BTreeMap::new(),
            listed: [const { Vec::new() }; Scope::ALL.len()],
            arrivals: BTreeMap::new(),
            arrival_next: 0,
            pokes: BTreeSet::new(),
        }
    }

    /// Checks that all indexes name the same peers, and that there are not too many.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        let (listed, unconfirmed) = (self.listed_count(), self.unconfirmed_count());
        assert!(listed <= PEERS_TOTAL_MAX, "{listed} peers are listed");
        assert!(unconfirmed <= UNCONFIRMED_MAX, "{unconfirmed} peers are unconfirmed");
        assert_eq!(listed + unconfirmed, self.by_address.len(), "peers by standing");
        assert_eq!(self.pokes.len(), self.by_address.len(), "peers by the time of their poke");
        for (address, peer) in &self.by_address {
            assert!(self.pokes.contains(&(peer.poke_at, *address)), "{address} is never poked");
            assert!(peer.unanswered <= POKES_UNANSWERED_MAX, "{address} is long gone");
            let found = match peer.standing {
                Standing::Unconfirmed { arrival, cursor: _ } => self.arrivals.get(&arrival),
                Standing::Listed { place } => self.listed[Scope::of(*address) as usize].get(place),
            };
            assert_eq!(found, Some(address), "{address} is not where its standing says");
        }
        assert!(self.arrivals.last_key_value().is_none_or(|(last, _)| *last < self.arrival_next));
    }

    pub(super) fn listed_count(&self) -> usize {
        self.listed.iter().map(Vec::len).sum()
    }

    pub(super) fn unconfirmed_count(&self) -> usize {
        self.arrivals.len()
    }

    pub(super) fn is_known(&self, address: SocketAddr) -> bool {
        self.by_address.contains_key(&address)
    }

    pub(super) fn is_listed(&self, address: SocketAddr) -> bool {
        let standing = self.by_address.get(&address).map(|peer| peer.standing);
        matches!(standing, Some(Standing::Listed { .. }))
    }

    /// Up to `most` listed peers in the order of their addresses, starting behind `after`.
    /// Unconfirmed peers are skipped, so the cost is also bounded by [`UNCONFIRMED_MAX`].
    pub(super) fn listed_after(&self, after: Option<SocketAddr>, most: usize) -> Vec<SocketAddr> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let listed = self.by_address.range((start, Bound::Unbounded));
        let listed = listed.filter(|(_, peer)| !peer.is_unconfirmed());
        listed.map(|(address, _)| *address).take(most).collect()
    }

    pub(super) fn token(&self, address: SocketAddr) -> Token {
        self.by_address.get(&address).map_or(Token::NONE, |peer| peer.token)
    }

    /// Remembers the token that a known peer issued to us.
    pub(super) fn remember_token(&mut self, address: SocketAddr, token: Token) {
        if token != Token::NONE
            && let Some(peer) = self.by_address.get_mut(&address)
        {
            peer.token = token;
        }
    }

    /// Adds an unknown peer as unconfirmed, with its first poke due now. The peer has already been
    /// told the changes of the list before `cursor`. Returns whether another peer was dropped to
    /// make room.
    pub(super) fn add(
        &mut self,
        address: SocketAddr,
        token: Token,
        cursor: u64,
        now: Instant,
    ) -> bool {
        debug_assert!(!self.is_known(address), "only unknown peers are added");
        let oldest = self.arrivals.first_key_value().map(|(_, oldest)| *oldest);
        let evicted = oldest.filter(|_| self.arrivals.len() >= UNCONFIRMED_MAX);
        if let Some(oldest) = evicted {
            self.remove(oldest);
        }
        let arrival = self.arrival_next;
        self.arrival_next += 1;
        self.arrivals.insert(arrival, address);
        self.pokes.insert((now, address));
        let standing = Standing::Unconfirmed { arrival, cursor };
        let peer = Peer { token, standing, poke_at: now, nonce: None, unanswered: 0 };
        self.by_address.insert(address, peer);
        evicted.is_some()
    }

    /// Removes a peer. Returns whether it was listed, or `None` if it was unknown.
    pub(super) fn remove(&mut self, address: SocketAddr) -> Option<bool> {
        let peer = self.by_address.remove(&address)?;
        self.pokes.remove(&(peer.poke_at, address));
        match peer.standing {
            Standing::Unconfirmed { arrival, cursor: _ } => {
                self.arrivals.remove(&arrival);
                Some(false)
            }
            Standing::Listed { place } => {
                let list = &mut self.listed[Scope::of(address) as usize];
                list.swap_remove(place);
                if let Some(moved) = list.get(place) {
                    let moved = self.by_address.get_mut(moved).expect("who is listed is known");
                    moved.standing = Standing::Listed { place };
                }
                Some(true)
            }
        }
    }

    pub(super) fn next_poke_at(&self) -> Option<Instant> {
        self.pokes.first().map(|(at, _)| *at)
    }

    /// The next peer whose poke is due.
    pub(super) fn due(&self, now: Instant) -> Option<SocketAddr> {
        self.pokes.first().filter(|(at, _)| *at <= now).map(|(_, address)| *address)
    }

    /// Pokes a known peer, or removes it if it left too many pokes unanswered.
    pub(super) fn poke(
        &mut self,
        address: SocketAddr,
        now: Instant,
        rng: &mut ChaCha8Rng,
    ) -> DuePoke {
        let peer = self.by_address.get_mut(&address).expect("who is poked is known");
        if peer.unanswered >= POKES_UNANSWERED_MAX {
            let was_listed = self.remove(address).expect("who is poked is known");
            return DuePoke::Lost { was_listed };
        }
        let is_first = peer.nonce.is_none() && peer.unanswered == 0 && peer.is_unconfirmed();
        self.pokes.remove(&(peer.poke_at, address));
        peer.poke_at =
            if is_first { now + first_gap(rng) } else { next_poke_after(peer.poke_at, now) };
        self.pokes.insert((peer.poke_at, address));
        let nonce = rng.random();
        peer.nonce = Some(nonce);
        peer.unanswered += 1;
        DuePoke::Send { nonce, token: peer.token }
    }

    /// Handles a POKE_ACK.
    pub(super) fn acknowledge(&mut self, address: SocketAddr, nonce: u64) -> Ack {
        let has_room = self.listed_count() < PEERS_TOTAL_MAX;
        let Some(peer) = self.by_address.get_mut(&address) else {
            return Ack::Stale;
        };
        if peer.nonce != Some(nonce) {
            return Ack::Stale;
        }
        peer.nonce = None;
        peer.unanswered = 0;
        let Standing::Unconfirmed { arrival, cursor } = peer.standing else {
            return Ack::Alive;
        };
        if !has_room {
            return Ack::ListFull;
        }
        let list = &mut self.listed[Scope::of(address) as usize];
        peer.standing = Standing::Listed { place: list.len() };
        list.push(address);
        self.arrivals.remove(&arrival);
        Ack::Listed { cursor }
    }

    /// Up to `most` listed peers that `receiver` may be told about, in random order, without the
    /// receiver itself and without the peers in `already`.
    pub(super) fn sample(
        &self,
        receiver: SocketAddr,
        already: &[SocketAddr],
        most: usize,
        rng: &mut ChaCha8Rng,
    ) -> Vec<SocketAddr> {
        let scope = Scope::of(receiver);
        let lists = || {
            let may_be_told = Scope::ALL.into_iter().filter(|other| scope.may_be_told(*other));
            may_be_told.map(|other| &self.listed[other as usize])
        };
        let total: usize = lists().map(Vec::len).sum();
        // Some of the drawn peers may be left out below. More are therefore drawn, so that the
        // sample is full whenever possible.
        let drawn = total.min(most + already.len() + 1);
        index::sample(rng, total, drawn)
            .into_iter()
            .map(|mut index| {
                for list in lists() {
                    match list.get(index) {
                        Some(address) => return *address,
                        None => index -= list.len(),
                    }
                }
                unreachable!("indices are below the lists' total length")
            })
            .filter(|address| *address != receiver && !already.contains(address))
            .take(most)
            .collect()
    }
}

impl Peer {
    fn is_unconfirmed(&self) -> bool {
        matches!(self.standing, Standing::Unconfirmed { .. })
    }
}

/// The first poke is sent at once, and the second follows after about one period, chosen at random.
/// This spreads the pokes of peers that registered at the same moment over the whole second.
fn first_gap(rng: &mut ChaCha8Rng) -> Duration {
    POKE_PERIOD / 2 + POKE_PERIOD.mul_f64(rng.random_range(0.0..1.0))
}

/// Pokes keep their phase, except when the caller was so late that the answer would have too little
/// time before the next poke.
fn next_poke_after(due: Instant, now: Instant) -> Instant {
    let in_phase = due + POKE_PERIOD;
    if in_phase < now + POKE_PERIOD / 2 { now + POKE_PERIOD } else { in_phase }
}
