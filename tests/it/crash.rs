//! Peers that are killed hard: the others notice, and the peer comes back with what it acknowledged.

use std::time::{Duration, Instant};

use crate::harness::{Network, PATIENCE, Peer, agree, meet_all, results_of};

#[test]
fn a_killed_peer_is_dropped_after_three_missed_pokes() {
    let mut network = Network::start(3, 12);
    let mut killed = network.peers.pop().expect("there are three");
    let address = killed.address.to_string();
    let killed_at = Instant::now();
    killed.program.kill_hard();
    for peer in &mut network.peers {
        let event = peer.wait_event("neighbour_left", Duration::from_secs(8), |event| {
            event["address"] == address
        });
        assert_eq!(event["reason"], "missed", "{event}");
        assert_eq!(event["missed"], 3, "{event}");
        // The earliest POKE to miss left just before; three periods later it is the third that is missed.
        let after = killed_at.elapsed();
        assert!(after > Duration::from_millis(2_900), "dropped after {after:?} already");
    }
}

#[test]
fn a_killed_peer_comes_back_with_its_key_chain_and_pool() {
    let mut network = Network::start(2, 12);
    network.peers[0].vote("Ada");
    let before = agree(&mut network.peers, 1, PATIENCE);

    // One that mines nothing, so that its vote stays in the pool; it knows nobody who could take it on.
    let mut killed = network.start_peer(&["--no-mining"]);
    meet_tip(&mut killed, &before.hash);
    for mut peer in network.peers.drain(..) {
        peer.program.kill_hard();
    }
    network.tracker.take().expect("there is one").program.kill_hard();
    let (voter, directory) = (killed.voter.clone(), killed.data_directory.clone());
    let vote = killed.vote("Grace");
    killed.program.kill_hard();
    drop(killed);

    // The directory knows the election, so nobody has to be there.
    let arguments = [network.ballot()].map(|path| path.to_str().expect("ASCII").to_owned());
    let mut back =
        Peer::start("restarted peer", &["0", "--ballot", &arguments[0], "--no-mining"], &directory);
    assert_eq!(back.voter, voter);
    assert_eq!(results_of(&mut back), before);
    let own = back.ask("myvote");
    assert_eq!(own["vote"]["transaction"], vote["transaction"], "{own}");
    assert_eq!(own["vote"]["standing"]["in"], "pool", "{own}");
    let again = back.ask("vote Grace");
    assert_eq!(crate::harness::error_kind(&again), "already_voted");

    // And the vote is counted as soon as somebody mines.
    let known = back.address.to_string();
    let ballot = arguments[0].clone();
    let miner = network.start_alone(&["--ballot", &ballot, "--neighbour", &known]);
    network.peers = vec![back, miner];
    meet_all(&mut network.peers, PATIENCE);
    agree(&mut network.peers, 2, PATIENCE);
}

#[test]
fn a_restart_at_the_same_address_is_welcomed_back() {
    let mut network = Network::start(2, 12);
    network.peers[0].vote("Ada");
    agree(&mut network.peers, 1, PATIENCE);
    let mut killed = network.peers.pop().expect("there are two");
    killed.program.kill_hard();
    let (address, directory) = (killed.address.to_string(), killed.data_directory.clone());
    drop(killed);

    let tracker = network.tracker_address();
    let back = Peer::start("restarted peer", &[&tracker, &address], &directory);
    assert_eq!(back.address.to_string(), address);
    network.peers.push(back);
    network.peers[1].vote("Hedy");
    agree(&mut network.peers, 2, PATIENCE);
}

fn meet_tip(peer: &mut Peer, hash: &str) {
    crate::harness::until("the newcomer has the chain", PATIENCE, || {
        (results_of(peer).hash == hash).then_some(())
    });
}
