//! How peers start: addresses of every kind, the right election, and one clear line for whatever is wrong.

use std::path::Path;
use std::process::Command;

use protocol::ballot_file;

use crate::harness::{
    Network, PATIENCE, Peer, Program, Tracker, agree, binary, meet_all, new_election, results_of,
};

#[test]
fn ipv6_and_host_names_are_addresses_too() {
    for (listen, tracker_host, peer_listen) in
        [("[::1]:0", "[::1]", "[::1]:0"), ("localhost:0", "localhost", "localhost:0")]
    {
        let mut network = Network::without_tracker(new_election(12));
        let tracker = Tracker::start(listen, &network.ballot());
        let address = format!("{tracker_host}:{}", tracker.address.port());
        network.tracker = Some(tracker);
        for _ in 0..2 {
            let directory = network.new_data_directory();
            let peer = Peer::start("peer", &[&address, peer_listen], &directory);
            assert!(peer.address.ip().is_loopback() && peer.address.port() != 0);
            network.peers.push(peer);
        }
        meet_all(&mut network.peers, PATIENCE);
        network.peers[0].vote("Ada");
        agree(&mut network.peers, 1, PATIENCE);
    }
}

#[test]
fn another_election_than_the_expected_one_is_refused_in_one_line() {
    let network = Network::with_tracker(new_election(12));
    let tracker = network.tracker_address();
    let expected = new_election(12);
    let id = expected.election_id().to_string();
    let other_ballot = network.directory.path().join("other.toml");
    std::fs::write(&other_ballot, ballot_file::write(&expected)).expect("a file");
    let pinned = [
        vec![tracker.as_str(), "0", "--election", &id],
        vec![tracker.as_str(), "0", "--ballot", other_ballot.to_str().expect("ASCII")],
    ];
    for (number, arguments) in pinned.iter().enumerate() {
        let directory = network.directory.path().join(format!("refused-{number}"));
        let (code, line) = refused(arguments, &directory);
        assert_eq!(code, Some(1), "{line}");
        assert!(line.contains("election") && line.contains(&id[..16]), "{line}");
        assert!(line.contains(&tracker), "{line}");
    }
    // The right id is taken.
    let id = network.election.election_id().to_string();
    let directory = network.directory.path().join("pinned");
    let mut peer = Peer::start("pinned peer", &[&tracker, "0", "--election", &id], &directory);
    assert_eq!(results_of(&mut peer).height, 0);
}

#[test]
fn what_is_wrong_at_the_start_is_said_in_one_line() {
    let mut network = Network::with_tracker(new_election(12));
    network.join(&[]);
    let (used, data) = (network.peers[0].address, network.peers[0].data_directory.clone());
    let tracker = network.tracker_address();
    let place = |name: &str| network.directory.path().join(name);
    let bad_ballot = place("bad.toml");
    let text = ballot_file::write(&network.election)
        .replace("difficulty_bits = 12", "difficulty_bits = 99");
    std::fs::write(&bad_ballot, text).expect("a file");
    let bad = bad_ballot.to_str().expect("ASCII");
    for (what, arguments, directory, parts) in [
        (
            "a port in use",
            vec![tracker.as_str(), &used.to_string()],
            place("a"),
            vec!["in use", "port"],
        ),
        (
            "a data directory in use",
            vec![tracker.as_str(), "0"],
            data,
            vec!["another process", "--data-dir"],
        ),
        (
            "a bad ballot",
            vec!["0", "--ballot", bad],
            place("b"),
            vec!["bad.toml", "`difficulty_bits` is 99", "0 to 48"],
        ),
        ("no ballot", vec!["0", "--ballot", "nowhere.toml"], place("c"), vec!["nowhere.toml"]),
        ("a bad port", vec!["70000"], place("d"), vec!["70000", "0 to 65535"]),
        ("nothing at all", vec![], place("e"), vec!["peer 5000 6001"]),
        ("an unknown option", vec!["0", "--ballto", "x"], place("f"), vec!["--ballto", "--ballot"]),
    ] {
        let (code, line) = refused(&arguments, &directory);
        assert_eq!(code, Some(2), "{what}: {line}");
        assert!(line.starts_with("peer: "), "{what}: {line}");
        for part in parts {
            assert!(line.contains(part), "{what}: {line}");
        }
    }
    // Nothing of that disturbed the peer that runs.
    network.peers[0].vote("Ada");
    agree(&mut network.peers, 1, PATIENCE);
}

#[test]
fn settings_come_from_the_environment_too() {
    let mut network = Network::with_tracker(new_election(12));
    let (directory, tracker) = (network.new_data_directory(), network.tracker_address());
    let mut command = Command::new(binary("peer"));
    command.env_clear().current_dir(network.directory.path());
    command.env("OSTRAKON_TRACKER", &tracker).env("OSTRAKON_LISTEN", "0");
    command.env("OSTRAKON_DATA_DIR", &directory).env("OSTRAKON_JSON", "true");
    command.env("OSTRAKON_NO_MINING", "true");
    let mut peer = Peer::run("peer of the environment", command, &directory);
    assert_eq!(peer.ask("mine")["error"]["kind"], "mining_off");
    assert!(directory.join("voter.key").is_file());
    network.peers.push(peer);
}

#[test]
fn the_voters_key_is_readable_by_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let mut network = Network::with_tracker(new_election(12));
    network.join(&[]);
    let key = network.peers[0].data_directory.join("voter.key");
    let mode = std::fs::metadata(key).expect("there is a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn without_a_terminal_every_line_gets_one_answer_and_the_end_is_a_leave() {
    let network = Network::without_tracker(new_election(12));
    let directory = network.directory.path().join("piped");
    let mut command = Command::new(binary("peer"));
    command.env_clear().current_dir(network.directory.path());
    command.args(["0", "--no-mining", "--data-dir"]).arg(&directory);
    let mut program = Program::start("piped peer", command);
    for line in ["ballot", "vote Grace", "myvote", "resluts", "", "status"] {
        program.send_line(line);
    }
    program.close_input();
    let text = program.remaining_lines(PATIENCE).join("\n");
    assert_eq!(program.wait_end(PATIENCE).code(), Some(0), "{text}");
    for part in [
        "peer listening on 127.0.0.1:",
        "Who takes the chair?",
        "Grace",
        "did you mean `results`?",
        "peer ended",
    ] {
        assert!(text.contains(part), "no {part} in:\n{text}");
    }
    assert!(!text.contains("ostrakon>"), "there is no prompt on a pipe:\n{text}");
}

/// Runs a peer that is expected to end by itself, with a reason in one line.
fn refused(arguments: &[&str], directory: &Path) -> (Option<i32>, String) {
    // Its input stays open, so that only the refusal ends it.
    let program = Program::start("refused peer", Peer::command(arguments, directory));
    let (code, text) = program.finish(PATIENCE);
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    (code, text.trim_end().to_owned())
}
