//! Whether anybody answers, and who does not.

use super::*;

#[test]
fn a_tracker_that_lists_nobody_is_company_and_one_that_lists_who_is_silent_is_not() {
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[]);
    assert_eq!(world.peer(1).lacks_contact(), Some(0), "the tracker did not answer yet");
    let ack = |peers: &[u16]| {
        Datagram::RegisterAck(RegisterAck {
            seen_as: address(1),
            election: ELECTION,
            ballot_bytes: 1,
            heartbeat_ms: 60_000,
            peers: peers.iter().map(|port| address(*port)).collect(),
        })
    };
    world.say(address(TRACKER), 1, ack(&[1]), true);
    assert_eq!(world.peer(1).lacks_contact(), None, "it lists this peer alone");
    world.say(address(TRACKER), 1, ack(&[1, 900, 901]), true);
    assert_eq!(world.peer(1).lacks_contact(), Some(2));
    let silent = |world: &World| {
        let silent = world.told.iter().filter_map(|(_, output)| {
            let Output::Event(Event::PeerSilent { peer: Named { address, .. }, .. }) = output
            else {
                return None;
            };
            Some(address.port())
        });
        silent.collect::<Vec<_>>()
    };
    let nobody = |world: &World| {
        let told = world.told.iter().map(|(_, output)| output);
        told.filter(|output| matches!(output, Output::Event(Event::NoContact { others: 2 })))
            .count()
    };
    world.run(Duration::from_secs(3));
    assert!(silent(&world).is_empty(), "they had no time to answer");
    world.run(Duration::from_secs(2));
    assert_eq!(silent(&world), [900, 901]);
    assert_eq!(nobody(&world), 1, "it is said once that both are silent");
    // The hints are forgotten and given again, which is no news.
    world.run(Duration::from_secs(20));
    world.say(address(TRACKER), 1, ack(&[900, 901]), true);
    world.run(Duration::from_secs(10));
    assert_eq!(silent(&world), [900, 901]);
    assert_eq!(nobody(&world), 1);
    let update = Datagram::UpdatePeers { live: vec![address(1)], left: vec![address(900)] };
    world.say(address(TRACKER), 1, update, true);
    assert_eq!(world.peer(1).lacks_contact(), None, "they are not listed any more");
}

#[test]
fn who_never_answered_is_no_contact() {
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[]);
    let stranger = address(77);
    world.say(stranger, 1, Datagram::Poke { nonce: 1, status: None }, true);
    assert_eq!(world.peer(1).neighbour_count(), 1);
    assert_eq!(world.peer(1).lacks_contact(), Some(0), "it only asked");
    world.add(2, None, &[1]);
    world.run(Duration::from_millis(100));
    assert_eq!(world.peer(1).lacks_contact(), None);
}

#[test]
fn whom_a_tracker_listed_that_is_gone_is_not_told_of_for_ever() {
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[]);
    let ack = RegisterAck {
        seen_as: address(1),
        election: ELECTION,
        ballot_bytes: 1,
        heartbeat_ms: 1_000,
        peers: vec![address(900), address(901)],
    };
    world.say(address(TRACKER), 1, Datagram::RegisterAck(ack), true);
    assert_eq!(world.peer(1).lacks_contact(), Some(2));
    world.run(Duration::from_secs(60));
    assert_eq!(world.peer(1).lacks_contact(), Some(0), "nobody is known to be there");
}
