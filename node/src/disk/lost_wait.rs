//! The wait for bodies of the own branch that the disk has lost, before a move to a better branch goes on without them.
//! It must never pass while a neighbour could give one and none is asked for, and never end for a body that nobody was
//! asked for.

use std::time::{Duration, Instant};

use protocol::units::Height;

/// How long this node waits for neighbours to provide a body of its own branch that the disk has
/// lost, from the moment when they were asked or the last such body came. After that it leaves the branch without
/// those bodies, and their transactions cannot go back to the pool.
const LOST_PATIENCE: Duration = Duration::from_secs(10);
/// What happens meanwhile postpones that no longer than this: neither a neighbour that gives one body at a time, nor
/// one that leaves no room to ask, nor a disk that loses again what came, may keep a node from the best branch.
const LOST_PATIENCE_IN_ALL: Duration = Duration::from_secs(120);

/// Counts the time that passes while it runs.
#[derive(Debug, Default)]
struct Clock {
    /// What passed before `runs_since`.
    passed: Duration,
    runs_since: Option<Instant>,
}

/// A move to a better branch that waits, because the disk has lost bodies of the own branch.
#[derive(Debug)]
struct Wait {
    /// The height from which on it waits for all lost bodies of the own branch.
    from: Height,
    /// How long neighbours were asked in vain. It runs once one of the bodies is asked for, or nobody has it.
    in_vain: Clock,
    /// How long it waits. It stands while the disk takes nothing, as that is nobody's failure.
    in_all: Clock,
}

/// The wait, if a move waits.
#[derive(Debug, Default)]
pub(crate) struct LostWait {
    wait: Option<Wait>,
}

impl LostWait {
    /// The height from which on lost bodies of the own branch may be left, because neighbours have had enough time to
    /// provide them.
    pub(crate) fn given_up_from(&self, now: Instant) -> Option<Height> {
        let is_over = |wait: &&Wait| {
            wait.in_vain.passed_until(now) >= LOST_PATIENCE
                || wait.in_all.passed_until(now) >= LOST_PATIENCE_IN_ALL
        };
        self.wait.as_ref().filter(is_over).map(|wait| wait.from)
    }

    /// Notes that a move waits for the lost bodies of the own branch from this height on. Nobody was asked for those
    /// below the ones that are waited for already, so they are a new wait. A wait never shrinks: otherwise two better
    /// branches could have it begin again in turn.
    pub(crate) fn extend(&mut self, from: Height, now: Instant) {
        if self.wait.as_ref().is_none_or(|wait| from < wait.from) {
            let mut in_all = Clock::default();
            in_all.run(now);
            self.wait = Some(Wait { from, in_vain: Clock::default(), in_all });
        }
    }

    /// Notes that no move waits any more.
    pub(crate) fn end(&mut self) {
        self.wait = None;
    }

    /// The height from which on a move waits for lost bodies of the own branch.
    pub(crate) fn from(&self) -> Option<Height> {
        self.wait.as_ref().map(|wait| wait.from)
    }

    /// Notes whether a lost body is being asked for, or nobody has it. No time counts in vain otherwise.
    pub(crate) fn note_asked(&mut self, is_asked: bool, now: Instant) {
        if let Some(wait) = &mut self.wait {
            wait.in_all.run(now);
            match is_asked {
                true => wait.in_vain.run(now),
                false => wait.in_vain.pause(now),
            }
        }
    }

    /// Stops the wait while nobody is asked for anything.
    pub(crate) fn pause(&mut self, now: Instant) {
        if let Some(wait) = &mut self.wait {
            wait.in_vain.pause(now);
            wait.in_all.pause(now);
        }
    }

    /// Notes that a body of the own branch came, or turned out to be lost: the others may come like it, and nobody was
    /// asked for it.
    pub(crate) fn restart(&mut self, height: Height) {
        if let Some(wait) = self.wait.as_mut().filter(|wait| height >= wait.from) {
            wait.in_vain = Clock::default();
        }
    }
}

impl Clock {
    fn run(&mut self, now: Instant) {
        self.runs_since.get_or_insert(now);
    }

    fn pause(&mut self, now: Instant) {
        *self = Self { passed: self.passed_until(now), runs_since: None };
    }

    fn passed_until(&self, now: Instant) -> Duration {
        let runs = self.runs_since.map(|since| now.saturating_duration_since(since));
        self.passed + runs.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_counts_only_what_neighbours_were_asked_in_vain_and_has_an_end() {
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut wait = LostWait::default();
        wait.extend(Height(5), at(0));
        wait.note_asked(true, at(0));
        wait.note_asked(false, at(9));
        assert_eq!(wait.given_up_from(at(50)), None, "nobody was asked since");
        wait.note_asked(true, at(50));
        assert_eq!(wait.given_up_from(at(51)), Some(Height(5)));
        wait.extend(Height(7), at(51));
        assert_eq!(wait.given_up_from(at(51)), Some(Height(5)), "it covers that too");
        wait.extend(Height(3), at(51));
        assert_eq!(wait.given_up_from(at(51)), None, "nobody was asked for the lower ones");
        wait.note_asked(true, at(51));
        wait.restart(Height(2));
        wait.pause(at(60));
        assert_eq!(wait.given_up_from(at(1_000)), None, "the disk takes nothing");
        wait.note_asked(true, at(1_000));
        assert_eq!(wait.given_up_from(at(1_001)), Some(Height(3)));
        wait.restart(Height(3));
        wait.note_asked(false, at(1_001));
        assert_eq!(wait.given_up_from(at(1_110)), None);
        assert_eq!(wait.given_up_from(at(1_111)), Some(Height(3)), "it waited for two minutes");
        wait.end();
        assert_eq!(wait.given_up_from(at(2_000)), None);
    }
}
