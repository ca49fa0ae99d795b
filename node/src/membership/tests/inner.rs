//! Peers behind the same router.

use protocol::datagram::{BehindRouter, Datagram, INNER_OF_PEER_MAX};

use super::super::inner::{BEHIND_MAX, INNER_PROBES_MAX};
use super::*;
use crate::own_addresses::{InterfaceAddress, OwnAddresses};

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// At which a tracker sees this peer.
fn seen_as() -> SocketAddr {
    at("203.0.113.7:40001")
}

fn own(addresses: &[&str]) -> OwnAddresses {
    let interface =
        |text: &&str| InterfaceAddress { ip: at(&format!("{text}:0")).ip(), prefix: 24 };
    OwnAddresses {
        port: 1,
        interfaces: addresses.iter().map(interface).collect(),
        announces: false,
    }
}

fn registered(seen_as: SocketAddr, peers: Vec<SocketAddr>) -> Datagram {
    let (election, ballot_bytes, heartbeat_ms) = (ELECTION, 1, 1_000);
    Datagram::RegisterAck(RegisterAck { seen_as, election, ballot_bytes, heartbeat_ms, peers })
}

fn behind(outer: &str, inner: &[&str]) -> BehindRouter {
    BehindRouter { outer: at(outer), inner: inner.iter().map(|text| at(text)).collect() }
}

fn told(peers: Vec<BehindRouter>) -> Datagram {
    Datagram::InnerAddresses { peers }
}

impl World {
    /// A peer whose tracker sees it there.
    fn registered(own: OwnAddresses, seen_as: SocketAddr) -> Self {
        let mut world = Self::new();
        world.add(1, Some(TRACKER), &[]);
        let now = world.time();
        world.peer(1).set_own_addresses(own, now);
        world.by_tracker(registered(seen_as, vec![]));
        world
    }

    fn by_tracker(&mut self, datagram: Datagram) -> Disposition {
        self.say(address(TRACKER), 1, datagram, true)
    }

    /// What it names at each of so many POKEs of its tracker, a second apart.
    fn named(&mut self, pokes: u64) -> Vec<(u64, Vec<BehindRouter>)> {
        let mut named = vec![];
        for number in 0..pokes {
            self.sent_away.clear();
            self.by_tracker(Datagram::Poke { nonce: number, status: None });
            for (to, envelope) in &self.sent_away {
                if let Datagram::InnerAddresses { peers } = &envelope.datagram {
                    assert_eq!(*to, address(TRACKER));
                    named.push((number, peers.clone()));
                }
            }
            self.run(Duration::from_secs(1));
        }
        named
    }

    fn is_probed(&mut self, text: &str) -> bool {
        self.peer(1).is_probed(&at(text))
    }
}

#[test]
fn who_is_behind_a_router_names_its_inner_addresses_and_repeats_it_seldom() {
    let addresses = ["192.168.7.2", "fd00::2", "fe80::2", "169.254.3.3", "203.0.113.99"];
    let bracketed = addresses.map(|text| match text.contains(':') {
        true => format!("[{text}]"),
        false => text.to_owned(),
    });
    let bracketed: Vec<_> = bracketed.iter().map(String::as_str).collect();
    let mut world = World::registered(own(&bracketed), seen_as());
    let expected = vec![behind("203.0.113.7:40001", &["192.168.7.2:1", "[fd00::2]:1"])];
    let named = world.named(25);
    assert_eq!(named.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 1, 11, 21]);
    assert!(named.iter().all(|(_, peers)| *peers == expected), "{named:?}");

    let now = world.time();
    world.peer(1).set_own_addresses(own(&["192.168.7.9"]), now);
    let expected = vec![behind("203.0.113.7:40001", &["192.168.7.9:1"])];
    assert_eq!(world.named(1), [(0, expected)], "at once when they change");
}

