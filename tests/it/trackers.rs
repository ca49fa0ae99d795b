//! Several trackers: what any of them lists is used, and any may die.

use std::os::unix::ffi::OsStrExt;

use protocol::ballot_file;
use serde_json::Value;

use crate::harness::{
    Network, PATIENCE, Peer, Program, Tracker, agree, lasting_port, meet_all, new_election, until,
};

fn registered(status: &Value) -> Vec<bool> {
    let trackers = status["trackers"].as_array().expect("a list");
    trackers.iter().map(|tracker| tracker["registered"] == true).collect()
}

#[test]
fn of_two_trackers_either_may_die_and_newcomers_still_meet_all() {
    let mut network = Network::with_tracker(new_election(12));
    let first = network.tracker_address();
    let backup = Tracker::start(&lasting_port().to_string(), &network.ballot());
    let both = format!("{first},{}", backup.address);
    let listen = lasting_port().to_string();
    let directory = network.new_data_directory();
    let mut both_know = Peer::start("peer of both", &[&both, &listen], &directory);
    until("both trackers list it", PATIENCE, || {
        (registered(&both_know.ask("status")) == [true, true]).then_some(())
    });
    // One who knows the second tracker alone is met through it.
    let directory = network.new_data_directory();
    let backup_address = backup.address.to_string();
    let other = Peer::start("peer of the backup", &[&backup_address, "0"], &directory);
    network.peers = vec![both_know, other];
    meet_all(&mut network.peers, PATIENCE);

    network.tracker.take().expect("there is one").program.kill_hard();
    network.peers[0].wait_event("tracker_silent", PATIENCE, |event| event["tracker"] == *first);
    assert_eq!(registered(&network.peers[0].ask("status")), [false, true]);
    let directory = network.new_data_directory();
    let newcomer = Peer::start("newcomer", &[&both, "0"], &directory);
    network.peers.push(newcomer);
    meet_all(&mut network.peers, PATIENCE);
    network.peers[2].vote("Ada");
    agree(&mut network.peers, 1, PATIENCE);

    network.tracker = Some(Tracker::start(&first, &network.ballot()));
    drop(backup);
    network.peers[0].wait_event("registered", PATIENCE, |event| event["tracker"] == *first);
}

#[test]
fn trackers_of_different_elections_are_both_named_unless_one_is_asked_for() {
    let network = Network::with_tracker(new_election(12));
    let first = network.tracker_address();
    let other_election = new_election(12);
    let ballot = network.directory.path().join("other.toml");
    let text = protocol::ballot_file::write(&other_election);
    std::fs::write(&ballot, text).expect("a file");
    let other = Tracker::start("0", &ballot);
    let both = format!("{first},{}", other.address);
    let directory = network.directory.path().join("refused");
    let command = Peer::command(&[&both, "0"], &directory);
    let (code, stderr) = Program::start("refused peer", command).finish(PATIENCE);
    assert_eq!(code, Some(1), "{stderr}");
    let line = stderr.trim_end();
    for part in [&*first, &other.address.to_string(), "different elections", "--election"] {
        assert!(line.contains(part), "{line}");
    }
    assert_eq!(line.lines().count(), 1, "{line}");

    let id = other_election.election_id().to_string();
    let directory = network.directory.path().join("chosen");
    let mut peer = Peer::start("peer", &[&both, "0", "--election", &id], &directory);
    assert_eq!(peer.ask("status")["election"], *id);
    // The other tracker is told of and not used, and the peer goes on.
    peer.wait_event("tracker_refused", PATIENCE, |event| event["tracker"] == *first);
    until("the right tracker lists it", PATIENCE, || {
        (registered(&peer.ask("status")) == [false, true]).then_some(())
    });
}

