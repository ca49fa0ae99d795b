//! The one place where a peer reads the clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use protocol::units::{Now, UnixMillis};

/// The time, read once for everything that one event causes.
pub fn now() -> Now {
    Now { instant: Instant::now(), unix: unix_now() }
}

/// Unix time; 0 on a machine whose clock stands before 1970, which its neighbours then report.
pub fn unix_now() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
