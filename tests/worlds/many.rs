//! Runs as many worlds as the environment says, and shows how to repeat the first that fails.

use sim::report::Report;
use sim::runner::run_all;
use sim::scenario::Scenario;

/// Failing worlds of which the last events are printed.
const EXCERPTS_MAX: usize = 1;

/// Runs worlds of rising seeds, and fails if any of them does. `test` is a part of the test's name that no other has.
///
/// `OSTRAKON_SIM_WORLDS` says how many, from which seed on `OSTRAKON_SIM_FIRST` (1), and `OSTRAKON_SIM_SEED` runs one
/// alone. `OSTRAKON_SIM_EVENTS` is how many of the last events a failure shows.
pub(crate) fn assert_all_pass(test: &str, worlds: u64, make: impl Fn(u64) -> Scenario + Sync) {
    let seeds: Vec<u64> = match setting("OSTRAKON_SIM_SEED") {
        Some(seed) => vec![seed],
        None => {
            let first = setting("OSTRAKON_SIM_FIRST").unwrap_or(1);
            (first..first + setting("OSTRAKON_SIM_WORLDS").unwrap_or(worlds)).collect()
        }
    };
    let events = setting("OSTRAKON_SIM_EVENTS").map(|events| events as usize);
    let reports = run_all(&seeds, events, make, |report| {
        if !report.passes() || seeds.len() == 1 {
            println!("{report}");
        }
    });
    let failed: Vec<&Report> = reports.iter().filter(|report| !report.passes()).collect();
    for report in failed.iter().take(EXCERPTS_MAX) {
        println!("{}", report.excerpt);
    }
    let seeds: Vec<u64> = failed.iter().map(|report| report.seed).collect();
    let minutes = setting("OSTRAKON_SIM_MINUTES");
    let minutes = minutes.map(|minutes| format!(" OSTRAKON_SIM_MINUTES={minutes}"));
    assert!(
        failed.is_empty(),
        "{} of {} worlds failed, with the seeds {seeds:?}; run one alone by\n  \
         OSTRAKON_SIM_SEED={}{} cargo test -p tests --test worlds -- {test} --nocapture",
        failed.len(),
        reports.len(),
        seeds[0],
        minutes.unwrap_or_default(),
    );
}

#[expect(clippy::disallowed_methods, reason = "a test harness hands no arguments to its tests")]
pub(crate) fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, which is no number")))
}
