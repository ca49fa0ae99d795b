//! Taking leave: the exit code is 0, and everybody else knows at once.

use std::io::Write;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Network, PATIENCE, Peer, agree, new_election, until};

/// Well below the three missed heartbeats that a silent peer is granted.
const AT_ONCE: Duration = Duration::from_millis(1_500);

fn everybody_drops_a_peer_that_leaves(leave: impl Fn(&mut Peer)) {
    let mut network = Network::start(3, 12);
    network.peers[2].vote("Hedy");
    agree(&mut network.peers, 1, PATIENCE);
    let mut leaver = network.peers.pop().expect("there are three");
    let address = leaver.address.to_string();
    let began = Instant::now();
    leave(&mut leaver);
    for peer in &mut network.peers {
        let left = AT_ONCE.saturating_sub(began.elapsed());
        let event = peer.wait_event("neighbour_left", left, |event| event["address"] == address);
        assert_eq!(event["reason"], "left", "{event}");
    }
    let status = leaver.wait_end(Duration::from_secs(3));
    assert_eq!(status.code(), Some(0));
    assert!(leaver.has_event("left", |_| true), "the last line says so");
    // The tracker tells nobody of it any more.
    let joined = network.join(&[]);
    until("the newcomer meets those who stayed", PATIENCE, || {
        (network.peers[joined].ask("status")["neighbours"] == 2).then_some(())
    });
    assert!(
        !network.peers[joined]
            .has_event("neighbour_joined", |event| { event["address"] == address })
    );
}

#[test]
fn by_command() {
    everybody_drops_a_peer_that_leaves(|peer| peer.tell("leave"));
}

#[test]
fn by_the_end_of_input() {
    everybody_drops_a_peer_that_leaves(|peer| peer.program.close_input());
}

#[test]
fn by_interrupt() {
    everybody_drops_a_peer_that_leaves(|peer| peer.program.signal("INT"));
}

#[test]
fn by_termination() {
    everybody_drops_a_peer_that_leaves(|peer| peer.program.signal("TERM"));
}

#[test]
fn a_leave_without_anybody_there_takes_a_second_at_most() {
    let mut network = Network::start(2, 12);
    let mut gone = network.peers.pop().expect("there are two");
    gone.program.kill_hard();
    network.tracker.take().expect("there is one").program.kill_hard();
    let peer = &mut network.peers[0];
    let answer = peer.ask("leave");
    assert_eq!(answer["own_vote"], "not_cast", "{answer}");
    assert_eq!(peer.wait_end(Duration::from_secs(3)).code(), Some(0));
}

#[test]
fn the_answer_says_that_others_have_the_own_vote_in_a_block() {
    let mut network = Network::start(2, 12);
    network.peers[0].vote("Ada");
    agree(&mut network.peers, 1, PATIENCE);
    assert_eq!(network.peers[0].ask("leave")["own_vote"], "block");
}

#[test]
fn the_answer_says_that_nobody_else_has_the_own_vote() {
    let mut network = Network::with_tracker(new_election(12));
    network.join(&["--no-mining"]);
    network.peers[0].vote("Ada");
    assert_eq!(network.peers[0].ask("leave")["own_vote"], "alone");
}

#[test]
fn the_answer_says_that_others_have_the_own_vote_and_no_block_does() {
    let mut network = Network::with_tracker(new_election(12));
    network.join(&["--no-mining"]);
    network.join(&["--no-mining"]);
    network.peers[0].vote("Ada");
    until("the other one has the vote", PATIENCE, || {
        let vote = &network.peers[0].ask("myvote")["vote"];
        (vote["held_by"]["neighbours"] == 1).then_some(())
    });
    assert_eq!(network.peers[0].ask("leave")["own_vote"], "pool");
}

/// A peer whose stdout nobody reads; killed and reaped when this is dropped.
struct Unread(Child);

impl Unread {
    /// Starts one, and gives it commands until it takes no more, because it can't print their answers.
    fn start(network: &mut Network) -> Self {
        let (ballot, directory) = (network.ballot(), network.new_data_directory());
        let ballot = ballot.to_str().expect("UTF-8");
        let mut command = Peer::command(&["0", "--ballot", ballot, "--no-mining"], &directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        let unread = Self(child);
        let written = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&written);
        // Ends with the peer.
        thread::spawn(move || {
            while stdin.write_all(b"help\n").is_ok() {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut last = (0, Instant::now());
        until("the peer takes no more commands", PATIENCE, || {
            let now = written.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            }
            (now > 0 && last.1.elapsed() > Duration::from_secs(1)).then_some(())
        });
        unread
    }

    fn terminate(&self) {
        let status = Command::new("kill").args(["-s", "TERM", &self.0.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    fn end(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("it is our child")
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        // Both fail if it has ended, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_stdout_that_nobody_reads_holds_up_no_leave() {
    let mut network = Network::without_tracker(new_election(12));
    let mut peer = Unread::start(&mut network);
    peer.terminate();
    let status = until("its end", Duration::from_secs(5), || peer.end());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_second_signal_ends_a_peer_that_still_leaves() {
    let mut network = Network::without_tracker(new_election(12));
    // Its last words find nobody, so that it takes a second to leave.
    let mut peer = Unread::start(&mut network);
    let status = until("its end", Duration::from_secs(5), || {
        peer.terminate();
        peer.end()
    });
    assert_eq!(status.code(), Some(1));
}
