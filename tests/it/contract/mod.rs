//! The API keeps what its description says, and says what it refuses always in the same words.
//!
//! schemathesis makes requests out of the description that a peer gives, right ones and wrong ones, and looks at
//! every answer. It is found on PATH, or where `OSTRAKON_SCHEMATHESIS` says (`.ci/run` installs it); without it there
//! is nothing to show, unless `OSTRAKON_REQUIRE_TOOLS=1` says that it has to be there.

mod problems;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::harness::http::{HttpAnswer, HttpConnection};
use crate::harness::{Network, PATIENCE, Peer, Program, Voter, new_election, tool, until};

const CONFIGURATION: &str = include_str!("schemathesis.toml");
const STRANGER: &str = include_str!("stranger.toml");

/// For some hundred requests on a busy machine, of which each is answered within milliseconds.
const RUN_PATIENCE: Duration = Duration::from_secs(120);

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
fn schemathesis() -> Option<PathBuf> {
    let named = std::env::var_os("OSTRAKON_SCHEMATHESIS").map(PathBuf::from);
    named.or_else(|| tool("schemathesis"))
}

/// Holds a peer against its description.
fn run(tool: &Path, peer: &Peer, configuration: &str, arguments: &[&str], directory: &Path) {
    let file = directory.join("schemathesis.toml");
    fs::write(&file, configuration).expect("a file");
    let mut command = Command::new(tool);
    command.arg("--config-file").arg(&file).arg("run").args(arguments).arg("--no-color");
    command.arg(format!("http://{}/v1/openapi.json", peer.api));
    command.env("OSTRAKON_TEST_TOKEN", peer.token()).current_dir(directory);
    let program = Program::start("schemathesis", command);
    let lines = program.remaining_lines(RUN_PATIENCE);
    let (code, text) = program.finish(PATIENCE);
    assert_eq!(code, Some(0), "{}\n{text}", lines.join("\n"));
    let tested = lines.iter().any(|line| line.trim_start().starts_with("Tested: "));
    assert!(tested, "nothing was tested:\n{}", lines.join("\n"));
}

/// Asks once, on a connection of its own; what the request says of itself goes before what it would say otherwise.
fn ask(peer: &Peer, method: &str, target: &str, headers: &[&str], body: &str) -> HttpAnswer {
    let own = [format!("Host: {}", peer.api), format!("Content-Length: {}", body.len())];
    let named = |name: &str| headers.iter().any(|header| header.starts_with(name));
    let own = own.iter().filter(|line| !named(line.split(' ').next().expect("a name")));
    let lines: Vec<_> = own.map(String::as_str).chain(headers.iter().copied()).collect();
    let request = format!("{method} {target} HTTP/1.1\r\n{}\r\n\r\n{body}", lines.join("\r\n"));
    let mut connection = HttpConnection::open(peer.api);
    connection.send(request.as_bytes()).expect("it listens");
    connection.answer(method).unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}
