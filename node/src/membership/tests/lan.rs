//! Meeting by announcements on the local network.

use protocol::datagram::Datagram;

use super::super::probes::ANNOUNCED_MAX;
use super::*;
use crate::own_addresses::{InterfaceAddress, OwnAddresses};

fn own(port: u16) -> OwnAddresses {
    let interfaces = vec![InterfaceAddress { ip: address(port).ip(), prefix: 24 }];
    OwnAddresses { port, interfaces, announces: true }
}

fn announcement(port: u16) -> Envelope {
    Envelope {
        election: ElectionPrefix::from(&ELECTION),
        receiver_token: Token::NONE,
        sender_token: Token::NONE,
        datagram: Datagram::Announce { port },
    }
}

impl World {
    fn add_on_link(&mut self, port: u16) {
        self.add(port, None, &[]);
        let now = self.time();
        self.peer(port).set_own_addresses(own(port), now);
    }

    fn announcements(&self, port: u16) -> usize {
        let announced = |(at, output): &&(SocketAddr, Output)| {
            *at == address(port) && matches!(output, Output::Announce { .. })
        };
        self.told.iter().filter(announced).count()
    }
}

#[test]
fn peers_that_know_nobody_meet_at_once_whoever_starts_first() {
    let mut world = World::new();
    world.add_on_link(1);
    world.run(Duration::from_secs(60));
    world.add_on_link(2);
    world.run(Duration::from_millis(10));
    assert_eq!(world.peer(1).addresses(), [address(2)]);
    assert_eq!(world.peer(2).addresses(), [address(1)]);
    (3..=9).for_each(|port| world.add_on_link(port));
    world.run(Duration::from_secs(2));
    for port in 1..=9 {
        assert_eq!(world.peer(port).neighbour_count(), 8, "peer {port}");
    }
}

#[test]
fn a_peer_announces_itself_at_growing_pauses_and_anew_when_its_addresses_change() {
    let mut world = World::new();
    world.add_on_link(1);
    world.run(Duration::from_millis(1));
    assert_eq!(world.announcements(1), 1);
    world.run(Duration::from_secs(2));
    assert_eq!(world.announcements(1), 3, "after half a second and a second");
    world.run(Duration::from_secs(58));
    let count = world.announcements(1);
    assert!((8..=12).contains(&count), "{count} announcements in a minute");

    // The same addresses are no change.
    let now = world.time();
    world.peer(1).set_own_addresses(own(1), now);
    world.run(Duration::from_millis(1));
    assert_eq!(world.announcements(1), count);
    let mut changed = own(1);
    changed.interfaces[0].ip = SocketAddr::from(([10, 0, 0, 7], 0)).ip();
    let now = world.time();
    world.peer(1).set_own_addresses(changed.clone(), now);
    world.run(Duration::from_millis(800));
    assert_eq!(world.announcements(1), count + 2);

    changed.announces = false;
    let now = world.time();
    world.peer(1).set_own_addresses(changed, now);
    world.run(Duration::from_secs(60));
    assert_eq!(world.announcements(1), count + 2);
}

#[test]
fn what_is_no_announcement_of_this_election_on_this_link_has_no_effect() {
    let mut world = World::new();
    world.add_on_link(1);
    world.run(Duration::from_secs(1));
    let (now, peer) = (world.time(), world.peer(1));
    let far = SocketAddr::from(([10, 0, 1, 1], 6_487));
    let other = Envelope { election: ElectionPrefix([7; 8]), ..announcement(2) };
    let poke = Datagram::Poke { nonce: 1, status: None };
    let poke = Envelope { datagram: poke, ..announcement(2) };
    for (from, envelope, reason) in [
        (far, announcement(2), DropReason::AnnouncementFromAfar),
        (address(9), other, DropReason::OtherAnnouncement),
        (address(9), poke, DropReason::NoAnnouncement),
    ] {
        assert_eq!(peer.handle_announcement(from, &envelope, now), Err(reason));
    }
    // Its own one comes back.
    assert_eq!(peer.handle_announcement(address(1), &announcement(1), now), Ok(()));
    for port in [1, 2] {
        assert!(!peer.is_probed(&address(port)));
    }
    assert_eq!(peer.handle_announcement(address(2), &announcement(2), now), Ok(()));
    assert!(peer.is_probed(&address(2)));

    // At the peer's own address an announcement is nothing.
    let sent = world.say(address(3), 1, Datagram::RegisterPeer, true);
    assert_eq!(sent, Disposition::Dropped(DropReason::Unexpected));
    let (now, peer) = (world.time(), world.peer(1));
    let receiver_token = peer.issue_token(address(3));
    let envelope = Envelope { receiver_token, ..announcement(3) };
    let sent = peer.handle_datagram(address(3), envelope, 31, now);
    assert_eq!(sent, Disposition::Dropped(DropReason::Unexpected));
    assert!(!world.peer(1).is_probed(&address(3)));
}

