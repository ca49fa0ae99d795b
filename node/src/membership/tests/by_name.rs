//! Neighbours that were given by name.

use super::trackers::{looked_up, named};
use super::*;
use crate::own_addresses::{InterfaceAddress, OwnAddresses};

#[test]
fn a_neighbours_name_is_met_at_one_of_its_addresses_and_followed_when_it_moves() {
    let mut world = World::new();
    world.add(3, None, &[]);
    world.add_given(1, vec![], vec![named("friend.test:6001", &[2, 3])]);
    world.run(Duration::from_secs(5));
    assert!(world.peer(1).is_neighbour(&address(3)), "nobody is at the first address");
    assert!(!world.was_told(1, |output| matches!(output, Output::Event(Event::PeerSilent { .. }))));
    world.sent_away.clear();
    world.run(Duration::from_secs(30));
    assert!(world.sent_away.is_empty(), "the other address is left alone meanwhile");
    assert!(looked_up(&world).is_empty());

    world.peers.remove(&address(3));
    world.add(4, None, &[]);
    world.run(Duration::from_secs(10));
    assert!(looked_up(&world).contains(&"friend.test:6001"));
    let now = world.time();
    world.peer(1).handle_looked_up("friend.test:6001", Ok(vec![address(4)]), now);
    world.run(Duration::from_secs(3));
    assert!(world.peer(1).is_neighbour(&address(4)));
    world.sent_away.clear();
    world.run(Duration::from_secs(120));
    let goes_to = |port: u16| world.sent_away.iter().any(|(to, _)| *to == address(port));
    assert!(!goes_to(2), "the name stands for it no more");
}

#[test]
fn a_neighbours_name_is_turned_away_from_this_nodes_own_address() {
    for addresses in [vec![1, 3], vec![1, 2, 3], vec![2, 1, 3]] {
        let mut world = World::new();
        world.add(3, None, &[]);
        world.add_given(1, vec![], vec![named("friend.test:6001", &addresses)]);
        world.run(Duration::from_secs(10));
        assert!(world.peer(1).is_neighbour(&address(3)), "{addresses:?}");
    }
    // It stands for nobody else, until it is looked up again.
    let mut world = World::new();
    world.add(3, None, &[]);
    world.add_given(1, vec![], vec![named("friend.test:6001", &[1])]);
    world.run(Duration::from_secs(10));
    assert!(looked_up(&world).contains(&"friend.test:6001"));
    let now = world.time();
    world.peer(1).handle_looked_up("friend.test:6001", Ok(vec![address(1), address(3)]), now);
    world.run(Duration::from_secs(3));
    assert!(world.peer(1).is_neighbour(&address(3)));
}

#[test]
fn an_address_is_tried_for_all_who_stand_for_it() {
    let shared = 900;
    let name = |name: &str, ports: &[u16]| named(name, ports);
    for others in [
        vec![Given::from(address(shared))],
        vec![name("same.test:6001", &[shared])],
        vec![name("same.test:6001", &[shared]), Given::from(address(shared))],
        vec![name("same.test:6001", &[shared, 901])],
    ] {
        for is_first in [true, false] {
            let mut given = others.clone();
            let place = if is_first { 0 } else { given.len() };
            given.insert(place, name("friend.test:6001", &[shared, 3]));
            let mut world = World::new();
            world.add(3, None, &[]);
            world.add_given(1, vec![], given.clone());
            world.run(Duration::from_secs(20));
            assert!(world.peer(1).is_neighbour(&address(3)), "{given:?}");
            // Whoever else is meant comes late.
            world.add(shared, None, &[]);
            world.run(Duration::from_secs(20));
            assert!(world.peer(1).is_neighbour(&address(shared)), "{given:?}");
        }
    }
}

/// Another machine may have an address later that was this one's.
#[test]
fn an_address_that_was_this_machines_may_be_another_peers() {
    let mut world = World::new();
    world.add(1, None, &[1]);
    world.run(Duration::from_secs(3));
    let mine = world.peers.remove(&address(1)).expect("a peer");
    world.peers.insert(address(2), mine);
    let now = world.time();
    let ip = address(2).ip();
    let interfaces = vec![InterfaceAddress { ip, prefix: 8 }];
    let own = OwnAddresses { port: 2, interfaces, announces: false };
    world.peer(2).set_own_addresses(own, now);
    world.add(1, None, &[2]);
    world.run(Duration::from_secs(10));
    assert!(world.peer(2).is_neighbour(&address(1)));
}
