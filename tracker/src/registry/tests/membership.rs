//! Registration, heartbeat, leaving and the ballot.

use super::*;

#[test]
fn a_peer_is_listed_once_it_answers() {
    let mut world = World::new();
    world.join(address(1));
    assert_eq!(world.kinds(address(1)), ["RETRY", "REGISTER_ACK", "POKE"]);
    assert!(world.registry.is_listed(address(1)));
    assert_eq!(world.events, [Event::Listed { address: address(1) }]);
    let ack = world.last_ack(address(1));
    assert_eq!(ack.seen_as, address(1));
    assert_eq!(ack.election, world.election.election_id());
    assert_eq!(ack.ballot_bytes as usize, world.election.canonical_bytes().len());
    assert_eq!((ack.heartbeat_ms, ack.peers), (1_000, vec![]));

    world.join(address(2));
    assert_eq!(world.last_ack(address(2)).peers, [address(1)]);
    assert_eq!((world.registry.listed_count(), world.registry.unconfirmed_count()), (2, 0));
}

#[test]
fn a_listed_peer_is_told_the_time_and_nobody_else_is() {
    let mut world = World::new();
    world.join(address(1));
    world.join_silently(address(2));
    for number in [1, 2] {
        world.send(address(number), Datagram::Poke { nonce: 7, status: None });
    }
    let now = world.now.unix;
    let told = |world: &World, number| {
        let received = world.peers[&address(number)].received.iter();
        let clocks = received.filter_map(|(_, datagram)| match datagram {
            Datagram::PokeAck { nonce: 7, status: Some(status) } => Some(status.clock),
            _ => None,
        });
        clocks.collect::<Vec<_>>()
    };
    assert_eq!((told(&world, 1), told(&world, 2)), (vec![now], vec![]));
    assert_eq!(world.dropped("unexpected"), 1);
}

#[test]
fn the_list_is_read_in_pages_and_holds_listed_peers_alone() {
    let mut world = World::new();
    for number in [3, 1, 2] {
        world.join(address(number));
    }
    world.join_silently(address(4));
    let all = [address(1), address(2), address(3)];
    assert_eq!(world.registry.listed(None, 10), all);
    assert_eq!(world.registry.listed(None, 2), all[..2]);
    assert_eq!(world.registry.listed(Some(all[1]), 2), all[2..]);
    assert_eq!(world.registry.listed(Some(all[2]), 2), []);
}

#[test]
fn a_silent_peer_is_never_listed_and_soon_forgotten() {
    let mut world = World::new();
    world.join_silently(address(1));
    assert_eq!((world.registry.listed_count(), world.registry.unconfirmed_count()), (0, 1));
    world.run_ms(5_000);
    assert_eq!(world.registry.unconfirmed_count(), 0);
    assert_eq!(world.count(address(1), "POKE"), usize::from(POKES_UNANSWERED_MAX));
    assert_eq!(world.registry.poll_timeout(), None);
    assert_eq!(world.events, []);
}

#[test]
fn a_listed_peer_is_poked_every_second_and_lost_after_three_without_an_answer() {
    let mut world = World::new();
    world.join(address(1));
    world.run_ms(10_000);
    assert!((10..=11).contains(&world.count(address(1), "POKE")));

    let poked_at = |world: &World| -> Vec<Duration> {
        let pokes = world.peers[&address(1)].received.iter();
        pokes
            .filter(|(_, datagram)| matches!(datagram, Datagram::Poke { .. }))
            .map(|(at, _)| *at)
            .collect()
    };
    world.forget_received();
    world.peers.get_mut(&address(1)).expect("it joined").answers = false;
    world.run_ms(2_100);
    assert!(poked_at(&world).len() >= 2);
    // Registering again proves nothing about pokes.
    world.send(address(1), Datagram::RegisterPeer);
    assert_eq!(world.count(address(1), "REGISTER_ACK"), 1);
    while world.registry.is_listed(address(1)) {
        world.run_ms(1);
        assert!(world.elapsed() < Duration::from_secs(15), "it must be lost");
    }
    let pokes = poked_at(&world);
    assert_eq!(pokes.len(), 3);
    assert_eq!(pokes[2] - pokes[0], 2 * POKE_PERIOD);
    let lost_after = world.elapsed() - pokes[0];
    assert!(lost_after >= 3 * POKE_PERIOD && lost_after < 3 * POKE_PERIOD + POKE_PERIOD / 100);
    assert_eq!(world.events.last(), Some(&Event::Lost { address: address(1) }));
    assert_eq!(world.registry.poll_timeout(), None);
}

