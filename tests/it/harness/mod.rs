//! What the tests need of the world: built programs, processes that end with their test, an election, voters
//! who sign elsewhere, and strangers with a socket of their own.

pub(crate) mod browser;
mod build;
mod gate;
pub(crate) mod http;
mod ledger;
mod network;
pub(crate) mod offline;
mod peer;
mod ports;
mod program;
mod stranger;
mod tool;
mod tracker;
pub(crate) mod validators;
mod voters;

use std::time::{Duration, Instant};

pub(crate) use build::{binary, workspace_directory};
pub(crate) use gate::{Turn, take_turn};
pub(crate) use ledger::{Ledger, OUTSTANDING_MAX};
pub(crate) use network::{Network, Tip, agree, meet_all, results_of};
pub(crate) use offline::{end_task, run_task, start_task};
pub(crate) use peer::{Peer, error_kind};
pub(crate) use ports::lasting_port;
pub(crate) use program::{Line, Program};
pub(crate) use stranger::Stranger;
pub(crate) use tool::{not_allowed, tool};
pub(crate) use tracker::Tracker;
pub(crate) use voters::{Voter, hex_of, new_election, unix_now};

/// For what has to happen, where no promise says how soon: long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at a condition that tells nobody of its change.
const LOOK_PERIOD: Duration = Duration::from_millis(20);

/// Looks until there is something to see.
///
/// # Panics
/// When `patience` is over; `what` says what was waited for.
pub(crate) fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        std::thread::sleep(LOOK_PERIOD);
    }
}
