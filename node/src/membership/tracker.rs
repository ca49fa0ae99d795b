//! The link to one tracker: registering, staying registered, and coming back after either side was away.
//!
//! A tracker is a help and never needed: without it, a node lives on with the neighbours that it has.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::datagram::{Datagram, ElectionPrefix, Envelope, PeerStatus, RegisterAck};
use protocol::token::Token;
use protocol::units::Now;

use rand::Rng;

use super::clock::OtherClock;
use super::neighbours::HEARTBEAT;
use super::{Membership, Output, Timer};
use crate::event::Event;
use crate::given::{Given, Whereabouts};
use crate::views::TrackerView;
use chain::rules::Rule;

/// The wait before the second attempt to register. It doubles with every further attempt, up to the
/// longest.
const WAIT_FIRST: Duration = Duration::from_millis(250);
/// The longest wait between attempts. A tracker that comes back lists all peers again within this
/// time.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// The number of unanswered attempts after which the user is told, once.
const ATTEMPTS_BEFORE_NEWS: u32 = 4;
/// The shortest and the longest time between two POKEs that a tracker is believed. A tracker that names less would be
/// registered with all the time, and one that names more would never be missed.
const PERIOD_MIN: Duration = HEARTBEAT;
const PERIOD_MAX: Duration = Duration::from_secs(60);
/// The wait between attempts at a tracker that serves another election, which its operator may
/// correct.
const REFUSED_WAIT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct TrackerLink {
    pub(super) place: Whereabouts,
    token: Token,
    registered: bool,
    seen_as: Option<SocketAddr>,
    /// Whom it listed last, but for this node itself.
    pub(super) listed: BTreeSet<SocketAddr>,
    heard_at: Instant,
    /// The time between two of the tracker's POKEs, by its own word.
    period: Duration,
    /// Whether a RETRY may make us register at once, which is allowed once for each attempt.
    may_retry: bool,
    attempts: u32,
    silence_told: bool,
    /// Those of its addresses at which another election is served, and which one. The user was told of each.
    pub(super) refusing: Vec<(SocketAddr, ElectionPrefix)>,
    /// What an address answered once for another election.
    pub(super) doubted: Option<(SocketAddr, ElectionPrefix)>,
    pub(super) clock: OtherClock,
    poke_nonce: u64,
    /// Until when it need not be named this node's inner addresses again, once it was.
    pub(super) inner_named_until: Option<Instant>,
}

impl TrackerLink {
    pub(super) fn new(given: &Given, now: Instant) -> Self {
        Self {
            place: Whereabouts::new(given, now),
            token: Token::NONE,
            registered: false,
            seen_as: None,
            listed: BTreeSet::new(),
            heard_at: now,
            period: PERIOD_MIN,
            may_retry: false,
            attempts: 0,
            silence_told: false,
            refusing: Vec::new(),
            doubted: None,
            clock: OtherClock::default(),
            poke_nonce: 0,
            inner_named_until: None,
        }
    }

    /// Whether it is there, or was not asked often enough to say that it is not.
    pub(super) fn may_answer(&self) -> bool {
        self.registered || self.attempts < ATTEMPTS_BEFORE_NEWS
    }

    /// Whether it has the IP address at which it sees this node, as one on the same machine does.
    pub(super) fn is_where_it_sees_us(&self) -> bool {
        let Some(at) = self.place.address() else { return false };
        let ip = at.ip().to_canonical();
        self.seen_as.is_some_and(|own| own.ip().to_canonical() == ip)
    }

    /// The token that the tracker issued to us, if it is tried at this address.
    pub(super) fn token_for(&self, address: &SocketAddr) -> Option<Token> {
        (self.place.address() == Some(*address)).then_some(self.token)
    }

    pub(super) fn token(&self) -> Token {
        self.token
    }

    pub(super) fn is_registered(&self) -> bool {
        self.registered
    }

    pub(super) fn seen_as(&self) -> Option<SocketAddr> {
        self.seen_as
    }

    pub(super) fn view(&self) -> TrackerView {
        TrackerView {
            name: self.place.name().cloned(),
            address: self.place.address(),
            registered: self.registered,
            seen_as: self.seen_as,
            refuses: !self.registered && self.is_given_up(),
        }
    }

    /// When the tracker has been silent for so long that it has dropped us or has restarted: two POKEs
    /// were missed, and the third is overdue by half a period.
    fn silent_at(&self) -> Instant {
        self.heard_at + self.period * 5 / 2
    }

    /// Goes on with the next address of its name, where no token is known.
    fn turn(&mut self) {
        if self.place.turn() {
            self.token = Token::NONE;
        }
    }

    /// Whether enough attempts were in vain. Each address deserves one more.
    pub(super) fn was_tried_enough(&self) -> bool {
        self.attempts >= ATTEMPTS_BEFORE_NEWS + u32::from(self.place.further())
    }

