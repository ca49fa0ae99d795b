//! Compares this machine's clock with those of others, as NTP does: by the time that a POKE and its answer took.
//!
//! Whoever is stopped, suspended or late must not be told that clocks differ. So an offset is measured by a quick
//! answer to an own POKE alone, two measurements in a row must agree, and nothing that was measured before this
//! machine's clock jumped is believed after it. What a POKE of somebody else says of the time is of no use: it may have
//! waited.

use std::time::{Duration, Instant};

use protocol::units::{Now, UnixMillis};

use super::{Membership, Output};
use crate::output::Event;
use crate::views::ClockView;

/// Clocks that differ by more than this are reported, because votes and blocks carry times.
const DIFFERENCE_MAX_MS: i64 = 30_000;
/// The fewest clocks that tell whether this machine's clock or another one is wrong.
const COMPARED_MIN: usize = 2;
/// A slower answer measures nothing: somebody was stopped meanwhile. It bounds the error too, by its half.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);
/// Two measurements in a row that differ by more than this show a clock that moves, or a delay.
const AGREEMENT_MS: u64 = 2_000;
/// The clock jumped if it went further than the monotonic time by this, or less far: somebody set it, or the machine
/// slept.
const JUMP_MIN: Duration = Duration::from_secs(1);
/// How long a node waits for the first comparison, at its start and after a jump, before it mines.
const FIRST_COMPARISON: Duration = Duration::from_secs(3);

/// What is known of somebody else's clock.
#[derive(Debug, Default)]
pub(super) struct OtherClock {
    /// When a POKE was sent that is not answered yet.
    poked: Option<Now>,
    newest_ms: Option<i64>,
    offset_ms: Option<i64>,
    is_told: bool,
}

impl OtherClock {
    /// By how many milliseconds it is ahead of this machine's, once two measurements agreed.
    pub(super) fn offset_ms(&self) -> Option<i64> {
        self.offset_ms
    }

    /// Whether a POKE is under way.
    pub(super) fn is_poked(&self) -> bool {
        self.poked.is_some()
    }

    /// Notes that a POKE leaves.
    pub(super) fn poke(&mut self, now: Now) {
        self.poked = Some(now);
    }

    /// Notes that the newest POKE was answered. Gives the time that it took.
    pub(super) fn answer(&mut self, clock: Option<UnixMillis>, now: Now) -> Option<Duration> {
        let sent = self.poked.take()?;
        let measured = clock.and_then(|clock| measure(sent, now, clock));
        if let Some(offset_ms) = measured {
            let before = self.newest_ms.replace(offset_ms);
            if before.is_some_and(|before| before.abs_diff(offset_ms) <= AGREEMENT_MS) {
                self.offset_ms = Some(offset_ms);
            }
        }
        Some(now.instant.saturating_duration_since(sent.instant))
    }

    /// Gives the difference if it should be reported.
    fn news(&mut self) -> Option<i64> {
        let offset_ms = self.offset_ms?;
        let differs = offset_ms.saturating_abs() > DIFFERENCE_MAX_MS;
        let was_told = std::mem::replace(&mut self.is_told, differs);
        (differs && !was_told).then_some(offset_ms)
    }

    fn forget(&mut self) {
        *self = Self { is_told: self.is_told, ..Self::default() };
    }
}

/// By how many milliseconds another clock is ahead of this machine's, by an answer to a POKE.
fn measure(sent: Now, received: Now, clock: UnixMillis) -> Option<i64> {
    let round_trip = received.instant.saturating_duration_since(sent.instant);
    if round_trip > ROUND_TRIP_MAX || is_jump(sent, received) {
        return None;
    }
    let here = i128::from(sent.unix.plus(round_trip / 2).0);
    let offset = i128::from(clock.0) - here;
    // Neither end: the sign must be one that can be turned.
    let (least, most) = (i128::from(i64::MIN + 1), i128::from(i64::MAX));
    i64::try_from(offset.clamp(least, most)).ok()
}

