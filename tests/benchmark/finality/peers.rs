//! A tracker, four validators' peers and one that is looked at, as processes that end with this program.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail, ensure};
use protocol::admission::AdmissionRule;
use protocol::ballot_file;
use protocol::election::{Election, Question};
use protocol::keys::PublicKey;
use protocol::roster::{FinalityRule, Roster, Times, Validator, quorum_min};
use protocol::units::UnixMillis;
use serde_json::Value;
use tempfile::TempDir;

const VALIDATORS: [&str; 4] = ["North", "East", "South", "West"];
/// The shortest interval that an election with validators may have.
const BLOCK_INTERVAL_S: u32 = 2;
/// A moment's work, which rises to the interval by itself.
const DIFFICULTY_BITS: u8 = 16;
/// Long enough that nothing closes while it is measured.
const OPEN: Duration = Duration::from_secs(3_600);
/// For a process to say where it listens, and to find all others.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// Submissions that wait for their answers at a time; together they are smaller than a pipe.
const OUTSTANDING_MAX: usize = 48;

/// All processes of an election.
#[derive(Debug)]
pub(super) struct Network {
    // Dropped in this order: the directory goes last.
    observer: Running,
    _others: Vec<Running>,
    election: Election,
    directory: TempDir,
}

/// A process, its lines of JSON with the moments when they came, and its input.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<(Instant, String)>,
    /// Events that nobody waited for yet, in their order.
    events: Vec<(Instant, Value)>,
}

impl Network {
    /// Starts them all, and waits until they know each other.
    ///
    /// # Errors
    /// When one does not start in time.
    pub(super) fn start(programs: &Path) -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("ostrakon-benchmark-")?;
        let (peer, at) = (programs.join("peer"), directory.path());
        let (keys, roster) = roster(&peer, at)?;
        let election = election(roster);
        let ballot = at.join("ballot.toml");
        std::fs::write(&ballot, ballot_file::write(&election))?;
        let mut tracker = Command::new(programs.join("tracker"));
        tracker.args(["0", "--ballot"]).arg(&ballot);
        let tracker = Running::start(tracker)?;
        let (_, line) = tracker.lines.recv_timeout(START_PATIENCE).context("no tracker")?;
        let address = line.strip_prefix("tracker listening on ").and_then(|it| it.split_once(','));
        let (address, _) = address.with_context(|| format!("the tracker says {line:?}"))?;
        let mut others = Vec::new();
        for (number, key) in keys.iter().enumerate() {
            let mut command = command(&peer, address, &at.join(format!("peer-{number}")));
            // The one that is looked at mines, so that no other work keeps the processor from what is measured.
            command.args(["--no-mining", "--trust-empty-store", "--validator"]).arg(key);
            others.push(Running::start(command)?);
        }
        for other in &mut others {
            other.wait(START_PATIENCE, |event| event["event"] == "signs")?;
        }
        others.push(tracker);
        let mut observer = Running::start(command(&peer, address, &at.join("observer")))?;
        let deadline = Instant::now() + START_PATIENCE;
        while observer.ask("status", START_PATIENCE)?["neighbours"] != VALIDATORS.len() {
            ensure!(Instant::now() < deadline, "the peers don't find each other");
        }
        Ok(Self { observer, _others: others, election, directory })
    }

    pub(super) fn election(&self) -> &Election {
        &self.election
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The peer that is looked at.
    pub(super) fn observer(&mut self) -> &mut Running {
        &mut self.observer
    }
}

