//! Who said last that it runs with a validator's key, and how often a neighbour may make this node check signatures.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::datagram::RunNumber;
use protocol::finality::Presence;
use protocol::units::{Now, UnixMillis};

/// The most runs of one validator that are kept. One is usual, and two say that something is wrong.
pub(super) const RUNS_OF_VALIDATOR_MAX: usize = 4;
/// The most signatures that are checked in a second of what one neighbour sent. 16 validators repeat two votes and a
/// PRESENCE each second, and a newcomer is told a few more; this many checks take 30 ms.
pub(super) const CHECKS_PER_S_MAX: u32 = 256;
/// A PRESENCE that is older or newer than this says nothing of who runs now.
const DISTANCE_MAX: Duration = Duration::from_secs(120);
/// A run says once a second that it is there. What comes sooner is not passed on.
const PERIOD_MIN: Duration = Duration::from_millis(500);
/// A run that was silent for so long gives way to another.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy)]
struct Run {
    run: RunNumber,
    time: UnixMillis,
    seen_at: Instant,
}

/// The newest PRESENCE of each run.
#[derive(Debug, Default)]
pub(super) struct Presences {
    of_validators: BTreeMap<u16, Vec<Run>>,
}

impl Presences {
    /// Whether a PRESENCE says anything new, and so is worth checking.
    pub(super) fn is_news(&self, presence: &Presence, now: Now) -> bool {
        let runs = self.of_validators.get(&presence.validator).map_or(&[][..], Vec::as_slice);
        let is_of_now = presence.time.distance(now.unix) <= DISTANCE_MAX;
        is_of_now
            && match runs.iter().find(|run| run.run == presence.run) {
                Some(run) => presence.time >= run.time.plus(PERIOD_MIN),
                None => {
                    let silent = |run: &Run| now.instant >= run.seen_at + FORGOTTEN_AFTER;
                    runs.len() < RUNS_OF_VALIDATOR_MAX || runs.iter().any(silent)
                }
            }
    }

    /// Keeps a PRESENCE that is news and was checked.
    pub(super) fn insert(&mut self, presence: &Presence, now: Now) {
        let runs = self.of_validators.entry(presence.validator).or_default();
        runs.retain(|run| run.run != presence.run);
        if runs.len() >= RUNS_OF_VALIDATOR_MAX {
            let oldest = (0..runs.len()).min_by_key(|place| runs[*place].seen_at);
            oldest.map(|place| runs.remove(place));
        }
        runs.push(Run { run: presence.run, time: presence.time, seen_at: now.instant });
    }

    #[cfg(test)]
    pub(super) fn knows(&self, presence: &Presence) -> bool {
        let runs = self.of_validators.get(&presence.validator);
        runs.is_some_and(|runs| runs.iter().any(|run| run.run == presence.run))
    }

    /// When a validator last said that it runs, by its clock.
    pub(super) fn newest(&self, validator: u16) -> Option<UnixMillis> {
        self.of_validators.get(&validator)?.iter().map(|run| run.time).max()
    }

    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self, validators: usize) {
        assert!(self.of_validators.keys().all(|place| usize::from(*place) < validators));
        assert!(self.of_validators.values().all(|runs| runs.len() <= RUNS_OF_VALIDATOR_MAX));
    }
}

/// The signatures that were checked for each neighbour in its current second.
#[derive(Debug, Default)]
pub(super) struct Checks {
    of_neighbours: BTreeMap<SocketAddr, (Instant, u32)>,
}

impl Checks {
    /// Whether so many more signatures may be checked of what a neighbour sent, which are then counted.
    pub(super) fn take(&mut self, from: SocketAddr, count: u32, now: Instant) -> bool {
        let (since, taken) = self.of_neighbours.entry(from).or_insert((now, 0));
        if now >= *since + Duration::from_secs(1) {
            (*since, *taken) = (now, 0);
        }
        let is_within = taken.saturating_add(count) <= CHECKS_PER_S_MAX;
        if is_within {
            *taken += count;
        }
        is_within
    }

    pub(super) fn forget(&mut self, neighbour: &SocketAddr) {
        self.of_neighbours.remove(neighbour);
    }
}
