//! Many made-up worlds, in each of which everything that must hold has to hold.
//!
//! `OSTRAKON_SIM_WORLDS` says how many (200), from which seed on `OSTRAKON_SIM_FIRST` (1), `OSTRAKON_SIM_MINUTES` how
//! many virtual minutes each takes (5), and `OSTRAKON_SIM_SEED` runs one alone. `OSTRAKON_SIM_EVENTS` is how many of
//! the last events a failure shows.

use sim::chaos::scenario;
use sim::report::Report;
use sim::runner::run_all;
use sim::world::World;

const WORLDS: u64 = 200;
const MINUTES: u64 = 5;
/// Failing worlds of which the last events are printed.
const EXCERPTS_MAX: usize = 1;

#[test]
fn every_world_keeps_what_must_hold() {
    let minutes = setting("OSTRAKON_SIM_MINUTES").unwrap_or(MINUTES);
    let seeds: Vec<u64> = match setting("OSTRAKON_SIM_SEED") {
        Some(seed) => vec![seed],
        None => {
            let first = setting("OSTRAKON_SIM_FIRST").unwrap_or(1);
            (first..first + setting("OSTRAKON_SIM_WORLDS").unwrap_or(WORLDS)).collect()
        }
    };
    let reports = run_all(
        &seeds,
        setting("OSTRAKON_SIM_EVENTS").map(|events| events as usize),
        |seed| scenario(seed, minutes),
        |report| {
            if !report.passes() || seeds.len() == 1 {
                println!("{report}");
            }
        },
    );
    let failed: Vec<&Report> = reports.iter().filter(|report| !report.passes()).collect();
    for report in failed.iter().take(EXCERPTS_MAX) {
        println!("{}", report.excerpt);
    }
    let seeds: Vec<u64> = failed.iter().map(|report| report.seed).collect();
    assert!(
        failed.is_empty(),
        "{} of {} worlds failed, with the seeds {seeds:?}; run one alone by\n  \
         OSTRAKON_SIM_SEED={} OSTRAKON_SIM_MINUTES={minutes} cargo test -p tests --test worlds -- every_world --nocapture",
        failed.len(),
        reports.len(),
        seeds[0],
    );
}

#[test]
fn a_seed_gives_the_same_trace_every_time() {
    for seed in 1..=4 {
        let run = || World::run(scenario(seed, 2), seed);
        let (first, second) = (run(), run());
        assert_eq!(first.trace_hash, second.trace_hash, "seed {seed}");
        assert_eq!(first.events, second.events);
        assert!(first.events > 1_000, "{first}");
    }
    let other = World::run(scenario(5, 2), 5);
    assert_ne!(other.trace_hash, World::run(scenario(6, 2), 6).trace_hash);
}

#[expect(clippy::disallowed_methods, reason = "a test harness hands no arguments to its tests")]
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, which is no number")))
}
