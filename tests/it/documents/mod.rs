//! What the documents say is so: their commands run as written, but for the ports and the profile.

mod api;
mod classroom;
mod cli;
mod organiser;
mod readme;
mod script;
mod voter;

use std::path::Path;
use std::process::Command;

use protocol::ballot_file;

use crate::harness::{Network, PATIENCE, Peer, Program, binary, workspace_directory};

/// What a reader types at a shell, and at a peer's prompt.
const SHELL: &str = "$ ";
const PROMPT: &str = "ostrakon> ";

/// The documents' tracker and the places where their peers listen.
const TRACKERS: [&str; 2] = ["5000", "tracker.example.org:5000"];
const LISTENS: [&str; 7] = ["6001", "6002", "6003", "6004", "6005", "6006", "0.0.0.0:6001"];

pub(crate) fn document(name: &str) -> String {
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

/// The reader's directory: it holds the sample ballot, made easy enough for a test.
fn sample_network() -> Network {
    let text = document("ballot.toml").replace("difficulty_bits = 24", "difficulty_bits = 12");
    Network::without_tracker(ballot_file::parse(&text).expect("the sample is good"))
}

/// Starts a peer with the arguments of a document, answering in JSON, on any port.
fn start_as_written(arguments: &[String], tracker_port: u16, directory: &Path) -> Peer {
    let ported = arguments.iter().map(|argument| match argument.as_str() {
        tracker if TRACKERS.contains(&tracker) => format!("localhost:{tracker_port}"),
        listen if LISTENS.contains(&listen) => "0".to_owned(),
        other => other.to_owned(),
    });
    let mut command = Command::new(binary("peer"));
    command.env_clear().current_dir(directory.parent().expect("it is inside the test's directory"));
    command.env("OSTRAKON_JSON", "true").env("OSTRAKON_DATA_DIR", directory).args(ported);
    Peer::run("peer of a document", command, directory)
}

/// Runs a peer that does one thing and ends; gives what it printed.
fn run_to_its_end(arguments: &[String], directory: &Path) -> Vec<String> {
    let mut command = Command::new(binary("peer"));
    command.env_clear().current_dir(directory).args(arguments);
    let program = Program::start("peer", command);
    let lines = program.remaining_lines(PATIENCE);
    let (code, text) = program.finish(PATIENCE);
    assert_eq!(code, Some(0), "{arguments:?}: {text}");
    lines
}
