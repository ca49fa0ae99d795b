//! A real peer that is driven by lines on its stdin and answers in lines of JSON.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Line, PATIENCE, Program, binary};

/// Before a peer has said where it listens.
const UNSPECIFIED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A peer process, its answers in order, and its events until somebody asks for them.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    /// Where its API listens; unspecified if it has none.
    pub(crate) api: SocketAddr,
    pub(crate) voter: String,
    pub(crate) data_directory: PathBuf,
    answers: VecDeque<Value>,
    events: Vec<Value>,
}

impl Peer {
    /// A peer's command line, without the caller's settings but for what is to be logged.
    pub(crate) fn command(arguments: &[&str], data_directory: &Path) -> Command {
        let mut command = Command::new(binary("peer"));
        command.env_clear();
        command.envs(std::env::vars_os().filter(|(name, _)| name == "RUST_LOG"));
        command.args(arguments).arg("--json").arg("--data-dir").arg(data_directory);
        command.current_dir(data_directory.parent().expect("it is inside the test's directory"));
        command
    }

    /// Starts a peer and waits until it listens.
    ///
    /// # Panics
    /// When it does not.
    pub(crate) fn start(name: &str, arguments: &[&str], data_directory: &Path) -> Self {
        Self::run(name, Self::command(arguments, data_directory), data_directory)
    }

    /// As [`start`](Self::start), for a command that was prepared by hand.
    ///
    /// # Panics
    /// When the peer does not listen in time.
    pub(crate) fn run(name: &str, command: Command, data_directory: &Path) -> Self {
        let mut peer = Self::launch(name, command, data_directory);
        peer.wait_until_listening(PATIENCE);
        peer
    }

    /// Starts a peer that may have to wait for its tracker first.
    pub(crate) fn launch(name: &str, command: Command, data_directory: &Path) -> Self {
        Self {
            program: Program::start(name, command),
            address: UNSPECIFIED,
            api: UNSPECIFIED,
            voter: String::new(),
            data_directory: data_directory.to_owned(),
            answers: VecDeque::new(),
            events: Vec::new(),
        }
    }

    /// # Panics
    /// When the peer does not listen in time.
    pub(crate) fn wait_until_listening(&mut self, patience: Duration) {
        let listening = self.wait_event("listening", patience, |_| true);
        let address = text(&listening, "address");
        self.address = address.parse().expect("an address");
        self.api = listening["api"].as_str().map_or(UNSPECIFIED, |url| {
            let address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
            address.unwrap_or_else(|| panic!("{listening}"))
        });
        // An observer has none.
        self.voter = listening["voter"].as_str().unwrap_or_default().to_owned();
    }

    /// The API's token, from the data directory.
    pub(crate) fn token(&self) -> String {
        let text = std::fs::read_to_string(self.data_directory.join("api.token"));
        text.expect("there is a token").trim_end().to_owned()
    }

    /// Types a line; its answer is still to be read.
    pub(crate) fn tell(&mut self, line: &str) {
        self.program.send_line(line);
    }

    /// Types a line and reads its answer.
    ///
    /// # Panics
    /// When there is no answer in time, or it is another command's.
    pub(crate) fn ask(&mut self, line: &str) -> Value {
        self.tell(line);
        let answer = self.next_answer(PATIENCE);
        let word = line.split_whitespace().next();
        assert_eq!(answer["answer"].as_str(), word, "{answer}");
        answer
    }

    /// The oldest answer that was not read yet.
    ///
    /// # Panics
    /// When there is none in time.
    pub(crate) fn next_answer(&mut self, patience: Duration) -> Value {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(answer) = self.answers.pop_front() {
                return answer;
            }
            assert!(self.read_line(deadline), "no answer within {patience:?}");
        }
    }

    /// The oldest answer that was not read yet, if there is one in time.
    pub(crate) fn answer_within(&mut self, patience: Duration) -> Option<Value> {
        let deadline = Instant::now() + patience;
        while self.answers.is_empty() && self.read_line(deadline) {}
        self.answers.pop_front()
    }

    /// The oldest answer, if one was written already.
    pub(crate) fn try_answer(&mut self) -> Option<Value> {
        self.read_all();
        self.answers.pop_front()
    }

    /// Casts this peer's own vote.
    ///
    /// # Panics
    /// When it is not accepted.
    pub(crate) fn vote(&mut self, choices: &str) -> Value {
        let answer = self.ask(&format!("vote {choices}"));
        assert_eq!(answer["accepted"], true, "{answer}");
        answer
    }

    /// Hands in a transaction that was signed elsewhere.
    ///
    /// # Panics
    /// When it is not accepted.
    pub(crate) fn submit(&mut self, hex: &str) -> Value {
        let answer = self.ask(&format!("submit {hex}"));
        assert_eq!(answer["accepted"], true, "{answer}");
        answer
    }

    /// The first event of this name for which `matches`, which is then forgotten.
    ///
    /// # Panics
    /// When there is none in time.
    pub(crate) fn wait_event(
        &mut self,
        name: &str,
        patience: Duration,
        matches: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + patience;
        let wanted = |event: &Value| event["event"] == name && matches(event);
        loop {
            if let Some(place) = self.events.iter().position(wanted) {
                return self.events.remove(place);
            }
            assert!(self.read_line(deadline), "no event {name} within {patience:?}");
        }
    }

    /// Whether such an event came so far, without waiting.
    pub(crate) fn has_event(&mut self, name: &str, matches: impl Fn(&Value) -> bool) -> bool {
        self.read_all();
        self.events.iter().any(|event| event["event"] == name && matches(event))
    }

    /// All events that nobody asked for so far, which are then forgotten.
    pub(crate) fn take_events(&mut self) -> Vec<Value> {
        self.read_all();
        std::mem::take(&mut self.events)
    }

    /// Waits for the program's end.
    ///
    /// # Panics
    /// When it does not come in time.
    pub(crate) fn wait_end(&mut self, patience: Duration) -> ExitStatus {
        self.program.wait_end(patience)
    }

    /// Ends the peer as a power cut would end it; gives the answers that it had written and nobody had read,
    /// and the end of what it wrote to stderr.
    ///
    /// # Panics
    /// When the system does not let go of it in time.
    pub(crate) fn kill(mut self) -> (VecDeque<Value>, String) {
        self.program.kill_hard();
        let lines = self.program.remaining_lines(PATIENCE);
        // The last line may have been torn: it told nobody anything.
        let values = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        self.answers.extend(values.filter(|value| value.get("answer").is_some()));
        let (_, stderr) = self.program.finish(PATIENCE);
        (self.answers, stderr)
    }

    fn read_all(&mut self) {
        while self.read_line(Instant::now()) {}
    }

    /// Reads one line; false when there is none by then, or no more at all.
    fn read_line(&mut self, deadline: Instant) -> bool {
        let patience = deadline.saturating_duration_since(Instant::now());
        let Line::Text(line) = self.program.next_line(patience) else { return false };
        let value: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        match (value.get("answer"), value.get("event")) {
            (Some(Value::String(_)), None) => self.answers.push_back(value),
            (None, Some(Value::String(_))) => self.events.push(value),
            _ => panic!("neither an answer nor an event: {line}"),
        }
        true
    }
}

/// The kind of the error in an answer.
///
/// # Panics
/// When there is none.
pub(crate) fn error_kind(answer: &Value) -> &str {
    assert_eq!(answer["accepted"], false, "{answer}");
    assert!(!text(&answer["error"], "message").is_empty(), "{answer}");
    text(&answer["error"], "kind")
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key} in {value}"))
}
