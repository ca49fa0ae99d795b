//! Many made-up worlds, in each of which everything that must hold has to hold.
//!
//! `OSTRAKON_SIM_WORLDS` says how many (60), from which seed on `OSTRAKON_SIM_FIRST` (1), `OSTRAKON_SIM_MINUTES` how
//! many virtual minutes each takes (5), and `OSTRAKON_SIM_SEED` runs one alone. `OSTRAKON_SIM_EVENTS` is how many of
//! the last events a failure shows.

use sim::chaos::scenario;
use sim::world::World;

use crate::many::{assert_all_pass, setting};

const WORLDS: u64 = 60;
const MINUTES: u64 = 5;

#[test]
fn every_world_keeps_what_must_hold() {
    let minutes = setting("OSTRAKON_SIM_MINUTES").unwrap_or(MINUTES);
    assert_all_pass("every_world", WORLDS, |seed| scenario(seed, minutes));
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
