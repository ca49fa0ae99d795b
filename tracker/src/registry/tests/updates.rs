//! Who is told of whom, and when.

use super::*;

#[test]
fn both_sides_of_a_newcomer_learn_of_each_other_at_once() {
    let mut world = World::new();
    for number in 1..=5 {
        world.join(address(number));
        world.run_ms(1_500);
    }
    world.forget_received();
    let joined_at = world.elapsed();
    world.join(address(6));
    assert_eq!(world.last_ack(address(6)).peers.len(), 5);
    world.run_ms(50);
    for number in 1..=5 {
        let updates = world.updates(address(number));
        let [(told_at, live, left)] = updates.as_slice() else {
            panic!("one update, not {}", updates.len());
        };
        assert!(*told_at - joined_at <= Duration::from_millis(50));
        assert_eq!(live.first(), Some(&address(6)), "the newcomer comes first");
        assert_eq!((live.len(), left.len()), (5, 0));
        assert!(!live.contains(&address(number)), "nobody is told of itself");
    }
}

#[test]
fn peers_that_register_in_the_same_moment_learn_of_each_other() {
    let mut world = World::new();
    for number in 1..=3 {
        world.join_silently(address(number));
        world.peers.get_mut(&address(number)).expect("it joined").answers = true;
    }
    // They answer their second poke only, so no REGISTER_ACK told of anybody.
    world.run_ms(4_000);
    for number in 1..=3 {
        assert_eq!(world.last_ack(address(number)).peers, []);
        let (_, live, _) = world.updates(address(number)).pop().expect("it is told");
        assert_eq!(live.len(), 2);
    }
}

#[test]
fn peers_that_start_together_share_the_first_update() {
    let mut world = World::new();
    world.join(address(1));
    world.join(address(2));
    world.run_ms(3_000);
    world.forget_received();
    world.join(address(3));
    world.run_ms(10);
    world.join(address(4));
    world.run_ms(50);
    let updates = world.updates(address(1));
    let [(_, live, _)] = updates.as_slice() else {
        panic!("one update, not {}", updates.len());
    };
    assert_eq!(live[..2], [address(4), address(3)]);
}

#[test]
fn a_newcomer_comes_first_once() {
    const PEERS: usize = 200;
    let mut world = World::new();
    for number in 0..PEERS {
        world.join(address(number));
    }
    world.run_ms(3_000);
    world.join(address(1_001));
    world.run_ms(3_000);
    world.forget_received();
    world.join(address(1_002));
    world.run_ms(100);
    let mut told_again = 0;
    for number in 0..PEERS {
        let (_, live, _) = world.updates(address(number)).remove(0);
        assert_eq!(live[0], address(1_002));
        told_again += usize::from(live.contains(&address(1_001)));
    }
    // It is one of 200 for samples of 49.
    assert!(told_again < PEERS / 2, "{told_again} samples hold the newcomer of before");
}

#[test]
fn changes_share_an_update_and_a_receiver_gets_at_most_one_a_second() {
    let mut world = World::new();
    let honest: Vec<_> = (0..20).map(address).collect();
    for peer in &honest {
        world.join(*peer);
    }
    for number in 100..400 {
        world.join(address(number));
        world.run_ms(17);
        world.send(address(number), Datagram::LeavePeer);
        world.run_ms(16);
    }
    for peer in &honest {
        let updates = world.updates(*peer);
        assert!((8..=11).contains(&updates.len()), "{} in ten seconds", updates.len());
        assert!(updates.windows(2).all(|pair| pair[1].0 - pair[0].0 >= UPDATE_PERIOD));
        for (_, live, left) in updates {
            assert!(live.len() + left.len() <= PEERS_MAX);
            assert!(left.iter().all(|gone| !live.contains(gone)));
            assert!(!live.contains(peer) && !left.contains(peer));
        }
    }
}

#[test]
fn the_list_is_repeated_since_datagrams_get_lost() {
    let mut world = World::new();
    for number in 1..=3 {
        world.join(address(number));
    }
    world.run_ms(2_000);
    world.send(address(3), Datagram::LeavePeer);
    world.run_ms(1_000);
    world.forget_received();
    world.run_ms(10_500);
    let updates = world.updates(address(1));
    let [(_, live, left)] = updates.as_slice() else {
        panic!("one repetition, not {}", updates.len());
    };
    assert_eq!((live, left), (&vec![address(2)], &vec![address(3)]));
    world.run_ms(10_000);
    let (_, live, left) = world.updates(address(1)).pop().expect("a repetition");
    assert_eq!((live, left), (vec![address(2)], vec![]), "who left long ago is history");
}

