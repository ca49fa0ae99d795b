//! Runs many worlds in parallel on all cores.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::report::Report;
use crate::scenario::Scenario;
use crate::world::World;

/// Runs one world per seed, and returns the reports in the order of the seeds. `seen` is called
/// with each report when its world ends. A failure shows the newest `events`, or the usual number
/// of them.
#[must_use]
pub fn run_all(
    seeds: &[u64],
    events: Option<usize>,
    make: impl Fn(u64) -> Scenario + Sync,
    mut seen: impl FnMut(&Report),
) -> Vec<Report> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(seeds.len());
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut reports = BTreeMap::new();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next, make) = (sender.clone(), &next, &make);
            scope.spawn(move || {
                while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if sender.send((seed, World::run_keeping(make(seed), seed, events))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (seed, report) in receiver {
            seen(&report);
            reports.insert(seed, report);
        }
    });
    reports.into_values().collect()
}