#[test]
fn two_pokes_without_an_answer_are_forgiven() {
    let mut world = World::new();
    world.join(address(1));
    for _ in 0..5 {
        world.forget_received();
        world.peers.get_mut(&address(1)).expect("it joined").answers = false;
        while world.count(address(1), "POKE") < 2 {
            world.run_ms(1);
        }
        world.peers.get_mut(&address(1)).expect("it joined").answers = true;
        world.run_ms(1_000);
        assert!(world.registry.is_listed(address(1)));
    }
    assert_eq!(world.events.len(), 1);
}

#[test]
fn an_answer_counts_until_the_next_poke() {
    let mut world = World::new();
    world.join_silently(address(1));
    let nonces = |world: &World| -> Vec<u64> {
        let received = world.peers[&address(1)].received.iter();
        received
            .filter_map(|(_, datagram)| match datagram {
                Datagram::Poke { nonce, .. } => Some(*nonce),
                _ => None,
            })
            .collect()
    };
    while nonces(&world).len() < 2 {
        world.run_ms(1);
    }
    let late = nonces(&world)[0];
    world.send(address(1), Datagram::PokeAck { nonce: late, status: None });
    assert!(!world.registry.is_listed(address(1)));
    assert_eq!(world.dropped("stale_ack"), 1);
    world.run_ms(900);
    let newest = nonces(&world)[1];
    world.send(address(1), Datagram::PokeAck { nonce: newest, status: None });
    assert!(world.registry.is_listed(address(1)));
    // The same answer twice is one answer.
    world.send(address(1), Datagram::PokeAck { nonce: newest, status: None });
    assert_eq!(world.dropped("stale_ack"), 2);
}

#[test]
fn who_leaves_is_gone_at_once_and_acknowledged_as_often_as_it_says_so() {
    let mut world = World::new();
    world.join(address(1));
    world.join(address(2));
    world.join_silently(address(3));
    world.run_ms(1_500);
    world.forget_received();
    for leaver in [address(1), address(3)] {
        for _ in 0..2 {
            world.send(leaver, Datagram::LeavePeer);
            assert!(!world.registry.is_listed(leaver));
        }
        assert_eq!(world.count(leaver, "LEAVE_ACK"), 2);
    }
    assert_eq!((world.registry.listed_count(), world.registry.unconfirmed_count()), (1, 0));
    assert_eq!(world.events.last(), Some(&Event::Left { address: address(1) }));
    world.run_ms(50);
    let (_, live, left) = world.updates(address(2)).pop().expect("it is told");
    assert_eq!((live, left), (vec![], vec![address(1)]));
    world.run_ms(3_000);
    assert_eq!(world.count(address(1), "POKE"), 0);
}

#[test]
fn the_list_holds_exactly_who_is_there_whoever_leaves() {
    let mut world = World::new();
    for number in 0..90 {
        world.join(address(number));
    }
    for number in (0..30).chain((31..90).step_by(2)) {
        world.send(address(number), Datagram::LeavePeer);
    }
    world.join(address(100));
    let mut listed = world.last_ack(address(100)).peers;
    listed.sort();
    let expected: Vec<_> = (30..90).step_by(2).map(address).collect();
    assert_eq!(listed, expected);
}

#[test]
fn a_caller_that_is_late_sends_one_poke_and_leaves_time_for_its_answer() {
    for late_ms in [700, 60_000] {
        let mut world = World::new();
        world.join(address(1));
        world.run_ms(3_000);
        world.forget_received();
        let due = world.registry.poll_timeout().expect("a poke is due");
        world.now.instant = due + Duration::from_millis(late_ms);
        world.registry.handle_timeout(world.now);
        world.deliver();
        assert_eq!(world.count(address(1), "POKE"), 1);
        let next = world.registry.poll_timeout().expect("another poke follows");
        assert!(next >= world.now.instant + POKE_PERIOD / 2);
        assert!(next <= world.now.instant + POKE_PERIOD);
    }
}

#[test]
fn a_peer_that_came_back_with_other_tokens_is_heard() {
    let mut world = World::new();
    world.join(address(1));
    let tracker_token = world.peers[&address(1)].tracker_token;
    let renewed = Token([9; 8]);
    let retry = Envelope {
        election: world.prefix,
        receiver_token: tracker_token,
        sender_token: renewed,
        datagram: Datagram::Retry,
    };
    assert_eq!(world.spoof(address(1), &retry.encode()), Vec::<Vec<u8>>::new());
    let due = world.registry.poll_timeout().expect("a poke is due");
    world.now.instant = due;
    world.registry.handle_timeout(world.now);
    let Some(Output::Transmit { bytes, .. }) = world.registry.poll_output() else {
        panic!("a poke is sent");
    };
    assert_eq!(Envelope::decode(&bytes).expect("a poke").receiver_token, renewed);
}