/// Whether this machine's clock went another way than the monotonic time.
fn is_jump(from: Now, to: Now) -> bool {
    let passed = to.instant.saturating_duration_since(from.instant);
    to.unix.distance(from.unix.plus(passed)) >= JUMP_MIN
}

/// Compares this machine's clock with others, by how many milliseconds each of them is ahead of it.
fn compare(mut offsets: Vec<i64>) -> ClockView {
    offsets.sort_unstable();
    let compared = offsets.len();
    if compared < COMPARED_MIN {
        return ClockView { compared, offset_ms: None, disagreeing: 0 };
    }
    // Of two clocks in the middle, the one that is nearer to this machine's is believed.
    let middle = [offsets[(compared - 1) / 2], offsets[compared / 2]];
    let [one, other] = middle;
    let opposite = one.signum() * other.signum() < 0;
    let nearer = if one.saturating_abs() <= other.saturating_abs() { one } else { other };
    let median = if opposite { 0 } else { nearer };
    let disagrees = |offset: &&i64| {
        offset.saturating_abs() > DIFFERENCE_MAX_MS && offset.signum() == median.signum()
    };
    let disagreeing = offsets.iter().filter(disagrees).count();
    ClockView { compared, offset_ms: Some(-median), disagreeing }
}

/// This machine's clock.
#[derive(Debug)]
pub(super) struct OwnClock {
    seen: Now,
    /// Since when it is to be compared anew.
    unsettled_at: Instant,
    /// Whether the user was told last that it is off.
    is_told: bool,
}

impl OwnClock {
    pub(super) fn new(now: Now) -> Self {
        Self { seen: now, unsettled_at: now.instant, is_told: false }
    }

    /// Notes that there is somebody to compare it with.
    pub(super) fn unsettle(&mut self, now: Instant) {
        self.unsettled_at = now;
    }
}

impl Membership {
    /// How this machine's clock compares with those of the neighbours and the trackers.
    pub(crate) fn clock(&self) -> ClockView {
        compare(self.other_clocks().filter_map(OtherClock::offset_ms).collect())
    }

    /// Whether a block of this node may bear a wrong time: the clock is off, seems so by the first measurement, or is
    /// yet to be compared with somebody who is there.
    pub(crate) fn doubts_clock(&self, now: Now) -> bool {
        let newest: Vec<_> = self.other_clocks().filter_map(|other| other.newest_ms).collect();
        let is_awaited = newest.len() < self.neighbours.len().min(COMPARED_MIN)
            && now.instant < self.own_clock.unsettled_at + FIRST_COMPARISON;
        is_awaited || self.clock().is_off() || compare(newest).is_off()
    }

    /// Looks at this machine's clock. To be called with everything that happens.
    pub(super) fn watch_clock(&mut self, now: Now) {
        let before = std::mem::replace(&mut self.own_clock.seen, now);
        if !is_jump(before, now) {
            return;
        }
        self.own_clock.unsettle(now.instant);
        self.neighbours.iter_mut().for_each(|(_, neighbour)| neighbour.clock.forget());
        self.trackers.iter_mut().for_each(|tracker| tracker.clock.forget());
    }

    /// Tells the user what came of the newest measurement.
    pub(super) fn tell_clocks(&mut self) {
        let mut news = Vec::new();
        for (address, neighbour) in self.neighbours.iter_mut() {
            news.extend(neighbour.clock.news().map(|offset_ms| (*address, offset_ms)));
        }
        for (address, offset_ms) in news {
            let event = Event::ClockDiffers { address, offset_ms };
            self.outputs.push_back(Output::Event(event));
        }
        let clock = self.clock();
        let Some(offset_ms) = clock.offset_ms else { return };
        let is_off = clock.is_off();
        if std::mem::replace(&mut self.own_clock.is_told, is_off) == is_off {
            return;
        }
        let ClockView { compared, disagreeing, .. } = clock;
        let event = match is_off {
            true => Event::ClockOff { offset_ms, disagreeing, compared },
            false => Event::ClockAgrees { compared },
        };
        self.outputs.push_back(Output::Event(event));
        self.outputs.push_back(Output::ClockJudged);
    }

