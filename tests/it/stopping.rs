//! What is stopped or typed too early at a terminal: nothing is lost or cast without a word, and no secret is kept.

use std::path::{Path, PathBuf};
use std::process::Command;

use protocol::admission::AdmissionRule;

use crate::harness::{Network, PATIENCE, binary, lasting_port, new_election, until};
use crate::terminal::{PROMPT, Terminal};

const CONTROL_C: &str = "\x03";
const SECRET: &str = "correct horse";

/// A data directory whose key is locked, and a network of nobody.
fn locked() -> (Network, PathBuf) {
    let mut network = Network::without_tracker(new_election(12));
    let directory = network.new_data_directory();
    let file = network.directory.path().join("passphrase");
    std::fs::write(&file, SECRET).expect("written");
    Command::new("chmod").arg("600").arg(&file).status().expect("chmod runs");
    let mut made = Command::new(binary("peer"));
    made.env_clear().args(["key", "new", "--no-phrase", "--data-dir"]).arg(&directory);
    let made = made.arg("--passphrase-file").arg(&file).output().expect("it runs");
    assert!(made.status.success(), "{made:?}");
    (network, directory)
}

fn history(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("history")).unwrap_or_default()
}

#[test]
fn a_passphrase_that_comes_before_its_question_becomes_no_command() {
    let (_network, directory) = locked();
    let mut terminal = Terminal::start(&["0", "--no-mining"], &directory, false);
    for ahead in
        [format!("vote Ada\r{SECRET}\r"), format!("\x1b[200~vote Ada\n{SECRET}\nstatus\x1b[201~\r")]
    {
        terminal.sends(ahead.as_bytes());
        terminal.sees("What was typed ahead of this question is dropped.");
        let between = terminal.sees("Passphrase of ");
        assert!(!between.contains("there is no command"), "{between}");
        terminal.sees(": ");
        terminal.types(CONTROL_C);
        terminal.sees("nothing was cast");
        terminal.sees(PROMPT);
    }
    // Nothing of it is left for later.
    terminal.enters("vote Ada");
    terminal.sees("Passphrase of ");
    terminal.sees(": ");
    terminal.enters(SECRET);
    let before = terminal.sees("your vote (Ada) is accepted");
    assert!(!before.contains("no command") && !before.contains("dropped"), "{before}");
    terminal.sees(PROMPT);
    terminal.enters("leave");
    terminal.sees("Leave all the same?");
    terminal.enters("y");
    terminal.ends_well();
    assert!(!history(&directory).contains("horse"), "{}", history(&directory));
}

#[test]
fn signals_at_a_terminal_are_asked_about_once() {
    let mut network = Network::without_tracker(new_election(12));
    for signal in ["INT", "TERM"] {
        let directory = network.new_data_directory();
        let mut terminal = Terminal::start(&["0", "--no-mining"], &directory, false);
        terminal.enters("vote Ada");
        terminal.sees("your vote (Ada) is accepted");
        terminal.sees(PROMPT);
        terminal.types("resu");
        terminal.sees("resu");
        terminal.signal(signal);
        terminal.sees("Nobody else has your vote yet");
        terminal.sees("Leave all the same?");
        terminal.enters("n");
        terminal.sees(PROMPT);
        terminal.enters("myvote");
        terminal.sees("vote: Ada");
        terminal.sees(PROMPT);
        terminal.signal(signal);
        terminal.sees("Leave all the same?");
        // Whoever sends another one insists.
        terminal.signal(signal);
        terminal.ends_well();
    }
}

#[test]
fn signals_are_not_asked_about_where_nothing_is_lost_or_nobody_is_there() {
    let mut network = Network::without_tracker(new_election(12));
    let directory = network.new_data_directory();
    let terminal = Terminal::start(&["0", "--no-mining"], &directory, false);
    terminal.signal("TERM");
    terminal.ends_well();
    let mut terminal = Terminal::start(&["0", "--no-mining"], &directory, false);
    terminal.enters("vote Ada");
    terminal.sees("your vote (Ada) is accepted");
    terminal.sees(PROMPT);
    terminal.signal("HUP");
    terminal.ends_well();
}

#[test]
fn a_signal_ends_a_question_for_a_passphrase_and_for_a_vote() {
    let (mut network, directory) = locked();
    let mut terminal = Terminal::start(&["0", "--no-mining"], &directory, false);
    terminal.enters("vote Ada");
    terminal.sees("Passphrase of ");
    terminal.signal("INT");
    terminal.sees("nothing was cast");
    terminal.ends_well();
    let directory = network.new_data_directory();
    let mut terminal = Terminal::start(&["0", "--no-mining"], &directory, false);
    terminal.enters("vote");
    terminal.sees("Your choice");
    terminal.signal("TERM");
    terminal.sees("nothing was cast");
    terminal.ends_well();
}

#[test]
fn a_vote_that_is_stopped_while_it_is_prepared_is_told_as_not_cast() {
    let mut election = new_election(12);
    // No machine finds such a stamp while this runs.
    election.admission = AdmissionRule::Open { registration_bits: 32, max_voters: None };
    let mut network = Network::without_tracker(election);
    let directory = network.new_data_directory();
    let mut terminal = Terminal::start(&["0", "--no-mining"], &directory, false);
    terminal.enters("vote Ada");
    terminal.sees("registering your voter key");
    terminal.sees(PROMPT);
    terminal.types(CONTROL_C);
    terminal.sees("nothing was cast");
    terminal.sees(PROMPT);
    terminal.enters("myvote");
    terminal.sees("no vote was cast with this key");
    terminal.sees(PROMPT);
    terminal.types(CONTROL_C);
    terminal.ends_well();
}

#[test]
fn an_input_that_cannot_be_read_ends_a_peer_that_still_waits_for_its_tracker() {
    let mut network = Network::without_tracker(new_election(12));
    let directory = network.new_data_directory();
    let tracker = lasting_port().to_string();
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().current_dir(network.directory.path());
    shell.args(["-c", "exec \"$0\" \"$@\" < ."]).arg(binary("peer"));
    shell.args([tracker.as_str(), "0", "--data-dir"]).arg(&directory);
    let mut child = shell.stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    let status = until("its end", PATIENCE, || child.try_wait().expect("it is our child"));
    let told = child.wait_with_output().expect("it has ended");
    let told = String::from_utf8(told.stderr).expect("UTF-8");
    assert_eq!(status.code(), Some(2), "{told}");
    assert!(told.starts_with("peer: the input can't be read any more"), "{told}");
}

#[test]
fn leave_from_another_terminal_asks_as_the_prompt_does() {
    let mut network = Network::without_tracker(new_election(12));
    let mut peer = network.start_alone(&["--no-mining"]);
    peer.vote("Ada");
    let mut terminal = Terminal::run(&["leave"], &peer.data_directory, false);
    terminal.sees("Nobody else has your vote yet");
    terminal.sees("Leave all the same?");
    terminal.enters("n");
    terminal.sees("the peer stays");
    terminal.ends_with(1);
    assert_eq!(peer.ask("status")["own_vote"], "alone");
    let mut terminal = Terminal::run(&["leave"], &peer.data_directory, false);
    terminal.sees("Leave all the same?");
    terminal.enters("y");
    terminal.sees("left; your vote is on this peer alone");
    terminal.ends_with(0);
    assert_eq!(peer.wait_end(PATIENCE).code(), Some(0));
}
