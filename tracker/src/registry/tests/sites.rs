//! Who is told of whose inner addresses, and when.

use protocol::datagram::{INNER_ADDRESSES_MAX, INNER_OF_PEER_MAX};

use super::*;

/// A peer behind the router of a site, as the tracker sees it.
fn outer(site: u8, number: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, site], 40_000 + number))
}

fn inner(number: u16) -> SocketAddr {
    let [_, low] = number.to_be_bytes();
    SocketAddr::from(([192, 168, 1, low], 6_001))
}

fn named(outer: SocketAddr, inner: &[SocketAddr]) -> Datagram {
    Datagram::InnerAddresses { peers: vec![BehindRouter { outer, inner: inner.to_vec() }] }
}

impl World {
    fn join_and_name(&mut self, site: u8, number: u16) {
        self.join(outer(site, number));
        self.send(outer(site, number), named(outer(site, number), &[inner(number)]));
    }

    /// What a peer was told last of the inner addresses of others, with when.
    fn told(&self, address: SocketAddr) -> Option<(Duration, Vec<BehindRouter>)> {
        let mut newest_first = self.peers[&address].received.iter().rev();
        newest_first.find_map(|(at, datagram)| match datagram {
            Datagram::InnerAddresses { peers } => Some((*at, peers.clone())),
            _ => None,
        })
    }
}

#[test]
fn two_peers_behind_one_router_are_told_of_each_other_at_once() {
    let mut world = World::new();
    world.join_and_name(1, 1);
    world.run_ms(5_000);
    assert_eq!(world.told(outer(1, 1)), None, "there is nobody else");
    let joined_at = world.elapsed();
    world.join_and_name(1, 2);
    world.run_ms(100);
    let expected =
        |number| vec![BehindRouter { outer: outer(1, number), inner: vec![inner(number)] }];
    let (first_at, of_second) = world.told(outer(1, 1)).expect("it is told");
    let (second_at, of_first) = world.told(outer(1, 2)).expect("it is told");
    assert_eq!((of_first, of_second), (expected(1), expected(2)));
    assert_eq!(first_at, second_at);
    assert!(first_at - joined_at <= UPDATE_DELAY);
}

#[test]
fn they_are_told_again_since_datagrams_get_lost_and_never_faster_than_once_a_second() {
    let mut world = World::new();
    world.join_and_name(1, 1);
    world.join_and_name(1, 2);
    world.run_ms(1_500);
    world.forget_received();
    world.run(UPDATE_REPEAT * 2);
    assert_eq!(world.count(outer(1, 1), "INNER_ADDRESSES"), 2);
    world.forget_received();
    for number in 0..300 {
        world.send(outer(1, 2), named(outer(1, 2), &[inner(100 + number % 2)]));
        world.run_ms(10);
    }
    assert!(world.count(outer(1, 1), "INNER_ADDRESSES") <= 4, "news every 10 ms for 3 s");
}

#[test]
fn nobody_elsewhere_is_told_and_nobody_who_names_none() {
    let mut world = World::new();
    world.join_and_name(1, 1);
    world.join_and_name(2, 2);
    world.join(outer(1, 3));
    let (home, same, other) =
        (at("[2001:db8:0:1::1]:1"), at("[2001:db8:0:1:ffff::2]:1"), at("[2001:db8:0:2::1]:1"));
    for (address, own) in [(home, "[fd00::1]:1"), (same, "[fd00::2]:1"), (other, "[fd00::3]:1")] {
        world.join(address);
        world.send(address, named(address, &[at(own)]));
    }
    world.run_ms(15_000);
    for lonely in [outer(1, 1), outer(2, 2), outer(1, 3), other] {
        assert_eq!(world.told(lonely), None, "{lonely}");
    }
    let (_, told) = world.told(home).expect("the same /64 is the same site");
    assert_eq!(told, [BehindRouter { outer: same, inner: vec![at("[fd00::2]:1")] }]);
}

#[test]
fn what_a_peer_may_not_name_is_counted_and_not_kept() {
    let mut world = World::new();
    world.join_and_name(1, 1);
    world.join(outer(1, 2));
    let one = |address| named(outer(1, 2), &[address]);
    let foreign = BehindRouter { outer: outer(1, 2), inner: vec![inner(2)] };
    let bad = [
        named(outer(1, 1), &[inner(2)]),
        named(outer(1, 2), &[]),
        Datagram::InnerAddresses { peers: vec![] },
        Datagram::InnerAddresses { peers: vec![foreign.clone(), foreign] },
        one(at("127.0.0.1:6001")),
        one(at("169.254.0.1:6001")),
        one(at("8.8.8.8:53")),
        one(at("[fe80::1]:6001")),
        one(at("192.168.1.2:0")),
    ];
    for (number, datagram) in bad.into_iter().enumerate() {
        world.send(outer(1, 2), datagram);
        assert_eq!(world.dropped("unexpected"), number as u64 + 1);
    }
    // A peer that has not answered a poke is not listed.
    world.join_silently(outer(1, 3));
    world.send(outer(1, 3), named(outer(1, 3), &[inner(3)]));
    assert_eq!(world.dropped("unexpected"), 10);
    world.send(outer(1, 2), Datagram::Announce { port: 6_001 });
    world.run_ms(12_000);
    assert_eq!(world.told(outer(1, 1)), None);
}

#[test]
fn who_is_gone_is_not_told_of() {
    let mut world = World::new();
    for number in 1..=3 {
        world.join_and_name(1, number);
    }
    world.run_ms(1_500);
    world.send(outer(1, 2), Datagram::LeavePeer);
    world.peers.get_mut(&outer(1, 3)).expect("it joined").answers = false;
    world.run_ms(5_000);
    world.forget_received();
    world.run_ms(12_000);
    assert_eq!(world.told(outer(1, 1)), None);
}

#[test]
fn one_datagram_has_room_for_so_many_and_everybody_gets_a_turn() {
    let mut world = World::new();
    let all: Vec<_> = (1..=8).map(inner).collect();
    assert_eq!(all.len(), INNER_OF_PEER_MAX);
    for number in 1..=20 {
        world.join(outer(1, number));
        world.send(outer(1, number), named(outer(1, number), &all[..usize::from(number % 8) + 1]));
    }
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..60 {
        world.forget_received();
        world.run(UPDATE_REPEAT);
        let (_, told) = world.told(outer(1, 1)).unwrap_or_else(|| panic!("round {round}"));
        assert!(told.iter().map(|peer| peer.inner.len()).sum::<usize>() <= INNER_ADDRESSES_MAX);
        assert!(told.iter().all(|peer| peer.outer != outer(1, 1)));
        seen.extend(told.into_iter().map(|peer| peer.outer));
    }
    assert_eq!(seen.len(), 19);
}
