//! The program as a whole: its arguments, its answers on a pipe, and what it keeps.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these tests start processes and read their output on threads"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Far longer than anything here takes, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn peer(arguments: &[&str], directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OSTRAKON_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(directory);
    command
}

fn run(arguments: &[&str], directory: &Path) -> Output {
    let mut command = peer(arguments, directory);
    command.stdin(Stdio::null()).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// A directory with an election whose blocks are found at once.
fn elections() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let new = ["ballot", "new", "--title", "Board", "--difficulty-bits", "8"];
    let questions = ["--question", "Chair | Ada | Grace", "--question", "[0-2] Days | Mon | Tue"];
    let bits = ["--registration-bits", "4"];
    let arguments: Vec<_> = new.into_iter().chain(questions).chain(bits).collect();
    let made = run(&arguments, directory.path());
    assert!(made.status.success(), "{}", text(&made.stderr));
    directory
}

/// A running peer that speaks JSON.
struct Session {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<Value>,
}

impl Session {
    fn start(arguments: &[&str], directory: &Path) -> Self {
        let mut command = peer(arguments, directory);
        let command = command.arg("--json").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines() {
                let line = serde_json::from_str(&line.expect("UTF-8")).expect("JSON");
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take();
        Self { child, stdin, lines }
    }

    /// The next line with this name.
    fn wait(&self, key: &str, name: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("a line in time");
            if line[key] == name {
                return line;
            }
        }
    }

    fn ask(&mut self, line: &str) -> Value {
        let stdin = self.stdin.as_mut().expect("open");
        writeln!(stdin, "{line}").expect("the peer reads");
        let word = line.split(' ').next().expect("a word");
        self.wait("answer", word)
    }

    /// Closes stdin, and waits for the end.
    fn end(mut self) -> Option<i32> {
        self.stdin = None;
        self.wait("event", "left");
        self.child.wait().expect("it ends").code()
    }
}

#[test]
fn mistakes_end_with_one_line_and_code_2() {
    let directory = elections();
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    fs::write(directory.path().join("bad.toml"), "id = 5\n").expect("written");
    for (arguments, part) in [
        (vec![], "where to listen is missing"),
        (vec![port.as_str()], "is in use"),
        (vec!["0", "--ballot", "none.toml"], "can't read none.toml"),
        (vec!["0", "--ballot", "bad.toml"], "bad.toml: "),
        (vec!["192.0.2.1:5000", "6001"], "name the interface to listen on"),
        (vec!["0", "--no-minning"], "'--no-mining'"),
        (vec!["ballot", "new", "--title", "x"], "--force"),
        (vec!["ballot", "check", "bad.toml"], "`id`"),
    ] {
        let ended = run(&arguments, directory.path());
        let error = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.starts_with("peer: ") && error.contains(part), "{arguments:?}: {error}");
        assert_eq!(error.matches('\n').count(), 1, "{error}");
        assert!(ended.stdout.is_empty(), "{arguments:?}: {}", text(&ended.stdout));
    }
}

#[test]
fn a_ballot_is_checked_in_both_forms() {
    let directory = elections();
    let shown = run(&["ballot", "check", "ballot.toml"], directory.path());
    assert!(text(&shown.stdout).contains("1. Chair (one choice)"));
    let told = run(&["ballot", "check", "ballot.toml", "--json"], directory.path());
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(told["questions"][1]["options"], serde_json::json!(["Mon", "Tue"]));
    assert!(text(&shown.stdout).contains(told["election"].as_str().expect("an id")));
}

#[test]
fn a_vote_on_a_pipe_counts_once_and_survives_a_restart() {
    let directory = elections();
    let arguments = ["0", "--data-dir", "data"];
    let mut session = Session::start(&arguments, directory.path());
    let listening = session.wait("event", "listening");
    assert!(listening["address"].as_str().is_some_and(|address| !address.ends_with(":0")));
    assert_eq!(session.ask("vote Nobody")["error"]["kind"], "no_such_option");
    for doubtful in ["vote Grace", "vote Gr; -", "vote Grace;"] {
        assert_eq!(session.ask(doubtful)["accepted"], false, "{doubtful}");
    }
    let voted = session.ask("vote Grace; Tue, mon");
    assert_eq!(voted["accepted"], true, "{voted}");
    assert_eq!(voted["choices"], serde_json::json!([["Grace"], ["Mon", "Tue"]]));
    let block = session.wait("event", "block");
    let again = session.ask("vote 1");
    assert_eq!(
        (&again["accepted"], &again["error"]["kind"]),
        (&false.into(), &"already_voted".into())
    );
    let second = run(&arguments, directory.path());
    assert_eq!(second.status.code(), Some(2));
    assert!(text(&second.stderr).contains("another process uses data"), "{}", text(&second.stderr));
    assert_eq!(session.end(), Some(0));

    // The data directory knows the election by itself.
    fs::remove_file(directory.path().join("ballot.toml")).expect("removed");
    let mut session = Session::start(&arguments, directory.path());
    assert_eq!(session.wait("event", "listening")["voter"], listening["voter"]);
    let results = session.ask("results");
    assert_eq!(results["votes"], 1);
    assert_eq!(results["questions"][0]["options"][1]["votes"], 1);
    assert_eq!(results["tip"]["hash"], block["hash"]);
    let mine = session.ask("myvote");
    assert_eq!(mine["vote"]["transaction"], voted["transaction"]);
    assert_eq!(mine["vote"]["standing"]["in"], "block");
    assert_eq!(session.ask("nonsense")["error"]["kind"], "unknown_command");
    assert_eq!(session.ask("leave")["own_vote"], "alone", "it knows nobody");
    assert_eq!(session.end(), Some(0));
}

#[test]
fn who_waits_for_a_tracker_in_vain_may_go() {
    let directory = elections();
    // Bound, and silent.
    let tracker = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = tracker.local_addr().expect("an address").port().to_string();
    let session = Session::start(&[&port, "0", "--data-dir", "data"], directory.path());
    session.wait("event", "tracker_silent");
    // It says why on stderr: nobody gave it a command, or could.
    assert_eq!(session.end(), Some(2));
}

#[test]
fn a_ballot_whose_names_read_as_other_numbers_is_refused_with_the_place() {
    let directory = elections();
    let path = directory.path().join("ballot.toml");
    let ballot = fs::read_to_string(&path).expect("it is there");
    for (options, place) in [
        (r##"["#3", "#1", "#2"]"##, "options[0]"),
        (r#"["Ada", "1"]"#, "options[1]"),
        (r#"["2", "Grace"]"#, "options[0]"),
    ] {
        let twisted = ballot.replace(r#"["Ada", "Grace"]"#, options);
        assert_ne!(twisted, ballot);
        fs::write(&path, twisted).expect("written");
        let told = run(&["ballot", "check", "ballot.toml"], directory.path());
        let error = text(&told.stderr);
        assert_eq!(told.status.code(), Some(2), "{options}: {error}");
        let expected = format!("peer: ballot.toml: `question[0].{place}`");
        assert!(error.starts_with(&expected), "{options}: {error}");
    }
    let new = ["ballot", "new", "--force", "--title", "Board", "--question", "Who? | #2 | Ada"];
    let told = run(&new, directory.path());
    assert_eq!(told.status.code(), Some(2));
    let error = text(&told.stderr);
    assert!(error.contains("`question[0].options[0]` is \"#2\""), "{error}");
}
