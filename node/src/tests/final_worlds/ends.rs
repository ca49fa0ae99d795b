//! How elections open, close and become final.

use std::sync::atomic::{AtomicU64, Ordering};

use protocol::datagram::{Datagram, Envelope};

use super::*;
use crate::CommandError;

#[test]
fn an_election_that_nobody_votes_in_opens_closes_and_becomes_final() {
    let mut network = Network::with_validators(6);
    for number in 1..=6 {
        assert_eq!(network.finality(number).state, ElectionState::Upcoming);
    }
    network.run_until_state(6, ElectionState::Open);
    network.run_until_state(6, ElectionState::Final);
    let told = [ElectionState::Open, ElectionState::Sealing, ElectionState::Final];
    for number in 1..=6 {
        let states = network.told(number).filter_map(|event| {
            let Event::StateChanged { state } = event else { return None };
            Some(*state)
        });
        assert!(states.eq(told), "{number}");
    }
    network.run(INTERVAL * 10);
    let first = network.finality(1);
    for number in 1..=6 {
        let view = network.finality(number);
        assert_eq!(view.state, ElectionState::Final, "{number}: {view:?}");
        assert_eq!(
            view.closing_certificate.map(|seen| seen.certificate),
            first.closing_certificate.clone().map(|seen| seen.certificate)
        );
    }
    let height = network.node(1).tip().height;
    network.run(INTERVAL * 20);
    assert_eq!(network.node(1).tip().height, height, "nobody mines on after the end");
}

#[test]
fn who_first_starts_after_the_close_syncs_and_shows_the_same_end() {
    let mut network = Network::with_validators(4);
    network.run_until(UNTIL_OPEN + INTERVAL * 8);
    let id = network.cast(2, 1);
    network.run_until_state(4, ElectionState::Final);
    network.add(5, Restored::default());
    network.run(Duration::from_secs(5));
    let (first, late) = (network.finality(1), network.finality(5));
    assert_eq!(late.state, ElectionState::Final);
    let certificate =
        |view: &FinalityView| view.closing_certificate.clone().map(|seen| seen.certificate);
    assert_eq!(certificate(&late), certificate(&first));
    assert_eq!(late.votes_final, 1);
    assert!(matches!(network.fate(5, id), Some(Fate::Final { since: Some(_) })));
    let restarted = network.finality(1).final_since;
    network.restart(1);
    assert_eq!(network.finality(1).state, ElectionState::Final);
    assert_eq!(network.finality(1).final_since, restarted, "it remembers since when");
}

#[test]
fn votes_are_taken_by_the_hours_of_the_election() {
    let mut network = Network::with_validators(4);
    let (opens, closes) = network.election.opens().zip(network.election.closes()).expect("timed");
    network.run_until(UNTIL_OPEN - INTERVAL);
    let vote = network.vote(1, 0);
    assert_eq!(network.submit(1, vote), Err(CommandError::NotOpen { opens }));
    network.run_until(UNTIL_OPEN + INTERVAL * 3);
    network.cast(1, 1);
    network.run_until(UNTIL_CLOSED - INTERVAL * 12 + Duration::from_secs(1));
    network.cast(1, 2);
    let vote = Box::new(network.vote(2, 0));
    let again = network.command(1, Command::Submit(vote));
    assert!(matches!(again, Ok(Answer::Accepted { is_late: true, .. })), "{again:?}");
    network.run_until(UNTIL_CLOSED);
    let vote = network.vote(1, 1);
    assert_eq!(network.submit(1, vote), Err(CommandError::Closed { closes }));
}

#[test]
fn a_vote_that_missed_the_close_is_reported() {
    let mut network = Network::with_validators(5);
    network.run_until(UNTIL_CLOSED - INTERVAL * 2);
    network.loses = |from, _, bytes| {
        let datagram = Envelope::decode(bytes).expect("ours").datagram;
        from == address(5)
            && matches!(datagram, Datagram::NewTransactions(_) | Datagram::NewBlock { .. })
    };
    let id = network.cast(5, 1);
    assert_eq!(network.fate(5, id), Some(Fate::Pending));
    network.run_until_state(5, ElectionState::Final);
    let view = network.finality(5);
    if view.votes_final == 0 {
        assert_eq!(network.fate(5, id), Some(Fate::NotCounted));
        let told = network
            .told(5)
            .any(|event| matches!(event, Event::NotCounted { id: not, .. } if *not == id));
        assert!(told);
    } else {
        assert!(matches!(network.fate(5, id), Some(Fate::Final { .. })));
    }
}

/// Whether a datagram from one address to another is lost.
type Loses = fn(SocketAddr, SocketAddr, &[u8]) -> bool;

#[test]
fn halves_that_were_apart_agree_again_and_nothing_final_is_left() {
    let apart: [Loses; 2] = [
        |from, to, _| {
            let half = |at| [address(1), address(2)].contains(&at);
            half(from) != half(to)
        },
        |from, to, _| {
            let most = |at| [address(1), address(2), address(3)].contains(&at);
            most(from) != most(to)
        },
    ];
    for (index, loses) in (0..).zip(apart) {
        let mut network = Network::with_validators(4);
        network.run_until_state(4, ElectionState::Open);
        network.loses = loses;
        network.cast(1, 1);
        network.cast(4, 2);
        network.run(INTERVAL * 12);
        let ahead = network.finality(1);
        assert_eq!(ahead.votes_final, index, "only three of four validators make anything final");
        network.loses = |_, _, _| false;
        network.run_until_state(4, ElectionState::Final);
        for number in 1..=4 {
            assert_eq!(network.finality(number).votes_final, 2, "{number}");
            let kept = network.node(number).chain().best_hash(ahead.final_block.height);
            assert_eq!(kept, Some(ahead.final_block.hash), "{number}");
        }
        network.assert_nobody_signed_twice();
    }
}

/// Loses every tenth datagram or so.
fn loses_a_tenth(_: SocketAddr, _: SocketAddr, _: &[u8]) -> bool {
    static SENT: AtomicU64 = AtomicU64::new(0);
    let number = SENT.fetch_add(1, Ordering::Relaxed);
    let drawn = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48;
    drawn < 0x1999
}

#[test]
fn lost_datagrams_and_a_restart_keep_no_vote_from_becoming_final() {
    let mut network = Network::with_validators(6);
    network.loses = loses_a_tenth;
    network.run_until_state(6, ElectionState::Open);
    let cast: Vec<_> = (1..=6u8).map(|voter| network.cast(u16::from(voter), voter)).collect();
    network.run(INTERVAL * 2);
    network.restart(2);
    network.run_until_state(6, ElectionState::Final);
    for number in 1..=6 {
        assert_eq!(network.finality(number).votes_final, 6, "{number}");
        for id in &cast {
            assert!(matches!(network.fate(number, *id), Some(Fate::Final { .. })), "{number}");
        }
    }
    network.assert_nobody_signed_twice();
    // Whatever was lost, all come to one certificate.
    network.run(INTERVAL * 60);
    let all: Vec<_> = (1..=6).map(|number| network.finality(number).closing_certificate).collect();
    let all: Vec<_> = all.into_iter().map(|seen| seen.map(|seen| seen.certificate)).collect();
    assert!(all.iter().all(|certificate| *certificate == all[0]), "{all:?}");
}
