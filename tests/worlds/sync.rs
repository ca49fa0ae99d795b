//! A long chain is fetched whole, also where many datagrams get lost.

use std::sync::Arc;
use std::time::Duration;

use node::Record;
use sim::faults::{FaultPlan, Quality};
use sim::forge;
use sim::scenario::Scenario;
use sim::world::World;

use crate::{assert_passes, seconds};

const BLOCKS: u64 = 10_000;

/// A peer that knows nothing joins two that hold 10,000 blocks.
fn joins_long_chain(loss: f64, within: Duration) {
    let mut scenario = Scenario::quiet("long chain", 1, 3, within + seconds(10));
    scenario.election = Arc::new(forge::election(1, 1));
    let blocks = forge::chain(&scenario.election, BLOCKS, 30, 50);
    let records: Vec<Record> = blocks.into_iter().map(Arc::new).map(Record::Block).collect();
    scenario.peers[0].records.clone_from(&records);
    scenario.peers[1].records = records;
    scenario.peers[2].starts_at = seconds(5);
    let quality = Quality {
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(20),
        ..Quality::PERFECT
    };
    scenario.faults = FaultPlan::of(quality.with_loss(loss));
    let mut world = World::new(scenario, 1);
    let synced = world.run_until_holds(seconds(5) + within, |world| {
        world.node(2).is_some_and(|node| node.tip().height.0 == BLOCKS)
    });
    let height = world.node(2).map(|node| node.tip().height);
    let synced = synced.unwrap_or_else(|| {
        panic!("at {loss} loss only {height:?} was reached: {:?}", world.violation())
    });
    println!("{BLOCKS} blocks at {loss} loss took {:?}", synced - seconds(5));
    let votes = world.node(2).map(|node| node.chain().tally().votes);
    assert_eq!(votes, Some(30 * 50));
    world.calm_down();
    world.run_until(world.at() + seconds(15));
    assert_passes(&world.finish());
}

#[test]
fn ten_thousand_blocks_without_loss() {
    joins_long_chain(0.0, seconds(30));
}

#[test]
fn ten_thousand_blocks_at_5_percent_loss() {
    joins_long_chain(0.05, seconds(45));
}

#[test]
fn ten_thousand_blocks_at_15_percent_loss() {
    joins_long_chain(0.15, seconds(60));
}

#[test]
fn ten_thousand_blocks_at_30_percent_loss() {
    joins_long_chain(0.30, seconds(120));
}

#[test]
fn a_peer_that_joins_under_traffic_catches_up_within_5_seconds() {
    let mut scenario = Scenario::quiet("joining under traffic", 1, 5, seconds(60));
    for peer in &mut scenario.peers {
        peer.block_time = Some(seconds(5));
    }
    scenario.peers[4].starts_at = seconds(15);
    scenario.peers[4].joins = true;
    scenario.voters = (0..400)
        .map(|number| {
            let host = usize::try_from(number % 4).expect("below 4");
            crate::voter(Duration::from_millis(3_000 + 50 * number), host)
        })
        .collect();
    scenario.demands.votes = 400;
    let mut world = World::new(scenario, 1);
    world.run_until(seconds(15));
    let caught_up = world.run_until_holds(seconds(20), |world| {
        let tip = |host| world.node(host).map(|node: &node::Node| node.tip());
        tip(0).is_some_and(|tip| tip.height.0 > 0) && tip(4) == tip(0)
    });
    assert!(caught_up.is_some(), "{:?}", world.violation());
    world.run_until(seconds(60));
    assert_passes(&world.finish());
}
