//! What somebody who can't receive at an address, or who never answers, can do: next to nothing.

use super::*;

fn stranger_bytes(world: &World, datagram: Datagram, token: Token) -> Vec<u8> {
    let sender_token = Token([5; 8]);
    Envelope { election: world.prefix, receiver_token: token, sender_token, datagram }.encode()
}

#[test]
fn without_a_token_there_is_at_most_a_retry_and_no_state() {
    let mut world = World::new();
    world.join(address(1));
    let ballot = Datagram::RequestBallot { offset: 0 };
    let ack = Datagram::PokeAck { nonce: 1, status: None };
    let live = Datagram::UpdatePeers { live: vec![address(3)], left: vec![address(1)] };
    for victim in [address(1), address(2)] {
        for datagram in
            [Datagram::RegisterPeer, Datagram::LeavePeer, ballot.clone(), ack.clone(), live.clone()]
        {
            for token in [Token::NONE, Token([3; 8]), world.registry.tokens.issue(address(9))] {
                let bytes = stranger_bytes(&world, datagram.clone(), token);
                let answers = world.spoof(victim, &bytes);
                let [answer] = answers.as_slice() else {
                    panic!("{} is answered {} times", datagram.name(), answers.len());
                };
                assert!(answer.len() <= bytes.len());
                let envelope = Envelope::decode(answer).expect("a datagram");
                assert_eq!(envelope.datagram, Datagram::Retry);
                assert_eq!(envelope.receiver_token, Token([5; 8]));
            }
        }
        let retry = stranger_bytes(&world, Datagram::Retry, Token([3; 8]));
        assert!(world.spoof(victim, &retry).is_empty(), "a RETRY is never answered");
    }
    assert!(world.registry.is_listed(address(1)));
    assert_eq!((world.registry.listed_count(), world.registry.unconfirmed_count()), (1, 0));
    // The forged RETRY did not change the token that the peer is sent.
    world.run_ms(1_500);
    assert!(world.count(address(1), "POKE") >= 2);
}

#[test]
fn a_guessed_nonce_lists_nobody() {
    let mut world = World::new();
    world.join_silently(address(1));
    for nonce in 0..100 {
        world.send(address(1), Datagram::PokeAck { nonce, status: None });
    }
    assert!(!world.registry.is_listed(address(1)));
    assert_eq!(world.dropped("stale_ack"), 100);
}

#[test]
fn garbage_other_elections_and_other_kinds_are_counted_and_unanswered() {
    let mut world = World::new();
    assert!(world.spoof(address(1), b"hello").is_empty());
    assert!(world.spoof(address(1), &[0xff; 1_500]).is_empty());
    let mut unknown = stranger_bytes(&world, Datagram::LeavePeer, Token::NONE);
    unknown[1..9].fill(0);
    assert!(world.spoof(address(1), &unknown).is_empty());
    assert_eq!(world.dropped("undecodable"), 3);

    let mut other = stranger_bytes(&world, Datagram::RegisterPeer, Token::NONE);
    other[1] ^= 1;
    assert!(world.spoof(address(1), &other).is_empty());
    assert_eq!(world.dropped("other_election"), 1);

    let token = world.registry.tokens.issue(address(1));
    let poke = stranger_bytes(&world, Datagram::Poke { nonce: 1, status: None }, token);
    assert!(world.spoof(address(1), &poke).is_empty());
    assert_eq!(world.dropped("unexpected"), 1);
    assert_eq!(world.registry.unconfirmed_count(), 0);
}

#[test]
fn a_peer_that_knows_no_election_registers() {
    let mut world = World::new();
    world.peers.entry(address(1)).or_default().answers = true;
    world.send_in(ElectionPrefix::UNKNOWN, address(1), Datagram::RegisterPeer);
    assert!(world.registry.is_listed(address(1)));
    assert_eq!(world.last_ack(address(1)).election, world.election.election_id());
}

#[test]
fn a_minute_of_silent_registrations_harms_nobody() {
    let mut world = World::new();
    let honest: Vec<_> = (1..=10).map(address).collect();
    for peer in &honest {
        world.join(*peer);
    }
    for number in 0..60 * 20 {
        world.join_silently(address(1_000 + number));
        world.run_ms(50);
        // Each is forgotten after at most 3.5 s.
        assert!(world.registry.unconfirmed_count() <= 70);
        assert_eq!(world.registry.listed_count(), honest.len());
    }
    assert!(honest.iter().all(|peer| world.registry.is_listed(*peer)));
    world.run_ms(5_000);
    assert_eq!(world.registry.unconfirmed_count(), 0);
}

#[test]
fn the_oldest_unconfirmed_gives_way_and_a_newcomer_still_gets_in() {
    let mut world = World::new();
    for number in 0..UNCONFIRMED_MAX + 100 {
        world.join_silently(address(number));
    }
    assert_eq!(world.registry.unconfirmed_count(), UNCONFIRMED_MAX);
    assert_eq!(world.dropped("unconfirmed_evicted"), 100);
    let honest = address(100_000);
    world.join(honest);
    assert!(world.registry.is_listed(honest));
    world.run_ms(5_000);
    assert!(world.registry.is_listed(honest));
    assert_eq!(world.registry.unconfirmed_count(), 0);
    assert_eq!(world.count(address(0), "POKE"), 1, "who gave way is poked no more");
}
