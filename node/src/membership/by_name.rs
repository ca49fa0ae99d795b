//! Neighbours and trackers that a person gave by name: the name is looked up again while nobody answers there, and one
//! of its addresses at a time is tried.
//!
//! A neighbour is never met at two addresses of one name because both were tried.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::units::Now;

use super::{Membership, Output, Timer};
use crate::config::NEIGHBOURS_BY_HAND_MAX;
use crate::event::Event;
use crate::given::{Given, Named, Whereabouts};

/// How often it is looked whether names are to be looked up again.
const LOOK_PERIOD: Duration = Duration::from_secs(1);

impl Membership {
    /// Adds a neighbour that a person gave. A name has one address at a time among the probes.
    pub(super) fn add_given(&mut self, given: &Given, now: Now) {
        let place = Whereabouts::new(given, now.instant);
        let address = place.address();
        let is_plain = place.name().is_none();
        let has_room =
            address.is_none_or(|address| self.probes.add_by_hand(address, is_plain, now.instant));
        if !has_room || self.by_name.len() >= NEIGHBOURS_BY_HAND_MAX {
            let given = place.named().map(|named| named.to_string());
            tracing::warn!(?given, "one neighbour too many was given: it is passed over");
            return;
        }
        if place.name().is_some() {
            self.by_name.push(place);
            self.timers.set(Timer::Names, Some(now.instant));
        }
    }

    /// Has the names looked up at which nobody answers.
    pub(super) fn handle_names_timer(&mut self, now: Now) {
        for number in 0..self.by_name.len() {
            let place = &mut self.by_name[number];
            let found = place.addresses().iter().find(|each| self.neighbours.contains(each));
            match found.copied() {
                Some(address) => {
                    place.note_answer(now.instant);
                    let before = place.address();
                    place.keep_to(&address);
                    self.try_instead(number, before, now);
                }
                None => {
                    self.outputs.extend(place.look_up(now.instant).map(Output::LookUp));
                    // Nothing is sent to this node's own address, nor to one that is banned.
                    let is_tried = |each| self.probes.is_tried(&each, now.instant);
                    if !place.address().is_none_or(is_tried) {
                        self.turn_name(number, now);
                        self.arm_probe_timer();
                    }
                }
            }
        }
        if !self.by_name.is_empty() {
            self.timers.set(Timer::Names, Some(now.instant + LOOK_PERIOD));
        }
    }

    /// Goes on with the next address of each name whose neighbour did not answer. To be called before POKEs are sent.
    pub(super) fn turn_names(&mut self, now: Now) {
        for number in 0..self.by_name.len() {
            let place = &self.by_name[number];
            let is_met = place.addresses().iter().any(|each| self.neighbours.contains(each));
            let is_due = |each| self.probes.is_tried_again(&each, now.instant);
            if !is_met && place.address().is_some_and(is_due) {
                self.turn_name(number, now);
            }
        }
    }

    /// Goes on with the next address of a name at which anybody else may be.
    fn turn_name(&mut self, number: usize, now: Now) {
        let place = &mut self.by_name[number];
        let before = place.address();
        for _ in place.addresses().to_vec() {
            let is_usable = |each: SocketAddr| {
                !self.probes.is_own(&each) && !self.probes.is_banned(&each, now.instant)
            };
            if !place.turn() || place.address().is_some_and(is_usable) {
                break;
            }
        }
        self.try_instead(number, before, now);
    }

    /// Tries the address to which a name was turned, instead of the one before. That one is tried on for whoever else
    /// stands for it.
    fn try_instead(&mut self, number: usize, before: Option<SocketAddr>, now: Now) {
        let Some(next) = self.by_name[number].address() else { return };
        if before == Some(next) {
            return;
        }
        let is_shared =
            before.is_some() && self.by_name.iter().any(|place| place.address() == before);
        self.probes.move_by_hand(before, is_shared, next, now.instant);
    }

    /// Notes what came of looking up a name.
    pub(crate) fn handle_looked_up(
        &mut self,
        name: &str,
        found: Result<Vec<SocketAddr>, String>,
        now: Now,
    ) {
        if self.leaving.is_some() {
            return;
        }
        match found {
            Ok(addresses) => {
                let of_tracker = self.note_tracker_found(name, &addresses, now);
                let of_neighbour = self.note_neighbour_found(name, &addresses, now);
                if of_tracker || of_neighbour {
                    let event = Event::NameFound { name: name.into(), addresses };
                    self.outputs.push_back(Output::Event(event));
                }
            }
            Err(reason) => {
                let trackers = self.trackers.iter_mut().map(|tracker| &mut tracker.place);
                let all = trackers.chain(&mut self.by_name);
                let of_name = all.filter(|place| place.name().is_some_and(|each| **each == *name));
                // Each of them is to wait longer, whoever is the news.
                let news: Vec<_> = of_name.map(|place| place.not_found(now.instant)).collect();
                if news.contains(&true) {
                    let event = Event::NameUnknown { name: name.into(), reason };
                    self.outputs.push_back(Output::Event(event));
                }
            }
        }
    }

    /// The name for which an address stands that is tried by hand, and how many others stand for it.
    pub(super) fn named_neighbour(&self, address: SocketAddr) -> (Named, u8) {
        let place = self.by_name.iter().find(|place| place.contains(&address));
        let name = place.and_then(|place| place.name().cloned());
        (Named { name, address }, place.map_or(0, Whereabouts::further))
    }

    fn note_neighbour_found(&mut self, name: &str, addresses: &[SocketAddr], now: Now) -> bool {
        let mut is_news = false;
        for number in 0..self.by_name.len() {
            let place = &mut self.by_name[number];
            if place.name().is_none_or(|each| &**each != name) {
                continue;
            }
            let before = place.address();
            if !place.found(addresses.to_vec(), now.instant) {
                continue;
            }
            is_news = true;
            self.try_instead(number, before, now);
        }
        if is_news {
            self.arm_probe_timer();
        }
        is_news
    }
}
