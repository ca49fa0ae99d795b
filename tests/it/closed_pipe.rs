//! Output into a pipe that nobody reads any more, as after `| head -1`: every program ends quietly.

use std::process::{Command, Stdio};

use crate::harness::{Network, PATIENCE, Peer, agree, binary};

/// A pipe whose reader is gone.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("the system has pipes");
    drop(reader);
    writer.into()
}

#[test]
fn commands_whose_output_nobody_reads_end_without_a_word() {
    let mut network = Network::start(2, 12);
    network.peers[0].vote("Ada");
    agree(&mut network.peers, 1, PATIENCE);
    let peer = network.peers[0].data_directory.to_str().expect("UTF-8").to_owned();
    let gone = network.peers.pop().expect("there are two");
    let kept = gone.data_directory.to_str().expect("UTF-8").to_owned();
    leave(gone);
    for arguments in [
        &["results", "--data-dir", &peer][..],
        &["results", "--data-dir", &peer, "--json"],
        &["results", "--watch", "--data-dir", &peer],
        &["results", "--watch", "--json", "--data-dir", &peer],
        &["chain", "--data-dir", &peer],
        &["status", "--data-dir", &peer],
        &["myvote", "--data-dir", &peer],
        &["ballot", "show", "--data-dir", &peer],
        &["ballot", "check", "ballot.toml"],
        &["key", "show", "--data-dir", &kept],
        &["key", "export", "--data-dir", &kept],
        &["audit", &kept],
        &["audit", &kept, "--json"],
        &["export", "board.archive", "--data-dir", &kept],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["vote", "--help"],
        &["--version"],
    ] {
        let mut command = Command::new(binary("peer"));
        command.env_clear().current_dir(network.directory.path()).args(arguments);
        let ended = command.stdin(Stdio::null()).stdout(closed()).output().expect("it runs");
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(errors.is_empty(), "{arguments:?}: {errors}");
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}");
    }
    for (program, arguments) in
        [("tracker", "--help"), ("tracker", "--version"), ("demo", "--help")]
    {
        let mut command = Command::new(binary(program));
        let ended = command.env_clear().arg(arguments).stdout(closed()).output();
        let ended = ended.expect("it runs");
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(errors.is_empty(), "{program} {arguments}: {errors}");
        assert_eq!(ended.status.code(), Some(0), "{program} {arguments}");
    }
}

fn leave(mut peer: Peer) {
    peer.ask("leave");
    peer.wait_end(PATIENCE);
}

#[test]
fn a_refusal_keeps_its_code_when_nobody_reads_it() {
    let network = Network::start(1, 12);
    let peer = network.peers[0].data_directory.to_str().expect("UTF-8");
    for (arguments, code) in [
        (&["vote", "Nobody", "--data-dir", peer, "--json"][..], 1),
        (&["block", "99", "--data-dir", peer, "--json"], 1),
        (&["chain", "many", "--data-dir", peer, "--json"], 2),
    ] {
        let mut command = Command::new(binary("peer"));
        command.env_clear().current_dir(network.directory.path()).args(arguments);
        let ended = command.stdin(Stdio::null()).stdout(closed()).output().expect("it runs");
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}");
        assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
}

#[test]
fn a_tracker_and_a_peer_go_on_when_nobody_reads_them() {
    let mut network = Network::start(1, 12);
    let directory = network.new_data_directory();
    let mut unread = Peer::command(&[&network.tracker_address(), "0", "--service"], &directory);
    let mut unread =
        unread.stdout(closed()).stderr(Stdio::piped()).spawn().expect("the peer starts");
    network.peers[0].wait_event("neighbour_joined", PATIENCE, |_| true);
    unread.kill().expect("it runs");
    let ended = unread.wait_with_output().expect("it ended");
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));

    let mut tracker = Command::new(binary("tracker"));
    let port = crate::harness::lasting_port().to_string();
    let ballot = network.ballot();
    tracker.env_clear().args([&port, "--ballot"]).arg(&ballot);
    // Its one line goes nowhere; peers find it all the same.
    let mut tracker = tracker.stdin(Stdio::null()).stdout(closed()).spawn().expect("it starts");
    let peer = Peer::command(&[&port, "0"], &network.new_data_directory());
    let mut peer = Peer::launch("peer", peer, &network.new_data_directory());
    peer.wait_event("registered", PATIENCE, |_| true);
    tracker.kill().expect("it runs");
    tracker.wait().expect("it ended");
}
