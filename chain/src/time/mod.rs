//! Time on a chain: what time it is by the blocks themselves, how hard the next block has to be, and what the
//! election's opening and closing mean for a block.
//!
//! Everything here follows from a block's own ancestors and the election, so all peers judge alike, at any time. What
//! needs a clock is how far a block's time may be ahead of it ([`time_ahead_max`]). Nothing here must ever look at the
//! transactions of a block, or at another branch.

mod difficulty;
mod past;
mod period;

use std::time::Duration;

use protocol::election::Election;
use protocol::units::{Difficulty, UnixMillis};

pub use past::Past;
pub(crate) use past::median_depth;
pub(crate) use period::Period;
pub use period::Phase;

/// How far a header's time may ever be ahead of the local clock: clocks of honest machines differ by seconds;
/// two minutes leave room, and bound how far a miner can push the chain's time ahead.
pub const TIME_AHEAD_MAX: Duration = Duration::from_secs(120);

/// How many block intervals a header's time may be ahead of the local clock, if that is less than [`TIME_AHEAD_MAX`]:
/// whoever lies about time moves the difficulty, the opening and the closing by no more than this.
const INTERVALS_AHEAD_MAX: u32 = 3;

/// How far a header's time may be ahead of the local clock in this election.
#[must_use]
pub fn time_ahead_max(election: &Election) -> Duration {
    let by_interval = election.block_interval().map(|interval| interval * INTERVALS_AHEAD_MAX);
    by_interval.map_or(TIME_AHEAD_MAX, |ahead| ahead.min(TIME_AHEAD_MAX))
}

/// What the rules of time take from an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timing {
    /// The difficulty of the first blocks, and the least that there ever is.
    pub(crate) floor: Difficulty,
    /// The milliseconds between blocks that the difficulty is steered to, if it is steered.
    pub(crate) interval_ms: Option<u64>,
    /// When the election opens and closes, if it does.
    pub(crate) hours: Option<Hours>,
    /// See [`time_ahead_max`].
    pub(crate) ahead_max: Duration,
}

/// When an election opens and closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hours {
    pub(crate) opens: UnixMillis,
    pub(crate) closes: UnixMillis,
}

impl Timing {
    pub(crate) fn of(election: &Election) -> Self {
        let interval = election.block_interval_s;
        let hours = election.times.as_ref();
        Self {
            floor: election.difficulty(),
            interval_ms: interval.map(|seconds| u64::from(seconds) * 1_000),
            hours: hours.map(|times| Hours { opens: times.opens, closes: times.closes }),
            ahead_max: time_ahead_max(election),
        }
    }
}
