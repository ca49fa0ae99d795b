//! `--lab`: experiments on command, and nowhere else. docs/CLASSROOM.md shows what comes of them.

use std::process::Command;

use serde_json::json;

use crate::harness::http::HttpConnection;
use crate::harness::{Network, PATIENCE, Peer, Program, agree, binary, meet_all};

/// What the API takes from somebody with the token: the status, and the body.
fn order(peer: &Peer, path: &str, body: &str) -> (u16, serde_json::Value) {
    let token = format!("Bearer {}", peer.token());
    let mut api = HttpConnection::open(peer.api);
    let answer = api.ask("POST", path, &[("Authorization", token.as_str())], body.as_bytes());
    (answer.status, answer.json())
}

/// The code with which a command of the command line ends, and what it says.
fn client(peer: &Peer, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(binary("peer"));
    command.env_clear().args(words).arg("--data-dir").arg(&peer.data_directory);
    Program::start("peer", command).finish(PATIENCE)
}

#[test]
fn a_peer_that_is_no_laboratory_makes_no_experiments() {
    let mut network = Network::start(2, 12);
    let peer = &mut network.peers[0];
    for line in ["lab partition on", "lab bad-block wrong_height", "lab race", "lab sign-twice"] {
        let answer = peer.ask(line);
        assert_eq!(answer["error"]["kind"], "not_a_lab", "{answer}");
        let words: Vec<_> = line.split(' ').collect();
        let (code, stderr) = client(peer, &words);
        assert!(stderr.contains("start it with --lab"), "{stderr}");
        assert_eq!((code, stderr.lines().count()), (Some(1), 1), "{stderr}");
    }
    for (path, body) in [
        ("/v1/lab/partition", r#"{"on": true}"#),
        ("/v1/lab/bad-block", r#"{"rule": "wrong_height"}"#),
        ("/v1/lab/race", ""),
        ("/v1/lab/sign-twice", ""),
    ] {
        let (status, problem) = order(peer, path, body);
        assert_eq!((status, &problem["kind"]), (409, &json!("not_a_lab")), "{problem}");
        let without_token = HttpConnection::open(peer.api).ask("POST", path, &[], body.as_bytes());
        assert_eq!((without_token.status, without_token.problem().as_str()), (401, "no_token"));
    }
    let status = peer.ask("status");
    assert_eq!((&status["role"], &status["partitioned"]), (&json!("ordinary"), &json!(false)));
}

#[test]
fn an_observer_is_no_laboratory() {
    let network = Network::start(1, 12);
    let mut command = Command::new(binary("peer"));
    command.env_clear().current_dir(network.directory.path()).args(["0", "--observe", "--lab"]);
    let (code, stderr) = Program::start("peer", command).finish(PATIENCE);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("--observe and --lab don't go together"), "{stderr}");
}

#[test]
fn a_laboratory_says_so_and_takes_orders_over_http() {
    let mut network = Network::start(2, 12);
    let place = network.join(&["--lab"]);
    meet_all(&mut network.peers, PATIENCE);
    network.peers[0].vote("Ada");
    agree(&mut network.peers, 1, PATIENCE);

    let laboratory = &mut network.peers[place];
    assert_eq!(laboratory.ask("status")["role"], "laboratory");
    let page = HttpConnection::open(laboratory.api).ask("GET", "/", &[], b"");
    assert!(page.text().contains("LABORATORY: "));
    for (path, body, kind) in [
        ("/v1/lab/bad-block", r#"{"rule": "merkel_root"}"#, "unknown_rule"),
        ("/v1/lab/bad-block", r#"{"rule": "unknown_parent"}"#, "rule_not_offered"),
        ("/v1/lab/bad-block", r#"{"rule": "choices_not_rising"}"#, "rule_not_breakable"),
    ] {
        let (status, problem) = order(laboratory, path, body);
        assert_eq!((status, &problem["kind"]), (422, &json!(kind)), "{problem}");
    }

    let (status, problem) = order(laboratory, "/v1/lab/sign-twice", "");
    assert_eq!((status, &problem["kind"]), (409, &json!("not_a_validator")), "{problem}");

    let (status, begun) = order(laboratory, "/v1/lab/partition", r#"{"on": true}"#);
    assert_eq!((status, &begun["partitioned"]), (200, &json!(true)), "{begun}");
    assert_eq!(laboratory.ask("status")["partitioned"], true);
    let (status, problem) = order(laboratory, "/v1/lab/bad-block", r#"{"rule": "no_work"}"#);
    assert_eq!((status, &problem["kind"]), (409, &json!("partitioned")), "{problem}");
    laboratory.vote("Grace");
    laboratory.wait_event("block", PATIENCE, |event| event["mined_here"] == true);
    network.peers[0].ask("mine");
    network.peers[1].wait_event("block", PATIENCE, |event| event["transactions"] == 0);
    let laboratory = &mut network.peers[place];
    assert_eq!(order(laboratory, "/v1/lab/partition", r#"{"on": false}"#).0, 200);
    agree(&mut network.peers, 2, PATIENCE);

    let laboratory = &mut network.peers[place];
    let (status, begun) = order(laboratory, "/v1/lab/bad-block", r#"{"rule": "bad-signature"}"#);
    assert_eq!((status, &begun["rule"]), (200, &json!("bad_signature")), "{begun}");
    laboratory.wait_event("experiment", PATIENCE, |event| event["rule"] == "bad_signature");
    for peer in &mut network.peers[..2] {
        let is_its = |event: &serde_json::Value| {
            event["reason"].as_str().is_some_and(|why| why.contains("is not by voter"))
        };
        peer.wait_event("invalid_block", PATIENCE, is_its);
    }
    let laboratory = &mut network.peers[place];
    let (status, begun) = order(laboratory, "/v1/lab/race", "");
    assert_eq!((status, &begun["experiment"]), (200, &json!("race")), "{begun}");
    laboratory.wait_event("experiment", PATIENCE, |event| event["rule"].is_null());
    agree(&mut network.peers, 2, PATIENCE);
}
