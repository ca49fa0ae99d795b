//! Headers whose time is too far ahead of the local clock. They are held and tried again, and must
//! never be remembered as invalid.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use protocol::block::Header;
use protocol::units::{Now, UnixMillis};

use crate::event::Event;
use crate::limits::Limits;
use crate::output::Output;
use crate::views::WaitingBlocks;
use crate::{Node, Timer};

/// The interval at which they are tried again.
const EARLY_HEADERS_PERIOD: Duration = Duration::from_secs(5);
/// The shortest pause between two looks at them.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// Headers whose time is ahead of the local clock. They are tried again, and never remembered as
/// invalid.
#[derive(Debug, Default)]
pub(super) struct EarlyHeaders(pub(super) VecDeque<(Header, SocketAddr)>);

impl EarlyHeaders {
    /// Checks that there are not too many.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self, limits: &Limits) {
        assert!(self.0.len() <= limits.early_headers_max, "{} early headers", self.0.len());
    }
}

impl Node {
    /// Leaves the blocks whose time has not come since the clock was set back, and joins those whose time has come. To
    /// be called with everything that happens.
    pub(crate) fn follow_clock(&mut self, now: Now) {
        self.membership.watch_clock(now);
        self.react_to_membership(now);
        if self.chain.set_time(now.unix) {
            self.advance_chain(None, now);
            self.continue_sync(now);
            self.arm_early_timer(now);
        }
    }

    /// Looks again at what waits for its time when the time of the first has come.
    pub(crate) fn arm_early_timer(&mut self, now: Now) {
        if let Some(next_in) = self.waiting(now).next_in {
            let pause = next_in.clamp(PAUSE_MIN, EARLY_HEADERS_PERIOD);
            self.timers.set_by(Timer::EarlyHeaders, now.instant + pause);
        }
    }

    /// The blocks that wait for their time, of which this node may have the headers alone.
    pub(crate) fn waiting(&self, now: Now) -> WaitingBlocks {
        let headers = self.sync.early_headers.0.iter().map(|(header, _)| header);
        let unknown = headers.filter(|header| self.chain.header(&header.hash()).is_none());
        let times = unknown.map(|header| header.time).chain(self.chain.waiting_for_their_time());
        let times: Vec<_> = times.collect();
        let latest = now.unix.plus(self.chain.time_ahead_max());
        let wait = |time: &UnixMillis| Duration::from_millis(time.0.saturating_sub(latest.0));
        WaitingBlocks { blocks: times.len(), next_in: times.iter().map(wait).min() }
    }

    pub(crate) fn hold_early_header(&mut self, header: Header, from: SocketAddr, now: Now) {
        let held = &mut self.sync.early_headers.0;
        if !header.has_work() || held.iter().any(|(known, _)| *known == header) {
            return;
        }
        if held.len() >= self.limits.early_headers_max {
            held.pop_front();
        }
        held.push_back((header, from));
        let (height, hash, ahead) = (header.height, header.hash(), header.time.distance(now.unix));
        let name = self.membership.name_of(&from);
        self.output(Output::Event(Event::EarlyBlock { address: from, name, height, hash, ahead }));
        self.timers.set_by(Timer::EarlyHeaders, now.instant + EARLY_HEADERS_PERIOD);
    }

    pub(crate) fn handle_early_headers_timer(&mut self, now: Now) {
        let latest = now.unix.plus(self.chain.time_ahead_max());
        let held = std::mem::take(&mut self.sync.early_headers.0);
        let (early, due): (VecDeque<_>, VecDeque<_>) =
            held.into_iter().partition(|(header, _)| header.time > latest);
        if !early.is_empty() {
            self.timers.set_by(Timer::EarlyHeaders, now.instant + EARLY_HEADERS_PERIOD);
        }
        self.sync.early_headers.0 = early;
        // Where a header was early, a sync ended without fruit.
        if !due.is_empty() {
            self.sync.forget_fruitless_waits();
        }
        for (header, from) in due {
            self.handle_header(header, false, from, now);
        }
        self.follow_clock(now);
        self.arm_early_timer(now);
        self.continue_sync(now);
    }
}
