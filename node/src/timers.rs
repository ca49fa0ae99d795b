//! A few named deadlines, of which the owner asks for the next one.

use std::collections::BTreeMap;
use std::time::Instant;

/// The deadlines of one core, at most one for each name.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    deadlines: BTreeMap<T, Instant>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { deadlines: BTreeMap::new() }
    }
}

impl<T: Ord + Copy> Timers<T> {
    pub(crate) fn set(&mut self, timer: T, deadline: Option<Instant>) {
        match deadline {
            Some(deadline) => self.deadlines.insert(timer, deadline),
            None => self.deadlines.remove(&timer),
        };
    }

    /// Brings a deadline forward. A deadline that is earlier already stays.
    pub(crate) fn set_by(&mut self, timer: T, deadline: Instant) {
        let set = self.deadlines.entry(timer).or_insert(deadline);
        *set = deadline.min(*set);
    }

    pub(crate) fn is_set(&self, timer: T) -> bool {
        self.deadlines.contains_key(&timer)
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.deadlines.values().min().copied()
    }

    /// Removes and returns one timer whose deadline has passed. If there are several, it is the
    /// first in the order of their names.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<T> {
        let expired = self.deadlines.iter().find(|(_, deadline)| **deadline <= now);
        let timer = expired.map(|(timer, _)| *timer)?;
        self.deadlines.remove(&timer);
        Some(timer)
    }
}
