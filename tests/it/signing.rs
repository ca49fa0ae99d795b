//! Votes and registrations that are signed without a peer, handed in at a peer's prompt and over HTTP, and counted.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use protocol::ballot_file;
use serde_json::{Value, json};

use crate::harness::http::HttpConnection;
use crate::harness::{Network, PATIENCE, binary, new_election, until};

/// Runs `peer` with words in a directory where no peer is.
fn run(directory: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(binary("peer"));
    command.env_clear().args(words).current_dir(directory);
    command.output().expect("the program starts")
}

/// The hexadecimal digits that `peer sign` prints, and what it says beside them.
fn sign(directory: &Path, words: &[&str]) -> (String, String) {
    let output = run(directory, &[&["sign"], words, &["--ballot", "b.toml"]].concat());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    assert!(output.status.success(), "{words:?}: {output:?}");
    (text(&output.stdout).trim().to_owned(), text(&output.stderr))
}

#[test]
fn what_is_signed_without_a_peer_is_handed_in_and_counted() {
    let election = new_election(8);
    let mut network = Network::without_tracker(election.clone());
    let mut peer = network.start_alone(&[]);
    let desk = tempfile::tempdir().expect("a directory");
    let path = desk.path();
    fs::write(path.join("b.toml"), ballot_file::write(&election)).expect("there is room");
    for key in ["one.key", "two.key"] {
        let made = run(path, &["key", "new", "--key", key, "--no-phrase", "--no-passphrase"]);
        assert!(made.status.success(), "{made:?}");
    }
    let blank = |question: usize| if question == 0 { "1" } else { "-" };
    let choices: Vec<_> = (0..election.questions.len()).map(blank).collect();
    let choices = choices.join("; ");

    // At the prompt.
    let (registration, told) = sign(path, &["register", "--key", "one.key"]);
    assert!(told.contains("signed the registration of voter"), "{told}");
    let (vote, told) = sign(path, &["vote", &choices, "--key", "one.key"]);
    assert!(told.contains("a peer takes it until 2"), "{told}");
    for digits in [&registration, &vote] {
        assert_eq!(peer.submit(digits)["accepted"], json!(true));
    }

    // Over HTTP, quietly.
    let (registration, _) = sign(path, &["register", "--key", "two.key", "--quiet"]);
    let words = ["vote", &choices, "--key", "two.key", "--json"];
    let (answer, told) = sign(path, &words);
    assert_eq!(told, "");
    let answer: Value = serde_json::from_str(&answer).expect("one object");
    let body = json!({ "transactions": [registration, answer["encoding"]] }).to_string();
    let mut http = HttpConnection::open(peer.api);
    let taken = http.ask("POST", "/v1/transactions", &[], body.as_bytes());
    assert_eq!(taken.status, 200, "{}", taken.text());
    until("both votes to be counted", PATIENCE, || {
        (peer.ask("results")["votes"] == json!(2)).then_some(())
    });

    // Nothing doubtful is signed.
    let doubtful =
        run(path, &["sign", "vote", "Nobody at all", "--key", "one.key", "--ballot", "b.toml"]);
    assert_eq!((doubtful.status.code(), doubtful.stdout.len()), (Some(2), 0), "{doubtful:?}");
}
