//! How addresses become neighbours, and what is said to those that are none.

use super::*;

#[test]
fn peers_that_know_one_of_them_all_meet_and_hear_each_others_tips() {
    let mut world = World::new();
    world.add(1, None, &[]);
    (2..=4).for_each(|port| world.add(port, None, &[1]));
    let hash = BlockHash([7; 32]);
    world.peer(4).set_tip(Height(8), hash, Work(9));
    world.run(Duration::from_secs(3));
    for port in 1..=4 {
        assert_eq!(world.peer(port).neighbour_count(), 3, "peer {port}");
    }
    let heard = |output: &Output| matches!(output, Output::Status { from, status } if *from == address(4) && status.tip == hash);
    assert!(world.was_told(2, heard));
}

#[test]
fn without_a_token_a_datagram_draws_one_retry_and_makes_no_state() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(2));
    let victim = address(77);
    for datagram in [
        Datagram::Poke { nonce: 1, status: None },
        Datagram::UpdatePeers { live: vec![address(9)], left: vec![] },
        Datagram::RequestBallot { offset: 0 },
        Datagram::LeavePeer,
    ] {
        world.sent_away.clear();
        let disposition = world.say(victim, 1, datagram, false);
        assert_eq!(disposition, Disposition::Dropped(DropReason::WithoutToken));
        assert!(world.sent_away.iter().all(|(_, sent)| sent.datagram == Datagram::Retry));
        assert!(world.sent_away.len() <= 1);
    }
    assert_eq!(world.peer(1).neighbour_count(), 1);
    assert!(!world.peer(1).is_probed(&address(9)));
    let retry = world.say(victim, 1, Datagram::Retry, false);
    assert_eq!(retry, Disposition::Dropped(DropReason::RetryWithoutToken));
}

#[test]
fn a_hint_draws_five_pokes_and_is_forgotten() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(2));
    let hinted = address(900);
    let hint = Datagram::UpdatePeers { live: vec![hinted], left: vec![] };
    assert_eq!(world.say(address(2), 1, hint.clone(), true), Disposition::Handled);
    let again = world.say(address(2), 1, hint, true);
    assert_eq!(again, Disposition::Dropped(DropReason::UpdateTooSoon));
    world.run(Duration::from_secs(60));
    let pokes = world.sent_away.iter().filter(|(to, _)| *to == hinted).count();
    assert_eq!(pokes, 5);
    assert!(!world.peer(1).is_probed(&hinted));
}

/// A little more often than once a second, since datagrams bunch up on the way.
#[test]
fn a_neighbour_is_listened_to_for_hints_every_800_ms() {
    let mut world = World::new();
    world.add(1, None, &[]);
    let neighbour = address(77);
    let poke = Datagram::Poke { nonce: 1, status: None };
    assert_eq!(world.say(neighbour, 1, poke, true), Disposition::Handled);
    let hint = |world: &mut World, number: u16| {
        let live = vec![address(900 + number)];
        let heard = world.say(neighbour, 1, Datagram::UpdatePeers { live, left: vec![] }, true);
        assert_eq!(
            world.peer(1).is_probed(&address(900 + number)),
            heard == Disposition::Handled,
            "{heard:?}"
        );
        heard
    };
    assert_eq!(hint(&mut world, 1), Disposition::Handled);
    let too_soon = Disposition::Dropped(DropReason::UpdateTooSoon);
    for (after_ms, expected) in [
        (0, &too_soon),
        (799, &too_soon),
        (1, &Disposition::Handled),
        (799, &too_soon),
        (1, &Disposition::Handled),
    ] {
        world.run(Duration::from_millis(after_ms));
        let number = 2 + u16::try_from((world.now - world.start).as_millis()).expect("seconds");
        assert_eq!(&hint(&mut world, number), expected, "{after_ms} ms later");
    }
}

#[test]
fn whoever_receives_at_its_address_is_given_the_ballot() {
    let mut world = World::new();
    world.add(1, None, &[]);
    let newcomer = address(77);
    let request = |offset| Datagram::RequestBallot { offset };
    assert_eq!(world.say(newcomer, 1, request(0), true), Disposition::Handled);
    let piece = Datagram::BallotOptions { offset: 0, bytes: vec![1; 9] };
    assert!(world.sent_away.iter().any(|(to, sent)| *to == newcomer && sent.datagram == piece));
    let beyond = world.say(newcomer, 1, request(9_000), true);
    assert_eq!(beyond, Disposition::Dropped(DropReason::BallotBeyondEnd));
    assert_eq!(world.peer(1).neighbour_count(), 0);
}

#[test]
fn an_address_of_this_node_never_becomes_its_neighbour() {
    let mut world = World::new();
    world.add(1, None, &[900]);
    world.run(Duration::from_millis(100));
    let own = |(to, sent): &(SocketAddr, Envelope)| {
        let Datagram::Poke { nonce, .. } = sent.datagram else { return None };
        (*to == address(900)).then_some(nonce)
    };
    let nonce = world.sent_away.iter().find_map(own).expect("it is probed");
    // The POKE comes back, as through a router that turns it around, and then one more.
    world.say(address(900), 1, Datagram::Poke { nonce, status: None }, true);
    let again = world.say(address(900), 1, Datagram::Poke { nonce: nonce ^ 1, status: None }, true);
    assert_eq!(again, Disposition::Dropped(DropReason::NoRoom));
    assert!(!world.peer(1).is_neighbour(&address(900)));
}