#[test]
fn who_is_seen_at_its_own_address_names_nothing_and_takes_nothing() {
    let mut world = World::registered(own(&["203.0.113.7", "192.168.7.2"]), seen_as());
    assert_eq!(world.named(3), []);
    let mate = || told(vec![behind("203.0.113.7:40002", &["192.168.7.3:6001"])]);
    let refused = Disposition::Dropped(DropReason::Unexpected);
    assert_eq!(world.by_tracker(mate()), refused);
    assert!(!world.is_probed("192.168.7.3:6001"));

    let mut world = World::registered(own(&["192.168.7.2"]), seen_as());
    assert_eq!(world.say(at("192.168.7.5:1"), 1, mate(), true), refused, "it is no tracker");
    assert_eq!(world.by_tracker(mate()), Disposition::Handled);
    assert!(world.is_probed("192.168.7.3:6001"));
}

#[test]
fn only_inner_addresses_are_taken_and_not_the_own_one() {
    let mut world = World::registered(own(&["192.168.7.2"]), seen_as());
    let bad = ["127.0.0.1:1", "8.8.8.8:53", "192.168.7.2:1", "[fe80::1]:1", "10.255.255.255:0"];
    let good = ["192.168.7.3:1", "10.1.2.3:6001"];
    let inner: Vec<_> = bad[..4].iter().chain(&bad[4..]).chain(&good).copied().collect();
    assert!(inner.len() <= INNER_OF_PEER_MAX);
    world.by_tracker(told(vec![behind("203.0.113.7:40002", &inner)]));
    for address in bad {
        assert!(!world.is_probed(address), "{address}");
    }
    for address in good {
        assert!(world.is_probed(address), "{address}");
    }
}

#[test]
fn a_peer_that_is_met_by_both_addresses_is_one_neighbour() {
    let mut world = World::registered(own(&["192.168.7.2"]), seen_as());
    let (outer, inner) = (at("203.0.113.7:40002"), at("192.168.7.3:6001"));
    let poke = || Datagram::Poke { nonce: 3, status: None };
    // The router leads back in what is sent to the outer address, and that was faster.
    world.say(outer, 1, poke(), true);
    let mate = || told(vec![behind("203.0.113.7:40002", &["192.168.7.3:6001"])]);
    world.by_tracker(mate());
    world.say(inner, 1, poke(), true);
    assert_eq!(world.peer(1).addresses(), [inner]);
    let is_told = |output: &Output| {
        let reason = LeaveReason::MetInside(inner);
        matches!(output, Output::Left { address, reason: why, .. } if *address == outer && *why == reason)
    };
    assert!(world.was_told(1, is_told));

    let refused = Disposition::Dropped(DropReason::MetInside);
    assert_eq!(world.say(outer, 1, poke(), true), refused);
    world.by_tracker(Datagram::UpdatePeers { live: vec![outer], left: vec![] });
    assert!(!world.peer(1).is_probed(&outer));

    // Once the inner one is gone, the outer one may be tried again.
    world.say(inner, 1, Datagram::LeavePeer, true);
    world.say(outer, 1, poke(), true);
    assert_eq!(world.peer(1).addresses(), [outer]);
    // Told again, it stays until the inner one answers.
    world.run(Duration::from_secs(1));
    world.by_tracker(mate());
    assert_eq!(world.peer(1).addresses(), [outer]);
}

#[test]
fn an_inner_address_that_two_peers_have_tells_nothing_about_either() {
    let mut world = World::registered(own(&["192.168.7.2"]), seen_as());
    let shared = &["192.168.7.3:6001"];
    let peers = vec![behind("203.0.113.7:40002", shared), behind("203.0.113.7:40003", shared)];
    world.by_tracker(told(peers));
    let poke = || Datagram::Poke { nonce: 3, status: None };
    world.say(at("192.168.7.3:6001"), 1, poke(), true);
    world.say(at("203.0.113.7:40002"), 1, poke(), true);
    world.say(at("203.0.113.7:40003"), 1, poke(), true);
    assert_eq!(world.peer(1).neighbour_count(), 3);
}

