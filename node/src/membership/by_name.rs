//! Neighbours and trackers that a person gave by name: the name is looked up again while nobody answers there, and one
//! of its addresses at a time is tried.
//!
//! A neighbour is never met at two addresses of one name because both were tried.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::units::Now;

use super::{Membership, Output, Timer};
use crate::config::NEIGHBOURS_BY_HAND_MAX;
use crate::given::{Given, Named, Whereabouts};
use crate::output::Event;

/// How often it is looked whether names are to be looked up again.
const LOOK_PERIOD: Duration = Duration::from_secs(1);

impl Membership {
    /// Adds a neighbour that a person gave. A name has one address at a time among the probes.
    pub(super) fn add_given(&mut self, given: &Given, now: Now) {
        let place = Whereabouts::new(given, now.instant);
        let address = place.address();
        let has_room = address.is_none_or(|address| self.probes.add_by_hand(address, now.instant));
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
                    self.probes.move_by_hand(before, address, now.instant);
                }
                None => self.outputs.extend(place.look_up(now.instant).map(Output::LookUp)),
            }
        }
        if !self.by_name.is_empty() {
            self.timers.set(Timer::Names, Some(now.instant + LOOK_PERIOD));
        }
    }

    /// Goes on with the next address of each name whose neighbour did not answer. To be called before POKEs are sent.
    pub(super) fn turn_names(&mut self, now: Now) {
        for place in &mut self.by_name {
            let is_met = place.addresses().iter().any(|each| self.neighbours.contains(each));
            let before = place.address();
            let is_due = before.is_some_and(|each| self.probes.is_tried_again(&each, now.instant));
            if is_due && !is_met && place.turn() {
                let next = place.address().expect("there are several");
                self.probes.move_by_hand(before, next, now.instant);
            }
        }
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
        for place in &mut self.by_name {
            if place.name().is_none_or(|each| &**each != name) {
                continue;
            }
            let before = place.address();
            if !place.found(addresses.to_vec(), now.instant) {
                continue;
            }
            is_news = true;
            let next = place.address().expect("addresses were found");
            self.probes.move_by_hand(before, next, now.instant);
        }
        if is_news {
            self.arm_probe_timer();
        }
        is_news
    }
}