#[test]
fn pieces_of_the_ballot_make_the_election() {
    let mut world = World::new();
    let mut bytes = Vec::new();
    let whole = world.election.canonical_bytes();
    assert!(
        whole.len() > 2 * protocol::datagram::BALLOT_PIECE_BYTES,
        "the sample takes several pieces"
    );
    while bytes.len() < whole.len() {
        let offset = u32::try_from(bytes.len()).expect("a short ballot");
        let wanted = Datagram::RequestBallot { offset };
        world.send_in(ElectionPrefix::UNKNOWN, address(1), wanted);
        let received = &world.peers[&address(1)].received;
        let Some((_, Datagram::BallotOptions { offset: echoed, bytes: piece })) = received.last()
        else {
            panic!("a piece is sent");
        };
        assert_eq!(*echoed, offset);
        bytes.extend(piece);
    }
    assert_eq!(Election::from_canonical_bytes(&bytes), Ok(world.election.clone()));

    world.forget_received();
    for offset in [whole.len(), u32::MAX as usize] {
        let offset = u32::try_from(offset).expect("it fits");
        world.send(address(1), Datagram::RequestBallot { offset });
    }
    assert_eq!(world.kinds(address(1)), Vec::<&str>::new());
    assert_eq!(world.dropped("offset_beyond_ballot"), 2);
}

#[test]
fn tokens_in_use_outlive_many_rotations() {
    let mut world = World::new();
    world.join(address(1));
    world.run_ms(1_000_000);
    assert!(world.registry.is_listed(address(1)));
    assert_eq!(world.dropped("no_token"), 1);
}

#[test]
fn a_token_is_too_old_even_if_nothing_happened_since_it_was_issued() {
    let mut world = World::new();
    world.send(address(1), Datagram::LeavePeer);
    assert_eq!(world.kinds(address(1)), ["RETRY", "LEAVE_ACK"]);
    // Nobody is listed, so no timer is set that could have changed the tracker's secret.
    world.run_ms(1_000_000);
    world.send(address(1), Datagram::LeavePeer);
    assert_eq!(world.kinds(address(1)), ["RETRY", "LEAVE_ACK", "RETRY", "LEAVE_ACK"]);
    assert_eq!(world.dropped("no_token"), 2);
}

#[test]
fn a_full_list_takes_nobody_until_somebody_leaves() {
    let mut world = World::new();
    for number in 0..PEERS_TOTAL_MAX {
        world.join(address(number));
    }
    let last = address(PEERS_TOTAL_MAX);
    world.join(last);
    assert_eq!(world.registry.listed_count(), PEERS_TOTAL_MAX);
    assert!(!world.registry.is_listed(last));
    assert_eq!(world.dropped("list_full"), 1);
    world.send(address(0), Datagram::LeavePeer);
    world.run_ms(1_500);
    assert!(world.registry.is_listed(last));
    world.registry.check_invariants();
}

#[test]
fn ten_thousand_peers_are_each_poked_once_a_second() {
    const PEERS: usize = 10_000;
    let mut world = World::new();
    for number in 0..PEERS {
        world.join(address(number));
    }
    assert_eq!(world.registry.listed_count(), PEERS);
    // First pokes, the first news and what they stir up pass.
    world.run_ms(4_000);
    world.forget_received();
    let mut busiest_ms = 0;
    for _ in 0..1_000 {
        let before = world.sent_count;
        world.run_ms(1);
        busiest_ms = busiest_ms.max(world.sent_count - before);
    }
    for number in 0..PEERS {
        let pokes = world.count(address(number), "POKE");
        assert_eq!(pokes, 1, "{number}");
    }
    assert!(busiest_ms < 150, "the pokes are spread, not {busiest_ms} in one ms");
    assert!(world.sent_count <= 2 * PEERS, "{} datagrams", world.sent_count);
    assert_eq!(world.registry.listed_count(), PEERS);
}

#[test]
fn equal_seeds_and_inputs_give_equal_outputs() {
    let run = || {
        let mut world = World::new();
        for number in 0..70 {
            world.join(address(number));
            world.run_ms(7);
        }
        world.run_ms(3_000);
        world.peers.into_values().map(|peer| peer.received).collect::<Vec<_>>()
    };
    assert!(run() == run());
}
