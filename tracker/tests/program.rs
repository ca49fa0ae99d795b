//! The program as its user meets it: the first line on stdout, errors in one line, exit codes, signals.

#![cfg(unix)]
#![allow(clippy::disallowed_types, reason = "a test holds ports")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use protocol::ballot_file;
use protocol::units::ElectionId;
use tempfile::TempDir;

const BALLOT: &str = r#"
id = "000102030405060708090a0b0c0d0e0f"
title = "Board"
created = "2026-11-01T09:00:00Z"
difficulty_bits = 8
block_bytes_max = 65536
admission = "open"
registration_bits = 4

[[question]]
title = "Chair"
options = ["Ada", "Grace"]
"#;

/// How long anything on this machine may take.
const DEADLINE: Duration = Duration::from_secs(20);

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
    fn start(command: Command) -> (Self, SocketAddr) {
        let (running, address, _) = Self::start_with_api(command);
        (running, address)
    }

    /// Also where its API listens, if it has one.
    fn start_with_api(mut command: Command) -> (Self, SocketAddr, Option<SocketAddr>) {
        let mut running = Self(command.spawn().expect("it starts"));
        let stdout = running.0.stdout.as_mut().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("it is text");
        let rest = line.trim_end().strip_prefix("tracker listening on ");
        let (address, election) =
            rest.and_then(|rest| rest.split_once(", election ")).expect(&line);
        let (election, api) = match election.split_once(", api http://") {
            Some((election, api)) => (election, Some(api.parse().expect("a real address"))),
            None => (election, None),
        };
        let expected = ballot_file::parse(BALLOT).expect("a good ballot").election_id();
        assert_eq!(election.parse::<ElectionId>(), Ok(expected));
        (running, address.parse().expect("a real address"), api)
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

/// The answer to a GET, from its status line on.
fn get(api: SocketAddr, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(api).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("it is a socket");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
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
fn the_api_is_on_loopback_unless_told() {
    let place = Place::new();
    let (running, address, api) = Running::start_with_api(place.command(&["0.0.0.0:0"]));
    assert!(address.ip().is_unspecified());
    let api = api.expect("it has one");
    assert!(api.ip().is_loopback());
    let host = api.to_string();
    for (path, host, status, part) in [
        ("/", host.as_str(), 200, "Ostrakon tracker"),
        ("/healthz", &host, 200, "ok\n"),
        ("/v1/peers", &host, 200, r#"{"peers":[],"next":null}"#),
        ("/metrics", &host, 200, "ostrakon_tracker_peers{standing=\"listed\"} 0\n"),
        ("/v1/nothing", &host, 404, r#""kind":"not_found""#),
        ("/v1/peers?limit=0", &host, 400, r#""kind":"bad_request""#),
        ("/v1/peers", "evil.example", 421, r#""kind":"wrong_host""#),
    ] {
        let answer = get(api, path, host);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        assert!(answer.contains(part), "{path}: {answer}");
    }
    // A balancer names no host, or closes its direction at once.
    for (request, status) in [
        ("GET /healthz HTTP/1.0\r\n\r\n", 200),
        ("HEAD /healthz HTTP/1.1\r\nHost: 192.0.2.7\r\nConnection: close\r\n\r\n", 200),
        ("GET /v1/peers HTTP/1.0\r\n\r\n", 421),
        ("GET /healthz HTTP/1.0\r\nHost: evil.example\r\n\r\n", 421),
    ] {
        let mut stream = TcpStream::connect(api).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        stream.shutdown(std::net::Shutdown::Write).expect("it is open");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let line = answer.lines().next().unwrap_or_default();
        assert_eq!(line.split(' ').nth(1), Some(status.to_string().as_str()), "{request}{answer}");
    }
    // An idle connection does not keep it.
    let _idle = TcpStream::connect(api).expect("it listens");
    assert_eq!(running.stop("-TERM").0, Some(0));
}

#[test]
fn the_api_is_where_it_is_told() {
    let place = Place::new();
    let mut command = place.command(&["0", "--api-host", "tracker.example.org:80"]);
    command.env("OSTRAKON_API", "0");
    let (_running, _, api) = Running::start_with_api(command);
    let api = api.expect("it has one");
    assert!(get(api, "/healthz", "tracker.example.org").starts_with("HTTP/1.1 200 "));
    assert!(get(api, "/healthz", "other.example.org").starts_with("HTTP/1.1 421 "));

    let (_running, _, api) = Running::start_with_api(place.command(&["0", "--api", "off"]));
    assert_eq!(api, None);
}

#[test]
fn a_taken_api_port_is_one_clear_line() {
    let place = Place::new();
    // A port that is taken for TCP, and free for UDP.
    let (_taken, address) = std::iter::repeat_with(|| {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("it is bound");
        (taken, address)
    })
    .find(|(_, address)| UdpSocket::bind(address).is_ok())
    .expect("there are many ports");
    for arguments in [&[&*address.to_string()][..], &["0", "--api", &address.to_string()]] {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(2));
        let expected = format!(
            "tracker: can't serve the API (--api ADDR:PORT names another address, --api off serves none): \
             {address} (TCP) is in use: stop the program that has it, or choose another address"
        );
        assert_eq!(one_line(&output), expected);
    }
    let command = place.command(&[&address.to_string(), "--api", "off"]);
    assert_eq!(Running::start(command).1, address);
}

#[test]
fn a_missing_or_bad_ballot_is_one_clear_line() {
    let place = Place::new();
    let output = place.run(&["0", "--ballot", "nowhere.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(one_line(&output).starts_with("tracker: can't read the ballot nowhere.toml"));

    // One byte more than any ballot has, and one that has no end.
    std::fs::write(place.file("long.toml"), "#".repeat(1024 * 1024 + 1)).expect("a file");
    for endless in ["long.toml", "/dev/zero"] {
        let output = place.run(&["0", "--ballot", endless]);
        assert_eq!(output.status.code(), Some(2));
        let line = one_line(&output);
        assert!(line.starts_with(&format!("tracker: {endless} has over 1048576 bytes")), "{line}");
    }

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
        (&["0", "--api", "on"][..], "write host:port"),
        (&["0", "--api-host", "http://a"][..], "write a name"),
    ] {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).expect("it is text");
        assert!(text.contains(expected), "{text}");
    }
}