#[test]
fn who_left_and_came_back_is_live() {
    let mut world = World::new();
    world.join(address(1));
    world.join(address(2));
    world.run_ms(2_000);
    world.send(address(2), Datagram::LeavePeer);
    world.join(address(2));
    world.run_ms(50);
    let (_, live, left) = world.updates(address(1)).pop().expect("it is told");
    assert_eq!((live, left), (vec![address(2)], vec![]));
}

#[test]
fn narrow_addresses_are_told_to_those_inside_alone() {
    let inside = [at("127.0.0.1:6001"), at("10.0.0.1:6001"), at("203.0.113.1:6001")];
    let leavers = [at("127.0.0.1:7001"), at("10.0.0.1:7001"), at("203.0.113.1:7001")];
    let mut world = World::new();
    for peer in inside.into_iter().chain(leavers) {
        world.join(peer);
    }
    world.run_ms(1_500);
    for leaver in leavers {
        world.send(leaver, Datagram::LeavePeer);
    }
    world.run_ms(1_500);
    let sees = |receiver: usize| -> [Vec<SocketAddr>; 3] {
        let mut world_acks = world.last_ack(inside[receiver]).peers;
        world_acks.sort();
        let (_, mut live, mut left) = world.updates(inside[receiver]).pop().expect("it is told");
        live.sort();
        left.sort();
        [world_acks, live, left]
    };
    let sorted = |mut addresses: Vec<SocketAddr>| {
        addresses.sort();
        addresses
    };
    let [_, live, left] = sees(0);
    assert_eq!((live, left), (sorted(inside[1..].to_vec()), sorted(leavers.to_vec())));
    let [acknowledged, live, left] = sees(1);
    assert_eq!(acknowledged, []);
    assert_eq!((live, left), (vec![inside[2]], sorted(leavers[1..].to_vec())));
    let [acknowledged, live, left] = sees(2);
    assert_eq!(acknowledged, []);
    assert_eq!((live, left), (vec![], vec![leavers[2]]));
}

#[test]
fn a_step_sends_a_bounded_number_of_updates() {
    let mut world = World::new();
    for number in 0..900 {
        world.join(address(number));
    }
    world.run_ms(5_000);
    world.join(address(1_000));
    let mut steps = 0;
    let end = world.now.instant + Duration::from_millis(100);
    while let Some(at) = world.registry.poll_timeout().filter(|at| *at <= end) {
        world.now.instant = at.max(world.now.instant);
        world.registry.handle_timeout(world.now);
        let mut updates = 0;
        while let Some(output) = world.registry.poll_output() {
            let Output::Transmit { to, bytes } = output else { continue };
            let envelope = Envelope::decode(&bytes).expect("a datagram");
            updates += usize::from(matches!(envelope.datagram, Datagram::UpdatePeers { .. }));
            world.receive(to, &bytes);
        }
        assert!(updates <= UPDATES_PER_STEP);
        steps += usize::from(updates > 0);
    }
    assert!(steps >= 900 / UPDATES_PER_STEP);
    let told = |number: &usize| {
        let updates = world.updates(address(*number));
        updates.last().is_some_and(|(_, live, _)| live.contains(&address(1_000)))
    };
    assert_eq!((0..900).filter(told).count(), 900, "all are told within 100 ms");
}

#[test]
fn in_a_large_network_those_a_newcomer_is_told_of_are_told_of_it() {
    let mut world = World::new();
    for number in 0..2 * SMALL_NETWORK_MAX {
        world.join(address(number));
    }
    world.run_ms(15_000);
    world.forget_received();
    let newcomer = address(100_000);
    world.join(newcomer);
    world.run_ms(1_100);
    let (_, live, _) = world.updates(newcomer).remove(0);
    assert_eq!(live.len(), PEERS_MAX);
    for other in live {
        let updates = world.updates(other);
        assert!(updates.iter().any(|(_, live, _)| live.contains(&newcomer)), "{other}");
    }
    let told: usize = (0..2 * SMALL_NETWORK_MAX)
        .filter(|number| {
            let updates = world.updates(address(*number));
            updates.iter().any(|(_, live, _)| live.contains(&newcomer))
        })
        .count();
    assert!(told < SMALL_NETWORK_MAX, "{told} were told, which a large network can't afford");
    world.run_ms(11_000);
    let listed = (0..2 * SMALL_NETWORK_MAX).filter(|number| {
        let updates = world.updates(address(*number));
        updates.iter().any(|(_, live, _)| live.contains(&newcomer))
    });
    assert_eq!(listed.count(), 2 * SMALL_NETWORK_MAX, "the repetition tells the others");
}
