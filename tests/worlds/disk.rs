//! Disks that damage what they hold, and peers that crash while they read.

use std::sync::Arc;

use node::{Event, Record};
use sim::forge;
use sim::scenario::{Action, Scenario};
use sim::world::World;

use crate::{assert_passes, seconds};

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
