//! Peers behind the same router. A tracker outside sees all of them at one address, at which they can't reach each
//! other unless their router leads back in what they send there. So this node names its inner addresses to its tracker,
//! and probes those that the tracker tells of others: the one case in which private addresses are taken from elsewhere.
//!
//! What a tracker can make of that is bounded: only who named inner addresses takes any, only private ones of peers at
//! its own outer address are taken, not faster than an honest tracker tells them, and they are hints like all others,
//! with their budget and one of their own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::datagram::{BehindRouter, Datagram, INNER_ADDRESSES_MAX, INNER_OF_PEER_MAX};
use protocol::scope::{self, Site};
use protocol::units::Now;

use super::meet::{HINTS_PERIOD, peer_address};
use super::neighbours::{NEIGHBOURS_MAX, NEIGHBOURS_WANTED};
use super::{Disposition, Membership};
use crate::config::TRACKERS_MAX;
use crate::dropped::DropReason;
use crate::event::LeaveReason;
use crate::own_addresses::OwnAddresses;

/// How often inner addresses are named once the tracker should know them. It repeats what it tells equally often.
const NAME_PERIOD: Duration = Duration::from_secs(10);
/// The most peers whose inner addresses are kept of one tracker: those of one INNER_ADDRESSES, and of all neighbours.
pub(super) const BEHIND_MAX: usize = NEIGHBOURS_MAX + INNER_ADDRESSES_MAX;
/// The most inner addresses that one tracker can have probed at once: those of two INNER_ADDRESSES, as when it learns
/// of others right after it told of the first ones. Each costs five POKEs of 64 bytes into the private network at most.
pub(super) const INNER_PROBES_MAX: u32 = 2 * INNER_ADDRESSES_MAX as u32;
/// After so long it may have one more probed: in all those of one INNER_ADDRESSES in the time in which it repeats them.
/// That is 512 bytes a second.
const INNER_PROBE_PERIOD: Duration = Duration::from_millis(10_000 / INNER_ADDRESSES_MAX as u64);

/// What this node knows of itself and of others behind its router.
#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) own: OwnAddresses,
    /// What each tracker tells of others.
    told: BTreeMap<SocketAddr, Told>,
}

/// What one tracker told of others, and how fast.
#[derive(Debug)]
struct Told {
    behind: Behind,
    /// It is listened to again then.
    not_before: Instant,
    /// When all that it had probed is paid off.
    paid_at: Instant,
}

impl Told {
    fn new(now: Instant) -> Self {
        Self { behind: Behind::new(), not_before: now, paid_at: now }
    }

    /// Whether one more address may be probed now.
    fn may_probe(&self, now: Instant) -> bool {
        self.paid_at.saturating_duration_since(now) <= INNER_PROBE_PERIOD * (INNER_PROBES_MAX - 1)
    }

    fn note_probe(&mut self, now: Instant) {
        self.paid_at = self.paid_at.max(now) + INNER_PROBE_PERIOD;
    }
}

/// The inner addresses of other peers, by their outer ones as one tracker sees them.
type Behind = BTreeMap<SocketAddr, Vec<SocketAddr>>;

impl Inner {
    /// Checks the bounds.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        assert!(self.told.len() <= TRACKERS_MAX, "{} trackers tell of others", self.told.len());
        for Told { behind, .. } in self.told.values() {
            assert!(behind.len() <= BEHIND_MAX, "{} peers behind a router", behind.len());
            let most = behind.values().map(Vec::len).max().unwrap_or_default();
            assert!(most <= INNER_OF_PEER_MAX, "{most} inner addresses of one peer");
        }
    }

    /// The inner addresses of a peer, by its outer one.
    pub(super) fn of(&self, outer: &SocketAddr) -> &[SocketAddr] {
        let told = self.told.values().find_map(|told| told.behind.get(outer));
        told.map_or(&[], Vec::as_slice)
    }

    /// The own inner addresses, if this node is behind a router: if none of its interfaces has the address at which it
    /// is seen.
    fn own_behind(&self, seen_as: SocketAddr) -> Vec<SocketAddr> {
        if self.own.has(seen_as.ip().to_canonical()) {
            return Vec::new();
        }
        let own = self.own.interfaces.iter();
        let own = own.map(|interface| SocketAddr::new(interface.ip, self.own.port));
        own.filter(|address| scope::is_inner(*address)).take(INNER_OF_PEER_MAX).collect()
    }

    /// The outer addresses of the peer that has this inner one, as each tracker says.
    fn outer_of(&self, inner: &SocketAddr) -> Vec<SocketAddr> {
        self.told.values().filter_map(|told| only_outer_of(&told.behind, inner)).collect()
    }
}

