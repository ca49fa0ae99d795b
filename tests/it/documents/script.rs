//! Pages whose commands are run one after the other, each with what the page prints under it, while the peers run that
//! the page starts.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use rexpect::ReadUntil;
use rexpect::reader::Options;
use rexpect::session::spawn_with_options;
use tempfile::TempDir;

use super::{LISTENS, SHELL, TRACKERS};
use crate::harness::{Line, PATIENCE, Program, Tracker, Turn, binary, take_turn, unix_now, until};

/// What differs each time, in a page.
pub(super) const ANYTHING: char = '…';

/// What is typed at a shell, and refused.
pub(super) const REFUSED: &str = "console refused";

/// The peer whose terminal does not matter.
const SOMEBODY: &str = "somebody";

/// Where a page's tracker listens.
const TRACKER: &str = "5000";

/// Questions: asked again until the answer is the page's, since the others may need a moment.
const QUESTIONS: [&str; 6] = ["results", "chain", "audit", "myvote", "status", "evidence"];

/// For how long they are: in an election with times, until it has opened or closed.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);

/// The block interval of a page's election with times, in seconds: the shortest with validators.
pub(super) const INTERVAL: &str = "2";

/// A block of a page: what stands after its fence, and its lines.
pub(super) struct Fenced<'t> {
    pub(super) name: &'t str,
    pub(super) lines: Vec<&'t str>,
}

/// A command of a page, and what stands under it.
pub(super) struct Typed<'t> {
    pub(super) command: &'t str,
    pub(super) printed: Vec<&'t str>,
}

/// A reader's directory, and the programs that run in it, by the names of their data directories.
pub(super) struct Script {
    pub(super) directory: TempDir,
    pub(super) tracker: Option<Tracker>,
    pub(super) peers: BTreeMap<String, Terminal>,
    /// What a person at a terminal types when this is asked; nobody sits there if there is nothing.
    pub(super) answers: Vec<(&'static str, String)>,
    _turn: Turn,
}

/// A peer's terminal, with all that it showed and nobody looked at yet.
pub(super) struct Terminal {
    pub(super) program: Program,
    shown: Vec<String>,
}

/// A page's blocks, in their order.
pub(super) fn fenced(page: &str) -> Vec<Fenced<'_>> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("```") {
            blocks.push(Fenced {
                name,
                lines: lines.by_ref().take_while(|line| *line != "```").collect(),
            });
        }
    }
    blocks
}

/// Each command with what the page prints under it.
pub(super) fn typed<'t>(lines: &[&'t str]) -> Vec<Typed<'t>> {
    let mut all: Vec<Typed<'_>> = Vec::new();
    for line in lines {
        match line.strip_prefix(SHELL) {
            Some(command) => all.push(Typed { command, printed: Vec::new() }),
            None => all.last_mut().expect("a command comes first").printed.push(line),
        }
    }
    all
}

