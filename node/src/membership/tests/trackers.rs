//! Several trackers, and those that were given by name.

use super::*;

pub(super) const OTHER_TRACKER: u16 = 5_001;

pub(super) fn named(name: &str, ports: &[u16]) -> Given {
    Given { name: Some(name.into()), addresses: ports.iter().copied().map(address).collect() }
}

/// Two trackers that are written to, of which the first `answering` answer from now on.
pub(super) fn with_two_trackers() -> World {
    let mut world = World::new();
    let trackers = [TRACKER, OTHER_TRACKER].map(|port| Given::from(address(port)));
    world.add_given(1, trackers.to_vec(), vec![]);
    world
}

pub(super) fn ack(peers: &[u16]) -> Datagram {
    Datagram::RegisterAck(RegisterAck {
        seen_as: address(1),
        election: ELECTION,
        ballot_bytes: 1,
        heartbeat_ms: 1_000,
        peers: peers.iter().copied().map(address).collect(),
    })
}

/// Lets time pass, while the given trackers answer POKEs and registrations.
fn run_with(world: &mut World, span: Duration, answering: &[u16]) {
    for _ in 0..span.as_millis() / 100 {
        world.run(Duration::from_millis(100));
        for (to, sent) in std::mem::take(&mut world.sent_away) {
            let is_asked = sent.datagram == Datagram::RegisterPeer;
            if is_asked && answering.contains(&to.port()) {
                world.say(to, 1, ack(&[]), true);
            }
        }
        if world.now.duration_since(world.start).as_millis().is_multiple_of(1_000) {
            for port in answering {
                let poke = Datagram::Poke { nonce: 1, status: None };
                world.say(address(*port), 1, poke, true);
            }
        }
    }
}

pub(super) fn registered(world: &mut World) -> Vec<bool> {
    world.peer(1).trackers().iter().map(|tracker| tracker.registered).collect()
}

pub(super) fn told_silent(world: &World, port: u16) -> usize {
    let silent = |(_, output): &&(SocketAddr, Output)| matches!(output, Output::Event(Event::TrackerSilent { tracker }) if tracker.address == address(port));
    world.told.iter().filter(silent).count()
}

#[test]
fn what_each_of_two_trackers_lists_is_tried_and_either_may_die() {
    let mut world = with_two_trackers();
    run_with(&mut world, Duration::from_secs(1), &[TRACKER, OTHER_TRACKER]);
    assert_eq!(registered(&mut world), [true, true]);
    world.say(address(TRACKER), 1, ack(&[900]), true);
    world.say(address(OTHER_TRACKER), 1, ack(&[901]), true);
    assert!(world.peer(1).is_probed(&address(900)) && world.peer(1).is_probed(&address(901)));
    assert_eq!(world.peer(1).lacks_contact(), Some(2), "both are listed and neither answers");

    run_with(&mut world, Duration::from_secs(20), &[OTHER_TRACKER]);
    assert_eq!(registered(&mut world), [false, true]);
    assert_eq!((told_silent(&world, TRACKER), told_silent(&world, OTHER_TRACKER)), (1, 0));

    run_with(&mut world, Duration::from_secs(20), &[TRACKER]);
    assert_eq!(registered(&mut world), [true, false]);
    assert_eq!((told_silent(&world, TRACKER), told_silent(&world, OTHER_TRACKER)), (1, 1));
}

#[test]
fn both_trackers_are_told_of_the_leave() {
    let mut world = with_two_trackers();
    run_with(&mut world, Duration::from_secs(1), &[TRACKER, OTHER_TRACKER]);
    let now = world.time();
    world.peer(1).start_leaving(now);
    world.deliver();
    let left = world.sent_away.iter().filter(|(_, sent)| sent.datagram == Datagram::LeavePeer);
    let mut left: Vec<_> = left.map(|(to, _)| to.port()).collect();
    left.sort_unstable();
    assert_eq!(left, [TRACKER, OTHER_TRACKER]);
    world.say(address(TRACKER), 1, Datagram::LeaveAck, true);
    assert_eq!(world.peer(1).leave_progress(now), LeaveProgress::Waiting);
    world.say(address(OTHER_TRACKER), 1, Datagram::LeaveAck, true);
    assert_eq!(world.peer(1).leave_progress(now), LeaveProgress::Acknowledged);
}

