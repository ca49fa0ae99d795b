//! A miner that shows headers and keeps their bodies back.

use protocol::merkle;

use super::*;

/// Puts headers with more work than anybody has into a node's tree; their bodies don't exist.
fn withhold(network: &mut Network, number: u16, headers: u64) {
    let now = network.time();
    let node = network.nodes.get_mut(&address(number)).expect("a node");
    let mut parent = *node.chain.tip_header();
    for _ in 0..headers {
        parent = mined_header(&parent, merkle::root(&[protocol::units::LeafHash([7; 32])]), 0);
        node.chain.insert_header(parent, now.unix).expect("the header keeps the rules");
    }
}

#[test]
fn withheld_bodies_hold_up_neither_mining_nor_sync() {
    let mut network = Network::with_nodes(2);
    withhold(&mut network, 2, 40);
    network.submit(2, network.registration(1)).expect("a registration");
    network.submit(2, network.vote(1, 0)).expect("a vote");
    network.run(Duration::from_secs(5));
    assert_eq!(network.node(1).chain().tally().votes, 1);
    assert_eq!(network.node(2).chain().tally().votes, 1);

    // What arrives while the node is out of reach is fetched all the same, past the branch without bodies.
    let away = network.nodes.remove(&address(2)).expect("a node");
    network.run(Duration::from_secs(5));
    for _ in 0..20 {
        network.command(1, Command::Mine).expect("an order");
        network.run(Duration::from_millis(200));
    }
    network.nodes.insert(address(2), away);
    network.run(Duration::from_secs(40));
    assert_eq!(network.node(2).tip(), network.node(1).tip());
}