#[test]
fn an_empty_variable_is_one_that_is_not_set_and_lists_may_have_lines() {
    let mut network = Network::with_tracker(new_election(12));
    let tracker = network.tracker_address();
    let first = network.join(&[]);
    let second = network.join(&[]);
    let [one, other] = [first, second].map(|place| network.peers[place].address);
    let directory = network.new_data_directory();
    let ballot = network.ballot();
    let mut command = Peer::command(&["0"], &directory);
    for name in ["TRACKER", "ELECTION", "API", "API_HOST", "MINING_THREADS", "LOG_FORMAT", "LAB"] {
        command.env(format!("OSTRAKON_{name}"), "");
    }
    command.env("OSTRAKON_BALLOT", &ballot);
    command.env("OSTRAKON_NEIGHBOUR", format!("{one} {other}\n"));
    let mut alone = Peer::run("peer without a tracker", command, &directory);
    until("it meets both", PATIENCE, || (alone.ask("status")["neighbours"] == 2).then_some(()));
    assert_eq!(alone.ask("status")["trackers"], Value::Array(vec![]));
    network.peers.push(alone);

    let directory = network.new_data_directory();
    let mut command = Peer::command(&["0"], &directory);
    command.env("OSTRAKON_TRACKER", format!("{tracker}\n"));
    command.env("OSTRAKON_NEIGHBOUR", "\n").env("OSTRAKON_API_CORS", ",");
    network.peers.push(Peer::run("peer of a list", command, &directory));
    meet_all(&mut network.peers, PATIENCE);

    // What is wrong with a variable is said of it, not of an option that nobody typed.
    let mut command = std::process::Command::new(crate::harness::binary("peer"));
    command.env_clear().arg("0").env("OSTRAKON_TRACKER", "tracker.test:none");
    command.current_dir(network.directory.path());
    let (code, stderr) = Program::start("refused peer", command).finish(PATIENCE);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("of OSTRAKON_TRACKER: ") && !stderr.contains("--tracker"), "{stderr}");

    // Also where another argument is no text, or another option begins like that one.
    let path = std::ffi::OsStr::from_bytes(b"\xff");
    let api = [("OSTRAKON_API", "here"), ("OSTRAKON_API_HOST", "host.test")];
    for (variables, about) in [
        (&[("OSTRAKON_TRACKER", "tracker.test:none")][..], "of OSTRAKON_TRACKER: "),
        (&api[..], "of OSTRAKON_API: "),
    ] {
        let mut command = std::process::Command::new(crate::harness::binary("peer"));
        command.env_clear().envs(variables.iter().copied());
        command.args(["0", "--api-host", "host.test", "--data-dir"]).arg(path);
        command.current_dir(network.directory.path());
        let (code, stderr) = Program::start("refused peer", command).finish(PATIENCE);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(about), "{stderr}");
    }

    let mut command = std::process::Command::new(crate::harness::binary("tracker"));
    command.args(["0", "--ballot"]).arg(ballot).env("OSTRAKON_API", "").env("OSTRAKON_LISTEN", "");
    let program = Program::start("tracker", command);
    assert!(matches!(program.next_line(PATIENCE), crate::harness::Line::Text(_)));
}

/// As where somebody names the tracker by its address and by its name.
#[test]
fn a_tracker_that_is_given_twice_is_one() {
    let mut network = Network::with_tracker(new_election(12));
    let first = network.tracker_address();
    let port = first.rsplit_once(':').expect("a port").1;
    let twice = format!("{first},localhost:{port}");
    let directory = network.new_data_directory();
    let mut peer = Peer::start("peer", &[&twice, "0"], &directory);
    until("both are told to list it", PATIENCE, || {
        (registered(&peer.ask("status")) == [true, true]).then_some(())
    });
    network.tracker.take().expect("there is one").program.kill_hard();
    peer.wait_event("tracker_silent", PATIENCE, |event| event["tracker"] == *first);
    assert_eq!(registered(&peer.ask("status")), [false, false]);
    network.tracker = Some(Tracker::start(&first, &network.ballot()));
    until("both are told to list it again", PATIENCE, || {
        (registered(&peer.ask("status")) == [true, true]).then_some(())
    });
}

/// The tracker was started anew with another election.
#[test]
fn a_peer_stays_with_its_neighbour_though_the_tracker_serves_another_election() {
    let mut network = Network::without_tracker(new_election(12));
    let friend = network.start_alone(&[]);
    let other_ballot = network.directory.path().join("other.toml");
    std::fs::write(&other_ballot, ballot_file::write(&new_election(12))).expect("a file");
    let tracker = Tracker::start("0", &other_ballot);
    let (ballot, tracker) = (network.ballot(), tracker.address.to_string());
    let ballot = ballot.to_str().expect("UTF-8");
    let address = friend.address.to_string();
    let arguments = [&*tracker, "0", "--ballot", ballot, "--neighbour", &address];
    let directory = network.new_data_directory();
    let mut peer = Peer::start("peer", &arguments, &directory);
    peer.wait_event("tracker_refused", PATIENCE, |event| event["tracker"] == *tracker);
    network.peers = vec![friend, peer];
    meet_all(&mut network.peers, PATIENCE);
    network.peers[1].vote("Ada");
    agree(&mut network.peers, 1, PATIENCE);

    // Nobody of this election answers any more: then that is the end, in one line.
    network.peers.truncate(0);
    let program = Program::start("refused peer", Peer::command(&arguments, &directory));
    let (code, stderr) = program.finish(PATIENCE);
    assert_eq!((code, stderr.trim_end().lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains(&tracker) && stderr.contains("serves another election"), "{stderr}");
}