impl Script {
    pub(super) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a directory"),
            tracker: None,
            peers: BTreeMap::new(),
            answers: Vec::new(),
            _turn: take_turn(),
        }
    }

    /// Runs what is typed at a shell; whatever the page prints has to come, in its order. Gives all that came, unless a
    /// program was started that stays.
    pub(super) fn run(
        &mut self,
        words: &[String],
        printed: &[&str],
        is_refused: bool,
    ) -> Vec<String> {
        let (program, arguments) = words.split_first().expect("a command");
        if program == "tracker" {
            assert_eq!(arguments, [TRACKER]);
            self.tracker = Some(Tracker::start("0", &self.directory.path().join("ballot.toml")));
            return Vec::new();
        }
        if program == "pkill" {
            self.kill(arguments);
            return Vec::new();
        }
        assert_eq!(program, "peer", "{words:?}");
        if let Some(place) = arguments.iter().position(|word| word == ">") {
            let (_, output) = self.ask(&arguments[..place]);
            let file = self.directory.path().join(&arguments[place + 1]);
            std::fs::write(file, output.join("\n")).expect("there is room");
            return Vec::new();
        }
        if TRACKERS.contains(&arguments[0].as_str()) {
            self.start_peer(arguments);
            return Vec::new();
        }
        let is_question = QUESTIONS.contains(&arguments[0].as_str());
        let patience = if is_question { ANSWERED_WITHIN } else { PATIENCE };
        until(&format!("{words:?} prints {printed:#?}"), patience, || {
            let (code, output) = self.ask(arguments);
            let is_as_written = are_shown(printed, &output);
            // Slips in files and arguments end with 2, what a peer refuses with 1.
            let is_expected =
                if is_refused { matches!(code, Some(1 | 2)) } else { code == Some(0) };
            assert!(is_question || is_as_written, "{words:?}: not {printed:#?}, but {output:#?}");
            assert!(is_question || is_expected, "{words:?}: {code:?}, {output:#?}");
            (is_as_written && is_expected).then_some(output)
        })
    }

    /// Starts a peer with a page's arguments, on any port; its data directory stands last.
    fn start_peer(&mut self, arguments: &[String]) {
        let tracker = self.tracker.as_ref().expect("the tracker comes first").address;
        let ported = arguments.iter().map(|argument| match argument.as_str() {
            address if TRACKERS.contains(&address) => tracker.to_string(),
            listen if LISTENS.contains(&listen) => "0".to_owned(),
            other => other.to_owned(),
        });
        let ported: Vec<_> = ported.collect();
        let name = ported.last().expect("the data directory stands last").clone();
        let program = Program::start(&name, self.command(&ported));
        let mut terminal = Terminal { program, shown: Vec::new() };
        until(&format!("{name} listens"), PATIENCE, || {
            terminal.read();
            are_shown(&["…peer listening on …"], &terminal.shown).then_some(())
        });
        self.peers.insert(name, terminal);
    }

    /// Kills the peer with this data directory, as `pkill -9 -f "data-dir NAME"` does.
    fn kill(&mut self, arguments: &[String]) {
        let [signal, whole, pattern] = arguments else { panic!("{arguments:?}") };
        let name = pattern.strip_prefix("data-dir ").expect("a data directory");
        assert_eq!([signal.as_str(), whole.as_str()], ["-9", "-f"]);
        self.peers.get_mut(name).expect("it runs").program.kill_hard();
    }

    pub(super) fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(binary("peer"));
        command.env_clear().current_dir(self.directory.path()).args(arguments);
        command
    }

    /// The code and all that is printed, on either stream.
    pub(super) fn ask(&self, arguments: &[String]) -> (Option<i32>, Vec<String>) {
        if !self.answers.is_empty() {
            return self.talk(arguments);
        }
        let program = Program::start("peer", self.command(arguments));
        let mut output = program.remaining_lines(PATIENCE);
        let (code, stderr) = program.finish(PATIENCE);
        output.extend(stderr.lines().map(str::to_owned));
        (code, output)
    }

    /// The same at a terminal, by somebody who answers what is asked.
    fn talk(&self, arguments: &[String]) -> (Option<i32>, Vec<String>) {
        let mut command = self.command(arguments);
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        let patience = u64::try_from(PATIENCE.as_millis()).expect("it is short");
        let options = Options::new().timeout_ms(Some(patience)).strip_ansi_escape_codes(true);
        let mut session = spawn_with_options(command, options).expect("it starts");
        session.process_mut().set_kill_timeout(Some(3_000));
        let mut shown = String::new();
        loop {
            let questions = self.answers.iter();
            let questions = questions.map(|(question, _)| ReadUntil::String((*question).into()));
            let needles = questions.chain([ReadUntil::EOF]).collect();
            let (before, question) = session
                .exp_any(needles)
                .unwrap_or_else(|error| panic!("{arguments:?}: {error}, after {shown}"));
            shown += &before;
            shown += &question;
            let Some((_, answer)) = self.answers.iter().find(|(asked, _)| *asked == question)
            else {
                break;
            };
            session.send(&format!("{answer}\r")).expect("the terminal takes it");
            session.flush().expect("the terminal takes it");
        }
        let status = format!("{:?}", session.process().wait().expect("it is our child"));
        // As the terminal's library prints it: `Exited(Pid(1), 0)`.
        let code = status.strip_suffix(')').and_then(|text| text.rsplit(' ').next()?.parse().ok());
        (code, shown.replace('\r', "").lines().map(str::to_owned).collect())
    }

    /// Waits until a terminal shows these lines; what came before them was seen then.
    pub(super) fn look(&mut self, name: &str, lines: &[&str]) {
        until(&format!("{name} shows {lines:#?}"), PATIENCE, || {
            let everybody = self.peers.iter_mut();
            let mut looked_at =
                everybody.filter(|(peer, _)| [SOMEBODY, peer.as_str()].contains(&name));
            looked_at.any(|(_, terminal)| terminal.shows(lines)).then_some(())
        });
    }
}

