//! The link to the tracker: registering, staying registered, and coming back after either side was away.
//!
//! The tracker is a help and never needed: without it, a node lives on with the neighbours that it has.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::datagram::{Datagram, ElectionPrefix, Envelope, PeerStatus, RegisterAck};
use protocol::token::Token;
use protocol::units::Now;

use rand::Rng;

use super::clock::OtherClock;
use super::neighbours::HEARTBEAT;
use super::{Membership, Output, Timer};
use crate::output::Event;
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
/// The shortest time between two attempts, however many RETRYs arrive.
const RETRY_PERIOD: Duration = Duration::from_millis(100);
/// The wait between attempts at a tracker that serves another election, which its operator may
/// correct.
const REFUSED_WAIT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct TrackerLink {
    address: SocketAddr,
    token: Token,
    registered: bool,
    seen_as: Option<SocketAddr>,
    heard_at: Instant,
    /// The time between two of the tracker's POKEs, by its own word.
    period: Duration,
    sent_at: Option<Instant>,
    attempts: u32,
    silence_told: bool,
    refusal_told: bool,
    pub(super) clock: OtherClock,
    poke_nonce: u64,
}

impl TrackerLink {
    pub(super) fn new(address: SocketAddr, now: Instant) -> Self {
        Self {
            address,
            token: Token::NONE,
            registered: false,
            seen_as: None,
            heard_at: now,
            period: PERIOD_MIN,
            sent_at: None,
            attempts: 0,
            silence_told: false,
            refusal_told: false,
            clock: OtherClock::default(),
            poke_nonce: 0,
        }
    }

    /// The token that the tracker issued to us, if `address` is the tracker's.
    pub(super) fn token_for(&self, address: &SocketAddr) -> Option<Token> {
        (self.address == *address).then_some(self.token)
    }

    /// When the tracker has been silent for so long that it has dropped us or has restarted: two POKEs
    /// were missed, and the third is overdue by half a period.
    fn silent_at(&self) -> Instant {
        self.heard_at + self.period * 5 / 2
    }

    pub(super) fn view(&self) -> TrackerView {
        TrackerView { address: self.address, registered: self.registered, seen_as: self.seen_as }
    }
}

impl Membership {
    pub(super) fn is_tracker(&self, address: &SocketAddr) -> bool {
        self.tracker.as_ref().is_some_and(|tracker| tracker.address == *address)
    }

    pub(super) fn note_tracker_token(&mut self, token: Token) {
        if let Some(tracker) = &mut self.tracker {
            tracker.token = token;
        }
    }

    pub(super) fn handle_tracker_timer(&mut self, now: Now) {
        let Some(tracker) = &mut self.tracker else { return };
        if tracker.registered {
            let silent_at = tracker.silent_at();
            if now.instant < silent_at || !self.rules.enforces(Rule::Reregistration) {
                let next = silent_at.max(now.instant + HEARTBEAT / 2);
                return self.timers.set(Timer::Tracker, Some(next));
            }
            tracker.registered = false;
            tracker.attempts = 0;
        }
        let (address, is_news) =
            (tracker.address, tracker.attempts >= ATTEMPTS_BEFORE_NEWS && !tracker.silence_told);
        let wait = WAIT_FIRST.saturating_mul(1 << tracker.attempts.min(8)).min(WAIT_MAX);
        let wait = if tracker.refusal_told { REFUSED_WAIT } else { wait };
        tracker.attempts = tracker.attempts.saturating_add(1);
        tracker.silence_told |= is_news;
        if is_news {
            self.outputs.push_back(Output::Event(Event::TrackerSilent { tracker: address }));
        }
        self.register(now);
        self.timers.set(Timer::Tracker, Some(now.instant + wait));
    }

    pub(super) fn handle_tracker_retry(&mut self, token: Token, now: Now) {
        let Some(tracker) = &mut self.tracker else { return };
        tracker.token = token;
        let recently = tracker
            .sent_at
            .is_some_and(|at| now.instant < at + RETRY_PERIOD && tracker.attempts > 1);
        if !tracker.registered && !recently {
            tracker.attempts = tracker.attempts.max(1) + 1;
            self.register(now);
        }
    }

    pub(super) fn handle_register_ack(&mut self, ack: &RegisterAck, now: Now) {
        let Some(tracker) = &mut self.tracker else { return };
        let is_news = tracker.silence_told || tracker.seen_as != Some(ack.seen_as);
        tracker.registered = true;
        tracker.attempts = 0;
        tracker.heard_at = now.instant;
        let period = Duration::from_millis(ack.heartbeat_ms.into());
        tracker.period = period.clamp(PERIOD_MIN, PERIOD_MAX);
        tracker.silence_told = false;
        tracker.refusal_told = false;
        tracker.seen_as = Some(ack.seen_as);
        let (address, silent_at) = (tracker.address, tracker.silent_at());
        self.timers.set(Timer::Tracker, Some(silent_at));
        self.handle_hints(address, &ack.peers, &[], now);
        if is_news {
            let (seen_as, peers) = (ack.seen_as, ack.peers.len());
            let event = Event::Registered { tracker: address, seen_as, peers };
            self.outputs.push_back(Output::Event(event));
        }
    }

    /// Notes that the tracker is there, because its POKE arrived.
    pub(super) fn note_tracker_heard(&mut self, now: Now) {
        if let Some(tracker) = &mut self.tracker {
            tracker.heard_at = now.instant;
        }
    }

    pub(super) fn handle_tracker_poke(&mut self, from: SocketAddr, nonce: u64, now: Now) {
        self.note_tracker_heard(now);
        self.send(from, Datagram::PokeAck { nonce, status: None });
        self.poke_tracker(now);
    }

    /// Asks the tracker for its clock.
    fn poke_tracker(&mut self, now: Now) {
        let nonce = self.random.next_u64();
        let Some(tracker) = &mut self.tracker else { return };
        tracker.poke_nonce = nonce;
        tracker.clock.poke(now);
        let address = tracker.address;
        self.send(address, Datagram::Poke { nonce, status: None });
    }

    pub(super) fn handle_tracker_poke_ack(
        &mut self,
        nonce: u64,
        status: Option<PeerStatus>,
        now: Now,
    ) {
        if let Some(tracker) = self.tracker.as_mut().filter(|tracker| tracker.poke_nonce == nonce) {
            tracker.clock.answer(status.map(|status| status.clock), now);
            self.tell_clocks();
        }
    }

    /// Handles an answer of the tracker for another election. The user is told once.
    pub(super) fn note_tracker_refusal(&mut self, from: SocketAddr, found: ElectionPrefix) {
        let expected = self.election;
        let Some(tracker) = self.tracker.as_mut().filter(|tracker| tracker.address == from) else {
            return;
        };
        if std::mem::replace(&mut tracker.refusal_told, true) {
            return;
        }
        let event = Event::TrackerRefused { tracker: from, expected, found_prefix: found.0 };
        self.outputs.push_back(Output::Event(event));
    }

    fn register(&mut self, now: Now) {
        let Some(tracker) = &mut self.tracker else { return };
        tracker.sent_at = Some(now.instant);
        let (address, token) = (tracker.address, tracker.token);
        // The zero election is always used here, so that a tracker of another election answers and
        // can be recognised.
        let election = ElectionPrefix::UNKNOWN;
        let envelope = self.envelope_with(address, token, Datagram::RegisterPeer);
        self.transmit(address, Envelope { election, ..envelope });
    }
}
