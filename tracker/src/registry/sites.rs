//! Peers behind one router: which inner addresses they name, and who is told of them.
//!
//! Peers that the tracker sees at one outer address can't reach each other there, unless their router leads back in
//! what they send to it. A site is such an outer address. A peer is told of inner addresses only if it named some
//! itself, and only of those at its own site. This module keeps what listed peers name, and must forget each with its
//! listing.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::Bound;

use protocol::datagram::{BehindRouter, INNER_ADDRESSES_MAX, INNER_OF_PEER_MAX};
use protocol::scope::{self, Site};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::peers::PEERS_TOTAL_MAX;

/// The inner addresses of listed peers. There are at most [`INNER_OF_PEER_MAX`] of each, so that those of
/// [`PEERS_TOTAL_MAX`] take about 5 MiB.
#[derive(Debug, Default)]
pub(super) struct Sites {
    by_site: BTreeMap<Site, BTreeMap<SocketAddr, Vec<SocketAddr>>>,
}

impl Sites {
    /// Checks the bounds, and that everybody here is listed.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self, is_listed: impl Fn(SocketAddr) -> bool) {
        let mut total = 0;
        for (site, peers) in &self.by_site {
            assert!(!peers.is_empty(), "an empty site is kept");
            total += peers.len();
            for (outer, inner) in peers {
                assert!(is_listed(*outer), "{outer} is not listed and has inner addresses");
                assert_eq!(Site::of(*outer), *site, "{outer} is at another site");
                assert!((1..=INNER_OF_PEER_MAX).contains(&inner.len()), "{} of one", inner.len());
            }
        }
        assert!(total <= PEERS_TOTAL_MAX, "{total} peers have inner addresses");
    }

    /// Keeps what a listed peer names, instead of what it named before. Returns whether that is news, or `None` if it
    /// is nothing that a peer may name.
    pub(super) fn name(&mut self, from: SocketAddr, peers: &[BehindRouter]) -> Option<bool> {
        let [BehindRouter { outer, inner }] = peers else { return None };
        let is_good = *outer == from
            && (1..=INNER_OF_PEER_MAX).contains(&inner.len())
            && inner.iter().all(|address| scope::is_inner(*address));
        if !is_good {
            return None;
        }
        let before = self.by_site.entry(Site::of(from)).or_default().insert(from, inner.clone());
        Some(before.as_ref() != Some(inner))
    }

    /// Forgets a peer that is not listed any more.
    pub(super) fn remove(&mut self, outer: SocketAddr) {
        let site = Site::of(outer);
        if let Some(peers) = self.by_site.get_mut(&site) {
            peers.remove(&outer);
            if peers.is_empty() {
                self.by_site.remove(&site);
            }
        }
    }

    /// The other peers at a peer's site, if it named inner addresses itself: as many, from one at random on, as may be
    /// told at once.
    pub(super) fn others(&self, receiver: SocketAddr, rng: &mut ChaCha8Rng) -> Vec<BehindRouter> {
        let peers = self.by_site.get(&Site::of(receiver));
        let Some(peers) = peers.filter(|peers| peers.contains_key(&receiver)) else {
            return Vec::new();
        };
        let start = any_between(peers, rng);
        let from_start =
            peers.range(start..).chain(peers.range((Bound::Unbounded, Bound::Excluded(start))));
        let mut room = INNER_ADDRESSES_MAX;
        let fits = |(_, inner): &(&SocketAddr, &Vec<SocketAddr>)| {
            let fits = inner.len() <= room;
            room = room.saturating_sub(inner.len());
            fits
        };
        let others = from_start.filter(|(outer, _)| **outer != receiver).take_while(fits);
        others.map(|(outer, inner)| BehindRouter { outer: *outer, inner: inner.clone() }).collect()
    }
}

/// An address between the first and the last: who follows it is anybody.
fn any_between(peers: &BTreeMap<SocketAddr, Vec<SocketAddr>>, rng: &mut ChaCha8Rng) -> SocketAddr {
    let ends = peers.first_key_value().zip(peers.last_key_value());
    let ((first, _), (last, _)) = ends.expect("no site is empty");
    match (first.ip(), last.ip()) {
        (IpAddr::V6(low), IpAddr::V6(high)) if low != high => {
            let ip = rng.random_range(low.to_bits()..=high.to_bits());
            SocketAddr::from((Ipv6Addr::from_bits(ip), rng.random()))
        }
        (ip, _) => SocketAddr::from((ip, rng.random_range(first.port()..=last.port()))),
    }
}