    fn other_clocks(&self) -> impl Iterator<Item = &OtherClock> {
        let neighbours = self.neighbours.iter().map(|(_, neighbour)| &neighbour.clock);
        neighbours.chain(self.trackers.iter().map(|tracker| &tracker.clock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
    fn start() -> Now {
        Now { instant: Instant::now(), unix: UnixMillis(1_000_000_000) }
    }

    /// The moment when so many milliseconds have passed, on a clock that was set by `set_ms` meanwhile.
    fn later(from: Now, passed_ms: u64, set_ms: i64) -> Now {
        let passed = Duration::from_millis(passed_ms);
        let unix = from.unix.plus(passed).0.saturating_add_signed(set_ms);
        Now { instant: from.instant + passed, unix: UnixMillis(unix) }
    }

    #[test]
    fn an_offset_is_measured_from_the_middle_of_a_quick_round_trip() {
        let sent = start();
        let clock = |ahead_ms| UnixMillis(sent.unix.0.saturating_add_signed(ahead_ms));
        assert_eq!(measure(sent, later(sent, 200, 0), clock(40_100)), Some(40_000));
        assert_eq!(measure(sent, later(sent, 200, 0), clock(-39_900)), Some(-40_000));
        assert_eq!(measure(sent, later(sent, 60_000, 0), clock(0)), None, "a stopped process");
        assert_eq!(measure(sent, later(sent, 20, 60_000), clock(0)), None, "a suspended machine");
        assert_eq!(measure(sent, later(sent, 20, -60_000), clock(0)), None, "the clock was set");
        let far = UnixMillis(u64::MAX);
        assert_eq!(measure(sent, later(sent, 0, 0), far), Some(i64::MAX));
    }

    #[test]
    fn one_measurement_alone_tells_nothing() {
        let (mut other, mut now) = (OtherClock::default(), start());
        let mut answer = |offset_ms: i64| {
            other.poke(now);
            let clock = UnixMillis(now.unix.0.saturating_add_signed(offset_ms));
            other.answer(Some(clock), now);
            now = later(now, 1_000, 0);
            (other.offset_ms(), other.news())
        };
        assert_eq!(answer(90_000), (None, None));
        assert_eq!(answer(5), (None, None), "the first one was a delay");
        assert_eq!(answer(90_000), (None, None));
        assert_eq!(answer(90_400), (Some(90_400), Some(90_400)));
        assert_eq!(answer(90_400), (Some(90_400), None), "it is told once");
        assert_eq!(answer(10), (Some(90_400), None));
        assert_eq!(answer(12), (Some(12), None));
        assert_eq!(other.answer(Some(now.unix), now), None, "no POKE is under way");
    }

    #[test]
    fn the_clock_is_off_if_most_others_say_so_alike() {
        let off = |offsets: &[i64]| {
            let view = compare(offsets.to_vec());
            (view.is_off(), view.offset_ms, view.disagreeing)
        };
        assert_eq!(off(&[]), (false, None, 0));
        assert_eq!(off(&[90_000]), (false, None, 0), "one of two is wrong, and nobody knows which");
        assert_eq!(off(&[-200_000, -200_100, -199_900]), (true, Some(200_000), 3));
        assert_eq!(off(&[90_000, 80_000]), (true, Some(-80_000), 2));
        assert_eq!(off(&[90_000, 0]), (false, Some(0), 0));
        assert_eq!(off(&[90_000, 80_000, 3]), (true, Some(-80_000), 2));
        assert_eq!(off(&[90_000, 2, 3]), (false, Some(-3), 1));
        assert_eq!(off(&[90_000, 90_000, 0, 1]), (false, Some(-1), 2), "half are not most");
        assert_eq!(off(&[90_000, -90_000]), (false, Some(0), 0), "both are wrong");
        assert_eq!(off(&[30_000, 30_000]), (false, Some(-30_000), 0));
        assert_eq!(off(&[i64::MAX, i64::MAX]), (true, Some(-i64::MAX), 2));
    }
}
