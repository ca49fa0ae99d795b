//! Compares this machine's clock with those of others, as NTP does: by the time that a POKE and its answer took.
//!
//! Whoever is stopped, suspended or late must not be told that clocks differ. So an offset is measured by a quick
//! answer to an own POKE alone, two measurements in a row must agree, and nothing that was measured before this
//! machine's clock jumped is believed after it. What a POKE of somebody else says of the time is of no use: it may have
//! waited. And nobody who comes and goes may hold up mining: each wait for a comparison has an end, and the next one
//! begins a while later. Nor may strangers who wait until others are gone that found the clock right.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::units::{Now, UnixMillis};

use super::agreement::{Agreement, moved};
use super::distinct::{independent, independent_clocks};
use super::voice::{AGREEMENT_MS, Heard, Voice, Who};
use super::voices::{COMPARED_MIN, Comparison, DIFFERENCE_MAX_MS, compare, most};
use super::{Membership, Output};
use crate::event::Event;
use crate::views::ClockView;

/// A slower answer measures nothing: somebody was stopped meanwhile. It bounds the error too, by its half.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);
/// The clock jumped if it went further than the monotonic time by this, or less far: somebody set it, or the machine
/// slept.
const JUMP_MIN: Duration = Duration::from_secs(1);
/// How long a node waits for the first comparison, at its start and after a jump, before it mines.
const FIRST_COMPARISON: Duration = Duration::from_secs(3);
/// How long it waits on if by the first measurements its clock seems to be off. By then they agree or are void.
const CONFIRMATION: Duration = Duration::from_secs(10);
/// Meeting somebody for the first time begins such a wait, but not more often than this: a neighbour that comes and
/// goes holds up nobody.
const MEETING_PERIOD: Duration = Duration::from_secs(60);
/// For how long what was measured, and that the clock is off, is believed when nobody can be asked any more.
const BELIEVED: Duration = Duration::from_secs(600);

/// What is known of somebody else's clock.
#[derive(Debug, Default)]
pub(super) struct OtherClock {
    /// When a POKE was sent that is not answered yet.
    poked: Option<Now>,
    newest_ms: Option<i64>,
    offset_ms: Option<i64>,
    measured_at: Option<Now>,
    is_told: bool,
}

impl OtherClock {
    /// By how many milliseconds it is ahead of this machine's, once two measurements agreed.
    pub(super) fn offset_ms(&self) -> Option<i64> {
        self.offset_ms
    }

    /// Whether it was measured lately.
    fn is_believed(&self, now: Instant) -> bool {
        self.measured_at.is_some_and(|at| now < at.instant + BELIEVED)
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
            self.measured_at = Some(now);
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
    moved(from, to) >= JUMP_MIN
}

/// This machine's clock.
#[derive(Debug)]
pub(super) struct OwnClock {
    seen: Now,
    /// Since when it is to be compared anew.
    unsettled_at: Instant,
    /// When it was so last because somebody came.
    company_at: Option<Instant>,
    /// The last comparison if it showed that the clock is off, and when that was.
    off: Option<(Instant, ClockView)>,
    /// By whom it was found to be right.
    agreed: Option<Agreement>,
    /// Whether it was off when it was judged last.
    was_off: bool,
    /// Whether the user was told last that it is off.
    is_told: bool,
}

impl OwnClock {
    pub(super) fn new(now: Now) -> Self {
        Self {
            seen: now,
            unsettled_at: now.instant,
            company_at: None,
            off: None,
            agreed: None,
            was_off: false,
            is_told: false,
        }
    }

    /// Notes that there is somebody to compare it with, after there was nobody.
    pub(super) fn note_company(&mut self, now: Instant) {
        if self.company_at.is_none_or(|at| now >= at + MEETING_PERIOD) {
            (self.unsettled_at, self.company_at) = (now, Some(now));
        }
    }

    /// What a comparison tells, given what was found before.
    fn weigh(&self, comparison: Comparison) -> ClockView {
        let Comparison { view, has_last_word, disagreeing, .. } = comparison;
        let agreed = self.agreed.as_ref().filter(|agreed| agreed.holds(self.seen));
        let is_right = |agreed: &Agreement| !has_last_word && agreed.outweighs(&disagreeing);
        ClockView { is_off: view.is_off && !agreed.is_some_and(is_right), ..view }
    }

    /// Takes note of the newest comparison. That the clock is off stays so until others are there who say otherwise.
    fn judge(&mut self, mut comparison: Comparison) {
        self.agreed = Agreement::newer(self.agreed.take(), comparison.agreement.take(), self.seen);
        let view = self.weigh(comparison);
        let tells_nothing =
            view.offset_ms.is_none() && (view.compared == 0 || view.apart_ms.is_some());
        if !tells_nothing {
            self.off = view.is_off.then_some((self.seen.instant, view));
        }
    }
}

impl Membership {
    /// How this machine's clock compares with those of the neighbours and the trackers.
    pub(crate) fn clock(&self) -> ClockView {
        let view = self.own_clock.weigh(compare(self.heard(OtherClock::offset_ms)));
        let is_believed =
            |(at, _): &(Instant, ClockView)| self.own_clock.seen.instant < *at + BELIEVED;
        match self.own_clock.off.filter(is_believed) {
            Some((_, off)) if view.offset_ms.is_none() => off,
            Some(_) | None => view,
        }
    }

    /// Whether a block of this node may bear a wrong time: the clock is off, seems so by the first measurements, or is
    /// yet to be compared with somebody who is there.
    pub(crate) fn doubts_clock(&self, now: Now) -> bool {
        let newest = self.newest_comparison();
        let waited = now.instant.saturating_duration_since(self.own_clock.unsettled_at);
        let is_awaited =
            waited < FIRST_COMPARISON && newest.compared < self.voices_to_come().min(COMPARED_MIN);
        is_awaited || waited < CONFIRMATION && newest.is_off || self.clock().is_off
    }

