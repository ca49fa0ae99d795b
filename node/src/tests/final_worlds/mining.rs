//! Who mines when.

use super::*;

fn mines(network: &Network, number: u16) -> bool {
    network.node(number).mines_empty_blocks(network.time())
}

fn height(network: &Network, number: u16) -> u64 {
    network.node(number).tip().height.0
}

#[test]
fn with_validators_blocks_are_mined_around_the_opening_for_transactions_and_around_the_close() {
    let mut network = Network::with_validators(4);
    network.run_until(UNTIL_OPEN - INTERVAL * 12 - Duration::from_millis(1));
    assert!(!mines(&network, 1) && height(&network, 1) == 0);
    network.run_until(UNTIL_OPEN - INTERVAL * 12 + Duration::from_millis(1));
    assert!(mines(&network, 1), "so that the median time reaches the opening");
    network.run_until_state(4, ElectionState::Open);
    network.run(INTERVAL);
    assert!(!mines(&network, 1), "it is open, and nothing waits");
    let before = height(&network, 1);
    network.run(INTERVAL * 3);
    assert_eq!(height(&network, 1), before);

    // Without COMMITs a block with transactions is not final, so it is built on.
    network.loses = |_, _, bytes| {
        let envelope = protocol::datagram::Envelope::decode(bytes).expect("ours");
        matches!(envelope.datagram, protocol::datagram::Datagram::Commit(_))
    };
    network.cast(1, 1);
    network.run(INTERVAL * 8);
    assert!(mines(&network, 1) && height(&network, 1) > before + 1);
    network.loses = |_, _, _| false;
    network.run(INTERVAL * 8);
    assert!(!mines(&network, 1));

    network.run_until(UNTIL_CLOSED - INTERVAL * 12 - Duration::from_millis(1));
    assert!(!mines(&network, 1));
    network.run_until(UNTIL_CLOSED - INTERVAL * 12);
    assert!(mines(&network, 1), "so that the median time reaches the closing");
    network.run_until_state(4, ElectionState::Final);
    assert!(!mines(&network, 1));
}

#[test]
fn without_validators_blocks_are_mined_from_before_the_opening_until_the_end() {
    let mut network = Network::timed(with_depth(3), 2);
    network.start(2);
    network.run_until(UNTIL_OPEN - INTERVAL * 12 - Duration::from_millis(1));
    assert!(!mines(&network, 1) && height(&network, 1) == 0);
    for after in [UNTIL_OPEN - INTERVAL * 11, UNTIL_OPEN + INTERVAL * 12, UNTIL_CLOSED] {
        network.run_until(after);
        assert!(mines(&network, 1), "{after:?}");
    }
    network.run_until_state(2, ElectionState::Final);
    network.run(INTERVAL);
    assert!(!mines(&network, 1));
    let before = height(&network, 1);
    network.run(INTERVAL * 10);
    assert_eq!(height(&network, 1), before);
}

#[test]
fn a_node_with_nothing_to_do_wakes_seldom() {
    let mut network = Network::with_validators(1);
    network.run(Duration::from_secs(1));
    let mut wakes = 0;
    let end = network.now + Duration::from_secs(2);
    while let Some(next) = network.node(1).poll_timeout().filter(|next| *next <= end) {
        network.run(next.saturating_duration_since(network.now));
        wakes += 1;
        assert!(wakes < 20, "it spins");
    }
}
