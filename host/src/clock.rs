//! The one place where the clock is read. Everything else gets the time as an argument.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use protocol::units::{Now, UnixMillis};

/// The monotonic and the Unix time, read together. One event is handled at one such value.
pub fn now() -> Now {
    Now { instant: Instant::now(), unix: unix_now() }
}

/// Unix time. It is 0 on a machine whose clock is set before 1970; its neighbours' clocks will disagree and say so.
pub fn unix_now() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