#[test]
fn who_does_not_answer_by_any_address_is_told_with_all_of_them() {
    let mut world = World::registered(own(&["192.168.7.2"]), seen_as());
    let outer = at("203.0.113.7:40002");
    world.by_tracker(registered(seen_as(), vec![outer]));
    world.by_tracker(told(vec![behind("203.0.113.7:40002", &["192.168.7.3:6001"])]));
    world.run(Duration::from_secs(5));
    let inner = vec![at("192.168.7.3:6001")];
    let peer = Named { name: None, address: outer };
    let silent = Event::PeerSilent { peer, inner };
    let is_told = |output: &Output| matches!(output, Output::Event(event) if *event == silent);
    assert!(world.was_told(1, is_told));
}

#[test]
fn the_inner_addresses_of_so_many_peers_are_kept() {
    let mut world = World::registered(own(&["192.168.7.2"]), seen_as());
    let outer = |number: u16| SocketAddr::new(seen_as().ip(), 41_000 + number);
    let many = u16::try_from(BEHIND_MAX).expect("small") + 1;
    let peers = (0..many)
        .map(|number| BehindRouter { outer: outer(number), inner: vec![at("192.168.7.9:1")] });
    // More than one datagram holds.
    let (now, peers) = (world.time(), peers.collect());
    world.peer(1).handle_inner_addresses(address(TRACKER), peers, now);
    let inner = &world.peer(1).inner;
    assert_eq!(inner.of(&outer(many - 2)).len(), 1);
    assert_eq!(inner.of(&outer(many - 1)).len(), 0);
    inner.check_invariants();
}

/// A tracker that names others each time, as fast as it can.
#[test]
fn a_tracker_that_hurries_makes_a_peer_probe_no_more_than_one_that_does_not() {
    let mut world = World::registered(own(&["192.168.7.2"]), seen_as());
    let mut dropped = 0;
    let mut named = 0..;
    let mut told_in = |world: &mut World, tenths: u32| {
        for tenth in 0..tenths {
            if tenth % 10 == 0 {
                world.by_tracker(Datagram::Poke { nonce: 1, status: None });
            }
            let inner = |number: u16| {
                let [high, low] = number.to_be_bytes();
                SocketAddr::from(([10, 9, high, low], 1))
            };
            let mut peer = |outer: u16| BehindRouter {
                outer: SocketAddr::new(seen_as().ip(), 41_000 + outer),
                inner: named.by_ref().take(8).map(inner).collect(),
            };
            let peers = vec![peer(1), peer(2)];
            let disposition = world.by_tracker(told(peers));
            dropped += usize::from(disposition != Disposition::Handled);
            world.run(Duration::from_millis(100));
        }
        let probed: BTreeSet<_> = world.sent_away.iter().map(|(to, _)| *to).collect();
        let probed = probed.iter().filter(|to| to.ip().to_string().starts_with("10.9."));
        (probed.count(), dropped)
    };
    let most = |seconds: u32| (INNER_PROBES_MAX + seconds * 16 / 10 + 1) as usize;
    let (probed, dropped) = told_in(&mut world, 20);
    assert!((32..=most(2)).contains(&probed), "{probed} in two seconds");
    assert_eq!(dropped, 17, "it is listened to every 0.8 s");
    let (probed, _) = told_in(&mut world, 580);
    assert!((100..=most(60)).contains(&probed), "{probed} in a minute");
    let pokes = world.sent_away.iter().filter(|(to, _)| to.ip().to_string().starts_with("10.9."));
    assert!(pokes.count() <= most(60) * 5);
    let is_poke = |sent: &&Envelope| matches!(sent.datagram, Datagram::Poke { status: None, .. });
    let mut sizes = world.sent_away.iter().map(|(_, sent)| sent).filter(is_poke);
    assert!(sizes.all(|sent| sent.encode().len() <= 64));
}