/// The outer address of the one peer that is said to have this inner address. Of two networks behind one router, each
/// may use it; then it tells nothing.
fn only_outer_of(behind: &Behind, inner: &SocketAddr) -> Option<SocketAddr> {
    let mut owners = behind.iter().filter(|(_, all)| all.contains(inner));
    let (outer, _) = owners.next()?;
    owners.next().is_none().then_some(*outer)
}

impl Membership {
    /// Names the own inner addresses to a tracker that lists this node. To be called when it POKEs: then it is there,
    /// and it lists whom it POKEd before.
    pub(super) fn name_inner_addresses(&mut self, place: usize, tracker: SocketAddr, now: Now) {
        let Some(outer) = self.registered_as(&tracker) else { return };
        let inner = self.inner.own_behind(outer);
        let Some(link) = self.trackers.get_mut(place).filter(|_| !inner.is_empty()) else { return };
        if link.inner_named_until.is_some_and(|until| now.instant < until) {
            return;
        }
        // The first one may come before the tracker lists this node, so the next POKE brings another.
        let is_first = link.inner_named_until.is_none();
        let pause = if is_first { Duration::ZERO } else { NAME_PERIOD };
        link.inner_named_until = Some(now.instant + pause);
        let peers = vec![BehindRouter { outer, inner }];
        self.send(tracker, Datagram::InnerAddresses { peers });
    }

    /// Handles what the tracker says about others behind the same router.
    pub(super) fn handle_inner_addresses(
        &mut self,
        tracker: SocketAddr,
        peers: Vec<BehindRouter>,
        now: Now,
    ) -> Disposition {
        let seen_as = self.registered_as(&tracker);
        let Some(seen_as) = seen_as.filter(|own| !self.inner.own_behind(*own).is_empty()) else {
            return Disposition::Dropped(DropReason::Unexpected);
        };
        // Of peers that are not told of this time, those are kept that are neighbours.
        let (neighbours, trackers) = (&self.neighbours, &self.trackers);
        let is_met = |inner: &Vec<SocketAddr>| inner.iter().any(|inner| neighbours.contains(inner));
        self.inner.told.retain(|tracker, _| trackers.token(tracker).is_some());
        let told = self.inner.told.entry(tracker).or_insert_with(|| Told::new(now.instant));
        if told.not_before > now.instant {
            return Disposition::Dropped(DropReason::InnerTooSoon);
        }
        told.not_before = now.instant + HINTS_PERIOD;
        told.behind.retain(|_, inner| is_met(inner));
        for BehindRouter { outer, inner } in peers {
            let own = &self.inner.own;
            let is_usable = |inner: &SocketAddr| {
                scope::is_inner(*inner) && own.has_version_of(*inner) && !own.is_own(*inner)
            };
            let inner: Vec<_> =
                inner.into_iter().filter_map(peer_address).filter(is_usable).collect();
            let has_room = told.behind.contains_key(&outer) || told.behind.len() < BEHIND_MAX;
            // Only of those at the same outer address: else a tracker could take neighbours away by its word.
            let is_here = outer != seen_as && Site::of(outer) == Site::of(seen_as);
            if !is_here || !has_room {
                continue;
            }
            if self.neighbours.len() < NEIGHBOURS_WANTED {
                for address in inner.iter().filter(|address| !self.neighbours.contains(address)) {
                    if told.may_probe(now.instant)
                        && self.probes.hint(*address, tracker, now.instant)
                    {
                        told.note_probe(now.instant);
                    }
                }
            }
            told.behind.insert(outer, inner);
        }
        for address in self.neighbours.addresses() {
            self.part_from_outer(address, now);
        }
        self.arm_probe_timer();
        Disposition::Handled
    }

    /// Whether the peer at an outer address is a neighbour by an inner one already.
    pub(super) fn is_met_inside(&self, outer: &SocketAddr) -> bool {
        let is_met = |Told { behind, .. }: &Told| {
            let inner = behind.get(outer).into_iter().flatten();
            let mut met = inner.filter(|inner| self.neighbours.contains(inner));
            met.any(|inner| only_outer_of(behind, inner) == Some(*outer))
        };
        self.inner.told.values().any(is_met)
    }

    /// A peer that is met at its inner address is a neighbour no longer by its outer one: it would be counted twice.
    pub(super) fn part_from_outer(&mut self, met: SocketAddr, now: Now) {
        for outer in self.inner.outer_of(&met) {
            if outer == met || self.probes.is_by_hand(&outer) {
                continue;
            }
            if self.neighbours.contains(&outer) {
                self.part(outer, LeaveReason::MetInside(met), now);
            } else if self.probes.token(&outer).is_some() {
                self.probes.forget(&outer, now.instant);
            }
        }
    }
}