#[test]
fn at_most_eight_trackers_are_used() {
    let mut world = World::new();
    let trackers = (0..9).map(|number| Given::from(address(TRACKER + number))).collect();
    world.add_given(1, trackers, vec![]);
    assert_eq!(world.peer(1).trackers().len(), crate::config::TRACKERS_MAX);
    world.run(Duration::from_secs(1));
    assert!(world.sent_away.iter().all(|(to, _)| to.port() < TRACKER + 8));
}

pub(super) fn looked_up(world: &World) -> Vec<&str> {
    let names = world.told.iter().filter_map(|(_, output)| {
        let Output::LookUp(name) = output else { return None };
        Some(&**name)
    });
    names.collect()
}

#[test]
fn all_addresses_of_a_trackers_name_are_tried_in_turn() {
    let mut world = World::new();
    world.add_given(1, vec![named("tracker.test:5000", &[TRACKER, OTHER_TRACKER])], vec![]);
    world.run(Duration::from_secs(2));
    let tried = |port: u16| world.sent_away.iter().any(|(to, _)| to.port() == port);
    assert!(tried(TRACKER) && tried(OTHER_TRACKER));
    // The answer comes from the one that is not tried at the moment.
    let current = world.peer(1).trackers()[0].address.expect("known");
    let other = if current == address(TRACKER) { OTHER_TRACKER } else { TRACKER };
    world.say(address(other), 1, ack(&[]), true);
    let view = world.peer(1).trackers().swap_remove(0);
    assert_eq!((view.address, view.registered), (Some(address(other)), true));
    // While it answers there, the other address has nothing to say.
    let disposition = world.say(current, 1, ack(&[900]), true);
    assert_eq!(disposition, Disposition::Dropped(DropReason::Unexpected));
    assert!(!world.peer(1).is_probed(&address(900)));
}

#[test]
fn a_name_that_moved_is_looked_up_again_and_its_new_address_is_registered_with() {
    let mut world = World::new();
    world.add_given(1, vec![named("tracker.test:5000", &[TRACKER])], vec![]);
    run_with(&mut world, Duration::from_secs(10), &[TRACKER]);
    assert!(looked_up(&world).is_empty(), "it answers");
    run_with(&mut world, Duration::from_secs(4), &[]);
    assert_eq!(looked_up(&world), ["tracker.test:5000"]);
    let now = world.time();
    world.peer(1).handle_looked_up("tracker.test:5000", Ok(vec![address(OTHER_TRACKER)]), now);
    run_with(&mut world, Duration::from_secs(1), &[OTHER_TRACKER]);
    assert_eq!(registered(&mut world), [true]);
    let told_registered = |(_, output): &&(SocketAddr, Output)| matches!(output, Output::Event(Event::Registered { tracker, .. }) if tracker.address == address(OTHER_TRACKER));
    assert_eq!(world.told.iter().filter(told_registered).count(), 1);
    let found = |output: &Output| matches!(output, Output::Event(Event::NameFound { addresses, .. }) if *addresses == [address(OTHER_TRACKER)]);
    assert!(world.was_told(1, found));
}

#[test]
fn an_unknown_name_is_told_once_and_looked_up_on() {
    let mut world = World::new();
    let neighbour = named("friend.test:6001", &[]);
    world.add_given(1, vec![named("tracker.test:5000", &[])], vec![neighbour]);
    assert_eq!(world.peer(1).lacks_contact(), Some(1));
    for _ in 0..60 {
        world.run(Duration::from_secs(1));
        let now = world.time();
        for name in ["tracker.test:5000", "friend.test:6001"] {
            world.peer(1).handle_looked_up(name, Err("no name server".into()), now);
        }
        world.deliver();
    }
    let is_unknown = |(_, output): &&(SocketAddr, Output)| {
        matches!(output, Output::Event(Event::NameUnknown { .. }))
    };
    assert_eq!(world.told.iter().filter(is_unknown).count(), 2);
    assert!(looked_up(&world).len() >= 6);
    assert!(world.sent_away.is_empty());
    world.add(2, None, &[]);
    let now = world.time();
    world.peer(1).handle_looked_up("friend.test:6001", Ok(vec![address(2)]), now);
    world.run(Duration::from_secs(3));
    assert!(world.peer(1).is_neighbour(&address(2)));
}

