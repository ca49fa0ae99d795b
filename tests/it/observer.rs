//! Who only observes: neither votes nor mines, and has all that the others have.

use std::process::Command;

use serde_json::json;

use crate::harness::http::HttpConnection;
use crate::harness::offline::{assert_same, audit};
use crate::harness::{Network, PATIENCE, Program, Voter, agree, binary, meet_all};

#[test]
fn an_observer_refuses_to_vote_and_to_mine_everywhere_and_says_what_it_is() {
    let mut network = Network::start(1, 12);
    let place = network.join(&["--observe", "--mining-threads", "2"]);
    let observer = &mut network.peers[place];
    assert_eq!(observer.voter, "");
    let status = observer.ask("status");
    assert_eq!((&status["role"], &status["voter"]), (&json!("observer"), &json!(null)));
    for line in ["register", "vote Ada", "myvote", "mine"] {
        let answer = observer.ask(line);
        assert_eq!(answer["error"]["kind"], "observer", "{answer}");
    }
    let token = format!("Bearer {}", observer.token());
    let headers = [("Authorization", token.as_str())];
    let mut api = HttpConnection::open(observer.api);
    let vote = api.ask("POST", "/v1/vote", &headers, br#"{"choices": [["Ada"]]}"#);
    assert_eq!((vote.status, vote.problem().as_str()), (409, "observer"));
    let mine = api.ask("POST", "/v1/mine", &headers, b"");
    assert_eq!((mine.status, mine.problem().as_str()), (409, "observer"));
    assert!(api.ask("GET", "/", &[], b"").text().contains("OBSERVER: "));
    for words in [&["vote", "Ada"][..], &["register"], &["myvote"], &["mine"]] {
        let mut command = Command::new(binary("peer"));
        command.env_clear().args(words).arg("--data-dir").arg(&observer.data_directory);
        let (code, stderr) = Program::start("peer", command).finish(PATIENCE);
        assert_eq!(code, Some(1), "{words:?}: {stderr}");
        assert!(stderr.contains("only observes") && stderr.lines().count() == 1, "{stderr}");
    }
    // Neither made at the start nor by any of these.
    assert!(!observer.data_directory.join("voter.key").exists());
}

#[test]
fn an_observer_passes_on_what_others_sign_and_counts_as_the_others_do() {
    let mut network = Network::start(2, 12);
    let place = network.join(&["--observe"]);
    meet_all(&mut network.peers, PATIENCE);
    let voter = Voter::new(&network.election, 1);
    let observer = &mut network.peers[place];
    let body = json!({ "transactions": [voter.vote(1), voter.registration()] }).to_string();
    let handed_in =
        HttpConnection::open(observer.api).ask("POST", "/v1/transactions", &[], body.as_bytes());
    assert_eq!(handed_in.json()["outcomes"][1]["accepted"], true, "{handed_in:?}");
    network.peers[0].vote("Hedy");
    agree(&mut network.peers, 2, PATIENCE);
    // It mined none of it.
    let mut observer = network.peers.pop().expect("it joined last");
    assert!(!observer.has_event("block", |event| event["mined_here"] == true));
    let counted = observer.ask("results")["questions"].clone();
    assert_eq!(counted, network.peers[0].ask("results")["questions"]);
    observer.ask("leave");
    observer.wait_end(PATIENCE);
    let mut other = network.peers.pop().expect("there were two");
    other.ask("leave");
    other.wait_end(PATIENCE);
    assert_same(&audit(&observer.data_directory), &audit(&other.data_directory));
}
