//! The API keeps what its description says, and says what it refuses always in the same words.
//!
//! schemathesis makes requests out of the description that a peer gives, right ones and wrong ones, and looks at
//! every answer. It is found on PATH, or where `OSTRAKON_SCHEMATHESIS` says (`.ci/run` installs it); without it there
//! is nothing to show, unless `OSTRAKON_REQUIRE_TOOLS=1` says that it has to be there.

mod problems;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Network, PATIENCE, Peer, Program, Voter, new_election, until};

const CONFIGURATION: &str = include_str!("schemathesis.toml");
const STRANGER: &str = include_str!("stranger.toml");

/// For some hundred requests on a busy machine, of which each is answered within milliseconds.
const RUN_PATIENCE: Duration = Duration::from_secs(120);

/// An answer over HTTP.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

#[test]
fn a_peer_answers_as_its_description_says() {
    let Some(tool) = schemathesis() else { return };
    let mut network = Network::without_tracker(new_election(8));
    let ballot = network.ballot().display().to_string();
    let mut peer = network.start_alone(&["--ballot", &ballot]);
    let election = network.election.clone();
    let voters: Vec<_> = (0..4).map(|number| Voter::new(&election, number)).collect();
    for voter in &voters[..2] {
        peer.submit(&voter.registration());
        peer.submit(&voter.vote(1));
    }
    until("both votes are in blocks", PATIENCE, || {
        (peer.ask("results")["votes"] == 2).then_some(())
    });
    let voter = voters[0].key.public().voter().to_string();
    let path = format!("/v1/voters/{voter}");
    let transaction = ask(&peer, "GET", &path, &[], "").json()["vote"]["transaction"].clone();
    let transaction = transaction.as_str().expect("it voted").to_owned();
    let configuration = CONFIGURATION
        .replace("<voter>", &voter)
        .replace("<transaction>", &transaction)
        .replace("<encoding>", &voters[2].registration());
    let directory = network.directory.path().to_owned();
    run(&tool, &peer, &configuration, &[], &directory);
    assert!(peer.has_event("block", |event| event["mined_here"] == true));
    end(peer);

    // Now with a pool, which nobody empties.
    let data = directory.join("peer-1");
    let mut peer = Peer::start("peer again", &["0", "--ballot", &ballot, "--no-mining"], &data);
    for transaction in [voters[2].vote(0), voters[3].registration(), voters[3].vote(2)] {
        peer.submit(&transaction);
    }
    assert_ne!(peer.ask("status")["pool"], 0);
    run(&tool, &peer, &configuration, &[], &directory);

    let before = (peer.ask("myvote"), peer.ask("status")["pool"].clone());
    let guarded = ["--include-tag", "orders", "--include-operation-id", "new_login"];
    run(&tool, &peer, STRANGER, &guarded, &directory);
    assert_eq!((peer.ask("myvote"), peer.ask("status")["pool"].clone()), before);
    end(peer);
}

fn end(mut peer: Peer) {
    peer.tell("leave");
    peer.wait_end(PATIENCE);
}

/// The tool, if the test has to run.
fn schemathesis() -> Option<OsString> {
    let named = std::env::var_os("OSTRAKON_SCHEMATHESIS");
    let tool = named.unwrap_or_else(|| "schemathesis".into());
    let found = Command::new(&tool).arg("--version").stdout(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(tool);
    }
    let is_required = std::env::var_os("OSTRAKON_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!is_required, "schemathesis is not installed, and OSTRAKON_REQUIRE_TOOLS=1");
    eprintln!("schemathesis is not installed: the description was not tested");
    None
}

/// Holds a peer against its description.
fn run(tool: &OsStr, peer: &Peer, configuration: &str, arguments: &[&str], directory: &Path) {
    let file = directory.join("schemathesis.toml");
    fs::write(&file, configuration).expect("a file");
    let mut command = Command::new(tool);
    command.arg("--config-file").arg(&file).arg("run").args(arguments).arg("--no-color");
    command.arg(format!("http://{}/v1/openapi.json", api(peer)));
    command.env("OSTRAKON_TEST_TOKEN", token(peer)).current_dir(directory);
    let program = Program::start("schemathesis", command);
    let lines = program.remaining_lines(RUN_PATIENCE);
    let (code, text) = program.finish(PATIENCE);
    assert_eq!(code, Some(0), "{}\n{text}", lines.join("\n"));
    let tested = lines.iter().any(|line| line.trim_start().starts_with("Tested: "));
    assert!(tested, "nothing was tested:\n{}", lines.join("\n"));
}

fn token(peer: &Peer) -> String {
    fs::read_to_string(peer.data_directory.join("api.token")).expect("a token").trim().to_owned()
}

/// Where a peer's API listens.
fn api(peer: &Peer) -> String {
    let url = fs::read_to_string(peer.data_directory.join("api.url")).expect("it listens");
    url.trim().strip_prefix("http://").expect("it is http").to_owned()
}

/// Asks once, on a connection of its own.
fn ask(peer: &Peer, method: &str, target: &str, headers: &[&str], body: &str) -> Answer {
    let address = api(peer);
    let mut stream = TcpStream::connect(&address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    let own = [format!("Host: {address}"), format!("Content-Length: {}", body.len())];
    // What the request says of itself goes before what it would say otherwise.
    let named = |name: &str| headers.iter().any(|header| header.starts_with(name));
    let own = own.iter().filter(|line| !named(line.split(' ').next().expect("a name")));
    let lines: Vec<_> = own.map(String::as_str).chain(headers.iter().copied()).collect();
    let head = lines.join("\r\n");
    write!(stream, "{method} {target} HTTP/1.1\r\nConnection: close\r\n{head}\r\n\r\n{body}")
        .expect("it listens");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status: {head}"));
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}
