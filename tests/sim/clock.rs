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
}