    /// Whether it is to be told that the address that is tried does not answer.
    fn is_silence_news(&self) -> bool {
        let refuses = self.place.address().is_some_and(|address| self.refuses_at(&address));
        self.was_tried_enough() && !self.silence_told && !refuses
    }
}

impl Membership {
    pub(super) fn is_tracker(&self, address: &SocketAddr) -> bool {
        self.trackers.at(address).is_some()
    }

    /// At which address a tracker lists this node; `None` while it does not.
    pub(super) fn registered_as(&self, tracker: &SocketAddr) -> Option<SocketAddr> {
        let link = self.trackers.iter().find(|link| link.token_for(tracker).is_some())?;
        link.seen_as.filter(|_| link.registered)
    }

    /// Notes the token of a datagram from an address of a tracker. Returns false if the tracker is registered with at
    /// another one.
    pub(super) fn note_tracker_token(
        &mut self,
        place: usize,
        from: SocketAddr,
        token: Token,
    ) -> bool {
        let Some(tracker) = self.trackers.get_mut(place) else { return false };
        if tracker.place.address() != Some(from) {
            if tracker.registered {
                return false;
            }
            // An answer that came after the next address was tried.
            tracker.place.keep_to(&from);
        }
        tracker.token = token;
        true
    }

    pub(super) fn handle_tracker_timer(&mut self, place: usize, now: Now) {
        if self.follow_first_at_same(place, now) {
            return;
        }
        let Some(tracker) = self.trackers.get_mut(place) else { return };
        if tracker.registered {
            let silent_at = tracker.silent_at();
            if now.instant < silent_at || !self.rules.enforces(Rule::Reregistration) {
                let next = silent_at.max(now.instant + HEARTBEAT / 2);
                return self.timers.set(Timer::Tracker(place), Some(next));
            }
            tracker.registered = false;
            tracker.attempts = 0;
        } else if tracker.attempts > 0 {
            self.turn_tracker(place);
        }
        let Some(tracker) = self.trackers.get_mut(place) else { return };
        if let Some(name) = tracker.place.look_up(now.instant) {
            self.outputs.push_back(Output::LookUp(name));
        }
        let wait = WAIT_FIRST.saturating_mul(1 << tracker.attempts.min(8)).min(WAIT_MAX);
        let wait = if tracker.refuses_everywhere() { REFUSED_WAIT } else { wait };
        self.timers.set(Timer::Tracker(place), Some(now.instant + wait));
        let Some(named) = tracker.place.named() else { return };
        if tracker.is_silence_news() {
            tracker.silence_told = true;
            self.outputs.push_back(Output::Event(Event::TrackerSilent { tracker: named }));
        }
        tracker.attempts = tracker.attempts.saturating_add(1);
        tracker.may_retry = true;
        self.register(place);
        self.end_if_refused(now);
    }

    /// Lets one that was given before it register, if that is tried at the same address: a second registration would
    /// have no answer of its own. Returns false if there is none.
    fn follow_first_at_same(&mut self, place: usize, now: Now) -> bool {
        let Some(first) = self.trackers.first_at_same(place) else { return false };
        let (is_registered, attempts) = (first.registered, first.attempts);
        if !is_registered {
            self.turn_tracker(place);
            if self.trackers.first_at_same(place).is_none() {
                return false;
            }
        }
        let Some(tracker) = self.trackers.get_mut(place) else { return false };
        (tracker.registered, tracker.attempts) = (false, attempts);
        tracker.listed.clear();
        let name = (!is_registered).then(|| tracker.place.look_up(now.instant)).flatten();
        self.outputs.extend(name.map(Output::LookUp));
        self.timers.set(Timer::Tracker(place), Some(now.instant + HEARTBEAT));
        true
    }

    /// Goes on with the next address of a tracker's name at which no other one is tried.
    fn turn_tracker(&mut self, place: usize) {
        let all = self.trackers.get_mut(place).map_or(0, |tracker| tracker.place.addresses().len());
        for _ in 0..all {
            if let Some(tracker) = self.trackers.get_mut(place) {
                tracker.turn();
            }
            if self.trackers.first_at_same(place).is_none() {
                break;
            }
        }
    }

    pub(super) fn handle_tracker_retry(&mut self, place: usize) {
        let Some(tracker) = self.trackers.get_mut(place) else { return };
        if !tracker.registered && std::mem::take(&mut tracker.may_retry) {
            self.register(place);
        }
    }

