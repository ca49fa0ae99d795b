//! A child process: its stdout by lines, its stderr kept for whoever has to find a fault, its end certain.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::until;

/// Lines of each stream that a failed test shows.
const SHOWN_LINES_MAX: usize = 60;

type Tail = Arc<Mutex<VecDeque<String>>>;

/// What came of waiting for a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Text(String),
    /// The program closed its stdout.
    End,
    TimedOut,
}

/// A running program, killed and reaped when this is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stdout_tail: Tail,
    stderr_tail: Tail,
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    /// Starts a program with all three streams piped.
    ///
    /// # Panics
    /// When it does not start.
    pub(crate) fn start(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdin = child.stdin.take();
        let (sender, lines) = mpsc::channel();
        let (stdout_tail, stderr_tail) = (Tail::default(), Tail::default());
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let pass_on = move |line| {
            // Nobody listens any more when the test is over.
            let _ = sender.send(line);
        };
        let readers = vec![
            keep_lines(stdout, Arc::clone(&stdout_tail), pass_on),
            keep_lines(stderr, Arc::clone(&stderr_tail), |_| {}),
        ];
        Self { name: name.to_owned(), child, stdin, lines, stdout_tail, stderr_tail, readers }
    }

    /// Writes one line to the program's stdin. One that has ended does not notice.
    pub(crate) fn send_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("the input is open");
        let _ = stdin.write_all(format!("{line}\n").as_bytes());
        let _ = stdin.flush();
    }

    /// The end of input, as by control-D.
    pub(crate) fn close_input(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn next_line(&self, patience: Duration) -> Line {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Line::Text(line),
            Err(RecvTimeoutError::Timeout) => Line::TimedOut,
            Err(RecvTimeoutError::Disconnected) => Line::End,
        }
    }

    /// All lines of stdout that were not read yet, up to the program's end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub(crate) fn remaining_lines(&self, patience: Duration) -> Vec<String> {
        let deadline = Instant::now() + patience;
        let mut lines = Vec::new();
        loop {
            match self.next_line(deadline.saturating_duration_since(Instant::now())) {
                Line::Text(line) => lines.push(line),
                Line::End => return lines,
                Line::TimedOut => panic!("{} did not end within {patience:?}", self.name),
            }
        }
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(status.expect("kill runs").success(), "{} could not be signalled", self.name);
    }

    /// Ends the program as a power cut would end it.
    pub(crate) fn kill_hard(&mut self) {
        self.child.kill().expect("the program runs");
        self.child.wait().expect("a killed program ends");
    }

    /// # Panics
    /// When the program does not end in time.
    pub(crate) fn wait_end(&mut self, patience: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        until(&what, patience, || self.child.try_wait().expect("it is our child"))
    }

    /// Waits for the end; gives the exit code and the end of what was written to stderr.
    ///
    /// # Panics
    /// When the program does not end in time.
    pub(crate) fn finish(mut self, patience: Duration) -> (Option<i32>, String) {
        let status = self.wait_end(patience);
        for reader in self.readers.drain(..) {
            reader.join().expect("reading lines does not panic");
        }
        (status.code(), self.stderr())
    }

    /// The end of what was written to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        tail_text(&self.stderr_tail)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail if the program has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- {}: end of stdout\n{}", self.name, tail_text(&self.stdout_tail));
            eprintln!("--- {}: end of stderr\n{}", self.name, tail_text(&self.stderr_tail));
        }
    }
}

fn keep_lines(
    stream: impl Read + Send + 'static,
    tail: Tail,
    mut pass_on: impl FnMut(String) + Send + 'static,
) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { break };
            let mut kept = tail.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_back(line.clone());
            if kept.len() > SHOWN_LINES_MAX {
                kept.pop_front();
            }
            drop(kept);
            pass_on(line);
        }
    })
}

fn tail_text(tail: &Tail) -> String {
    let kept = tail.lock().unwrap_or_else(PoisonError::into_inner);
    kept.iter().map(|line| format!("{line}\n")).collect()
}
