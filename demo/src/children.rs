//! The processes behind the prompt: started, stopped and reaped.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Context;

/// A peer takes a second at most to leave, and a little to end.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

/// Where the programs were built.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) tracker: PathBuf,
    pub(crate) peer: PathBuf,
}

/// A process without a terminal; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Background {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) log: PathBuf,
    /// Where a peer answers over HTTP, and what a browser opens.
    pub(crate) page: Option<String>,
    pub(crate) data_directory: PathBuf,
    child: Child,
    /// Open for as long as the process is to run; trackers read nothing.
    stdin: Option<ChildStdin>,
    /// Closes when the process has closed its stdout, as it does by ending.
    ended: mpsc::Receiver<()>,
}

impl Background {
    pub(crate) fn tracker(
        programs: &Programs,
        ballot: &Path,
        directory: &Path,
    ) -> anyhow::Result<(Self, SocketAddr)> {
        let mut command = program(&programs.tracker);
        command.args(["0", "--ballot"]).arg(ballot).stdin(Stdio::null());
        // `tracker listening on 127.0.0.1:5000, election …`
        let read =
            |line: &str| line.split_once(" listening on ")?.1.split_once(',')?.0.parse().ok();
        let read = |line: &str| Some((read(line)?, None));
        let started = Self::start(command, "tracker", directory, directory, read)?;
        let address = started.address;
        Ok((started, address))
    }

    pub(crate) fn peer(
        programs: &Programs,
        tracker_port: &str,
        number: usize,
        directory: &Path,
        validator_key: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let mut command = program(&programs.peer);
        command.args([tracker_port, "0", "--json", "--name", &format!("peer {number}")]);
        if let Some(key) = validator_key {
            // The key was made for this demo, so nothing was ever signed with it.
            command.arg("--validator").arg(key).arg("--trust-empty-store");
        }
        command.arg("--data-dir");
        let data_directory = directory.join(format!("peer-{number}"));
        command.arg(&data_directory).stdin(Stdio::piped());
        let read = |line: &str| {
            let event: serde_json::Value = serde_json::from_str(line).ok()?;
            let address = event["address"].as_str().filter(|_| event["event"] == "listening")?;
            Some((address.parse().ok()?, event["api"].as_str().map(str::to_owned)))
        };
        Self::start(command, &format!("peer {number}"), directory, &data_directory, read)
    }

    /// Starts a process, and waits until it says where it listens.
    fn start(
        mut command: Command,
        name: &str,
        directory: &Path,
        data_directory: &Path,
        listening: impl Fn(&str) -> Option<(SocketAddr, Option<String>)>,
    ) -> anyhow::Result<Self> {
        let log = directory.join(format!("{}.log", name.replace(' ', "-")));
        let mut log_file = File::create(&log)?;
        command.stdout(Stdio::piped()).stderr(log_file.try_clone()?);
        let mut child = command.spawn().with_context(|| format!("can't start the {name}"))?;
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        let (address, page) = loop {
            line.clear();
            if stdout.read_line(&mut line)? == 0 {
                // It has said why on its way out; the log goes with the directory.
                let status = child.wait()?;
                let reason = std::fs::read_to_string(&log).unwrap_or_default();
                anyhow::bail!("the {name} ended at once ({status}): {}", reason.trim());
            }
            log_file.write_all(line.as_bytes())?;
            if let Some(found) = listening(&line) {
                break found;
            }
        };
        let (alive, ended) = mpsc::channel();
        thread::spawn(move || {
            // A full disk loses log lines and nothing else.
            let _ = io::copy(&mut stdout, &mut log_file);
            drop(alive);
        });
        let stdin = child.stdin.take();
        let (name, data_directory) = (name.to_owned(), data_directory.to_owned());
        Ok(Self { name, address, log, page, data_directory, child, stdin, ended })
    }

    /// Where commands are written for a peer. It leaves only once all of these are closed.
    pub(crate) fn commands(&self) -> Option<File> {
        self.stdin.as_ref()?.as_fd().try_clone_to_owned().ok().map(File::from)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The end of its input is a peer's order to leave.
        let has_left = self.stdin.take().is_some()
            && self.ended.recv_timeout(LEAVE_PATIENCE) == Err(mpsc::RecvTimeoutError::Disconnected);
        if !has_left {
            // It may have ended just now.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// A program of ours without the user's `OSTRAKON_*` variables: they are about other elections than the demo's.
pub(crate) fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OSTRAKON_") {
            command.env_remove(name);
        }
    }
    command
}
