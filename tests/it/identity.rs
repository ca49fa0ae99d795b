//! Who a peer is when nobody named a data directory: it does not change with where it listens.

use std::path::Path;
use std::process::Command;

use crate::harness::{Network, PATIENCE, Peer, Program, binary, new_election};

/// A peer that was told no data directory, on a machine where all of them lie in `home`.
fn command(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary("peer"));
    command.env_clear().env("HOME", home).env("XDG_DATA_HOME", home.join("data"));
    command.args(arguments).arg("--json").current_dir(home);
    command
}

fn start(home: &Path, arguments: &[&str]) -> Peer {
    Peer::run("peer", command(home, arguments), &home.join("unused"))
}

fn leave(mut peer: Peer) {
    peer.tell("leave");
    assert!(peer.wait_end(PATIENCE).success());
}

#[test]
fn a_voter_stays_the_same_wherever_it_listens() {
    let network = Network::without_tracker(new_election(12));
    let home = network.directory.path();
    let first = start(home, &["0", "--api", "off"]);
    let voter = first.voter.clone();
    leave(first);
    for _ in 0..2 {
        let mut again = start(home, &["0", "--api", "off"]);
        assert_eq!(again.voter, voter);
        let goes_on = again.wait_event("goes_on", PATIENCE, |_| true);
        assert_eq!(goes_on["voter"], *voter);
        leave(again);
    }
    // While it runs, a second peer is another voter.
    let running = start(home, &["0", "--api", "off"]);
    let mut second = start(home, &["0", "--api", "off"]);
    assert_ne!(second.voter, voter);
    assert!(!second.has_event("goes_on", |_| true));
    let second_voter = second.voter.clone();
    let port = second.address.port().to_string();
    leave(second);
    leave(running);
    // Of two, none is chosen; but each stands at its own port.
    let (code, stderr) =
        Program::start("peer", command(home, &["0", "--api", "off"])).finish(PATIENCE);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("several voters") && stderr.contains(&port), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    let at_its_port = start(home, &[&port, "--api", "off"]);
    assert_eq!(at_its_port.voter, second_voter);
    leave(at_its_port);
}
