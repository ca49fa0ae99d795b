//! The program as its user meets it: the first line on stdout, errors in one line, exit codes, signals.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use protocol::ballot_file;
use protocol::units::ElectionId;
use tempfile::TempDir;

const BALLOT: &str = r#"
id = "000102030405060708090a0b0c0d0e0f"
title = "Board"
created = "2026-11-01T09:00:00Z"
difficulty_bits = 8
registration_bits = 4
block_bytes_max = 65536

[[question]]
title = "Chair"
options = ["Ada", "Grace"]
"#;

/// A directory with a ballot.toml, where the program runs without the caller's environment.
struct Place(TempDir);

/// Ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It fails if the program has ended, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        std::fs::write(place.file("ballot.toml"), BALLOT).expect("a file");
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tracker"));
        command.args(arguments).current_dir(self.0.path()).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it runs to its end")
    }
}

impl Running {
    /// Starts a tracker and reads where it listens from its first line.
    fn start(mut command: Command) -> (Self, SocketAddr) {
        let mut running = Self(command.spawn().expect("it starts"));
        let stdout = running.0.stdout.as_mut().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("it is text");
        let rest = line.trim_end().strip_prefix("tracker listening on ");
        let (address, election) =
            rest.and_then(|rest| rest.split_once(", election ")).expect(&line);
        let expected = ballot_file::parse(BALLOT).expect("a good ballot").election_id();
        assert_eq!(election.parse::<ElectionId>(), Ok(expected));
        (running, address.parse().expect("a real address"))
    }

    /// Sends a signal and waits for the end; gives the exit code and what stands on stderr.
    fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill runs");
        assert!(sent.success());
        let mut log = String::new();
        let stderr = self.0.stderr.as_mut().expect("it is piped");
        stderr.read_to_string(&mut log).expect("it is text");
        (self.0.wait().expect("it ends").code(), log)
    }
}

fn one_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).expect("it is text");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    assert!(output.stdout.is_empty());
    text.trim_end().to_owned()
}

#[test]
fn it_says_where_it_listens_and_ends_well_on_both_signals() {
    let place = Place::new();
    for signal in ["-INT", "-TERM"] {
        let (running, address) = Running::start(place.command(&["0"]));
        assert!(address.ip().is_loopback() && address.port() != 0);
        let (code, log) = running.stop(signal);
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("stopped"), "{log}");
    }
}

#[test]
fn the_environment_stands_in_for_arguments() {
    let place = Place::new();
    std::fs::rename(place.file("ballot.toml"), place.file("other.toml")).expect("it moves");
    let mut command = place.command(&[]);
    command.env("OSTRAKON_LISTEN", "localhost:0");
    command.env("OSTRAKON_BALLOT", "other.toml");
    command.env("OSTRAKON_LOG_FORMAT", "json");
    let (running, address) = Running::start(command);
    assert!(address.ip().is_loopback());
    let (code, log) = running.stop("-TERM");
    assert_eq!(code, Some(0));
    assert!(log.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{log}");
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let place = Place::new();
    let (_running, address) = Running::start(place.command(&["0"]));
    let output = place.run(&[&address.to_string()]);
    assert_eq!(output.status.code(), Some(2));
    let expected = format!("tracker: {address} is in use: ");
    assert!(one_line(&output).starts_with(&expected), "{}", one_line(&output));
}

#[test]
fn a_missing_or_bad_ballot_is_one_clear_line() {
    let place = Place::new();
    let output = place.run(&["0", "--ballot", "nowhere.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(one_line(&output).starts_with("tracker: can't read the ballot nowhere.toml"));

    let broken = BALLOT.replace("difficulty_bits = 8", "difficulty_bits = 99");
    std::fs::write(place.file("broken.toml"), broken).expect("a file");
    let output = place.run(&["0", "--ballot", "broken.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let line = one_line(&output);
    assert!(line.starts_with("tracker: broken.toml: "), "{line}");
    assert!(line.contains("`difficulty_bits` is 99"), "{line}");
}

#[test]
fn wrong_usage_says_what_to_write() {
    let place = Place::new();
    for (arguments, expected) in [
        (&["localhost"][..], "write host:port"),
        (&[][..], "<LISTEN>"),
        (&["0", "--log-format", "xml"][..], "possible values: text, json"),
    ] {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).expect("it is text");
        assert!(text.contains(expected), "{text}");
    }
}
