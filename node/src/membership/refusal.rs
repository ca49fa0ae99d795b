//! Trackers that serve another election. One who serves the right one wins, and a neighbour is company enough: this
//! node never ends before all trackers were asked, and neighbours had some seconds to answer.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::datagram::ElectionPrefix;
use protocol::units::Now;

use super::tracker::TrackerLink;
use super::trackers::Trackers;
use super::{Membership, Output, Timer};
use crate::event::Event;
use crate::given::Named;

/// How long neighbours have to answer after the start, where all trackers serve another election: three POKEs take 3.5
/// s.
pub(super) const OTHERS_PATIENCE: Duration = Duration::from_secs(5);

impl TrackerLink {
    pub(super) fn refuses_at(&self, address: &SocketAddr) -> bool {
        self.refusing.iter().any(|(refusing, _)| refusing == address)
    }

    pub(super) fn refuses_everywhere(&self) -> bool {
        self.place.address().is_some()
            && self.place.addresses().iter().all(|address| self.refuses_at(address))
    }

    /// Whether another election is served wherever somebody answers.
    pub(super) fn is_given_up(&self) -> bool {
        !self.refusing.is_empty() && (self.refuses_everywhere() || self.was_tried_enough())
    }
}

impl Trackers {
    /// The last tracker that refused, with the election that it serves, if every one of them did that answers.
    fn all_refuse(&self) -> Option<(Named, ElectionPrefix)> {
        let last = self.iter().last().filter(|_| self.iter().all(TrackerLink::is_given_up))?;
        let (address, found) = *last.refusing.last()?;
        Some((Named { name: last.place.name().cloned(), address }, found))
    }
}

impl Membership {
    /// Handles an answer of a tracker for another election. The user is told once of each address.
    pub(super) fn note_tracker_refusal(
        &mut self,
        from: SocketAddr,
        found: ElectionPrefix,
        now: Now,
    ) {
        let expected = self.election;
        let (mut told, mut doubted) = (None, Vec::new());
        for (place, tracker) in self.trackers.iter_mut().enumerate() {
            // While it answers elsewhere, this address has nothing to say.
            let is_concerned = tracker.place.contains(&from) && !tracker.is_registered();
            if !is_concerned || tracker.refuses_at(&from) {
                continue;
            }
            // The answer may have been damaged on its way: it counts when it comes again.
            if tracker.doubted.replace((from, found)) == Some((from, found)) {
                tracker.refusing.push((from, found));
                told.get_or_insert(Named { name: tracker.place.name().cloned(), address: from });
            } else {
                doubted.push(place);
            }
        }
        for place in doubted {
            self.handle_tracker_retry(place);
        }
        let Some(tracker) = told else { return };
        let event = Event::TrackerRefused { tracker, expected, found_prefix: found.0 };
        self.outputs.push_back(Output::Event(event));
        self.end_if_refused(now);
    }

    /// Has this node ended if whoever answers serves another election. Once a tracker listed it or a neighbour was
    /// met, a wrong tracker is no reason to leave the others.
    pub(super) fn end_if_refused(&mut self, now: Now) {
        if self.is_welcome || self.is_refused || self.leaving.is_some() {
            return;
        }
        let Some((tracker, found)) = self.trackers.all_refuse() else { return };
        let others = self.inner.own.announces
            || !self.by_name.is_empty()
            || self.probes.good().next().is_some();
        if others && now.instant < self.others_until {
            return self.timers.set(Timer::Refused, Some(self.others_until));
        }
        // It is said once.
        self.is_refused = true;
        let (expected, found_prefix) = (self.election, found.0);
        self.outputs.push_back(Output::Refused { tracker, expected, found_prefix });
    }
}
