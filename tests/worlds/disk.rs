//! Disks that damage what they hold, and peers that crash while they read.

use std::sync::Arc;
use std::time::Duration;

use node::{Event, Limits, Record};
use protocol::transaction::HashedTransaction;
use sim::forge;
use sim::scenario::{Action, Scenario};
use sim::world::World;

use crate::{assert_passes, seconds, voter};

const BLOCKS: u64 = 60;

/// Two peers with a past that is on their disks alone, and a newcomer who is served from there. Some blocks of
/// the one are damaged: it notices when it reads them, fetches them from the other, and writes them again.
#[test]
fn damaged_blocks_are_fetched_again_and_served() {
    let mut scenario = Scenario::quiet("damaged disk", 1, 3, seconds(60));
    let blocks = forge::chain(&scenario.election, BLOCKS, 6, 10);
    let records: Vec<Record> = blocks.into_iter().map(Arc::new).map(Record::Block).collect();
    for host in 0..2 {
        scenario.peers[host].records.clone_from(&records);
    }
    for peer in &mut scenario.peers {
        peer.resident_bytes_max = 0;
    }
    scenario.peers[2].starts_at = seconds(10);
    scenario.actions = (0..20).map(|_| (seconds(5), Action::DamageDisk(0))).collect();
    let mut world = World::new(scenario, 1);
    world.take_news();
    world.run_until(seconds(9));
    assert!(!world.disk(0).is_whole(), "nothing is damaged");
    let synced = world.run_until_holds(seconds(50), |world| {
        world.node(2).is_some_and(|node| node.tip().height.0 == BLOCKS)
    });
    assert!(synced.is_some(), "{:?}", world.violation());
    let votes = world.node(2).map(|node| node.chain().tally().votes);
    assert_eq!(votes, Some(60));
    let lost = |event: &Event| matches!(event, Event::BlockLost { .. });
    let noticed =
        world.take_news().iter().filter(|(_, host, event)| *host == 0 && lost(event)).count();
    assert!(noticed > 0, "all was read although some was damaged");
    // Whatever was noticed is on the disk again.
    let node = world.node(0).expect("it is up");
    assert_eq!(node.chain().lost_bodies().count(), 0);
    world.run_until(seconds(60));
    assert_passes(&world.finish());
}

/// A disk that takes nothing for a while, at one peer while the others vote and mine: nobody is banned for it, the peer
/// keeps its memory small, and it catches up by itself afterwards.
#[test]
fn a_peer_whose_disk_is_full_for_a_while_blames_nobody_and_catches_up() {
    let mut scenario = Scenario::quiet("full disk", 1, 4, seconds(120));
    scenario.limits.waiting_bytes_max = 1_000;
    scenario.peers.iter_mut().for_each(|peer| peer.block_time = Some(seconds(1)));
    // The peer with the full disk must not end its wait by blocks of its own.
    scenario.peers[0].block_time = None;
    scenario.voters =
        (0..40).map(|number| voter(seconds(5 + number), 1 + number as usize % 3)).collect();
    scenario.actions = vec![(seconds(10), Action::FillDisk(0)), (seconds(70), Action::FreeDisk(0))];
    scenario.demands.votes = 40;
    let mut world = World::new(scenario, 1);
    world.take_news();
    world.run_until(seconds(69));
    let height = |world: &World, host| world.node(host).map(|node| node.tip().height.0);
    let (behind, others) = (height(&world, 0), height(&world, 1));
    assert!(
        behind.zip(others).is_some_and(|(behind, others)| behind + 17 < others),
        "{behind:?} {others:?}"
    );
    let caught_up =
        world.run_until_holds(seconds(75), |world| height(world, 0) == height(world, 1));
    assert!(caught_up.is_some(), "{:?} of {:?}", height(&world, 0), height(&world, 1));
    let blames =
        |event: &Event| matches!(event, Event::Misbehaviour { .. } | Event::NeighbourLeft { .. });
    assert_eq!(world.take_news().iter().find(|(_, _, event)| blames(event)), None);
    world.run_until(seconds(120));
    assert_passes(&world.finish());
}

/// A peer starts with more acknowledged transactions than its pool takes, and with votes before their registrations.
#[test]
fn a_restart_with_a_full_pool_loses_no_acknowledged_vote() {
    let mut scenario = Scenario::quiet("full pool", 1, 3, seconds(90));
    scenario.limits = Limits { pool_bytes_max: 1_000, held_max: 2, ..Limits::default() };
    let (election, id) = (&scenario.election, scenario.election.election_id());
    let papers = (0..30).flat_map(|number| {
        let key = forge::key(1, "acknowledged", number);
        let vote = forge::vote(&id, &key, number, election.created);
        [vote, forge::registration(election, &key)]
    });
    let row = |(row, paper)| {
        let transaction = Arc::new(HashedTransaction::new(paper, &id));
        Record::PoolInsert { row, transaction }
    };
    scenario.peers[0].records = (1..).zip(papers).map(row).collect();
    scenario.peers.iter_mut().for_each(|peer| peer.block_time = Some(seconds(2)));
    // It is killed before a block holds any of them, so that it starts on what its disk has twice.
    scenario.actions =
        vec![(Duration::from_millis(20), Action::Crash(0)), (seconds(2), Action::Start(0))];
    let mut world = World::new(scenario, 1);
    world.run_until(seconds(2) + Duration::from_millis(10));
    let pooled = world.node(0).map(|node| node.pool().len());
    assert_eq!(pooled, Some(60));
    let counted = world.run_until_holds(seconds(80), |world| {
        (0..3).all(|host| world.node(host).is_some_and(|node| node.chain().tally().votes == 30))
    });
    assert!(counted.is_some(), "{:?}", world.violation());
    world.run_until(seconds(90));
    assert_passes(&world.finish());
}
