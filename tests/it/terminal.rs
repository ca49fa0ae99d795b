//! The prompt as a person meets it, in a real pseudo-terminal.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use rexpect::reader::Options;
use rexpect::session::{PtySession, spawn_with_options};

use crate::harness::{Network, PATIENCE, agree, binary, new_election, until};

pub(crate) const PROMPT: &str = "ostrakon> ";

/// What the line editor sends to begin a line anew: to its start, and nothing right of it stays.
const LINE_CLEARED: &str = "\r\x1b[K";

const KEY_UP: &str = "\x1b[A";

/// Becomes the program, once it has said as which process.
const START: &str = r#"
if [ -n "$COLUMNS_WANTED" ]; then stty rows 40 cols "$COLUMNS_WANTED"; fi
echo $$ > "$PROCESS_FILE"
exec "$0" "$@"
"#;

/// A peer at whose terminal somebody sits.
pub(crate) struct Terminal {
    session: PtySession,
    /// What was printed before the first prompt.
    greeting: String,
    /// Where the number of its process stands.
    process_file: PathBuf,
}

impl Terminal {
    /// Starts a peer; escape sequences are seen by the test only if it is about them.
    pub(crate) fn start(arguments: &[&str], directory: &Path, with_escapes: bool) -> Self {
        let mut terminal = Self::run(arguments, directory, with_escapes);
        terminal.sees_prompt();
        terminal
    }

    /// The same for a command that was prepared by hand.
    pub(crate) fn start_by(command: Command, directory: &Path, with_escapes: bool) -> Self {
        let mut terminal = Self::run_by(command, directory, with_escapes);
        terminal.sees_prompt();
        terminal
    }

    fn sees_prompt(&mut self) {
        self.sees("peer listening on ");
        self.sees("Votes are public");
        self.greeting = self.sees(PROMPT);
    }

    /// Starts whatever the arguments ask of the program; nothing is waited for.
    pub(crate) fn run(arguments: &[&str], directory: &Path, with_escapes: bool) -> Self {
        Self::run_on("", arguments, directory, with_escapes)
    }

    /// The same on a terminal of so many columns; an empty number leaves it without one.
    pub(crate) fn run_on(
        columns: &str,
        arguments: &[&str],
        directory: &Path,
        with_escapes: bool,
    ) -> Self {
        let mut command = Self::command(arguments, directory);
        command.env("COLUMNS_WANTED", columns);
        Self::run_by(command, directory, with_escapes)
    }

    /// A peer's command line, for somebody at a terminal.
    pub(crate) fn command(arguments: &[&str], directory: &Path) -> Command {
        let mut command = Self::task(arguments, directory);
        command.arg("--data-dir").arg(directory);
        command
    }

    fn task(arguments: &[&str], directory: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        command.env_clear().env("TERM", "xterm").env("NO_COLOR", "1");
        command.envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
        command
            .env("PROCESS_FILE", process_file(directory))
            .args(["-c", START])
            .arg(binary("peer"));
        command.args(arguments);
        command.current_dir(directory.parent().expect("it is inside the test's directory"));
        command
    }

    /// A program on a terminal of so many columns, for a task that knows no data directory.
    pub(crate) fn run_task_on(columns: &str, arguments: &[&str], directory: &Path) -> Self {
        let mut command = Self::task(arguments, directory);
        command.env("COLUMNS_WANTED", columns);
        Self::run_by(command, directory, false)
    }

    fn run_by(command: Command, directory: &Path, with_escapes: bool) -> Self {
        let patience = u64::try_from(PATIENCE.as_millis()).expect("it is short");
        let options =
            Options::new().timeout_ms(Some(patience)).strip_ansi_escape_codes(!with_escapes);
        let mut session = spawn_with_options(command, options).expect("the peer starts");
        // Whatever the peer does, it is gone when the test is over.
        session.process_mut().set_kill_timeout(Some(3_000));
        Self { session, greeting: String::new(), process_file: process_file(directory) }
    }

