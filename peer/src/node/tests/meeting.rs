use super::*;
use crate::node::LeaveReason;

#[test]
fn nodes_that_know_one_of_them_all_meet() {
    let network = Network::with_nodes(5);
    for number in 1..=5 {
        assert_eq!(network.node(number).neighbours.len(), 4, "node {number}");
    }
}

#[test]
fn who_leaves_is_dropped_at_once_and_may_end() {
    let mut network = Network::with_nodes(3);
    network.command(3, Command::Leave).expect("leaving is always possible");
    network.run(Duration::from_millis(50));
    assert_eq!(network.left, [address(3)]);
    for number in 1..=2 {
        assert_eq!(network.node(number).neighbours.len(), 1, "node {number}");
        let told = Event::NeighbourLeft { address: address(3), reason: LeaveReason::Left };
        assert!(network.events.contains(&(address(number), told)));
    }
}

#[test]
fn who_falls_silent_is_dropped_after_three_missed_heartbeats() {
    let mut network = Network::with_nodes(2);
    network.nodes.remove(&address(2));
    network.run(Duration::from_millis(2_900));
    assert_eq!(network.node(1).neighbours.len(), 1);
    network.run(Duration::from_millis(1_200));
    assert_eq!(network.node(1).neighbours.len(), 0);
    let told = Event::NeighbourLeft { address: address(2), reason: LeaveReason::Missed(3) };
    assert!(network.events.contains(&(address(1), told)));
}

#[test]
fn a_stranger_without_a_token_changes_nothing() {
    let mut network = Network::with_nodes(2);
    let prefix = network.node(1).prefix;
    for datagram in [
        protocol::datagram::Datagram::LeavePeer,
        protocol::datagram::Datagram::UpdatePeers { live: vec![address(9)], left: vec![] },
    ] {
        let forged = protocol::datagram::Envelope {
            election: prefix,
            receiver_token: protocol::token::Token([7; 8]),
            sender_token: protocol::token::Token([7; 8]),
            datagram,
        };
        let now = network.time();
        let node = network.nodes.get_mut(&address(1)).expect("a node");
        node.handle_datagram(address(2), &forged.encode(), now);
        network.drain(address(1));
    }
    assert!(network.node(1).neighbours.contains(&address(2)));
    assert!(network.node(1).probes.token(&address(9)).is_none());
}
