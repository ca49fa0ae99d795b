//! How elections open, close and become final.

use super::*;
use crate::ElectionState;

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
