//! The node's timers, in one table.

use std::time::Instant;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Timer {
    /// POKE neighbours, and drop those that are silent.
    Heartbeat,
    /// POKE addresses that are not neighbours yet.
    Probe,
    /// Register with the tracker, again if need be.
    Tracker,
    /// Send what came into the pool, and the pool to new neighbours.
    Gossip,
    /// Announce again what is in the pool still.
    Reannounce,
    /// Ask again for what was lost, and elsewhere for what does not come.
    Sync,
    /// Begin to mine, or mine on a newer template.
    Mine,
    /// Try headers again whose time was too far ahead.
    EarlyHeaders,
    /// Give up on announced blocks whose transactions don't come.
    Announcements,
    /// Repeat LEAVE_PEER, and give up in the end.
    Leave,
    /// Remember the good neighbours.
    RememberNeighbours,
}

const TIMERS: [Timer; 11] = [
    Timer::Heartbeat,
    Timer::Probe,
    Timer::Tracker,
    Timer::Gossip,
    Timer::Reannounce,
    Timer::Sync,
    Timer::Mine,
    Timer::EarlyHeaders,
    Timer::Announcements,
    Timer::Leave,
    Timer::RememberNeighbours,
];

#[derive(Debug, Default)]
pub(super) struct Timers {
    deadlines: [Option<Instant>; TIMERS.len()],
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, deadline: Option<Instant>) {
        self.deadlines[timer as usize] = deadline;
    }

    /// Brings a deadline forward; a nearer one stays.
    pub(super) fn set_by(&mut self, timer: Timer, deadline: Instant) {
        let current = &mut self.deadlines[timer as usize];
        *current = Some(current.map_or(deadline, |set| set.min(deadline)));
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.deadlines[timer as usize].is_some()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// Takes one timer whose deadline has come.
    pub(super) fn take_expired(&mut self, now: Instant) -> Option<Timer> {
        let timer = TIMERS.into_iter().find(|timer| {
            self.deadlines[*timer as usize].is_some_and(|deadline| deadline <= now)
        })?;
        self.deadlines[timer as usize] = None;
        Some(timer)
    }
}
