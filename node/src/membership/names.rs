//! What peers tell each other of themselves: what they are called, and which of a neighbour's addresses are one peer's.
//!
//! Both are hints. A name is shown beside an address and never instead of it, and nothing is decided by it. The number
//! of a peer's run is known to all its neighbours, so that a liar can tell another's as its own. Hence nobody loses a
//! place or is listened to less for telling it, and two addresses count as one only where both say the same: as two
//! that have a block, two that don't, or two clocks that agree. So whoever copies a number takes nothing from the one
//! who has it: it adds nothing to what that one says while it says the same, and counts as another when it does not.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::datagram::{Datagram, RunNumber};
use protocol::peer_name::PeerName;
use protocol::units::Now;

use super::voice::Who;
use super::{Disposition, Membership, Output};
use crate::dropped::DropReason;
use crate::event::Event;

/// The pause before a neighbour is told again. It doubles with every time, up to the longest: what was lost soon
/// arrives, and costs next to nothing later.
const TELL_AGAIN_FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const TELL_AGAIN_MAX: Duration = Duration::from_secs(64);
/// A neighbour is taken at its new word this long after the last one: who says something else all the time would fill
/// the screen.
const CHANGE_PERIOD: Duration = Duration::from_secs(5);

/// What this node says of itself.
#[derive(Debug)]
pub(super) struct OwnName {
    pub(super) run: RunNumber,
    pub(super) name: Option<PeerName>,
}

/// What a neighbour said of itself, and when it is told of this node.
#[derive(Debug)]
pub(super) struct Introduction {
    said: Option<(RunNumber, Option<PeerName>)>,
    /// What it says is not taken before this time, if it said something else before.
    changes_not_before: Instant,
    tell_at: Instant,
    pause: Duration,
}

impl Introduction {
    pub(super) fn new(now: Instant) -> Self {
        Self { said: None, changes_not_before: now, tell_at: now, pause: TELL_AGAIN_FIRST }
    }

    /// Has this node introduced anew, since the neighbour may have lost what it knew.
    pub(super) fn tell_anew(&mut self, now: Instant) {
        (self.tell_at, self.pause) = (now, TELL_AGAIN_FIRST);
    }

    /// What the neighbour is called by whoever runs it, as it says.
    pub(super) fn name(&self) -> Option<&PeerName> {
        self.said.as_ref()?.1.as_ref()
    }

    /// Who it is that was met at this address, as it says.
    pub(super) fn who(&self, address: SocketAddr) -> Who {
        match &self.said {
            Some((run, _)) => Who::Run(*run),
            None => Who::At(address),
        }
    }
}

impl Membership {
    /// What this node is called.
    pub(crate) fn own_name(&self) -> Option<&PeerName> {
        self.own_name.name.as_ref()
    }

    /// What a neighbour is called, as it says.
    pub(crate) fn name_of(&self, address: &SocketAddr) -> Option<PeerName> {
        self.neighbours.get(address)?.name().cloned()
    }

    /// Of how many neighbours something is true, and of how many it was asked. Addresses of one count once if the
    /// answers are the same.
    pub(crate) fn count(&self, is_so: impl Fn(&SocketAddr) -> bool) -> (usize, usize) {
        let answers = self.neighbours.iter();
        let answers = answers.map(|(address, each)| (each.who(*address), is_so(address)));
        let answers: BTreeSet<(Who, bool)> = answers.collect();
        (answers.iter().filter(|(_, is_so)| *is_so).count(), answers.len())
    }

    /// The number of neighbours, of which one may be met at several addresses.
    pub(crate) fn distinct_count(&self) -> usize {
        self.count(|_| true).1
    }

    /// The other addresses at which a neighbour is met too, as it says.
    pub(crate) fn also_at(&self, address: &SocketAddr) -> Vec<SocketAddr> {
        let Some(who) = self.neighbours.get(address).map(|each| each.who(*address)) else {
            return Vec::new();
        };
        let same = self.neighbours.iter().filter(|(at, each)| each.who(**at) == who);
        same.map(|(at, _)| *at).filter(|at| at != address).collect()
    }

    /// Tells a neighbour of this node when it is time to do so.
    pub(super) fn tell_name_if_due(&mut self, to: SocketAddr, now: Now) {
        let Some(neighbour) = self.neighbours.get_mut(&to) else { return };
        let introduction = &mut neighbour.introduction;
        if introduction.tell_at > now.instant {
            return;
        }
        introduction.tell_at = now.instant + introduction.pause;
        introduction.pause = (introduction.pause * 2).min(TELL_AGAIN_MAX);
        let run = self.own_name.run;
        let name = self.own_name.name.as_ref().map(ToString::to_string).unwrap_or_default();
        self.send(to, Datagram::Name { run, name });
    }

    /// Handles what a neighbour says of itself.
    pub(super) fn handle_name(
        &mut self,
        from: SocketAddr,
        run: RunNumber,
        name: &str,
        now: Now,
    ) -> Disposition {
        let name = match name {
            "" => None,
            name => match PeerName::sent(name) {
                Ok(name) => Some(name),
                Err(_) => return Disposition::Dropped(DropReason::NoName),
            },
        };
        let Some(neighbour) = self.neighbours.get_mut(&from) else {
            return Disposition::Dropped(DropReason::Unexpected);
        };
        let introduction = &mut neighbour.introduction;
        let is_known = introduction.said.as_ref().is_some_and(|said| *said == (run, name.clone()));
        if is_known {
            return Disposition::Handled;
        }
        if introduction.changes_not_before > now.instant {
            return Disposition::Dropped(DropReason::NameTooSoon);
        }
        introduction.changes_not_before = now.instant + CHANGE_PERIOD;
        let before = introduction.said.replace((run, name.clone())).and_then(|(_, name)| name);
        if let Some(name) = name.filter(|name| Some(name) != before.as_ref()) {
            self.outputs.push_back(Output::Event(Event::NeighbourNamed { address: from, name }));
        }
        Disposition::Handled
    }
}
