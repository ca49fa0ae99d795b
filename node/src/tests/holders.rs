//! Who else has a vote, a block, and whether anybody answers.

use super::*;
use crate::{HeldBy, Standing, Unready, VoteView};

fn vote_of(network: &mut Network, number: u16, voter: u8) -> VoteView {
    let voter = key(voter).public().voter();
    match network.command(number, Command::Voter(voter)) {
        Ok(Answer::Voter(view)) => view.vote.expect("a vote is known"),
        other => panic!("{other:?}"),
    }
}

fn cast(network: &mut Network, number: u16, voter: u8) {
    network.submit(number, network.registration(voter)).expect("a registration");
    network.submit(number, network.vote(voter, 0)).expect("a vote");
}

fn unready(network: &mut Network, number: u16) -> Vec<Unready> {
    match network.command(number, Command::Status) {
        Ok(Answer::Status(status)) => status.unready,
        other => panic!("{other:?}"),
    }
}

/// How many neighbours had the vote or its block, and whether it was in a block, each time that node 1 told of it.
fn told(network: &Network) -> Vec<(bool, HeldBy)> {
    let told = network.events.iter().filter_map(|(at, event)| {
        let Event::OwnVote { standing, .. } = event else { return None };
        Some(match **standing {
            Standing::Pool { held_by } => (at, false, held_by),
            Standing::Block { held_by, .. } => (at, true, held_by),
        })
    });
    told.filter(|(at, ..)| **at == address(1)).map(|(_, mined, by)| (mined, by)).collect()
}

#[test]
fn what_a_node_alone_mined_is_held_by_nobody_until_a_neighbour_has_the_block() {
    let mut network = Network::with_nodes(1);
    cast(&mut network, 1, 1);
    let nobody = HeldBy { neighbours: 0, of: 0 };
    assert_eq!(vote_of(&mut network, 1, 1).standing, Standing::Pool { held_by: nobody });
    network.run(Duration::from_secs(5));
    let vote = vote_of(&mut network, 1, 1);
    assert!(
        matches!(vote.standing, Standing::Block { held_by, .. } if held_by == nobody),
        "{vote:?}"
    );
    assert_eq!(told(&network), [(true, nobody)]);
    network.add(2, Restored::default());
    network.run(Duration::from_secs(5));
    let both = HeldBy { neighbours: 1, of: 1 };
    let vote = vote_of(&mut network, 1, 1);
    assert!(matches!(vote.standing, Standing::Block { held_by, .. } if held_by == both));
    assert_eq!(vote.held_by, both);
    assert_eq!(told(&network), [(true, nobody), (true, both)]);
}

#[test]
fn a_pooled_vote_is_held_by_those_who_acknowledged_it() {
    let mut network = Network::with_nodes(3);
    cast(&mut network, 1, 1);
    let held_by = |neighbours| HeldBy { neighbours, of: 2 };
    assert_eq!(vote_of(&mut network, 1, 1).held_by, held_by(0));
    network.run(Duration::from_millis(40));
    let vote = vote_of(&mut network, 1, 1);
    assert_eq!(vote.standing, Standing::Pool { held_by: held_by(2) });
    assert_eq!(told(&network), [(false, held_by(1))], "the user is told of the first one");
    network.nodes.remove(&address(3));
    network.run(Duration::from_secs(10));
    assert_eq!(vote_of(&mut network, 1, 1).held_by, HeldBy { neighbours: 1, of: 1 });
}

#[test]
fn nothing_is_acknowledged_before_it_is_durable() {
    let mut network = Network::with_nodes(2);
    network.fill_disk(2);
    cast(&mut network, 1, 1);
    network.run(Duration::from_millis(40));
    assert_eq!(vote_of(&mut network, 1, 1).held_by, HeldBy { neighbours: 0, of: 1 });
    network.free_disk(2);
    network.run(Duration::from_millis(10));
    assert_eq!(vote_of(&mut network, 1, 1).held_by, HeldBy { neighbours: 1, of: 1 });
}

#[test]
fn a_lost_acknowledgement_comes_with_the_next_announcement() {
    let mut network = Network::with_nodes(2);
    network.nodes.get_mut(&address(1)).expect("a node").mining =
        crate::mining::Mining::new(false, [1; 32]);
    network.nodes.get_mut(&address(2)).expect("a node").mining =
        crate::mining::Mining::new(false, [2; 32]);
    cast(&mut network, 1, 1);
    // The announcement takes 15 ms; what follows within the next 10 ms is lost.
    network.run(Duration::from_millis(16));
    network.queue.clear();
    network.run(Duration::from_millis(500));
    assert_eq!(vote_of(&mut network, 1, 1).held_by, HeldBy { neighbours: 0, of: 1 });
    network.run(Duration::from_secs(2));
    assert_eq!(vote_of(&mut network, 1, 1).held_by, HeldBy { neighbours: 1, of: 1 });
}

#[test]
fn an_address_that_does_not_answer_is_told_once_and_the_node_is_not_ready() {
    let mut network = Network::new();
    network.add(2, Restored::default());
    let silent = |network: &Network| {
        let silent = |(_, event): &&(SocketAddr, Event)| matches!(event, Event::PeerSilent { peer, .. } if peer.address == address(1));
        network.events.iter().filter(silent).count()
    };
    network.run(Duration::from_secs(3));
    assert_eq!(silent(&network), 0, "it had no time to answer");
    assert_eq!(unready(&mut network, 2), [Unready::NoContact { others: 1 }]);
    network.run(Duration::from_secs(60));
    assert_eq!(silent(&network), 1);
    network.add(1, Restored::default());
    network.run(Duration::from_secs(20));
    assert_eq!(unready(&mut network, 2), []);
    network.nodes.remove(&address(1));
    network.run(Duration::from_secs(60));
    assert_eq!(silent(&network), 2, "it had answered meanwhile");
    assert_eq!(unready(&mut network, 2), [Unready::NoContact { others: 1 }]);
}

#[test]
fn a_node_that_was_given_nobody_is_ready_alone_and_one_whose_tracker_is_silent_is_not() {
    let mut network = Network::with_nodes(1);
    assert_eq!(unready(&mut network, 1), []);
    network.add_without_neighbours(2);
    network.run(Duration::from_secs(5));
    assert_eq!(unready(&mut network, 2), [Unready::NoContact { others: 0 }]);
}

#[test]
fn one_neighbour_at_two_addresses_is_held_by_one_and_a_liar_at_one_of_them_hides_nobody() {
    let mut network = Network::new();
    network.twins.insert(3, 2);
    (1..=3).for_each(|number| network.add(number, Restored::default()));
    network.run(Duration::from_secs(3));
    let neighbours = |network: &mut Network| match network.command(1, Command::Status) {
        Ok(Answer::Status(status)) => status.neighbours,
        other => panic!("{other:?}"),
    };
    assert_eq!(network.node(1).membership.neighbour_count(), 2);
    assert_eq!(neighbours(&mut network), 1);
    cast(&mut network, 1, 1);
    network.run(Duration::from_secs(2));
    assert_eq!(vote_of(&mut network, 1, 1).held_by, HeldBy { neighbours: 1, of: 1 });
    // Whoever tells the number and does not have the vote is somebody else, and the one who has it is not forgotten.
    network.fill_disk(3);
    cast(&mut network, 1, 2);
    network.run(Duration::from_millis(40));
    assert_eq!(vote_of(&mut network, 1, 2).held_by, HeldBy { neighbours: 1, of: 2 });
}
