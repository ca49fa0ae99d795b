//! All trackers of a node. Each one is a help and none is needed: what any of them lists is used, and any may die.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use protocol::datagram::PEERS_MAX;
use protocol::token::Token;

use super::tracker::TrackerLink;
use crate::config::TRACKERS_MAX;
use crate::given::{ADDRESSES_PER_NAME_MAX, Given};
use crate::views::TrackerView;

/// The links to the trackers, in the order in which they were given. A link keeps its place.
#[derive(Debug)]
pub(super) struct Trackers {
    links: Vec<TrackerLink>,
}

impl Trackers {
    pub(super) fn new(given: &[Given], now: Instant) -> Self {
        let links = given.iter().take(TRACKERS_MAX).map(|given| TrackerLink::new(given, now));
        Self { links: links.collect() }
    }

    /// Checks the bounds.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        assert!(self.links.len() <= TRACKERS_MAX, "{} trackers", self.links.len());
        for link in &self.links {
            assert!(link.listed.len() <= PEERS_MAX, "{} are listed", link.listed.len());
            let refusing = link.refusing.len();
            assert!(refusing <= ADDRESSES_PER_NAME_MAX, "{refusing} addresses refuse");
        }
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The place of the tracker that has this address: one that is tried there, or else one that may be next.
    pub(super) fn at(&self, address: &SocketAddr) -> Option<usize> {
        let has = |link: &&TrackerLink| link.place.contains(address);
        let is_tried = |link: &&TrackerLink| link.place.address() == Some(*address);
        let is_free = |link: &&TrackerLink| !link.is_registered();
        let numbered = || self.links.iter().enumerate();
        let found = numbered()
            .find(|(_, link)| is_tried(link))
            .or_else(|| numbered().find(|(_, link)| has(link) && is_free(link)))
            .or_else(|| numbered().find(|(_, link)| has(link)));
        found.map(|(place, _)| place)
    }

    /// The tracker that was given before the one of this place and is tried at the same address. There is one
    /// registration for both.
    pub(super) fn first_at_same(&self, place: usize) -> Option<&TrackerLink> {
        let address = self.links.get(place)?.place.address()?;
        let earlier = self.links.get(..place)?.iter();
        let mut same = earlier.filter(|link| link.place.address() == Some(address));
        same.next()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut TrackerLink> {
        self.links.get_mut(place)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &TrackerLink> {
        self.links.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut TrackerLink> {
        self.links.iter_mut()
    }

    /// The token that a tracker issued to us, if this is the address at which it is registered with.
    pub(super) fn token(&self, address: &SocketAddr) -> Option<Token> {
        self.links.iter().find_map(|link| link.token_for(address))
    }

    /// Those that list this node, with their tokens.
    pub(super) fn registered(&self) -> impl Iterator<Item = (SocketAddr, Token)> {
        let registered = self.links.iter().filter(|link| link.is_registered());
        registered.filter_map(|link| Some((link.place.address()?, link.token())))
    }

    /// Everybody whom those list that answer. Whom another one listed may be gone since, and nobody would say so.
    pub(super) fn listed(&self) -> BTreeSet<SocketAddr> {
        let answering = self.links.iter().filter(|link| link.is_registered());
        answering.flat_map(|link| &link.listed).copied().collect()
    }

    /// Whether an address is this node's own as one of them sees it.
    pub(super) fn sees_us_as(&self, address: &SocketAddr) -> bool {
        self.links.iter().any(|link| link.seen_as() == Some(*address))
    }

    pub(super) fn views(&self) -> Vec<TrackerView> {
        let numbered = self.links.iter().enumerate();
        let views = numbered.map(|(place, link)| {
            let view = link.view();
            match self.first_at_same(place) {
                Some(first) => TrackerView { name: view.name, ..first.view() },
                None => view,
            }
        });
        views.collect()
    }
}
