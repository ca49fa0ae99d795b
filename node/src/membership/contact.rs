//! Whether anybody answers: who should be there, by a tracker's list or because a person gave the address, and who of
//! them does not answer. An address is never told to be silent before it had time for an answer.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use protocol::datagram::PEERS_MAX;

use super::neighbours::Neighbour;
use super::probes::ProbePoke;
use super::{Membership, Output};
use crate::config::{NEIGHBOURS_BY_HAND_MAX, TRACKERS_MAX};
use crate::event::Event;

/// The number of POKEs without an answer after which an address is called silent. The first three take 3.5 s.
const UNANSWERED_BEFORE_NEWS: u8 = 3;

/// Which silent addresses the user was told of.
#[derive(Debug, Default)]
pub(super) struct Contact {
    /// Some of those that are listed or were given by hand.
    told: BTreeSet<SocketAddr>,
}

impl Contact {
    /// Checks the bounds.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        let most = TRACKERS_MAX * PEERS_MAX + NEIGHBOURS_BY_HAND_MAX;
        assert!(self.told.len() <= most, "{} are told to be silent", self.told.len());
    }

    /// Notes that an address answered.
    pub(super) fn note_answer(&mut self, address: &SocketAddr) {
        self.told.remove(address);
    }
}

impl Membership {
    /// The number of others that should answer, if nobody does; `None` if somebody does, or if nobody is expected to.
    /// Only a tracker that lists nobody else is company enough.
    pub(crate) fn lacks_contact(&self) -> Option<usize> {
        let is_expected = !self.trackers.is_empty()
            || !self.by_name.is_empty()
            || self.inner.own.announces
            || self.probes.good().next().is_some();
        let answers = |(_, neighbour): (&SocketAddr, &Neighbour)| neighbour.answered;
        if !is_expected || self.neighbours.iter().any(answers) {
            return None;
        }
        let listed = self.trackers.listed();
        let by_hand = self.probes.by_hand().filter(|address| !listed.contains(address));
        let unknown = self.by_name.iter().filter(|place| place.address().is_none());
        let others = listed.len() + by_hand.count() + unknown.count();
        let is_registered = self.trackers.registered().next().is_some();
        (!is_registered || others > 0).then_some(others)
    }

    /// Notes whom the tracker of this place lists; `live` leaves out this node itself.
    pub(super) fn note_listed(&mut self, place: usize, live: impl Iterator<Item = SocketAddr>) {
        if let Some(tracker) = self.trackers.get_mut(place) {
            tracker.listed = live.take(PEERS_MAX).collect();
        }
        self.forget_unexpected();
    }

    /// Forgets of whom it was told that they don't answer, where nobody is expected any more.
    fn forget_unexpected(&mut self) {
        let by_hand: BTreeSet<_> = self.probes.by_hand().collect();
        let listed = self.trackers.listed();
        self.contact.told.retain(|address| listed.contains(address) || by_hand.contains(address));
    }

    /// Tells the user, once, that an address does not answer where somebody should be. To be called with every POKE.
    pub(super) fn tell_if_silent(&mut self, poke: &ProbePoke) {
        let address = poke.to;
        let (peer, further) = self.named_neighbour(address);
        let is_expected = self.trackers.iter().any(|tracker| tracker.listed.contains(&address))
            || self.probes.is_by_hand(&address);
        if poke.unanswered == UNANSWERED_BEFORE_NEWS + further
            && is_expected
            && !self.is_met_inside(&address)
            && self.contact.told.insert(address)
        {
            let inner = self.inner.of(&address).to_vec();
            self.outputs.push_back(Output::Event(Event::PeerSilent { peer, inner }));
            self.tell_if_all_are_silent();
        }
    }

    /// Tells the user that nobody answers at all. One that should answer and does not has been told of already.
    fn tell_if_all_are_silent(&mut self) {
        self.forget_unexpected();
        let told = self.contact.told.len();
        let others = self.lacks_contact().filter(|others| (2..=told).contains(others));
        if let Some(others) = others {
            self.outputs.push_back(Output::Event(Event::NoContact { others }));
        }
    }
}
