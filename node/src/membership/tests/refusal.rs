//! Trackers that serve another election.

use super::trackers::{
    OTHER_TRACKER, ack, named, registered, silent_told, told_silent, with_two_trackers,
};
use super::*;

fn other_election_from(world: &mut World, from: u16) {
    let now = world.time();
    let receiver = world.peer(1);
    let receiver_token = receiver.issue_token(address(from));
    let election = ElectionPrefix([8; 8]);
    let datagram = ack(&[]);
    let envelope = Envelope { election, receiver_token, sender_token: Token([5; 8]), datagram };
    receiver.handle_datagram(address(from), envelope, 100, now);
    world.deliver();
}

/// Lets time pass, while trackers at some ports serve this election and at others another one.
fn run_elections(world: &mut World, seconds: u64, right: &[u16], wrong: &[u16]) {
    for _ in 0..seconds * 10 {
        world.run(Duration::from_millis(100));
        for (to, sent) in std::mem::take(&mut world.sent_away) {
            if sent.datagram == Datagram::RegisterPeer && right.contains(&to.port()) {
                world.say(to, 1, ack(&[]), true);
            }
            if sent.datagram == Datagram::RegisterPeer && wrong.contains(&to.port()) {
                other_election_from(world, to.port());
            }
        }
    }
}

fn is_ended(world: &World) -> bool {
    world.was_told(1, |output| matches!(output, Output::Refused { .. }))
}

fn refusals_told(world: &World) -> usize {
    let refused = |(_, output): &&(SocketAddr, Output)| {
        matches!(output, Output::Event(Event::TrackerRefused { .. }))
    };
    world.told.iter().filter(refused).count()
}

#[test]
fn a_node_is_refused_only_when_whoever_answers_serves_another_election() {
    let name = || vec![named("tracker.test:5000", &[TRACKER, OTHER_TRACKER, 5_002])];
    let ports = [TRACKER, OTHER_TRACKER, 5_002];
    for right in ports {
        let wrong: Vec<_> = ports.into_iter().filter(|port| *port != right).collect();
        let mut world = World::new();
        world.add_given(1, name(), vec![]);
        run_elections(&mut world, 4, &[right], &wrong);
        assert_eq!(registered(&mut world), [true], "at {right}");
        assert!(!is_ended(&world));
        // The others don't answer.
        let mut world = World::new();
        world.add_given(1, name(), vec![]);
        run_elections(&mut world, 4, &[], &[right]);
        assert!(!is_ended(&world), "they may answer yet");
        run_elections(&mut world, 8, &[], &[right]);
        assert!(is_ended(&world));
        assert_eq!((refusals_told(&world), told_silent(&world, right)), (1, 0));
    }
    let mut world = World::new();
    world.add_given(1, name(), vec![]);
    run_elections(&mut world, 2, &[], &ports);
    assert!(is_ended(&world));
    assert_eq!((refusals_told(&world), silent_told(&world)), (3, 0));
    // One that is given besides and does not answer is waited for.
    let mut world = with_two_trackers();
    run_elections(&mut world, 20, &[], &[TRACKER]);
    assert!(!is_ended(&world));
    assert_eq!((refusals_told(&world), told_silent(&world, OTHER_TRACKER)), (1, 1));
    run_elections(&mut world, 3, &[], &[TRACKER, OTHER_TRACKER]);
    assert!(is_ended(&world));
}

/// A damaged answer looks like one of another election.
#[test]
fn an_answer_for_another_election_counts_when_it_comes_again() {
    let mut world = World::new();
    world.add_given(1, vec![Given::from(address(TRACKER))], vec![]);
    other_election_from(&mut world, TRACKER);
    assert!(!is_ended(&world) && refusals_told(&world) == 0);
    run_elections(&mut world, 2, &[TRACKER], &[]);
    assert_eq!(registered(&mut world), [true]);
    assert!(!is_ended(&world));
}

#[test]
fn a_neighbour_of_this_election_is_enough_whatever_trackers_serve() {
    let mut world = World::new();
    world.add(3, None, &[]);
    let trackers = vec![Given::from(address(TRACKER))];
    world.add_given(1, trackers.clone(), vec![named("friend.test:6001", &[901, 3])]);
    run_elections(&mut world, 30, &[], &[TRACKER]);
    assert!(!is_ended(&world) && world.peer(1).is_neighbour(&address(3)));
    let mut world = World::new();
    world.add_given(1, trackers, vec![Given::from(address(3))]);
    run_elections(&mut world, 4, &[], &[TRACKER]);
    assert!(!is_ended(&world), "it has time to answer");
    run_elections(&mut world, 2, &[], &[TRACKER]);
    assert!(is_ended(&world));
}

/// Its operator may correct it, and it is asked less often until then.
#[test]
fn a_tracker_that_serves_another_election_is_asked_again_in_half_a_minute() {
    let mut world = World::new();
    world.add(3, None, &[]);
    world.add_given(1, vec![Given::from(address(TRACKER))], vec![Given::from(address(3))]);
    run_elections(&mut world, 40, &[], &[TRACKER]);
    assert_eq!(refusals_told(&world), 1);
    run_elections(&mut world, 31, &[TRACKER], &[]);
    assert_eq!(registered(&mut world), [true]);
}
