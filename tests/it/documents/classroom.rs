//! docs/CLASSROOM.md: the lesson, from its first command to its last, with what everybody sees.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{SHELL, document, words};
use crate::harness::{Line, PATIENCE, Program, Tracker, Turn, binary, take_turn, until};

/// What differs each time, in the page.
const ANYTHING: char = '…';

/// The peer whose terminal does not matter.
const SOMEBODY: &str = "somebody";

/// What is typed at a shell, and refused.
const REFUSED: &str = "console refused";

/// Who listens where, in the page.
const TRACKER: &str = "5000";
const LISTENS: [&str; 3] = ["6001", "6002", "6003"];

/// Questions: asked again until the answer is the page's, since the others may need a moment.
const QUESTIONS: [&str; 3] = ["results", "chain", "audit"];

/// A block of the page: what stands after its fence, and its lines.
struct Fenced<'t> {
    name: &'t str,
    lines: Vec<&'t str>,
}

/// The peers of the lesson by name, with all that their terminals showed and was not looked at yet.
struct Lesson {
    directory: TempDir,
    tracker: Option<Tracker>,
    peers: BTreeMap<String, Terminal>,
    _turn: Turn,
}

struct Terminal {
    program: Program,
    shown: Vec<String>,
}

#[test]
fn the_lesson_runs_as_written() {
    let page = document("docs/CLASSROOM.md");
    let mut lesson = Lesson {
        directory: tempfile::tempdir().expect("a directory"),
        tracker: None,
        peers: BTreeMap::new(),
        _turn: take_turn(),
    };
    let (mut commands, mut screens) = (0, 0);
    for Fenced { name, lines } in fenced(&page) {
        let Some(peer) = name.strip_prefix("text ") else {
            assert!(["console", REFUSED].contains(&name), "what is {name}?");
            for (line, printed) in typed(&lines) {
                lesson.run(&words(line), &printed, name == REFUSED);
                commands += 1;
            }
            continue;
        };
        lesson.look(peer, &lines);
        screens += 1;
    }
    assert!(commands >= 30 && screens >= 7, "{commands} commands, {screens} screens");
    lesson.end();
}

/// The page's blocks, in their order.
fn fenced(page: &str) -> Vec<Fenced<'_>> {
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
fn typed<'t>(lines: &[&'t str]) -> Vec<(&'t str, Vec<&'t str>)> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in lines {
        match line.strip_prefix(SHELL) {
            Some(command) => all.push((command, Vec::new())),
            None => all.last_mut().expect("a command comes first").1.push(line),
        }
    }
    all
}

impl Lesson {
    /// Runs what is typed at a shell; whatever the page prints has to come, in its order.
    fn run(&mut self, words: &[String], printed: &[&str], is_refused: bool) {
        let (program, arguments) = words.split_first().expect("a command");
        if program == "tracker" {
            assert_eq!(arguments, [TRACKER]);
            self.tracker = Some(Tracker::start("0", &self.directory.path().join("ballot.toml")));
            return;
        }
        assert_eq!(program, "peer", "{words:?}");
        if arguments[0] == TRACKER {
            return self.start_peer(arguments);
        }
        let is_question = QUESTIONS.contains(&arguments[0].as_str());
        until(&format!("{words:?} prints {printed:#?}"), PATIENCE, || {
            let (code, output) = self.ask(arguments);
            let is_as_written = are_shown(printed, &output);
            let expected = if is_refused { Some(1) } else { Some(0) };
            assert!(is_question || is_as_written, "{words:?}: not {printed:#?}, but {output:#?}");
            assert!(is_question || code == expected, "{words:?}: {code:?}, {output:#?}");
            (is_as_written && code == expected).then_some(())
        });
    }

    fn start_peer(&mut self, arguments: &[String]) {
        let tracker = self.tracker.as_ref().expect("the tracker comes first").address;
        let ported = arguments.iter().map(|argument| match argument.as_str() {
            TRACKER => tracker.to_string(),
            listen if LISTENS.contains(&listen) => "0".to_owned(),
            other => other.to_owned(),
        });
        let ported: Vec<_> = ported.collect();
        let name = ported.last().expect("the data directory stands last").clone();
        let program = Program::start(&name, self.command(&ported));
        let mut terminal = Terminal { program, shown: Vec::new() };
        until(&format!("{name} listens"), PATIENCE, || {
            terminal.read();
            are_shown(&["peer listening on …"], &terminal.shown).then_some(())
        });
        self.peers.insert(name, terminal);
    }

    fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(binary("peer"));
        command.env_clear().current_dir(self.directory.path()).args(arguments);
        command
    }

    /// The code and all that is printed, on either stream.
    fn ask(&self, arguments: &[String]) -> (Option<i32>, Vec<String>) {
        let program = Program::start("peer", self.command(arguments));
        let mut output = program.remaining_lines(PATIENCE);
        let (code, stderr) = program.finish(PATIENCE);
        output.extend(stderr.lines().map(str::to_owned));
        (code, output)
    }

    /// Waits until a terminal shows these lines; what came before them was seen then.
    fn look(&mut self, name: &str, lines: &[&str]) {
        until(&format!("{name} shows {lines:#?}"), PATIENCE, || {
            let everybody = self.peers.iter_mut();
            let mut looked_at =
                everybody.filter(|(peer, _)| [SOMEBODY, peer.as_str()].contains(&name));
            looked_at.any(|(_, terminal)| terminal.shows(lines)).then_some(())
        });
    }

    /// Whoever is left takes leave.
    fn end(mut self) {
        for (name, terminal) in &mut self.peers {
            terminal.program.send_line("leave");
            let status = terminal.program.wait_end(PATIENCE);
            assert_eq!(status.code(), Some(0), "{name}");
        }
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
            self.shown.push(line);
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
