//! What the documents say is so: their commands run as written, but for the ports and the profile.

use std::path::Path;
use std::process::Command;

use crate::harness::{
    Network, PATIENCE, Peer, Program, Tracker, agree, binary, new_election, workspace_directory,
};

/// What a reader types at a shell, and at a peer's prompt.
const SHELL: &str = "$ ";
const PROMPT: &str = "ostrakon> ";

/// The ports of the documents: the tracker's, and the first digit of the peers'.
const TRACKER_PORT: &str = "5000";
const PEER_PORTS: [&str; 3] = ["6001", "6002", "6003"];

fn document(name: &str) -> String {
    let path = workspace_directory().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The blocks between "```console" and "```", as lines.
fn console_blocks(text: &str) -> Vec<Vec<&str>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == "```console" {
            blocks.push(lines.by_ref().take_while(|line| *line != "```").collect());
        }
    }
    blocks
}

/// All lines of the console blocks that begin so, without that beginning.
fn typed<'t>(text: &'t str, beginning: &str) -> Vec<&'t str> {
    let lines = console_blocks(text).into_iter().flatten();
    lines.filter_map(|line| line.strip_prefix(beginning)).collect()
}

/// A command line's words; double quotes keep words together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            other => words.last_mut().expect("there is one").push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The program and the arguments of `cargo run --release --bin PROGRAM -- ARGUMENTS`.
fn program(line: &str) -> Option<(String, Vec<String>)> {
    let words = words(line.strip_prefix("cargo run --release --bin ")?);
    let (name, rest) = words.split_first()?;
    let (dashes, arguments) = rest.split_first()?;
    assert_eq!(dashes, "--", "{line}");
    Some((name.clone(), arguments.to_vec()))
}

#[test]
fn the_commands_of_the_readme_for_everybody_are_what_every_change_has_to_pass() {
    let (readme, run) = (document("README.md"), document(".ci/run"));
    let plain: Vec<_> =
        typed(&readme, SHELL).into_iter().filter(|line| program(line).is_none()).collect();
    assert_eq!(plain, ["cargo demo", "cargo test --workspace"]);
    for command in plain {
        let runs = |line: &str| line.split(" <<<").next() == Some(command);
        assert!(run.lines().any(runs), "{command} is not in .ci/run");
    }
}

#[test]
fn links_lead_somewhere() {
    for name in ["README.md", "ARCHITECTURE.md", "docs/PROTOCOL.md", "docs/CLI.md"] {
        let text = document(name);
        let folder = workspace_directory().join(name);
        let folder = folder.parent().expect("a file is in a directory");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
            let target = link.0.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                assert!(folder.join(target).exists(), "{name}: {target} is not there");
            }
        }
    }
}

#[test]
fn the_readme_by_hand_works_as_written() {
    let readme = document("README.md");
    // The reader's directory holds the sample ballot.
    let mut network = Network::without_tracker(new_election(12));
    let sample = document("ballot.toml").replace("difficulty_bits = 24", "difficulty_bits = 12");
    std::fs::write(network.ballot(), sample).expect("a file");
    let mut sessions = 0;
    for line in typed(&readme, SHELL) {
        let Some((name, arguments)) = program(line) else { continue };
        match (name.as_str(), arguments.first().map(String::as_str)) {
            ("tracker", Some(TRACKER_PORT)) => {
                network.tracker = Some(Tracker::start("0", &network.ballot()));
            }
            ("peer", Some("ballot")) => run_to_its_end(&arguments, network.directory.path()),
            ("peer", Some(TRACKER_PORT)) => {
                assert!(PEER_PORTS.contains(&arguments[1].as_str()), "{line}");
                let directory = network.new_data_directory();
                let tracker = network.tracker.as_ref().expect("the tracker comes first").address;
                let peer = start_as_written(&arguments, tracker.port(), &directory);
                network.peers.push(peer);
                sessions += 1;
            }
            _ => panic!("who is to run this? {line}"),
        }
    }
    assert_eq!(sessions, 2);
    let lines = typed(&readme, PROMPT);
    assert!(lines.contains(&"leave") && lines.iter().any(|line| line.starts_with("vote ")));
    for line in lines {
        let answer = network.peers[0].ask(line);
        assert_eq!(answer.get("error"), None, "{answer}");
        if line.starts_with("vote ") {
            agree(&mut network.peers, 1, PATIENCE);
        }
    }
    assert_eq!(network.peers[0].wait_end(PATIENCE).code(), Some(0));
}

/// Starts a peer with the arguments of a document, answering in JSON, on any port.
fn start_as_written(arguments: &[String], tracker_port: u16, directory: &Path) -> Peer {
    let ported = arguments.iter().map(|argument| match argument.as_str() {
        TRACKER_PORT => tracker_port.to_string(),
        port if PEER_PORTS.contains(&port) => "0".to_owned(),
        other => other.to_owned(),
    });
    let mut command = Command::new(binary("peer"));
    command.env_clear().current_dir(directory.parent().expect("it is inside the test's directory"));
    command.env("OSTRAKON_JSON", "true").env("OSTRAKON_DATA_DIR", directory).args(ported);
    Peer::run("peer of a document", command, directory)
}

fn run_to_its_end(arguments: &[String], directory: &Path) {
    let mut command = Command::new(binary("peer"));
    command.env_clear().current_dir(directory).args(arguments);
    let (code, text) = Program::start("peer ballot", command).finish(PATIENCE);
    assert_eq!(code, Some(0), "{arguments:?}: {text}");
}