    /// Sends the program a signal.
    pub(crate) fn signal(&self, name: &str) {
        let process = std::fs::read_to_string(&self.process_file).expect("it has started");
        let sent = Command::new("kill").args(["-s", name, process.trim()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for a text; gives what came before it.
    pub(crate) fn sees(&mut self, text: &str) -> String {
        self.session.exp_string(text).unwrap_or_else(|error| panic!("no {text:?}: {error}"))
    }

    /// Presses keys.
    pub(crate) fn types(&mut self, keys: &str) {
        self.session.send(keys).expect("the terminal takes it");
        self.session.flush().expect("the terminal takes it");
    }

    /// Sends bytes at once, as a paste or an older terminal may.
    pub(crate) fn sends(&mut self, bytes: &[u8]) {
        let mut terminal = self.session.process().get_file_handle().expect("it is there");
        terminal.write_all(bytes).expect("the terminal takes it");
    }

    /// What was printed so far and nobody waited for.
    pub(crate) fn read_on(&mut self) -> String {
        std::iter::from_fn(|| self.session.try_read()).collect()
    }

    /// Types a line, with the key that ends it.
    pub(crate) fn enters(&mut self, line: &str) {
        self.types(&format!("{line}\r"));
    }

    /// All that it prints up to its end.
    pub(crate) fn read_to_end(mut self) -> String {
        self.session.exp_eof().expect("it closes the terminal")
    }

    /// The peer ends by itself, with exit code 0.
    pub(crate) fn ends_well(mut self) {
        self.sees("peer ended");
        self.ends_with(0);
    }

    /// The program ends by itself, with this exit code.
    pub(crate) fn ends_with(mut self, code: i32) {
        self.session.exp_eof().expect("it closes the terminal");
        // The type of the status is not public; it shows as `Exited(Pid(17), 0)`.
        let status = format!("{:?}", self.session.process().wait().expect("it is our child"));
        let ending = format!(", {code})");
        assert!(status.starts_with("Exited(") && status.ends_with(&ending), "{status}");
    }
}

fn process_file(directory: &Path) -> PathBuf {
    directory.with_extension("process")
}

#[test]
fn a_vote_is_asked_for_question_by_question_and_confirmed() {
    let mut network = Network::with_tracker(new_election(12));
    network.join(&[]);
    let (tracker, directory) = (network.tracker_address(), network.new_data_directory());
    let mut terminal = Terminal::start(&[&tracker, "0"], &directory, false);

    terminal.enters("vote");
    terminal.sees("1. Who takes the chair? (one choice)");
    terminal.sees("2  Grace");
    terminal.sees("Your choice");
    terminal.enters("Nobody");
    terminal.sees("has no option \"Nobody\"");
    terminal.sees("Your choice");
    terminal.enters("2");
    terminal.sees("You choose: Grace");
    terminal.sees("Votes are public");
    terminal.sees("Cast this vote?");
    terminal.enters("n");
    terminal.sees("nothing was cast");
    terminal.sees(PROMPT);
    assert_eq!(network.peers[0].ask("status")["registered_voters"], 0);

    terminal.enters("vote");
    terminal.sees("Your choice");
    terminal.enters("Hedy");
    terminal.sees("You choose: Hedy");
    terminal.sees("Cast this vote?");
    terminal.enters("y");
    terminal.sees("your vote (Hedy) is accepted");
    terminal.sees(PROMPT);
    let tip = agree(&mut network.peers, 1, PATIENCE);
    until("the peer at the terminal has the block too", PATIENCE, || {
        let peers = network.peers[0].ask("peers");
        (peers["peers"][0]["tip"]["hash"] == tip.hash).then_some(())
    });
    // It is told as soon as the other one has the block.
    terminal.sees("deep; held by 1 of 1");
    terminal.enters("vote 1");
    terminal.sees("has voted already");
    terminal.sees(PROMPT);
    terminal.enters("leave");
    terminal.sees("your vote is in a block that others have");
    terminal.ends_well();
}

#[test]
fn what_happens_meanwhile_does_not_tear_the_line_that_is_typed() {
    let mut network = Network::with_tracker(new_election(12));
    let (tracker, directory) = (network.tracker_address(), network.new_data_directory());
    let mut terminal = Terminal::start(&[&tracker, "0"], &directory, true);
    // That news may come before the first prompt or after it, but not in the middle of the test.
    if !terminal.greeting.contains("lists this peer") {
        terminal.sees("lists this peer");
        terminal.sees(PROMPT);
    }

    terminal.types("resu");
    terminal.sees("resu");
    network.join(&[]);
    let newcomer = network.peers[0].address;
    // The half line goes, the news stands in a line of its own, and the half line is there again.
    let before = terminal.sees(&format!("neighbour {newcomer} joined"));
    let time = before.rsplit_once(LINE_CLEARED).expect("the line goes").1;
    assert!(time.len() == "13:30:09  ".len() && time.ends_with("  "), "{before:?}");
    let between = terminal.sees(&format!("{PROMPT}resu"));
    assert!(between.starts_with("\r\n"), "{between:?}");
    terminal.enters("lts");
    terminal.sees("Who takes the chair?");
    terminal.sees(PROMPT);
    terminal.enters("leave");
    terminal.ends_well();
}

#[test]
fn lines_come_back_from_the_history_also_after_a_restart_and_words_are_completed() {
    let mut network = Network::with_tracker(new_election(12));
    let (tracker, directory) = (network.tracker_address(), network.new_data_directory());
    let mut terminal = Terminal::start(&[&tracker, "0"], &directory, false);
    terminal.enters("ballot");
    terminal.sees("Who takes the chair?");
    terminal.sees(PROMPT);
    terminal.types("sta\t");
    terminal.sees("status");
    terminal.enters("");
    terminal.sees("voter");
    terminal.sees(PROMPT);
    terminal.enters("leave");
    terminal.ends_well();

    let mut terminal = Terminal::start(&[&tracker, "0"], &directory, false);
    for line in ["leave", "status", "ballot"] {
        terminal.types(KEY_UP);
        terminal.sees(line);
    }
    terminal.enters("");
    terminal.sees("Who takes the chair?");
    terminal.sees(PROMPT);
    // Control-D on an empty line.
    terminal.types("\x04");
    terminal.ends_well();
}

#[test]
fn leaving_warns_while_nobody_else_has_the_own_vote() {
    let mut network = Network::without_tracker(new_election(12));
    let directory = network.new_data_directory();
    let mut terminal = Terminal::start(&["0", "--no-mining"], &directory, false);
    terminal.enters("vote Ada");
    terminal.sees("your vote (Ada) is accepted");
    terminal.sees(PROMPT);
    terminal.enters("leave");
    terminal.sees("Nobody else has your vote yet");
    terminal.sees("Leave all the same?");
    terminal.enters("n");
    terminal.sees(PROMPT);
    terminal.enters("leave");
    terminal.sees("Leave all the same?");
    terminal.enters("y");
    terminal.ends_well();
}
