//! Elections without validators: the end is what each peer observes.

use super::*;

fn with_nodes(nodes: u16) -> Network {
    let mut network = Network::timed(with_depth(4), nodes);
    network.start(nodes);
    network
}

fn is_witnessed(network: &mut Network, number: u16) -> Option<bool> {
    network.finality(number).depth.and_then(|depth| depth.is_witnessed)
}

#[test]
fn who_was_there_saw_the_end_and_who_came_later_says_that_it_did_not() {
    let mut network = with_nodes(3);
    network.run_until(UNTIL_OPEN + INTERVAL * 12);
    let id = network.cast(1, 1);
    network.run_until(UNTIL_CLOSED + INTERVAL * 30);
    assert_eq!(network.states(3), [ElectionState::Final; 3]);
    for number in 1..=3 {
        assert_eq!(is_witnessed(&mut network, number), Some(true), "{number}");
        assert!(matches!(network.fate(number, id), Some(Fate::Final { since: Some(_) })));
    }
    network.add(4, Restored::default());
    network.run(Duration::from_secs(10));
    assert_eq!(network.finality(4).state, ElectionState::Final);
    assert_eq!(is_witnessed(&mut network, 4), Some(false));
    // What was seen is remembered.
    let since = network.finality(2).final_since;
    network.restart(2);
    assert_eq!(network.finality(2).state, ElectionState::Final);
    assert_eq!(is_witnessed(&mut network, 2), Some(true));
    assert_eq!(network.finality(2).final_since, since);
}

#[test]
fn two_ends_that_contradict_each_other_are_both_shown_where_both_are_known() {
    let mut network = with_nodes(4);
    network.run_until(UNTIL_CLOSED - INTERVAL * 10);
    // Two halves close without each other.
    network.loses = |from, to, _| {
        let half = |at: SocketAddr| [address(1), address(2)].contains(&at);
        half(from) != half(to)
    };
    network.run_until(UNTIL_CLOSED + INTERVAL * 40);
    assert_eq!(network.states(4), [ElectionState::Final; 4]);
    assert_ne!(network.node(1).tip(), network.node(3).tip());
    network.loses = |_, _, _| false;
    network.run(Duration::from_secs(60));
    for number in 1..=4 {
        let view = network.finality(number);
        assert_eq!(view.state, ElectionState::Disputed, "{number}");
        let disputed = view.depth.expect("it has no validators").disputed;
        assert_eq!(disputed.len(), 2);
        assert!(disputed.iter().any(|end| end.tally.is_some()));
    }
}
