//! The record of an election that goes on: exported, audited and compared through the API of a peer that runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Network, PATIENCE, Peer, Program, agree, binary};

/// Runs one of the peer's tasks to its end: exit code, what it printed, and what it said on stderr.
fn run(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(binary("peer"));
    command.env_clear().current_dir(directory).args(arguments);
    let program = Program::start("peer", command);
    let printed = program.remaining_lines(PATIENCE).join("\n");
    let (code, stderr) = program.finish(PATIENCE);
    (code, printed, stderr)
}

fn json(directory: &Path, arguments: &[&str], expected: i32) -> Value {
    let all = [arguments, &["--json"]].concat();
    let (code, printed, stderr) = run(directory, &all);
    assert_eq!((code, stderr.as_str()), (Some(expected), ""), "{printed}");
    serde_json::from_str(&printed).expect("one object")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary files have plain names")
}

#[test]
fn a_running_peer_is_asked_for_its_record_and_not_believed() {
    let mut network = Network::start(2, 12);
    network.peers[0].vote("Ada");
    network.peers[1].vote("Grace");
    agree(&mut network.peers, 2, PATIENCE);
    let beside = network.directory.path().to_owned();
    let directory = network.peers[1].data_directory.clone();
    let url = format!("http://{}", network.peers[1].api);
    let results = network.peers[1].ask("results");

    for source in [text(&directory), &url] {
        let report = json(&beside, &["audit", source], 0);
        assert_eq!(report["passed"], true, "{report}");
        assert_eq!(report["tip"], results["tip"], "{report}");
        assert_eq!(report["turnout_percent"], 100.0, "{report}");
        let (code, _, stderr) = run(&beside, &["audit", source, "--ballot", "ballot.toml"]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
    }
    let exported = json(&beside, &["export", "online.archive", "--data-dir", text(&directory)], 0);
    assert_eq!(exported["tip"], results["tip"], "{exported}");
    for (file, kind) in [("voters.csv", "voters"), ("votes.csv", "votes"), ("r.csv", "results")] {
        let exported = json(&beside, &["export", file, "--as", kind, "--from", &url], 0);
        assert_eq!((&exported["as"], &exported["votes"]), (&kind.into(), &2.into()), "{exported}");
    }
    let voters = fs::read_to_string(beside.join("voters.csv")).expect("a table");
    assert_eq!(voters.lines().filter(|line| line.contains(",registered,true,")).count(), 2);
    assert_eq!(run(&beside, &["export", "url.archive", "--from", &url]).0, Some(0));

    let same = json(&beside, &["audit", "online.archive", "--against", text(&directory)], 0);
    assert_eq!((&same["answer"], &same["relation"]), (&"audit against".into(), &"same".into()));
    network.peers[0].submit(&crate::harness::Voter::new(&network.election, 5).registration());
    let height = results["tip"]["height"].as_u64().expect("a height");
    crate::harness::until("the next block", PATIENCE, || {
        let status = network.peers[1].ask("status");
        (status["tip"]["height"].as_u64() > Some(height)).then_some(())
    });
    let more = json(&beside, &["audit", "online.archive", "--against", &url], 1);
    assert_eq!(more["relation"], "b_goes_on", "{more}");
    assert_eq!(more["common"], results["tip"], "{more}");
    assert_eq!(more["b"]["alone"][0]["kind"], "registration", "{more}");

    let before = json(&beside, &["export", "last.archive", "--data-dir", text(&directory)], 0);
    let mut peer = network.peers.remove(1);
    peer.ask("leave");
    assert!(peer.wait_end(PATIENCE).success());
    let after = json(&beside, &["export", "offline.archive", "--data-dir", text(&directory)], 0);
    assert_eq!(before["tip"], after["tip"]);
    let read = |name: &str| fs::read(beside.join(name)).expect("an archive");
    assert!(read("last.archive") == read("offline.archive"), "the same bytes, asked or read");
    assert!(read("online.archive") == read("url.archive"), "the same bytes, however named");
    let (code, _, stderr) = run(&beside, &["audit", &url]);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.starts_with("peer: nobody is reached at http://"), "{stderr}");
}

#[test]
fn a_peer_without_an_api_or_of_another_election_is_told_so() {
    let mut network = Network::with_tracker(crate::harness::new_election(12));
    network.join(&["--api", "off"]);
    let beside = network.directory.path().to_owned();
    let directory = network.peers[0].data_directory.clone();
    for arguments in
        [&["audit", text(&directory)][..], &["export", "a.archive", "--data-dir", text(&directory)]]
    {
        let refused = json(&beside, arguments, 2);
        assert_eq!(refused["error"]["kind"], "no_api", "{refused}");
        let message = refused["error"]["message"].as_str().expect("a message");
        assert!(
            message.contains("a peer runs on") && message.contains("end it first"),
            "{message}"
        );
    }
    // The tracker answers HTTP, and is no peer.
    let tracker = network.tracker.as_ref().expect("it runs").api.clone();
    let refused = json(&beside, &["audit", &tracker], 3);
    assert_eq!(refused["error"]["kind"], "not_a_peer", "{refused}");
    let nobody = "http://127.0.0.1:1".to_owned();
    let refused = json(&beside, &["audit", &nobody], 3);
    assert_eq!(refused["error"]["kind"], "no_contact", "{refused}");
    for url in ["https://127.0.0.1:1", "http://127.0.0.1:1/x"] {
        let refused = json(&beside, &["audit", url], 2);
        assert_eq!(refused["error"]["kind"], "bad_server", "{refused}");
    }
    let other = network.new_data_directory();
    let mut peer = Peer::start("alone", &["0", "--ballot", "ballot.toml", "--no-mining"], &other);
    let url = format!("http://{}", peer.api);
    let id = "0123456789abcdef".repeat(4);
    let refused = json(&beside, &["audit", &url, "--election", &id], 2);
    assert_eq!(refused["error"]["kind"], "other_election", "{refused}");
    peer.ask("leave");
    assert!(peer.wait_end(PATIENCE).success());
}
