//! Completions, in the shells that they are for.

use std::path::{Path, PathBuf};
use std::process::Command;

use rexpect::reader::Options;
use rexpect::session::{PtySession, spawn_with_options};

use crate::harness::{PATIENCE, binary, tool};

/// A shell that finds this build's `peer`, and nothing of whoever runs the tests.
fn command(shell: &Path) -> Command {
    let mut command = Command::new(shell);
    let here = binary("peer").parent().expect("a directory").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::iter::once(here).chain(std::env::split_paths(&path));
    command.env_clear().env("PATH", std::env::join_paths(places).expect("a path"));
    command
}

struct Shell(PtySession);

impl Shell {
    fn start(program: PathBuf, arguments: &[&str]) -> Self {
        let mut command = command(&program);
        command.env("TERM", "dumb").env("PS1", "ready> ").args(arguments);
        let patience = u64::try_from(PATIENCE.as_millis()).expect("it is short");
        let options = Options::new().timeout_ms(Some(patience)).strip_ansi_escape_codes(true);
        let mut session = spawn_with_options(command, options).expect("the shell starts");
        session.process_mut().set_kill_timeout(Some(3_000));
        Self(session)
    }

    fn types(&mut self, keys: &str) {
        self.0.send(keys).expect("the terminal takes it");
        self.0.flush().expect("the terminal takes it");
    }

    fn sees(&mut self, text: &str) {
        self.0.exp_string(text).unwrap_or_else(|error| panic!("no {text:?}: {error}"));
    }

    /// Each beginning of a line becomes the whole by one press of Tab. Nothing of it is carried out.
    fn completes(&mut self, lines: &[(&str, &str)]) {
        for (typed, rest) in lines {
            self.types(&format!("{typed}\t"));
            self.sees(&format!("{typed}{rest}"));
            // Control-U clears the line.
            self.types("\x15");
        }
    }
}

const LINES: [(&str, &str); 6] = [
    ("peer ballo", "t"),
    ("peer stat", "us"),
    ("peer ballot che", "ck"),
    ("peer registrar with", "draw"),
    ("peer vote --vo", "ter"),
    ("peer --mining-th", "reads"),
];

#[test]
fn bash_completes_commands_and_their_options() {
    let Some(bash) = tool("bash") else { return };
    let mut shell = Shell::start(bash, &["--norc", "--noprofile", "-i"]);
    // Bash shows what is typed only where the terminal would.
    shell.types("stty echo; eval \"$(peer completions bash)\"; PS1='loaded'\"> \"\r");
    shell.sees("loaded> ");
    shell.completes(&LINES);
}

/// Fish can be asked what it would complete.
#[test]
fn fish_completes_commands_and_their_options() {
    let Some(fish) = tool("fish") else { return };
    for (typed, rest) in LINES {
        let mut command = command(&fish);
        let script = "peer completions fish | source; complete --do-complete $argv[1]";
        command.args(["--no-config", "--command", script, typed]);
        let done = command.output().expect("fish runs");
        let offered = String::from_utf8(done.stdout).expect("UTF-8");
        let word = typed.rsplit(' ').next().expect("there is one");
        let whole = format!("{word}{rest}");
        let mut words = offered.lines().filter_map(|line| line.split('\t').next());
        assert!(words.any(|word| word == whole), "{typed:?}: {offered}");
    }
}

#[test]
fn zsh_completes_commands_and_their_options() {
    let Some(zsh) = tool("zsh") else { return };
    let mut shell = Shell::start(zsh, &["-f", "-i"]);
    shell.types("autoload -Uz compinit && compinit -u -D && eval \"$(peer completions zsh)\"\r");
    shell.types("PS1='loaded'\"> \"\r");
    shell.sees("loaded> ");
    shell.completes(&LINES);
}
