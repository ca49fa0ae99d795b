//! The picture that `peer watch` draws, as a terminal shows it.

use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Command, Stdio};

use rexpect::reader::Options;
use rexpect::session::{PtySession, spawn_with_options};

use crate::harness::{Network, PATIENCE, Peer, binary, new_election, until};

const ROWS: NonZeroU16 = NonZeroU16::new(24).expect("it is not 0");
const COLUMNS: NonZeroU16 = NonZeroU16::new(80).expect("it is not 0");

/// Shows the terminal's modes, then the peer, then the code with which that ended, and the modes again.
const SCRIPT: &str = r#"
stty rows 24 cols 80
stty -g
sh -c 'echo $$ > watch.pid; exec "$0" watch --data-dir "$1"' "$0" "$1"
echo "code $?"
stty -g
echo over
"#;

/// A terminal on which a peer is watched.
struct Watch {
    session: PtySession,
    screen: vt100::Parser,
}

impl Watch {
    fn start(data_directory: &Path) -> Self {
        let mut command = Command::new("sh");
        command.env_clear().env("TERM", "xterm").env("NO_COLOR", "1");
        command.envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
        command.args(["-c", SCRIPT]).arg(binary("peer")).arg(data_directory);
        command.current_dir(data_directory.parent().expect("it is inside the test's directory"));
        let patience = u64::try_from(PATIENCE.as_millis()).expect("it is short");
        let options = Options::new().timeout_ms(Some(patience)).strip_ansi_escape_codes(false);
        let mut session = spawn_with_options(command, options).expect("the shell starts");
        // Whatever the watch does, it is gone when the test is over.
        session.process_mut().set_kill_timeout(Some(3_000));
        Self { session, screen: vt100::Parser::new(ROWS, COLUMNS, 0) }
    }

    /// What the terminal shows now.
    fn contents(&mut self) -> String {
        while let Some(character) = self.session.try_read() {
            // The reader makes a character of each byte, whatever it is a part of.
            let byte = u8::try_from(character).expect("each is one byte");
            self.screen.process(&[byte]);
        }
        self.screen.screen().contents()
    }

    /// Waits until the terminal shows a text.
    fn sees(&mut self, text: &str) -> String {
        let mut last = String::new();
        until(text, PATIENCE, || {
            last = self.contents();
            last.contains(text).then(|| last.clone())
        })
    }

    fn presses(&mut self, keys: &str) {
        self.session.send(keys).expect("the terminal takes it");
        self.session.flush().expect("the terminal takes it");
    }

    fn is_drawn_on(&self) -> bool {
        self.screen.screen().alternate_screen() && self.screen.screen().hide_cursor()
    }

    /// The watch ends with code 0, and the terminal is as it was.
    fn ends_well(mut self) {
        let left = self.sees("over");
        assert!(!self.screen.screen().alternate_screen(), "{left}");
        assert!(!self.screen.screen().hide_cursor(), "{left}");
        let text = left.replace('\n', "");
        let (before, after) = text.split_once("code 0").unwrap_or_else(|| panic!("{left}"));
        assert!(!before.is_empty(), "{left}");
        assert_eq!(before, after.trim_end_matches("over"), "the terminal's modes");
    }
}

#[test]
fn a_vote_is_seen_as_it_is_counted_and_a_peer_that_comes_back_is_found() {
    let network = &mut Network::without_tracker(new_election(12));
    let mut peer = network.start_alone(&[]);
    let mut watch = Watch::start(&peer.data_directory);
    let first = watch.sees("turnout");
    assert!(watch.is_drawn_on(), "{first}");
    watch.sees("0 of 0");
    watch.sees("● live");

    assert_eq!(peer.vote("Grace")["accepted"], true);
    let counted = watch.sees("1 of 1");
    let row = counted.lines().find(|line| line.contains("Grace"));
    assert!(row.is_some_and(|row| row.contains("█") && row.contains("1  100.0 %")), "{counted}");
    watch.sees("mined here");

    let directory = peer.data_directory.clone();
    peer.kill();
    let lost = watch.sees("no contact for");
    assert!(lost.contains("1 of 1"), "{lost}");
    // Most likely on another port.
    let again = Peer::start("the peer again", &["0"], &directory);
    let found = watch.sees("● live");
    assert!(found.contains(&again.api.to_string()), "{found}");
    watch.presses("q");
    watch.ends_well();
}

#[test]
fn neighbours_are_shown_with_their_names() {
    let mut network = Network::start(1, 12);
    let named = network.join(&["--no-mining", "--name", "Ada"]);
    let name = format!("{} (Ada)", network.peers[named].address);
    let mut watch = Watch::start(&network.peers[0].data_directory);
    watch.sees(&name);
    watch.presses("q");
    watch.ends_well();
}

#[test]
fn the_terminal_is_given_back_when_the_system_wants_an_end() {
    let network = &mut Network::without_tracker(new_election(12));
    let peer = network.start_alone(&["--no-mining"]);
    for signal in ["TERM", "HUP", "INT"] {
        let mut watch = Watch::start(&peer.data_directory);
        watch.sees("● live");
        assert!(watch.is_drawn_on());
        let directory = peer.data_directory.parent().expect("it is inside the test's directory");
        let id = std::fs::read_to_string(directory.join("watch.pid")).expect("it runs");
        let sent = Command::new("kill").args(["-s", signal, id.trim()]).status();
        assert!(sent.expect("there is a kill").success());
        watch.ends_well();
    }
}

#[test]
fn a_terminal_that_goes_away_ends_the_watch() {
    let network = &mut Network::without_tracker(new_election(12));
    let peer = network.start_alone(&["--no-mining"]);
    let mut watch = Watch::start(&peer.data_directory);
    watch.sees("● live");
    let directory = peer.data_directory.parent().expect("it is inside the test's directory");
    let id = std::fs::read_to_string(directory.join("watch.pid")).expect("it runs");
    drop(watch);
    let is_there = || Command::new("kill").args(["-0", id.trim()]).stderr(Stdio::null()).status();
    until("the watch ends", PATIENCE, || {
        (!is_there().expect("there is a kill").success()).then_some(())
    });
}

#[test]
fn a_terminal_without_codes_is_told_what_to_use_and_gets_none() {
    let mut network = Network::without_tracker(new_election(12));
    let peer = network.start_alone(&["--no-mining"]);
    for (name, is_drawn) in [("dumb", false), ("emacs", false), ("xterm", true)] {
        let mut command = Command::new(binary("peer"));
        command.env_clear().env("TERM", name).args(["watch", "--data-dir"]);
        command.arg(&peer.data_directory);
        let patience = u64::try_from(PATIENCE.as_millis()).expect("it is short");
        let options = Options::new().timeout_ms(Some(patience)).strip_ansi_escape_codes(false);
        let mut session = spawn_with_options(command, options).expect("it starts");
        session.process_mut().set_kill_timeout(Some(3_000));
        if is_drawn {
            session.exp_string("\x1b[").expect("it is drawn");
            continue;
        }
        let said = session.exp_eof().expect("it ends");
        assert!(said.contains("`peer results --watch`") && !said.contains('\x1b'), "{said:?}");
        let status = format!("{:?}", session.process().wait().expect("it is our child"));
        assert!(status.ends_with(", 2)"), "{status}");
    }
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let mut command = Command::new(binary("peer"));
    command.env_clear().args(["watch", "--server", "http://127.0.0.1:1"]).stdin(Stdio::null());
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("peer results --watch") && output.stdout.is_empty(), "{said}");
}
