//! Virtual time. Each instant is an offset from one real instant that is read once per world, only
//! because `Instant` cannot be made in any other way; the real clock has no influence on a run.

use std::time::{Duration, Instant};

use protocol::units::{Now, UnixMillis};

/// Unix time at the start of every world.
pub const UNIX_START: UnixMillis = UnixMillis(1_800_000_000_000);

/// Turns offsets from the world's start into the times that cores are given, and back.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    base: Instant,
}

impl Clock {
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
    #[expect(clippy::new_without_default, reason = "a default should be the same every time")]
    pub fn new() -> Self {
        // The base is a day ahead, so that a core may look back from its first moment even on a
        // machine that was just started.
        Self { base: Instant::now() + Duration::from_secs(24 * 3_600) }
    }

    #[must_use]
    pub fn offset(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.base)
    }

    /// The time as it appears to a host whose Unix clock is wrong by `skew_ms`.
    #[must_use]
    pub fn now(&self, at: Duration, skew_ms: i64) -> Now {
        let unix = UNIX_START.plus(at).0.saturating_add_signed(skew_ms);
        Now { instant: self.base + at, unix: UnixMillis(unix) }
    }
}

/// How wrong the clock of one host is.
#[derive(Debug, Clone, Copy)]
pub struct Skew {
    ms: i64,
    drift_ppm: i64,
    since: Duration,
}

impl Skew {
    /// A clock that goes right, but for being ahead by so much (or behind, where that is negative).
    #[must_use]
    pub fn of(ms: i64) -> Self {
        Self { ms, drift_ppm: 0, since: Duration::ZERO }
    }

    /// By how many milliseconds it is ahead.
    #[must_use]
    pub fn at(&self, at: Duration) -> i64 {
        let passed_ms = i64::try_from(at.saturating_sub(self.since).as_millis()).expect("short");
        self.ms + passed_ms * self.drift_ppm / 1_000_000
    }

    /// From now on it goes faster by so many millionths, or slower.
    pub fn drift(&mut self, drift_ppm: i64, at: Duration) {
        *self = Self { ms: self.at(at), drift_ppm, since: at };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_read_back() {
        let clock = Clock::new();
        let at = Duration::from_millis(1_234);
        assert_eq!(clock.offset(clock.now(at, 0).instant), at);
        assert_eq!(clock.now(at, -234).unix, UnixMillis(UNIX_START.0 + 1_000));
    }

    #[test]
    fn a_clock_that_drifts_goes_on_from_where_it_was() {
        let mut skew = Skew::of(-50);
        skew.drift(100_000, Duration::from_secs(10));
        assert_eq!(skew.at(Duration::from_secs(10)), -50);
        assert_eq!(skew.at(Duration::from_secs(20)), 950);
        skew.drift(0, Duration::from_secs(20));
        assert_eq!(skew.at(Duration::from_secs(90)), 950);
    }
}
