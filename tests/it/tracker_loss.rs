//! The network lives on without its tracker, and is whole again as soon as there is one.

use std::time::{Duration, Instant};

use crate::harness::{Network, PATIENCE, Tracker, agree, until};

#[test]
fn a_tracker_that_comes_back_empty_lists_everybody_within_five_seconds() {
    let mut network = Network::start(3, 12);
    let address = network.tracker_address();
    let mut tracker = network.tracker.take().expect("there is one");
    tracker.program.kill_hard();

    for (place, peer) in network.peers.iter_mut().enumerate() {
        peer.vote(&format!("{}", place + 1));
    }
    agree(&mut network.peers, 3, PATIENCE);

    let came_back_at = Instant::now();
    network.tracker = Some(Tracker::start(&address, &network.ballot()));
    let directory = network.new_data_directory();
    // The newcomer keeps a neighbour only if it answers, so it has really met whom it counts.
    let mut newcomer = crate::harness::Peer::start("newcomer", &[&address, "0"], &directory);
    let left = Duration::from_secs(5).saturating_sub(came_back_at.elapsed());
    until("the newcomer meets all three", left, || {
        (newcomer.ask("status")["neighbours"] == 3).then_some(())
    });
    network.peers.push(newcomer);
    agree(&mut network.peers, 3, PATIENCE);
    let left = Duration::from_secs(5).saturating_sub(came_back_at.elapsed());
    until("the tracker lists everybody", left, || {
        let mut peers = network.peers.iter_mut();
        peers.all(|peer| peer.ask("status")["trackers"][0]["registered"] == true).then_some(())
    });
}

#[test]
fn a_tracker_that_is_not_up_yet_is_waited_for_and_said_once() {
    let mut network = Network::with_tracker(crate::harness::new_election(12));
    let address = network.tracker_address();
    let mut tracker = network.tracker.take().expect("there is one");
    tracker.program.kill_hard();

    let directory = network.new_data_directory();
    let command = crate::harness::Peer::command(&[&address, "0"], &directory);
    let mut peer = crate::harness::Peer::launch("early peer", command, &directory);
    peer.wait_event("tracker_silent", PATIENCE, |event| event["tracker"] == address);
    network.tracker = Some(Tracker::start(&address, &network.ballot()));
    peer.wait_until_listening(PATIENCE);
    assert!(!peer.has_event("tracker_silent", |_| true), "it was said twice");
    peer.vote("Ada");
    network.peers.push(peer);
    agree(&mut network.peers, 1, PATIENCE);
}
