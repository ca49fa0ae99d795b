//! A disk that takes nothing for a while: what can't be taken then is nobody's fault, fills no memory, and is fetched
//! once there is room.

use std::time::Duration;

use protocol::block;
use protocol::datagram::AnnouncedBody;
use protocol::units::Height;

use super::*;
use crate::ledger::pool::short_id;

/// Bytes that may wait for the disk in these tests.
const ROOM: usize = 4_000;

/// Two nodes that know each other. The disk of the first is full, and so is the memory for what waits for it.
fn with_a_full_disk() -> Network {
    let mut network = Network::new();
    network.limits.waiting_bytes_max = ROOM;
    (1..=2).for_each(|number| network.add(number, Restored::default()));
    network.run(Duration::from_secs(2));
    network.fill_disk(1);
    let filler =
        Arc::new(Block { header: Header::genesis(&network.election), transactions: vec![] });
    let node = network.nodes.get_mut(&address(1)).expect("a node");
    while node.disk.durability.has_room() {
        node.persist_block(Arc::clone(&filler));
    }
    network.drain(address(1));
    network
}

/// The second node's blocks, one after the other.
fn mine_blocks(network: &mut Network, blocks: usize) {
    for _ in 0..blocks {
        network.command(2, Command::Mine).expect("an order");
        network.run(Duration::from_millis(200));
    }
}

fn assert_nobody_is_blamed(network: &Network) {
    let blames = |(_, event): &&(SocketAddr, Event)| {
        matches!(
            event,
            Event::Misbehaviour { .. } | Event::NeighbourLeft { .. } | Event::InvalidBlock { .. }
        )
    };
    assert_eq!(network.events.iter().find(blames), None);
}

/// Also when nobody announces anything any more, and however long it took.
#[test]
fn honest_neighbours_are_not_at_fault_for_a_full_disk() {
    let mut network = with_a_full_disk();
    mine_blocks(&mut network, 20);
    assert_eq!(network.node(2).tip().height, Height(20));
    network.run(Duration::from_secs(30));
    assert_nobody_is_blamed(&network);
    let node = network.node(1);
    assert_eq!(node.tip().height, Height(0), "nothing more waits for the disk");
    assert_eq!(node.sync_target(), Height(20), "nobody withholds what nobody was asked for");
    network.free_disk(1);
    network.run(Duration::from_secs(1));
    assert_eq!(network.node(1).tip(), network.node(2).tip());
    assert_nobody_is_blamed(&network);
}

/// Blocks that are announced by short ids are put together from the pool, without asking for anything.
#[test]
fn short_ids_fill_no_memory_while_the_disk_is_full() {
    let mut network = with_a_full_disk();
    for voter in 1..=6 {
        network.submit(2, network.registration(voter)).expect("a registration");
        network.submit(2, network.vote(voter, 0)).expect("a vote");
    }
    network.run(Duration::from_millis(60));
    assert_eq!(network.node(1).pool().len(), 12, "it heard of them");
    let announced = |network: &Network| network.node(2).tip().height > Height(0);
    for _ in 0..50 {
        network.run(Duration::from_millis(20));
        if announced(&network) {
            break;
        }
    }
    let tip = network.node(2).tip().hash;
    let bytes: usize = {
        let block = network.node(2).chain().block(&tip).expect("the newest");
        block.transactions.iter().map(|each| each.bytes()).sum()
    };
    assert!(bytes > 1_200, "it is announced by short ids: {bytes}");
    network.run(Duration::from_secs(5));
    let node = network.node(1);
    assert!(!node.chain().has_checked_body(&tip), "it was taken although there is no room");
    assert!(!node.sync.is_being_completed(&tip));
    assert_nobody_is_blamed(&network);
    network.free_disk(1);
    network.run(Duration::from_secs(1));
    assert_eq!(network.node(1).tip(), network.node(2).tip());
    assert_eq!(network.node(1).chain().tally().votes, network.node(2).chain().tally().votes);
}

/// A disk may fill up between an announcement by short ids and the transactions that were missing.
#[test]
fn a_disk_that_fills_up_meanwhile_is_nobodys_fault_either() {
    let mut network = Network::new();
    network.limits.waiting_bytes_max = ROOM;
    (1..=2).for_each(|number| network.add(number, Restored::default()));
    network.run(Duration::from_secs(2));
    let transactions = vec![registration(1), registration(2)];
    let header =
        mined_header(&Header::genesis(&network.election), block::merkle_root(&transactions), 0);
    let ids = transactions.iter().map(|each| short_id(&each.leaf())).collect();
    let now = network.time();
    let node = network.nodes.get_mut(&address(1)).expect("a node");
    node.handle_new_block(address(2), header, AnnouncedBody::ShortIds(ids), now);
    let hash = header.hash();
    assert!(node.sync.is_being_completed(&hash));
    let filler = Arc::new(Block { header, transactions: vec![] });
    while node.disk.durability.has_room() {
        node.persist_block(Arc::clone(&filler));
    }
    let answer = transactions.iter().map(|each| each.transaction().clone()).collect();
    node.handle_chain_transactions(address(2), (1, 0, 1), answer, now);
    assert!(!node.sync.is_being_completed(&hash) && node.chain.lacks_body(&hash));
    assert_eq!(node.sync.lowest_body_under_way(), None, "nothing is fetched without room");
}

/// That there is no room does not make a wrong body right.
#[test]
fn a_wrong_body_is_a_fault_with_a_full_disk_too() {
    let mut network = with_a_full_disk();
    let header = mined_header(
        &Header::genesis(&network.election),
        block::merkle_root(&[registration(1)]),
        0,
    );
    let now = network.time();
    let node = network.nodes.get_mut(&address(1)).expect("a node");
    let other = vec![registration(2).transaction().clone()];
    node.handle_new_block(address(2), header, AnnouncedBody::Transactions(other), now);
    network.drain(address(1));
    let faults = network
        .events
        .iter()
        .filter(|(at, event)| *at == address(1) && matches!(event, Event::Misbehaviour { .. }));
    assert_eq!(faults.count(), 1);
}

/// Own blocks would fill the memory as well.
#[test]
fn nothing_is_mined_while_the_disk_is_full() {
    let mut network = with_a_full_disk();
    network.nodes.remove(&address(2));
    network.command(1, Command::Mine).expect("an order");
    network.run(Duration::from_secs(10));
    assert_eq!(network.node(1).tip().height, Height(0));
    network.free_disk(1);
    network.run(Duration::from_secs(1));
    assert_eq!(network.node(1).tip().height, Height(1), "the order stands");
}

/// Whoever announced a block may have lost it by the time it is asked for its transactions.
#[test]
fn a_neighbour_without_the_transactions_is_not_waited_for() {
    let mut network = Network::with_nodes(2);
    let transactions = [registration(1), registration(2)];
    let header =
        mined_header(&Header::genesis(&network.election), block::merkle_root(&transactions), 0);
    let ids = transactions.iter().map(|each| short_id(&each.leaf())).collect();
    let now = network.time();
    let node = network.nodes.get_mut(&address(1)).expect("a node");
    node.handle_new_block(address(2), header, AnnouncedBody::ShortIds(ids), now);
    let asked = std::iter::from_fn(|| node.poll_output()).count();
    assert!(asked > 0 && node.sync.is_being_completed(&header.hash()));
    node.handle_chain_transactions(address(2), (1, 0, 0), vec![], now);
    assert!(!node.sync.is_being_completed(&header.hash()));
    assert_eq!(node.sync.lowest_body_under_way(), Some(Height(1)), "it is fetched like any other");
}