impl Running {
    fn start(mut command: Command) -> anyhow::Result<Self> {
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let stdin = child.stdin.take().context("it is piped")?;
        let stdout = child.stdout.take().context("it is piped")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody listens any more once all is measured.
                let _ = sender.send((Instant::now(), line));
            }
        });
        Ok(Self { child, stdin, lines, events: Vec::new() })
    }

    /// The first event for which `wanted`, and when it came; all before it are forgotten.
    ///
    /// # Errors
    /// When there is none in time.
    pub(super) fn wait(
        &mut self,
        patience: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<(Instant, Value)> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(place) = self.events.iter().position(|(_, event)| wanted(event)) {
                let found = self.events.drain(..=place).next_back();
                return found.context("there is one");
            }
            self.events.clear();
            let (at, value) = self.next(deadline)?;
            self.events.push((at, value));
        }
    }

    /// Forgets all events so far.
    pub(super) fn forget(&mut self) {
        self.events.clear();
        while self.lines.try_recv().is_ok() {}
    }

    /// Hands in transactions, some at a time; when the last one was accepted.
    ///
    /// # Errors
    /// When one is refused, or not answered in time.
    pub(super) fn submit(
        &mut self,
        signed: &[String],
        patience: Duration,
    ) -> anyhow::Result<Instant> {
        let deadline = Instant::now() + patience;
        let mut last = Instant::now();
        for part in signed.chunks(OUTSTANDING_MAX) {
            for hex in part {
                writeln!(self.stdin, "submit {hex}")?;
            }
            for _ in part {
                let (at, answer) = self.answer(deadline)?;
                ensure!(answer["accepted"] == true, "refused: {answer}");
                last = at;
            }
        }
        Ok(last)
    }

    fn ask(&mut self, line: &str, patience: Duration) -> anyhow::Result<Value> {
        writeln!(self.stdin, "{line}")?;
        Ok(self.answer(Instant::now() + patience)?.1)
    }

    fn answer(&mut self, deadline: Instant) -> anyhow::Result<(Instant, Value)> {
        loop {
            let (at, value) = self.next(deadline)?;
            if value.get("answer").is_some() {
                return Ok((at, value));
            }
            self.events.push((at, value));
        }
    }

    fn next(&mut self, deadline: Instant) -> anyhow::Result<(Instant, Value)> {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok((at, line)) = self.lines.recv_timeout(left) else { bail!("a peer says nothing") };
        let value = serde_json::from_str(&line).with_context(|| format!("no JSON: {line}"))?;
        Ok((at, value))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(peer: &Path, tracker: &str, data_directory: &Path) -> Command {
    let mut command = Command::new(peer);
    command.args([tracker, "0", "--json", "--data-dir"]).arg(data_directory);
    command
}

/// Has the peer's program make the validators' keys.
fn roster(peer: &Path, directory: &Path) -> anyhow::Result<(Vec<PathBuf>, Roster)> {
    let (mut files, mut validators) = (Vec::new(), Vec::new());
    for name in VALIDATORS {
        let file = directory.join(format!("{name}.key"));
        let mut command = Command::new(peer);
        command.args(["validator", "init", "--no-passphrase", "--json", "--name", name, "--key"]);
        let made = command.arg(&file).output().with_context(|| peer.display().to_string())?;
        let answer: Value = serde_json::from_slice(&made.stdout).context("no validator's key")?;
        let key: PublicKey = answer["key_text"].as_str().context("no key")?.parse()?;
        validators.push(Validator { name: name.to_owned(), key });
        files.push(file);
    }
    let quorum = u8::try_from(quorum_min(validators.len(), false))?;
    Ok((files, Roster { validators, quorum, crash_faults_only: false }))
}

/// An election that is open.
fn election(roster: Roster) -> Election {
    let now = unix_now();
    let id = now.0.to_be_bytes();
    let opens = UnixMillis(now.0 - 60_000);
    let (closes, finality) = (now.plus(OPEN), FinalityRule::Roster(roster));
    Election {
        id: *[id, id].concat().first_chunk().expect("twice 8 bytes"),
        title: "How soon is it final?".into(),
        created: opens,
        difficulty_bits: DIFFICULTY_BITS,
        admission: AdmissionRule::Open { registration_bits: 4, max_voters: None },
        block_bytes_max: crate::BLOCK_BYTES_MAX,
        questions: vec![Question {
            title: "Who takes the chair?".into(),
            options: ["Ada", "Grace", "Hedy"].map(str::to_owned).to_vec(),
            choices_min: 1,
            choices_max: 1,
        }],
        block_interval_s: Some(BLOCK_INTERVAL_S),
        times: Some(Times { opens, closes, finality }),
    }
}

pub(super) fn unix_now() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixMillis::default().plus(since_epoch.unwrap_or(Duration::ZERO))
}
