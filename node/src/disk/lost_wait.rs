//! The wait for bodies of the own branch that the disk has lost, before a move to a better branch goes on without them.
//! It must never pass while no neighbour is asked for any.

use std::time::{Duration, Instant};

use protocol::units::Height;

/// How long this node waits for neighbours to provide a body of its own branch that the disk has
/// lost, from the moment when they were asked or the last such body came. After that it leaves the branch without
/// those bodies, and their transactions cannot go back to the pool.
const LOST_PATIENCE: Duration = Duration::from_secs(10);

/// A move to a better branch that waits, because the disk has lost bodies of the own branch.
#[derive(Debug)]
struct Wait {
    /// The height of the lowest of them.
    lowest: Height,
    /// How long neighbours were asked in vain, without the time since `asked_at`.
    waited: Duration,
    /// `None` while nobody is asked. No time may count then: it would be nobody's failure.
    asked_at: Option<Instant>,
}

/// The wait, if a move waits.
#[derive(Debug, Default)]
pub(crate) struct LostWait {
    wait: Option<Wait>,
}

impl LostWait {
    /// Whether neighbours have had enough time to provide what the disk has lost.
    pub(crate) fn gives_up(&self, now: Instant) -> bool {
        self.wait.as_ref().is_some_and(|wait| wait.waited_until(now) >= LOST_PATIENCE)
    }

    /// Notes for which lost bodies of the own branch a move waits, by the height of the lowest one. More of them are a
    /// new wait.
    pub(crate) fn note_awaited(&mut self, lowest: Option<Height>) {
        let wait = self.wait.take();
        self.wait = lowest.map(|lowest| {
            let before = wait.filter(|wait| wait.lowest <= lowest);
            before.map_or(Wait::new(lowest), |wait| Wait { lowest, ..wait })
        });
    }

    /// The height of the lowest body of the own branch that the disk has lost and that a move waits for.
    pub(crate) fn lowest(&self) -> Option<Height> {
        self.wait.as_ref().map(|wait| wait.lowest)
    }

    /// Notes that a lost body was asked for, or that there is nobody to ask.
    pub(crate) fn note_asked(&mut self, now: Instant) {
        if let Some(wait) = &mut self.wait {
            wait.asked_at.get_or_insert(now);
        }
    }

    /// Stops the clock while nobody is asked for anything.
    pub(crate) fn pause(&mut self, now: Instant) {
        if let Some(wait) = &mut self.wait {
            wait.waited = wait.waited_until(now);
            wait.asked_at = None;
        }
    }

    /// Notes that a body of the own branch came, or turned out to be lost: the others may come like it, and nobody was
    /// asked for it.
    pub(crate) fn restart(&mut self, height: Height) {
        if let Some(wait) = self.wait.as_mut().filter(|wait| height >= wait.lowest) {
            *wait = Wait::new(wait.lowest);
        }
    }
}

impl Wait {
    fn new(lowest: Height) -> Self {
        Self { lowest, waited: Duration::ZERO, asked_at: None }
    }

    fn waited_until(&self, now: Instant) -> Duration {
        self.waited + self.asked_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
    }
}
