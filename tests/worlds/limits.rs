//! Worlds whose bounds are reached: peers with little memory, and elections with room for a few voters. What is refused
//! is refused with a word, and what was acknowledged is counted all the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use node::Limits;
use protocol::admission::AdmissionRule;
use protocol::keys::VoterKey;
use sim::chaos;
use sim::faults::{FaultPlan, Partition, Window};
use sim::forge;
use sim::scenario::Scenario;
use sim::world::World;

use crate::{assert_passes, seconds};

const WORLDS: u64 = 6;

/// The least with which a peer works at all: a full datagram of transactions has to find room.
fn small(block_bytes_max: u32) -> Limits {
    let block_bytes_max = usize::try_from(block_bytes_max).expect("it fits");
    Limits {
        pool_bytes_max: 3_000,
        held_max: 2,
        pending_max: 16,
        early_headers_max: 1,
        partials_max: 1,
        headers_without_body_max: 40,
        ahead_bytes_max: 2 * block_bytes_max,
        waiting_bytes_max: 2 * block_bytes_max,
    }
}

#[test]
fn peers_with_little_memory_keep_what_must_hold() {
    let mut refused_full = 0;
    for seed in 1..=WORLDS {
        let mut scenario = chaos::scenario(seed, 3);
        scenario.name = "little memory";
        scenario.limits = small(scenario.election.block_bytes_max);
        let report = World::run(scenario, seed);
        assert_passes(&report);
        refused_full += report.statistics.refused_full;
    }
    assert!(refused_full > 0, "no pool was ever full");
}

/// Three peers, and room for three voters, of whom two have voted. Peer 0 is cut off from the others from the 20th to
/// the 30th second.
fn almost_full(seed: u64) -> World {
    let mut scenario = Scenario::quiet("full election", seed, 3, seconds(120));
    let mut election = forge::election(seed, 6);
    election.admission = AdmissionRule::Open { registration_bits: 2, max_voters: Some(3) };
    scenario.election = Arc::new(election);
    for peer in &mut scenario.peers {
        peer.block_time = Some(seconds(2));
    }
    let islands = BTreeMap::from([(scenario.peer_address(0), 1)]);
    let partition = Partition { window: Window::seconds(20, 30), islands, is_one_way: false };
    scenario.faults =
        FaultPlan { partitions: vec![partition], calm_from: seconds(30), ..FaultPlan::none() };
    scenario.demands.votes = 3;
    let mut world = World::new(scenario, seed);
    world.run_until(seconds(3));
    for number in 0..2 {
        let key = voter(&world, number);
        register(&mut world, 0, &key).expect("there is room");
        vote(&mut world, 0, &key);
    }
    settle(&mut world, 2);
    assert!(world.at() < seconds(19), "{:?}", world.at());
    world
}

fn voter(world: &World, number: u64) -> VoterKey {
    forge::key(world.scenario().peers.len() as u64, "of a full election", number)
}

fn register(world: &mut World, host: usize, key: &VoterKey) -> Result<(), node::CommandError> {
    let registration = forge::registration(&world.scenario().election, key);
    world.submit_and_wait(host, registration).map(|_| ())
}

fn vote(world: &mut World, host: usize, key: &VoterKey) {
    let id = world.scenario().election.election_id();
    let vote = forge::vote(&id, key, 1, world.unix());
    world.submit_and_wait(host, vote).expect("a registered voter votes");
}

fn registered(world: &World, host: usize) -> usize {
    world.node(host).map_or(0, |node| node.chain().registered_voters())
}

/// Waits until all peers have this number of voters and of votes on their chains, and nothing in their pools.
fn settle(world: &mut World, voters: usize) {
    let is_settled = |world: &World, host: usize| {
        let node = world.node(host).expect("it runs");
        let chain = node.chain();
        let counts = (chain.registered_voters(), chain.tally().votes, node.pool().len());
        counts == (voters, voters as u64, 0)
    };
    let until = world.at() + seconds(40);
    world
        .run_until_holds(until, |world| (0..3).all(|host| is_settled(world, host)))
        .expect("all count the votes");
}

#[test]
fn the_last_place_is_given_and_one_more_is_refused_everywhere() {
    let mut world = almost_full(1);
    let last = voter(&world, 2);
    register(&mut world, 1, &last).expect("there is room for one");
    vote(&mut world, 1, &last);
    // The peer that gave the last place refuses the next voter before any block says so.
    let late = voter(&world, 3);
    let refused = register(&mut world, 1, &late).expect_err("there is no room");
    assert_eq!(refused.kind(), "voters_full");
    settle(&mut world, 3);
    for host in 0..3 {
        let refused = register(&mut world, host, &late).expect_err("there is no room");
        assert_eq!(refused.kind(), "voters_full");
    }
    world.run_until(seconds(120));
    assert_passes(&world.finish());
}

#[test]
fn two_voters_who_take_the_last_place_on_two_sides_do_not_both_get_it() {
    let mut world = almost_full(2);
    let rivals = [voter(&world, 2), voter(&world, 3)];
    world.run_until(seconds(21));
    for (host, key) in rivals.iter().enumerate() {
        register(&mut world, host, key).expect("there is room, as far as this peer knows");
    }
    world.run_until(seconds(30));
    world
        .run_until_holds(seconds(70), |world| {
            let tip = |host| world.node(host).map(|node| node.tip());
            let is_empty = |host| world.node(host).is_some_and(|node| node.pool().is_empty());
            (0..3).all(|host| tip(host) == tip(0) && registered(world, host) == 3 && is_empty(host))
        })
        .expect("one of them gets it, and the other is not kept");
    let has_place = |world: &World, host: usize, key: &VoterKey| {
        let voter = key.public().voter();
        world.node(host).is_some_and(|node| node.chain().voter(&voter).is_some())
    };
    let winner = usize::from(has_place(&world, 0, &rivals[1]));
    for host in 0..3 {
        assert!(has_place(&world, host, &rivals[winner]));
        assert!(!has_place(&world, host, &rivals[1 - winner]));
        let refused = register(&mut world, host, &rivals[1 - winner]).expect_err("it is full");
        assert_eq!(refused.kind(), "voters_full");
    }
    vote(&mut world, 2, &rivals[winner]);
    settle(&mut world, 3);
    world.run_until(seconds(120));
    assert_passes(&world.finish());
}
