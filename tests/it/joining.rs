//! A peer that comes later gets all there is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{
    Network, PATIENCE, Peer, Voter, agree, meet_all, new_election, results_of, until,
};

#[test]
fn a_peer_that_joins_under_traffic_has_the_tip_within_five_seconds() {
    // About a block in a second, so that tips live long enough to be compared.
    let mut network = Network::start(2, 20);
    let voters: Vec<_> = (0..400).map(|number| Voter::new(&network.election, number)).collect();
    let mut fed = network.peers.pop().expect("there are two");
    let over = AtomicBool::new(false);
    let votes = thread::scope(|scope| {
        let feeding = scope.spawn(|| feed(&mut fed, &voters, &over));
        let watched = &mut network.peers[0];
        until("the chain grows", PATIENCE, || (results_of(watched).votes > 20).then_some(()));

        let joined = network.join(&[]);
        let listening_at = Instant::now();
        until("the newcomer has the others' tip", Duration::from_secs(5), || {
            let newcomer = results_of(&mut network.peers[joined]);
            (newcomer == results_of(&mut network.peers[0]) && newcomer.votes > 20).then_some(())
        });
        assert!(listening_at.elapsed() < Duration::from_secs(5));
        over.store(true, Ordering::Relaxed);
        feeding.join().expect("all votes are accepted")
    });
    network.peers.push(fed);
    agree(&mut network.peers, votes, PATIENCE);
}

/// Hands in 20 voters a second until told to stop; gives their number.
fn feed(peer: &mut Peer, voters: &[Voter], over: &AtomicBool) -> u64 {
    let began = Instant::now();
    for (place, voter) in voters.iter().enumerate() {
        if over.load(Ordering::Relaxed) {
            return place as u64;
        }
        peer.submit(&voter.registration());
        peer.submit(&voter.vote(0));
        let next = began + Duration::from_millis(50 * (place as u64 + 1));
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    voters.len() as u64
}

#[test]
fn a_chain_of_ten_thousand_blocks_is_synced_whole() {
    const BLOCKS: u64 = 10_000;
    let mut network = Network::with_tracker(new_election(0));
    network.join(&[]);
    network.peers[0].vote("Ada");
    let first = &mut network.peers[0];
    first.wait_event("block", PATIENCE, |_| true);
    while results_of(first).height < BLOCKS {
        first.tell("mine");
        first.wait_event("block", PATIENCE, |event| event["mined_here"] == true);
        first.next_answer(PATIENCE);
    }
    let expected = results_of(first);
    let joined = network.join(&[]);
    let newcomer = &mut network.peers[joined];
    newcomer.wait_event("syncing", PATIENCE, |_| true);
    newcomer.wait_event("synced", Duration::from_secs(60), |event| {
        event["tip"]["height"] == expected.height
    });
    assert_eq!(results_of(newcomer), expected);
    // Not only the tip: any block can be shown.
    for height in [0, 1, 2, BLOCKS / 2, BLOCKS] {
        let command = format!("block {height}");
        assert_eq!(network.peers[joined].ask(&command), network.peers[0].ask(&command));
    }
}

#[test]
fn peers_find_each_other_without_a_tracker() {
    let mut network = Network::without_tracker(new_election(12));
    let ballot = network.ballot();
    let ballot = ballot.to_str().expect("a path in ASCII");
    let first = network.start_alone(&["--ballot", ballot]);
    let known = first.address.to_string();
    network.peers.push(first);
    for _ in 0..2 {
        let peer = network.start_alone(&["--ballot", ballot, "--neighbour", &known]);
        network.peers.push(peer);
    }
    // The second and the third hear of each other from the first.
    meet_all(&mut network.peers, PATIENCE);
    for peer in &mut network.peers {
        peer.vote("Grace");
    }
    agree(&mut network.peers, 3, PATIENCE);
}
