//! Sync fetches the headers of better branches first, starting from a locator, and then the bodies:
//! several blocks at a time from several neighbours, each block from one neighbour at a time, in
//! numbered pieces. Lost pieces are requested again one by one.
//!
//! Everything that is stored here was asked for. Every request has a number of its own, so that
//! round trips are measured unambiguously and late answers to old requests can still be used.

mod ahead;
mod announce;
mod bodies;
mod early;
mod fetching;
mod goal;
mod headers;
mod invariants;
mod lost;
mod pieces;
mod requests;
mod serve;
mod source;
mod window;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::datagram::PeerStatus;
use protocol::units::Now;

use super::event::Event;
use super::output::Output;
use super::{Node, Timer, Tip};
use announce::Announcements;
use bodies::Bodies;
use chain::Candidate;
use chain::rules::Rule;
use early::EarlyHeaders;
use goal::Goal;
use headers::HeaderSync;
use requests::Requests;
use requests::Subject;
use serve::EncodedBodies;
use source::Source;

/// A neighbour that delivers nothing for this long loses what was asked of it to another neighbour.
const STALL: Duration = Duration::from_secs(2);
/// How often stalled neighbours are looked for.
const STALL_CHECK: Duration = Duration::from_millis(250);
/// A gap of at least this many blocks is reported to the user as a sync with a beginning and an
/// end. Smaller gaps are normal and are not reported.
const NEWS_GAP_MIN: u64 = 8;

#[derive(Debug, Default)]
pub(super) struct Sync {
    /// What is known about each neighbour.
    pub(super) sources: BTreeMap<SocketAddr, Source>,
    requests: Requests,
    headers: Option<HeaderSync>,
    bodies: Bodies,
    goal: Goal,
    pub(super) announcements: Announcements,
    early_headers: EarlyHeaders,
    /// When a neighbour told where its chain ends, after none had.
    first_status_at: Option<Instant>,
    encoded_bodies: EncodedBodies,
    /// Whether a sync was announced to the user and is to be ended.
    announced: bool,
    /// When the last piece of a body arrived.
    piece_at: Option<Instant>,
    /// When the last body became complete.
    whole_at: Option<Instant>,
}

#[cfg(test)]
impl Sync {
    pub(super) fn headers_are_fetched(&self) -> bool {
        self.headers.is_some()
    }

    pub(super) fn lowest_body_under_way(&self) -> Option<protocol::units::Height> {
        self.bodies.lowest_under_way().map(|(height, _)| height)
    }

    pub(super) fn holds_early(&self, header: &protocol::block::Header) -> bool {
        self.early_headers.0.iter().any(|(held, _)| held == header)
    }

    pub(super) fn is_being_completed(&self, hash: &protocol::units::BlockHash) -> bool {
        self.announcements.contains(hash)
    }

    pub(super) fn bytes_ahead(&self) -> usize {
        self.bodies.bytes_ahead()
    }
}

impl Sync {
    /// Allows all neighbours to be asked for headers at once. To be called when their time may have come.
    pub(super) fn forget_fruitless_waits(&mut self) {
        self.sources.values_mut().for_each(Source::forget_fruitless_wait);
    }
}

impl Node {
    /// Determines what this peer lacks, and asks for it. To be called whenever a neighbour or the
    /// chain reported something new.
    pub(super) fn continue_sync(&mut self, now: Now) {
        if self.membership.is_leaving() {
            return;
        }
        self.retry_withheld(now);
        if self.sync.headers.is_none() {
            self.start_header_sync(now);
        }
        self.request_header_pieces(now);
        self.plan_bodies();
        self.request_bodies(now);
        self.tell_sync_state();
        if self.sync.requests.is_idle()
            && self.sync.headers.is_none()
            && !self.sync.bodies.is_busy()
            && self.chain.lost_bodies().next().is_none()
            && !self.disk.loading.was_refused()
        {
            self.timers.set(Timer::Sync, None);
            return;
        }
        let stall_check = now.instant + STALL_CHECK;
        let next = self.sync.requests.next_deadline().map_or(stall_check, |at| at.min(stall_check));
        self.timers.set_by(Timer::Sync, next);
    }

    pub(super) fn handle_sync_timer(&mut self, now: Now) {
        for lost in self.sync.requests.pop_expired(now.instant) {
            if let Some(neighbour) = self.sync.sources.get_mut(&lost.neighbour) {
                let count = lost.pieces.len() as u32;
                neighbour.window.lost(count, lost.sent_at, now.instant);
            }
            if !self.rules.enforces(Rule::LostPieces) {
                continue;
            }
            match lost.subject {
                Subject::Headers => self.lose_header_pieces(lost.neighbour, &lost.pieces),
                Subject::Block(hash) => {
                    self.sync.bodies.lose_pieces(&hash, lost.neighbour, &lost.pieces);
                }
            }
        }
        self.abandon_stalled(now);
        self.retry_change(now);
        self.continue_sync(now);
    }

    /// Notes where a neighbour's chain ends.
    pub(super) fn note_status(&mut self, from: SocketAddr, status: PeerStatus, now: Now) {
        if self.sync.sources.values().all(|source| source.status.is_none()) {
            self.sync.first_status_at = Some(now.instant);
        }
        if let Some(source) = self.sync.sources.get_mut(&from) {
            source.status = Some(status);
        }
    }

    /// Allows blocks to be fetched from a new neighbour.
    pub(super) fn sync_add_neighbour(&mut self, address: SocketAddr, now: Now) {
        self.sync.sources.insert(address, Source::new(now.instant));
    }

    /// Forgets what was asked of an address that is no longer a neighbour.
    pub(super) fn sync_remove_neighbour(&mut self, address: SocketAddr) {
        self.sync.sources.remove(&address);
        self.sync.requests.forget_neighbour(&address);
        if self.sync.headers.as_ref().is_some_and(|sync| sync.neighbour == address) {
            self.sync.headers = None;
        }
        self.sync.bodies.forget_neighbour(&address);
    }

    /// Whether missing blocks are on their way, so that mining would build on an old tip.
    pub(super) fn is_catching_up(&self, now: Instant) -> bool {
        self.is_behind() && self.sync.whole_at.is_some_and(|at| now < at + STALL)
    }

    /// Whether a sync was reported to the user and has not ended.
    pub(super) fn is_syncing(&self) -> bool {
        self.sync.announced
    }

    pub(super) fn prefers(&self, left: Candidate, right: Candidate) -> bool {
        left.is_better_than(&right, self.rules)
    }

    fn abandon_stalled(&mut self, now: Now) {
        self.watch_header_sync(now);
        let stalled = self.sync.bodies.remove_stalled(now.instant, STALL);
        for (hash, address) in stalled {
            self.settle_block_requests(&hash, address);
            if let Some(neighbour) = self.sync.sources.get_mut(&address) {
                neighbour.stalls = neighbour.stalls.saturating_add(1);
            }
        }
        self.watch_goal(now);
    }

    fn tell_sync_state(&mut self) {
        let (tip, target) = (self.chain.tip_header().height, self.sync_target());
        if !self.sync.announced && target.0 > tip.0.saturating_add(NEWS_GAP_MIN) {
            self.sync.announced = true;
            self.output(Output::Event(Event::Syncing { from: tip, to: target }));
        } else if self.sync.announced && self.sync.headers.is_none() && !self.is_behind() {
            self.sync.announced = false;
            let tip: Tip = self.tip();
            self.output(Output::Event(Event::Synced { tip }));
        }
    }
}