    /// By how much this machine's clock is ahead of the only other one, if they are far apart. Nobody can tell which of
    /// them is wrong, but what bears the earlier time is in time for both.
    pub(crate) fn lead(&self) -> Duration {
        let apart_ms = self.newest_comparison().apart_ms.unwrap_or(0);
        Duration::from_millis(u64::try_from(apart_ms).unwrap_or(0))
    }

    /// Looks at this machine's clock. To be called with everything that happens.
    pub(crate) fn watch_clock(&mut self, now: Now) {
        let before = std::mem::replace(&mut self.own_clock.seen, now);
        if !is_jump(before, now) {
            return;
        }
        let own = &mut self.own_clock;
        (own.unsettled_at, own.off) = (now.instant, None);
        own.agreed = own.agreed.take().filter(|agreed| agreed.holds(now));
        self.neighbours.iter_mut().for_each(|(_, neighbour)| neighbour.clock.forget());
        self.trackers.iter_mut().for_each(|tracker| tracker.clock.forget());
        self.outputs.push_back(Output::ClockJumped);
    }

    /// Tells the user what came of the newest measurement.
    pub(super) fn tell_clocks(&mut self) {
        self.own_clock.judge(compare(self.heard(OtherClock::offset_ms)));
        let ClockView { compared, offset_ms, disagreeing, is_off, .. } = self.clock();
        // Where this machine's clock is off, that is told once, and not again with each of the others.
        if !is_off {
            self.tell_differences();
        }
        let Some(offset_ms) = offset_ms else { return };
        // Most may still say that it is off, and not be believed: then it does not agree with them, as `status` tells.
        let is_known = is_off || disagreeing <= compared / 2;
        if is_known && std::mem::replace(&mut self.own_clock.is_told, is_off) != is_off {
            let event = match is_off {
                true => Event::ClockOff { offset_ms, disagreeing, compared },
                false => Event::ClockAgrees { compared },
            };
            self.outputs.push_back(Output::Event(event));
        }
        if std::mem::replace(&mut self.own_clock.was_off, is_off) != is_off {
            self.outputs.push_back(Output::ClockJudged);
        }
    }

    /// Tells of each clock once that it differs from this machine's.
    fn tell_differences(&mut self) {
        let mut news = Vec::new();
        for (address, neighbour) in self.neighbours.iter_mut() {
            news.extend(neighbour.clock.news().map(|offset_ms| (*address, offset_ms)));
        }
        for tracker in self.trackers.iter_mut() {
            let Some(address) = tracker.place.address() else { continue };
            news.extend(tracker.clock.news().map(|offset_ms| (address, offset_ms)));
        }
        for (address, offset_ms) in news {
            let name = self.name_of(&address);
            let event = Event::ClockDiffers { address, name, offset_ms };
            self.outputs.push_back(Output::Event(event));
        }
    }

    /// Whether something is true of most neighbours, as far as it can be told of each; all of one network count as one.
    pub(crate) fn most_neighbours(&self, is_so: impl Fn(&SocketAddr) -> Option<bool>) -> bool {
        let answers = self.neighbours.iter().filter_map(|(from, neighbour)| {
            let voice = Voice::of(*from, self.probes.is_by_hand(from));
            Some((voice, (neighbour.who(*from), is_so(from)?)))
        });
        let answers: Vec<_> = answers.collect();
        let kept = independent(answers.iter().copied());
        let answers = answers.into_iter().filter(|(voice, _)| kept.contains(voice));
        most(answers.map(|(voice, (_, is_so))| (voice, is_so)))
    }

    fn newest_comparison(&self) -> ClockView {
        self.own_clock.weigh(compare(self.heard(|other| other.newest_ms)))
    }

    /// How many voices there will be once all have answered who are there.
    fn voices_to_come(&self) -> usize {
        let neighbours = self.neighbours.iter().map(|(from, neighbour)| {
            (Voice::of(*from, self.probes.is_by_hand(from)), (neighbour.who(*from), ()))
        });
        let trackers = self.trackers.iter().filter(|tracker| tracker.may_answer());
        let trackers = trackers.filter_map(|tracker| {
            let address = tracker.place.address()?;
            Some((Voice::of(address, true), (Who::At(address), ())))
        });
        independent(neighbours.chain(trackers)).len()
    }

    /// What was measured lately of the clocks of neighbours and trackers, of each once.
    fn heard(&self, measured: impl Fn(&OtherClock) -> Option<i64>) -> impl Iterator<Item = Heard> {
        let neighbours = self.neighbours.iter().map(|(from, neighbour)| {
            let is_here = self.inner.own.is_here(from.ip());
            let who = neighbour.who(*from);
            (who, &neighbour.clock, *from, self.probes.is_by_hand(from), is_here)
        });
        let trackers = self.trackers.iter().filter_map(|tracker| {
            let (address, is_here) = (tracker.place.address()?, self.is_on_this_machine(tracker));
            Some((Who::At(address), &tracker.clock, address, true, is_here))
        });
        let now = self.own_clock.seen.instant;
        let heard = neighbours.chain(trackers);
        let heard = heard.filter_map(move |(who, clock, from, is_named, is_here)| {
            let offset_ms = measured(clock).filter(|_| clock.is_believed(now))?;
            let measured = clock.measured_at?;
            Some((who, Heard { from, is_named, is_here, offset_ms, measured }))
        });
        independent_clocks(heard.collect())
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
}