    pub(super) fn handle_register_ack(&mut self, place: usize, ack: &RegisterAck, now: Now) {
        let Some(tracker) = self.trackers.get_mut(place) else { return };
        let Some(named) = tracker.place.named() else { return };
        let is_news = tracker.silence_told || tracker.seen_as != Some(ack.seen_as);
        tracker.registered = true;
        tracker.attempts = 0;
        tracker.heard_at = now.instant;
        tracker.place.note_answer(now.instant);
        let period = Duration::from_millis(ack.heartbeat_ms.into());
        tracker.period = period.clamp(PERIOD_MIN, PERIOD_MAX);
        tracker.silence_told = false;
        let address = named.address;
        tracker.refusing.retain(|(refusing, _)| *refusing != address);
        tracker.doubted = None;
        tracker.seen_as = Some(ack.seen_as);
        tracker.inner_named_until = None;
        let silent_at = tracker.silent_at();
        self.timers.set(Timer::Tracker(place), Some(silent_at));
        self.is_welcome = true;
        self.handle_hints(named.address, &ack.peers, &[], now);
        if is_news {
            let (seen_as, peers) = (ack.seen_as, ack.peers.len());
            let event = Event::Registered { tracker: named, seen_as, peers };
            self.outputs.push_back(Output::Event(event));
        }
        // Its clock is wanted before anything is mined, and its next POKE may be a while off.
        self.poke_tracker(place, now);
    }

    /// Whether a tracker runs on the same machine as this node, and so by the same clock.
    pub(super) fn is_on_this_machine(&self, tracker: &TrackerLink) -> bool {
        tracker.is_where_it_sees_us()
            || tracker.place.address().is_some_and(|at| self.inner.own.is_here(at.ip()))
    }

    /// Notes that a tracker is there, because its POKE arrived.
    pub(super) fn note_tracker_heard(&mut self, place: usize, now: Now) {
        if let Some(tracker) = self.trackers.get_mut(place) {
            tracker.heard_at = now.instant;
        }
    }

    pub(super) fn handle_tracker_poke(
        &mut self,
        place: usize,
        from: SocketAddr,
        nonce: u64,
        now: Now,
    ) {
        self.note_tracker_heard(place, now);
        self.send(from, Datagram::PokeAck { nonce, status: None });
        self.poke_tracker(place, now);
        self.name_inner_addresses(place, from, now);
    }

    /// Asks a tracker for its clock.
    fn poke_tracker(&mut self, place: usize, now: Now) {
        let nonce = self.random.next_u64();
        let Some(tracker) = self.trackers.get_mut(place) else { return };
        let Some(address) = tracker.place.address() else { return };
        tracker.poke_nonce = nonce;
        tracker.clock.poke(now);
        self.send(address, Datagram::Poke { nonce, status: None });
    }

    pub(super) fn handle_tracker_poke_ack(
        &mut self,
        place: usize,
        nonce: u64,
        status: Option<PeerStatus>,
        now: Now,
    ) {
        let tracker = self.trackers.get_mut(place);
        if let Some(tracker) = tracker.filter(|tracker| tracker.poke_nonce == nonce) {
            tracker.clock.answer(status.map(|status| status.clock), now);
            self.tell_clocks();
        }
    }

    /// Goes on with the addresses that a name has now. Those that answer are kept.
    pub(super) fn note_tracker_found(
        &mut self,
        name: &str,
        addresses: &[SocketAddr],
        now: Now,
    ) -> bool {
        let mut is_news = false;
        for place in 0..self.trackers.len() {
            let Some(tracker) = self.trackers.get_mut(place) else { continue };
            if tracker.place.name().is_none_or(|each| &**each != name) {
                continue;
            }
            let known = if tracker.registered { tracker.place.addresses() } else { addresses };
            let (known, before) = (known.to_vec(), tracker.place.address());
            if !tracker.place.found(known, now.instant) {
                continue;
            }
            is_news = true;
            let link_place = &tracker.place;
            tracker.refusing.retain(|(address, _)| link_place.contains(address));
            if tracker.place.address() != before {
                // What the one there says is news.
                (tracker.token, tracker.seen_as) = (Token::NONE, None);
            }
            tracker.attempts = 0;
            self.timers.set(Timer::Tracker(place), Some(now.instant));
        }
        is_news
    }

    /// Registers with all trackers at once, as after an absence.
    pub(super) fn arm_tracker_timers(&mut self, now: Now) {
        for place in 0..self.trackers.len() {
            self.timers.set(Timer::Tracker(place), Some(now.instant));
        }
    }

    fn register(&mut self, place: usize) {
        let Some(tracker) = self.trackers.get_mut(place) else { return };
        let Some(address) = tracker.place.address() else { return };
        let token = tracker.token;
        // The zero election is always used here, so that a tracker of another election answers and
        // can be recognised.
        let election = ElectionPrefix::UNKNOWN;
        let envelope = self.envelope_with(address, token, Datagram::RegisterPeer);
        self.transmit(address, Envelope { election, ..envelope });
    }
}
