//! How elections open, close and become final.

use protocol::datagram::{Datagram, Envelope};

use super::*;
use crate::CommandError;

#[test]
fn an_election_that_nobody_votes_in_opens_closes_and_becomes_final() {
    let mut network = Network::with_validators(6);
    for number in 1..=6 {
        assert_eq!(network.finality(number).state, ElectionState::Upcoming);
    }
    network.run_until(UNTIL_OPEN + INTERVAL * 12);
    for number in 1..=6 {
        assert_eq!(network.finality(number).state, ElectionState::Open, "{number}");
    }
    network.run_until(UNTIL_CLOSED + INTERVAL * 20);
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
    network.run_until(UNTIL_CLOSED + INTERVAL * 25);
    assert_eq!(network.states(4), [ElectionState::Final; 4]);
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
    network.run_until(UNTIL_CLOSED + INTERVAL * 25);
    let view = network.finality(5);
    assert_eq!(view.state, ElectionState::Final);
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
