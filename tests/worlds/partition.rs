//! A network that falls apart and heals loses no vote and ends with one tip.

use std::collections::BTreeMap;
use std::time::Duration;

use sim::faults::{FaultPlan, Partition, Window};
use sim::scenario::{Action, Demands, Scenario};
use sim::world::World;

use crate::{assert_passes, seconds, voter};

/// Peers 0 and 1 are cut off from 2, 3 and 4 from the 5th to the 45th second.
fn two_and_three(seed: u64) -> Scenario {
    let mut scenario = Scenario::quiet("two and three", seed, 5, seconds(90));
    let islands = BTreeMap::from([0, 1].map(|host| (scenario.peer_address(host), 1)));
    let partition = Partition { window: Window::seconds(5, 45), islands, is_one_way: false };
    scenario.faults =
        FaultPlan { partitions: vec![partition], calm_from: seconds(45), ..FaultPlan::none() };
    scenario
}

#[test]
fn votes_on_both_sides_are_all_counted_after_the_partition() {
    for seed in 1..=10 {
        let mut scenario = two_and_three(seed);
        scenario.voters = (0..30)
            .map(|number| {
                let host = usize::try_from(number % 5).expect("below 5");
                voter(Duration::from_millis(6_000 + 1_000 * number), host)
            })
            .collect();
        scenario.demands = Demands { partitions: 1, reorganisations: 1, votes: 30, crashes: 0 };
        assert_passes(&World::run(scenario, seed));
    }
}

#[test]
fn equally_long_branches_heal_though_nobody_votes_again() {
    for seed in 1..=10 {
        let mut scenario = two_and_three(seed);
        scenario.voters = vec![voter(seconds(8), 0), voter(seconds(8), 3)];
        // A block that is asked for comes in time.
        scenario.peers.iter_mut().for_each(|peer| peer.block_time = Some(seconds(2)));
        let mut world = World::new(scenario, seed);
        world.run_until(seconds(30));
        // The shorter branch grows until both are equally long.
        for host in [0, 3] {
            while height(&world, host) < height(&world, 0).max(height(&world, 3)) {
                let wanted = height(&world, host) + 1;
                world.do_now(&Action::Mine(host));
                let deadline = seconds(44);
                world
                    .run_until_holds(deadline, |world| height(world, host) >= wanted)
                    .expect("a block is found before the partition ends");
            }
        }
        world.run_until(seconds(44));
        assert_eq!(height(&world, 0), height(&world, 3), "seed {seed}");
        let tip = |world: &World, host| world.node(host).map(|node| node.tip().hash);
        assert_ne!(tip(&world, 0), tip(&world, 3), "the branches differ");
        let healed = world.run_until_holds(seconds(60), |world| {
            (1..5).all(|host| tip(world, host) == tip(world, 0))
        });
        assert!(healed.is_some(), "seed {seed}: {:?}", world.violation());
        world.run_until(seconds(90));
        let report = world.finish();
        assert_passes(&report);
        assert_eq!(report.statistics.votes, 2);
    }
}

fn height(world: &World, host: usize) -> u64 {
    world.node(host).map_or(0, |node| node.tip().height.0)
}

#[test]
fn a_hundred_peers_agree() {
    let mut scenario = Scenario::quiet("a hundred", 1, 100, seconds(60));
    for peer in &mut scenario.peers {
        peer.block_time = Some(seconds(200));
    }
    scenario.voters = (0..30)
        .map(|number| {
            let host = usize::try_from(3 * number).expect("below 100");
            voter(Duration::from_millis(5_000 + 300 * number), host)
        })
        .collect();
    scenario.demands.votes = 30;
    assert_passes(&World::run(scenario, 1));
}
