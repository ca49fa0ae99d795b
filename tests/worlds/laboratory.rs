//! A class with a laboratory: cut off and back, racing and lying, it deceives nobody.

use std::time::Duration;

use chain::{AuditRule, Forgery};
use node::Event;
use sim::scenario::{Action, Demands, Scenario};
use sim::world::World;

use crate::{assert_passes, seconds, voter};

const LABORATORY: usize = 2;

/// Four peers, one of them a laboratory, and voters at all of them.
fn class(seed: u64, voters: u64) -> Scenario {
    let mut scenario = Scenario::quiet("class", seed, 4, seconds(120));
    scenario.peers[LABORATORY].is_laboratory = true;
    scenario.voters = (0..voters)
        .map(|number| {
            let host = usize::try_from(number % 4).expect("below 4");
            voter(Duration::from_millis(3_000 + 1_500 * number), host)
        })
        .collect();
    scenario.faults.calm_from = seconds(70);
    scenario
}

#[test]
fn what_both_sides_of_a_partition_on_command_voted_is_counted_when_it_ends() {
    // In each of these both sides find a block of their own.
    for seed in [1, 2, 3, 4, 6] {
        let mut scenario = class(seed, 24);
        scenario.actions = vec![
            (seconds(6), Action::Partition(LABORATORY, true)),
            (seconds(40), Action::Partition(LABORATORY, false)),
        ];
        scenario.demands = Demands { reorganisations: 1, votes: 24, ..Demands::default() };
        let mut world = World::new(scenario, seed);
        world.run_until(seconds(39));
        let votes = |world: &World, host| world.node(host).map(|node| node.chain().tally().votes);
        assert_ne!(votes(&world, LABORATORY), votes(&world, 0), "seed {seed}: nothing crosses");
        // They keep each other all the while.
        let laboratory = world.scenario().peer_address(LABORATORY);
        assert!(
            (0..4).all(|host| host == LABORATORY || world.neighbours(host).contains(&laboratory))
        );
        world.run_until(seconds(120));
        assert_passes(&world.finish());
    }
}

#[test]
fn no_bad_block_of_a_laboratory_is_taken_and_every_race_ends_with_one_tip() {
    for seed in 1..=5 {
        let mut scenario = class(seed, 24);
        // One experiment is over before the next one.
        scenario.peers[LABORATORY].block_time = Some(Duration::from_millis(200));
        let offered = Forgery::OFFERED.iter().map(|(rule, _)| *rule).zip(1..);
        scenario.actions = offered
            .flat_map(|(rule, number)| {
                let at = seconds(4) + Duration::from_millis(2_500) * number;
                let race = (at + Duration::from_millis(1_200), Action::Race(LABORATORY));
                [(at, Action::BadBlock(LABORATORY, rule)), race]
            })
            .collect();
        scenario.demands.votes = 24;
        let mut world = World::new(scenario, seed);
        world.take_news();
        world.run_until(seconds(120));
        let (mut bad, mut rivals, mut refused) = (0, 0, 0);
        for (_, host, event) in world.take_news() {
            match event {
                Event::Experiment { rule: Some(_), .. } => bad += 1,
                Event::Experiment { rule: None, .. } => rivals += 1,
                Event::Misbehaviour { .. } | Event::InvalidBlock { .. } if host == LABORATORY => {
                    panic!("seed {seed}: the others are honest: {event:?}")
                }
                Event::Misbehaviour { .. } | Event::InvalidBlock { .. } => refused += 1,
                _ => {}
            }
        }
        assert!(bad >= 15 && rivals >= 15 && refused >= 40, "{seed}: {bad} {rivals} {refused}");
        assert_passes(&world.finish());
    }
}

#[test]
fn a_laboratory_that_ends_while_it_is_cut_off_is_an_ordinary_loss() {
    let mut scenario = class(9, 8);
    scenario.actions = vec![
        (seconds(10), Action::Partition(LABORATORY, true)),
        (seconds(20), Action::BadBlock(LABORATORY, AuditRule::Height)),
        (seconds(30), Action::Crash(LABORATORY)),
        (seconds(45), Action::Start(LABORATORY)),
    ];
    scenario.demands.votes = 8;
    assert_passes(&World::run(scenario, 9));
}