#[test]
fn link_local_addresses_are_met_and_neither_passed_on_nor_remembered() {
    let on_link: SocketAddr = "[fe80::9%3]:6001".parse().expect("an address");
    let mut world = World::new();
    world.add_on_link(1);
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(2));
    let now = world.time();
    let heard = SocketAddr::new(on_link.ip(), 6_487);
    let without_link = world.peer(1).handle_announcement(heard, &announcement(6_001), now);
    assert_eq!(without_link, Err(DropReason::AnnouncementFromAfar), "which link was that?");
    let heard: SocketAddr = "[fe80::9%3]:6487".parse().expect("an address");
    assert_eq!(world.peer(1).handle_announcement(heard, &announcement(6_001), now), Ok(()));
    world.say(on_link, 1, Datagram::Poke { nonce: 3, status: None }, true);
    assert!(world.peer(1).is_neighbour(&on_link));
    world.sent_away.clear();
    world.run(Duration::from_secs(40));
    world.say(on_link, 1, Datagram::LeavePeer, true);
    world.run(Duration::from_secs(40));
    assert!(!world.peer(2).is_probed(&on_link) && !world.peer(2).is_neighbour(&on_link));
    for (_, output) in &world.told {
        if let Output::Remember(addresses) = output {
            assert!(!addresses.contains(&on_link));
        }
    }
}

#[test]
fn one_link_has_so_many_hints_under_way_and_no_more() {
    let mut world = World::new();
    world.add_on_link(1);
    world.run(Duration::from_millis(1));
    let now = world.time();
    let from = |number: usize| {
        let number = u8::try_from(number).expect("small");
        SocketAddr::from(([10, 0, 0, 100 + number], 6_487))
    };
    for number in 0..=ANNOUNCED_MAX {
        let heard = world.peer(1).handle_announcement(from(number), &announcement(6_001), now);
        let is_last = number == ANNOUNCED_MAX;
        let expected = if is_last { Err(DropReason::AnnouncementTooMany) } else { Ok(()) };
        assert_eq!(heard, expected, "{number}");
    }
    let probed = |number: usize| {
        let mut address = from(number);
        address.set_port(6_001);
        address
    };
    let last = ANNOUNCED_MAX - 1;
    assert!(world.peer(1).is_probed(&probed(last)));
    assert!(!world.peer(1).is_probed(&probed(last + 1)));
    world.run(Duration::from_secs(60));
    assert!(!world.peer(1).is_probed(&probed(last)), "nobody answers");
    let pokes = world.sent_away.len();
    assert_eq!(pokes, ANNOUNCED_MAX * 5);
}

/// Everybody hears them, from sources and ports that nobody is at.
#[test]
fn peers_meet_while_somebody_announces_what_is_not_there() {
    for (per_second, sources) in [(5, 66), (100, 1), (100, 200), (250, 200)] {
        let mut world = World::new();
        let (mut forged, mut met_after) = (0_u32, None);
        for tick in 0..400_u32 {
            match tick {
                0 => world.add_on_link(1),
                200 => world.add_on_link(2),
                _ => {}
            }
            while forged * 20 < (tick + 1) * per_second {
                forged += 1;
                let [low, high, ..] = (forged / sources).to_le_bytes();
                let source = 10 + u8::try_from(forged % sources).expect("at most 200");
                let port = 1_000 + u16::from_le_bytes([low, high]) % 60_000;
                let from = SocketAddr::from(([10, 0, 0, source], 6_487));
                for peer in [1, 2].into_iter().filter(|peer| *peer == 1 || tick >= 200) {
                    let now = world.time();
                    let _ = world.peer(peer).handle_announcement(from, &announcement(port), now);
                }
            }
            world.run(Duration::from_millis(50));
            let peers = [(1, 2), (2, 1)];
            if tick >= 200 && peers.iter().all(|(a, b)| world.peer(*a).is_neighbour(&address(*b))) {
                met_after.get_or_insert(tick - 199);
            }
        }
        let met_after = met_after.unwrap_or_else(|| panic!("{per_second} a second: never"));
        assert!(met_after <= 40, "{per_second} a second from {sources}: after {met_after} × 50 ms");
        let seconds = 20;
        let pokes = world.sent_away.len();
        assert!(pokes <= 2 * seconds * 256 + 2 * ANNOUNCED_MAX, "{pokes} POKEs");
    }
}

#[test]
fn a_peer_that_is_cut_off_or_leaves_announces_nothing() {
    let mut world = World::new();
    world.add_on_link(1);
    world.run(Duration::from_secs(2));
    let now = world.time();
    world.peer(1).set_partitioned(true, now);
    let before = world.announcements(1);
    world.run(Duration::from_secs(30));
    let now = world.time();
    let heard = world.peer(1).handle_announcement(address(9), &announcement(2), now);
    assert_eq!((heard, world.announcements(1)), (Err(DropReason::Partitioned), before));
    world.peer(1).set_partitioned(false, now);
    world.run(Duration::from_secs(12));
    let after = world.announcements(1);
    assert!(after > before);
    let now = world.time();
    world.peer(1).start_leaving(now);
    world.peer(1).set_own_addresses(OwnAddresses { port: 2, ..own(1) }, now);
    world.run(Duration::from_secs(30));
    assert_eq!(world.announcements(1), after);
}
