//! `cargo demo`: everything at once, and nothing of it left behind.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{Line, PATIENCE, Program, binary, take_turn};

/// For the close of an election that closes after 40 s, and for its end after that.
const UNTIL_CLOSED: Duration = Duration::from_secs(60);

/// A running demo, with a place of its own for temporary files.
struct Demo {
    program: Program,
    place: TempDir,
    /// Where its tracker and its peers listen, the one at the prompt included.
    addresses: Vec<SocketAddr>,
    printed: String,
}

impl Demo {
    fn start() -> Self {
        Self::run(&["--quiet-peers"])
    }

    fn run(options: &[&str]) -> Self {
        let mut demo = Self::launch(&[&["--peers", "2"], options].concat());
        demo.reads("peer listening on", PATIENCE);
        // The tracker, the other peer, and the one at the prompt.
        assert_eq!(demo.addresses.len(), 3, "{}", demo.printed);
        demo
    }

    fn launch(options: &[&str]) -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let demo = binary("demo");
        let mut command = Command::new(&demo);
        command.args(["--", "--programs"]).arg(demo.parent().expect("a directory"));
        command.args(options).env("TMPDIR", place.path());
        // The demo is an election of its own, whatever the user's variables say.
        command.env("OSTRAKON_ELECTION", "ab".repeat(32)).env("OSTRAKON_LISTEN", "1");
        let program = Program::start("demo", command);
        Self { program, place, addresses: Vec::new(), printed: String::new() }
    }

    /// Reads up to a line that holds this text.
    fn reads(&mut self, text: &str, patience: Duration) {
        loop {
            let Line::Text(line) = self.program.next_line(patience) else {
                panic!("no {text:?} in:\n{}", self.printed);
            };
            self.printed += &format!("{line}\n");
            let words = line.split([' ', ',']).filter_map(|word| word.parse::<SocketAddr>().ok());
            self.addresses.extend(words);
            if line.contains(text) {
                return;
            }
        }
    }

    /// Waits for the end; nobody listens any more, and no file is left.
    fn leaves_nothing(self) {
        let Self { mut program, place, addresses, .. } = self;
        assert_eq!(program.wait_end(PATIENCE).code(), Some(0));
        for address in addresses {
            UdpSocket::bind(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        }
        let left: Vec<PathBuf> = files(place.path());
        assert!(left.is_empty(), "{left:?}");
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("it is there");
    entries.map(|entry| entry.expect("it can be read").path()).collect()
}

#[test]
fn it_takes_commands_from_a_pipe_and_ends_cleanly() {
    let _turn = take_turn();
    let mut demo = Demo::start();
    for (line, answer) in [
        ("ballot", "Who takes the chair?"),
        ("vote Ada", "question 2 (Which evenings suit you?) is not answered"),
        ("vote Ada; -", "your vote (Ada; blank) is accepted"),
        ("results", "registered voter"),
        ("leave", "left; your vote"),
    ] {
        demo.program.send_line(line);
        demo.reads(answer, PATIENCE);
    }
    demo.leaves_nothing();
}

#[test]
fn it_ends_cleanly_by_the_end_of_input_and_by_signals() {
    let _turn = take_turn();
    let ends: [fn(&mut Program); 3] =
        [Program::close_input, |program| program.signal("INT"), |program| program.signal("TERM")];
    for end in ends {
        let mut demo = Demo::start();
        end(&mut demo.program);
        demo.reads("peer ended", PATIENCE);
        demo.leaves_nothing();
    }
}

#[test]
fn it_moves_by_itself_and_says_where_to_watch() {
    let _turn = take_turn();
    let mut demo = Demo::run(&[]);
    for part in [" watch --data-dir ", "page http://127.0.0.1:"] {
        assert!(demo.printed.contains(part), "{}", demo.printed);
    }
    // Nobody types anything, and votes come.
    demo.reads("for a block", PATIENCE);
    demo.program.send_line("leave");
    demo.reads("peer ended", PATIENCE);
    demo.leaves_nothing();
}

#[test]
fn its_election_with_an_end_closes_and_becomes_final() {
    let _turn = take_turn();
    let mut demo = Demo::launch(&["--final", "--closes-after", "40", "--quiet-peers"]);
    demo.reads("It is open, closes at ", PATIENCE);
    demo.reads("peer listening on", PATIENCE);
    demo.program.send_line("vote Ada; Tuesday");
    demo.reads("your vote (Ada; Tuesday) is accepted", PATIENCE);
    demo.reads("final up to block", PATIENCE);
    demo.reads("the election is SEALING", UNTIL_CLOSED);
    demo.reads("the election is FINAL", UNTIL_CLOSED);
    demo.program.send_line("results --final");
    demo.reads("FINAL", PATIENCE);
    demo.program.send_line("leave");
    demo.reads("peer ended", PATIENCE);
    demo.leaves_nothing();
}
