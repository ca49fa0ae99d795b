//! How nodes meet, and part.

use super::*;
use crate::{LeaveReason, NEIGHBOURS_BY_HAND_MAX};

#[test]
fn nodes_that_know_one_of_them_all_meet() {
    let network = Network::with_nodes(5);
    for number in 1..=5 {
        assert_eq!(network.node(number).membership.neighbour_count(), 4, "node {number}");
    }
}

#[test]
fn who_leaves_is_dropped_at_once_and_may_end() {
    let mut network = Network::with_nodes(3);
    network.command(3, Command::Leave).expect("leaving is always possible");
    network.run(Duration::from_millis(50));
    assert_eq!(network.left, [address(3)]);
    for number in 1..=2 {
        assert_eq!(network.node(number).membership.neighbour_count(), 1, "node {number}");
        let told =
            Event::NeighbourLeft { address: address(3), name: None, reason: LeaveReason::Left };
        assert!(network.events.contains(&(address(number), told)));
    }
}

#[test]
fn who_falls_silent_is_dropped_after_three_missed_heartbeats() {
    let mut network = Network::with_nodes(2);
    network.nodes.remove(&address(2));
    network.run(Duration::from_millis(2_900));
    assert_eq!(network.node(1).membership.neighbour_count(), 1);
    network.run(Duration::from_millis(1_200));
    assert_eq!(network.node(1).membership.neighbour_count(), 0);
    let told =
        Event::NeighbourLeft { address: address(2), name: None, reason: LeaveReason::Missed(3) };
    assert!(network.events.contains(&(address(1), told)));
}

#[test]
fn a_stranger_without_a_token_changes_nothing() {
    let mut network = Network::with_nodes(2);
    let prefix = network.node(1).membership.prefix();
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
    assert!(network.node(1).membership.is_neighbour(&address(2)));
    assert!(!network.node(1).membership.is_probed(&address(9)));
}

#[test]
fn a_neighbour_given_by_hand_is_met_and_one_that_can_be_none_is_refused() {
    let mut network = Network::with_nodes(1);
    network.add_without_neighbours(2);
    assert_eq!(network.node(2).membership.neighbour_count(), 0);
    let add = |address: SocketAddr| Command::AddNeighbour(address);
    assert_eq!(network.command(2, add(address(1))), Ok(Answer::NeighbourAdded));
    network.run(Duration::from_secs(1));
    assert_eq!(network.node(2).membership.neighbour_count(), 1);

    let refusals = [
        (address(1), CommandError::AlreadyNeighbour { address: address(1) }),
        (TRACKER, CommandError::OwnTracker { address: TRACKER }),
    ];
    for (given, refusal) in refusals {
        assert_eq!(network.command(2, add(given)), Err(refusal));
    }
    for nobodys in ["10.0.0.1:0", "0.0.0.0:7", "[::]:7", "224.0.0.1:7", "255.255.255.255:7"] {
        let address = nobodys.parse().expect("an address");
        let refused = Err(CommandError::UnusableAddress { address });
        assert_eq!(network.command(2, add(address)), refused, "{nobodys}");
    }
    // It may be given without harm, and is known from then on.
    assert_eq!(network.command(2, add(address(2))), Ok(Answer::NeighbourAdded));
    network.run(Duration::from_secs(1));
    let own = Err(CommandError::OwnAddress { address: address(2) });
    assert_eq!(network.command(2, add(address(2))), own);

    // The first neighbour was one of them, and its own address is none any more.
    for number in 1..NEIGHBOURS_BY_HAND_MAX {
        let given = address(1_000 + number as u16);
        assert_eq!(network.command(2, add(given)), Ok(Answer::NeighbourAdded), "{number}");
    }
    assert_eq!(network.command(2, add(address(1_001))), Ok(Answer::NeighbourAdded));
    assert_eq!(network.command(2, add(address(999))), Err(CommandError::TooManyNeighbours));
    network.command(2, Command::Leave).expect("leaving is always possible");
    assert_eq!(network.command(2, add(address(3))), Err(CommandError::Leaving));
}
