//! A voter whom nobody hears is told so by every answer, and is told when that ends.

use std::time::Duration;

use crate::harness::http::HttpConnection;
use crate::harness::{Network, PATIENCE, lasting_port, new_election, offline, until};

/// The kind of the problem with which `/readyz` answers; empty when it is ready.
fn readiness(api: std::net::SocketAddr) -> String {
    let answer = HttpConnection::open(api).ask("GET", "/readyz", &[], b"");
    match answer.status {
        200 => String::new(),
        _ => answer.problem(),
    }
}

#[test]
fn a_voter_whom_nobody_hears_is_told_so_by_every_answer() {
    let mut network = Network::without_tracker(new_election(12));
    let ballot = network.ballot();
    let ballot = ballot.to_str().expect("UTF-8");
    // Nobody is there for now.
    let other = lasting_port().to_string();
    let mut peer = network.start_alone(&["--ballot", ballot, "--neighbour", &other]);
    peer.vote("Ada");
    until("a block holds the vote", PATIENCE, || {
        (peer.ask("myvote")["vote"]["standing"]["in"] == "block").then_some(())
    });
    let nobody = serde_json::json!({"neighbours": 0, "of": 0});
    let vote = peer.ask("myvote")["vote"].clone();
    assert_eq!((&vote["held_by"], &vote["standing"]["held_by"]), (&nobody, &nobody));
    for question in ["results", "status"] {
        let answer = peer.ask(question);
        assert_eq!(answer["tip_held_by"], nobody, "{answer}");
        assert_eq!(answer["unready"][0]["kind"], "no_contact", "{answer}");
    }
    let file = peer.data_directory.join("receipt.json");
    let written = peer.ask(&format!("myvote --receipt {}", file.display()));
    assert_eq!(written["held_by"]["neighbours"], 0, "{written}");
    assert_eq!(readiness(peer.api), "no_contact");
    assert!(peer.has_event("own_vote", |event| event["standing"]["held_by"] == nobody));
    peer.wait_event("peer_silent", PATIENCE, |event| {
        event["address"].as_str().is_some_and(|address| address.ends_with(&other))
    });
    let known = peer.address.port().to_string();

    // Once somebody answers and takes the block, that is told as well.
    let mut other =
        network.start_alone(&["--ballot", ballot, "--neighbour", &known, "--no-mining"]);
    peer.wait_event("own_vote", PATIENCE, |event| event["standing"]["held_by"]["neighbours"] == 1);
    assert_eq!(readiness(peer.api), "");
    assert_eq!(peer.ask("results")["unready"], serde_json::json!([]));
    other.tell("leave");
    assert_eq!(other.wait_end(Duration::from_secs(3)).code(), Some(0));
    until("nobody has it any more", PATIENCE, || {
        (peer.ask("results")["tip_held_by"]["of"] == 0).then_some(())
    });
    assert_eq!(readiness(peer.api), "no_contact");
    assert_eq!(peer.ask("leave")["own_vote"], "alone");
}

#[test]
fn who_votes_from_another_terminal_is_told_where_the_peer_runs() {
    let mut network = Network::start(2, 12);
    let peer = &mut network.peers[0];
    let directory = peer.data_directory.to_str().expect("UTF-8").to_owned();
    let (code, vote) =
        offline::run_task(&peer.data_directory, &["vote", "Ada", "--data-dir", &directory]);
    assert_eq!((code, &vote["accepted"]), (Some(0), &serde_json::json!(true)), "{vote}");
    let told = peer.wait_event("own_vote", PATIENCE, |event| event["standing"]["in"] == "block");
    assert_eq!(told["transaction"], vote["transaction"]);
}

#[test]
fn it_is_said_that_none_of_those_answers_who_should() {
    let mut network = Network::without_tracker(new_election(12));
    let ballot = network.ballot();
    let ballot = ballot.to_str().expect("UTF-8");
    let (one, other) = (lasting_port().to_string(), lasting_port().to_string());
    let mut peer =
        network.start_alone(&["--ballot", ballot, "--neighbour", &one, "--neighbour", &other]);
    let told = peer.wait_event("no_contact", PATIENCE, |_| true);
    assert_eq!(told["others"], 2);
    for port in [one, other] {
        let ends = |event: &serde_json::Value| {
            event["address"].as_str().is_some_and(|address| address.ends_with(&port))
        };
        assert!(peer.has_event("peer_silent", ends), "{port}");
    }
}
