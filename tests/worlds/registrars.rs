//! Elections whose voters are admitted by registrars, and withdrawn by them.

use std::collections::BTreeMap;
use std::sync::Arc;

use node::Event;
use protocol::transaction::{HashedTransaction, TransactionKind};
use protocol::units::Height;
use sim::faults::{FaultPlan, Partition, Window};
use sim::forge;
use sim::scenario::{Action, Demands, Scenario};
use sim::world::World;

use crate::{assert_passes, seconds};

/// Peer 0 is cut off from 1 and 2 from the 15th to the 45th second.
fn one_and_two(seed: u64) -> Scenario {
    let mut scenario = Scenario::quiet("vote and withdrawal", seed, 3, seconds(90));
    scenario.election = Arc::new(forge::election_by_registrars(seed, 6));
    for peer in &mut scenario.peers {
        peer.block_time = Some(seconds(1));
    }
    let islands = BTreeMap::from([(scenario.peer_address(0), 1)]);
    let partition = Partition { window: Window::seconds(15, 45), islands, is_one_way: false };
    scenario.faults =
        FaultPlan { partitions: vec![partition], calm_from: seconds(45), ..FaultPlan::none() };
    scenario.demands = Demands { partitions: 1, reorganisations: 1, ..Demands::default() };
    scenario
}

fn height(world: &World, host: usize) -> u64 {
    world.node(host).map_or(0, |node| node.tip().height.0)
}

/// Has a peer mine until its chain is that high.
fn mine_up_to(world: &mut World, host: usize, wanted: u64) {
    while height(world, host) < wanted {
        let next = height(world, host) + 1;
        world.do_now(&Action::Mine(host));
        world
            .run_until_holds(seconds(44), |world| height(world, host) >= next)
            .expect("a block is found before the partition ends");
    }
}

/// A voter's vote on one side of a partition, the withdrawal on the other, of which the winner's branch is the longer.
fn vote_and_withdrawal(seed: u64, vote_wins: bool) {
    let mut world = World::new(one_and_two(seed), seed);
    world.run_until(seconds(3));
    let election = Arc::clone(&world.scenario().election);
    let (id, key) = (election.election_id(), forge::key(seed, "of both sides", 0));
    let voter = key.public().voter();
    world.submit_and_wait(0, forge::registration(&election, &key)).expect("an admission");
    let is_registered = |world: &World, host| {
        world.node(host).is_some_and(|node| node.chain().voter(&voter).is_some())
    };
    mine_up_to(&mut world, 0, 1);
    world
        .run_until_holds(seconds(15), |world| (0..3).all(|host| is_registered(world, host)))
        .expect("all know the voter");

    world.run_until(seconds(16));
    let vote = forge::vote(&id, &key, 1, world.unix());
    let withdrawal = forge::withdrawal(&id, &key);
    world.submit_and_wait(0, vote.clone()).expect("a vote");
    world.submit_and_wait(1, withdrawal.clone()).expect("a withdrawal");
    let has_voted = |world: &World, host| {
        let record = world.node(host).and_then(|node| node.chain().voter(&voter));
        record.is_some_and(|record| record.vote.is_some())
    };
    let is_withdrawn = |world: &World, host| {
        world.node(host).is_some_and(|node| node.chain().withdrawal(&voter).is_some())
    };
    mine_up_to(&mut world, 0, 2);
    mine_up_to(&mut world, 1, 2);
    world
        .run_until_holds(seconds(44), |world| has_voted(world, 0) && is_withdrawn(world, 1))
        .expect("each side mines what it has");
    let (winner, loser) = if vote_wins { (0, 1) } else { (1, 0) };
    let wanted = height(&world, loser) + 2;
    mine_up_to(&mut world, winner, wanted);
    world.take_news();
    world.run_until(seconds(90));

    for host in 0..3 {
        assert_eq!(has_voted(&world, host), vote_wins, "seed {seed}: peer {host}");
        assert_eq!(is_withdrawn(&world, host), !vote_wins, "seed {seed}: peer {host}");
    }
    let hashed = |transaction| HashedTransaction::new(transaction, &id).id();
    let (vote, withdrawal) = (hashed(vote), hashed(withdrawal));
    let (lost, by, of_kind) = match vote_wins {
        true => (withdrawal, vote, TransactionKind::Withdrawal),
        false => (vote, withdrawal, TransactionKind::Vote),
    };
    let told = world.take_news().into_iter().any(|(_, host, event)| match event {
        Event::Superseded { id, kind, by: Some(other), .. } => {
            host == loser && id == lost && other == by && kind == of_kind
        }
        _ => false,
    });
    assert!(told, "seed {seed}: the loser's side is told");
    assert!(world.node(0).is_some_and(|node| node.tip().height >= Height(wanted)));
    assert_passes(&world.finish());
}

#[test]
fn a_vote_whose_branch_wins_stands_and_the_withdrawal_is_told() {
    (1..=5).for_each(|seed| vote_and_withdrawal(seed, true));
}

#[test]
fn a_withdrawal_whose_branch_wins_stands_and_the_vote_is_told() {
    (1..=5).for_each(|seed| vote_and_withdrawal(seed, false));
}
