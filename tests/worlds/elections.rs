//! Many made-up elections with validators, each of which becomes final, with the same result for all.
//!
//! See `assert_all_pass` for the settings; 100 worlds run by default.

use std::time::Duration;

use sim::elections::{OPENS, quiet, scenario};
use sim::faults::Window;
use sim::world::World;

use crate::many::assert_all_pass;
use crate::{assert_passes, seconds, voter};

const WORLDS: u64 = 100;

#[test]
fn every_election_becomes_final() {
    assert_all_pass("every_election", WORLDS, scenario);
}

#[test]
fn without_faults_blocks_are_final_within_two_intervals() {
    let (mut blocks, mut late) = (0, 0);
    for seed in 1..=4 {
        let open = Window { from: OPENS, until: seconds(150) };
        let mut scenario = quiet(seed, 4, 2, open);
        scenario.voters = (0..40)
            .map(|number| {
                let at = OPENS + Duration::from_millis(1_900 * number);
                voter(at, usize::try_from(number % 6).expect("below 6"))
            })
            .collect();
        scenario.demands.votes = 40;
        let ends_at = scenario.ends_at;
        let mut world = World::new(scenario, seed);
        world.run_until(ends_at);
        let times = world.times_to_final();
        blocks += times.len();
        late += times.iter().filter(|time| **time > seconds(4)).count();
        assert_passes(&world.finish());
    }
    println!("{late} of {blocks} blocks took more than two intervals");
    assert!(late * 100 <= blocks, "{late} of {blocks} blocks took more than two intervals");
}