/// A page's election with times as it is held in a test: these words stand for the times and the interval that it has.
pub(super) fn held_soon(words: Vec<String>, opens: Duration, closes: Duration) -> Vec<String> {
    let time = |after: Duration| unix_now().plus(after).rfc_3339();
    let mut before = String::new();
    let soon = words.into_iter().map(|word| {
        let option = std::mem::replace(&mut before, word.clone());
        match option.as_str() {
            "--opens" => time(opens),
            "--closes" => time(closes),
            "--block-interval" => INTERVAL.to_owned(),
            _ => word,
        }
    });
    soon.collect()
}

/// A line of a screen as it is documented, without the time that events begin with.
fn without_time(line: &str) -> &str {
    match line.split_once("  ") {
        Some((time, rest)) if time.len() == 8 && time.split(':').count() == 3 => rest,
        _ => line,
    }
}

impl Terminal {
    /// Whether these lines stand there, in this order; all up to the last of them is forgotten then.
    fn shows(&mut self, lines: &[&str]) -> bool {
        self.read();
        match end_of(lines, &self.shown) {
            Some(end) => {
                self.shown.drain(..end);
                true
            }
            None => false,
        }
    }

    fn read(&mut self) {
        let deadline = Instant::now() + Duration::from_millis(50);
        while let Line::Text(line) =
            self.program.next_line(deadline.saturating_duration_since(Instant::now()))
        {
            self.shown.push(without_time(&line).to_owned());
        }
    }
}

fn are_shown(lines: &[&str], shown: &[String]) -> bool {
    end_of(lines, shown).is_some()
}

/// Where the last of these lines ends that have to come in this order, with any others in between.
fn end_of(lines: &[&str], shown: &[String]) -> Option<usize> {
    let mut next = 0;
    for line in lines {
        next += shown[next..].iter().position(|found| is_like(line, found))? + 1;
    }
    Some(next)
}

/// Whether a line is as the page has it.
fn is_like(written: &str, found: &str) -> bool {
    let mut parts = written.trim().split(ANYTHING);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = found.trim().strip_prefix(first) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[test]
fn what_is_left_out_in_the_page_may_be_anything() {
    let line = "neighbour 127.0.0.1:1 broke a rule: its height is 9";
    for (written, is_it) in [
        ("neighbour … broke a rule: …", true),
        ("neighbour … rule: its height is 9", true),
        ("neighbour … rule: its height is 8", false),
        ("neighbour 127.0.0.1:1", false),
        ("…", true),
        ("broke …", false),
    ] {
        assert_eq!(is_like(written, line), is_it, "{written}");
    }
    let shown = ["a 1", "b", "a 2"].map(str::to_owned);
    assert_eq!(end_of(&["a …", "b"], &shown), Some(2));
    assert_eq!(end_of(&["b", "a …"], &shown), Some(3));
    assert_eq!(end_of(&["b", "b"], &shown), None);
}