#[test]
fn an_address_that_went_away_is_told_and_everybody_is_written_to_when_it_is_back() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(3));
    let away = world.peers.remove(&address(1)).expect("a peer");
    world.run(Duration::from_secs(60));
    let now = world.time();
    world.peer(2).handle_own_address(address(2), false, now);
    world.peer(2).handle_own_address(address(2), false, now);
    assert_eq!(world.peer(2).gone_addresses().collect::<Vec<_>>(), [address(2)]);
    world.peers.insert(address(1), away);
    world.peer(2).handle_own_address(address(2), true, now);
    world.deliver();
    world.run(Duration::from_millis(10));
    assert!(world.peer(2).is_neighbour(&address(1)), "it waits for no timer");
    assert_eq!(world.peer(2).gone_addresses().count(), 0);
    let told = |(_, output): &&(SocketAddr, Output)| {
        matches!(output, Output::Event(Event::OwnAddress { .. }))
    };
    assert_eq!(world.told.iter().filter(told).count(), 2);
}

/// Whoever is seen on one IP version is told of peers on the same one.
#[test]
fn peers_are_introduced_to_those_of_their_own_ip_version() {
    let mut world = World::new();
    let newer = |port: u16| SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, 1], port));
    world.add(1, None, &[]);
    for from in [address(2), address(3), newer(2), newer(3)] {
        world.say(from, 1, Datagram::Poke { nonce: 1, status: None }, true);
    }
    world.run(Duration::from_secs(2));
    let mut told = 0;
    for (to, sent) in &world.sent_away {
        if let Datagram::UpdatePeers { live, .. } = &sent.datagram {
            assert!(live.iter().all(|live| live.is_ipv4() == to.is_ipv4()), "{live:?} to {to}");
            told += live.len();
        }
    }
    assert!(told >= 4);
}

/// As a real tracker does: it answers a REGISTER_PEER without its token by a RETRY, and within the same moment.
#[test]
fn a_tracker_at_the_second_address_of_its_name_is_registered_with_in_two_round_trips() {
    let mut world = World::new();
    world.add_given(1, vec![named("tracker.example:5000", &[901, TRACKER])], vec![]);
    for _ in 0..20 {
        world.run(Duration::from_millis(100));
        while let Some((to, sent)) = world.sent_away.pop() {
            let is_asked = to == address(TRACKER) && sent.datagram == Datagram::RegisterPeer;
            if is_asked && sent.receiver_token == Token::NONE {
                world.say(to, 1, Datagram::Retry, true);
            } else if is_asked {
                world.say(to, 1, ack(&[]), true);
            }
        }
    }
    assert_eq!(registered(&mut world), [true]);
}

pub(super) fn silent_told(world: &World) -> usize {
    let silent = |(_, output): &&(SocketAddr, Output)| {
        matches!(output, Output::Event(Event::TrackerSilent { .. }))
    };
    world.told.iter().filter(silent).count()
}

#[test]
fn two_trackers_that_stand_for_one_address_are_one_and_both_are_told_as_it_is() {
    let plain = Given::from(address(TRACKER));
    let one_name = named("one.test:5000", &[TRACKER]);
    let other_name = named("other.test:5000", &[901, TRACKER]);
    for given in [
        vec![plain.clone(), plain.clone()],
        vec![plain.clone(), one_name.clone()],
        vec![one_name.clone(), plain.clone()],
        vec![one_name, other_name.clone()],
        vec![other_name, plain],
    ] {
        let mut world = World::new();
        world.add_given(1, given, vec![]);
        run_with(&mut world, Duration::from_secs(30), &[TRACKER]);
        let of_tracker = |world: &mut World| {
            let trackers = world.peer(1).trackers().into_iter();
            let at_it = trackers.filter(|each| each.address == Some(address(TRACKER)));
            at_it.map(|each| each.registered).collect::<Vec<_>>()
        };
        let all = of_tracker(&mut world);
        assert!(!all.is_empty() && all.iter().all(|registered| *registered), "{all:?}");
        assert_eq!(told_silent(&world, TRACKER), 0);
        run_with(&mut world, Duration::from_secs(20), &[]);
        assert!(of_tracker(&mut world).iter().all(|registered| !registered));
        assert!(silent_told(&world) >= 1);
        run_with(&mut world, Duration::from_secs(20), &[TRACKER]);
        assert!(of_tracker(&mut world).iter().all(|registered| *registered));
    }
}

/// One is given plainly where nobody is, and the other's name stands for that address first.
#[test]
fn a_tracker_that_shares_an_address_is_tried_at_its_others() {
    let mut world = World::new();
    let trackers = vec![Given::from(address(901)), named("tracker.test:5000", &[901, TRACKER])];
    world.add_given(1, trackers, vec![]);
    run_with(&mut world, Duration::from_secs(10), &[TRACKER]);
    assert_eq!(registered(&mut world), [false, true]);
}
