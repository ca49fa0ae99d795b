//! A tracker and its peers in a directory of their own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use protocol::ballot_file;
use protocol::election::Election;
use serde_json::Value;
use tempfile::TempDir;

use super::{PATIENCE, Peer, Tracker, Turn, lasting_port, new_election, take_turn, until};

/// Where a peer's best chain ends, and what it counts there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tip {
    pub(crate) height: u64,
    pub(crate) hash: String,
    pub(crate) votes: u64,
}

/// Programs of one election, each with a port that it can come back to; they end with it, and then the directory
/// goes.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) peers: Vec<Peer>,
    pub(crate) tracker: Option<Tracker>,
    pub(crate) election: Election,
    pub(crate) directory: TempDir,
    peers_made: usize,
    _turn: Turn,
}

impl Network {
    /// An election without a tracker, and nobody there yet.
    pub(crate) fn without_tracker(election: Election) -> Self {
        let turn = take_turn();
        let directory = tempfile::tempdir().expect("a directory");
        let ballot = directory.path().join("ballot.toml");
        std::fs::write(ballot, ballot_file::write(&election)).expect("a file");
        Self { peers: Vec::new(), tracker: None, election, directory, peers_made: 0, _turn: turn }
    }

    /// An election with a tracker.
    pub(crate) fn with_tracker(election: Election) -> Self {
        let mut network = Self::without_tracker(election);
        network.tracker = Some(Tracker::start(&lasting_port().to_string(), &network.ballot()));
        network
    }

    /// A tracker and peers that all know each other.
    pub(crate) fn start(peers: usize, difficulty_bits: u8) -> Self {
        let mut network = Self::with_tracker(new_election(difficulty_bits));
        for _ in 0..peers {
            network.join(&[]);
        }
        meet_all(&mut network.peers, PATIENCE);
        network
    }

    pub(crate) fn ballot(&self) -> PathBuf {
        self.directory.path().join("ballot.toml")
    }

    /// A directory for one more peer's data.
    pub(crate) fn new_data_directory(&mut self) -> PathBuf {
        self.peers_made += 1;
        self.directory.path().join(format!("peer-{}", self.peers_made))
    }

    /// What the tracker is called on a peer's command line.
    pub(crate) fn tracker_address(&self) -> String {
        self.tracker.as_ref().expect("there is a tracker").address.to_string()
    }

    /// Starts one more peer, with further arguments, and keeps it; gives its place in `peers`.
    pub(crate) fn join(&mut self, arguments: &[&str]) -> usize {
        let peer = self.start_peer(arguments);
        self.peers.push(peer);
        self.peers.len() - 1
    }

    /// Starts one more peer at the tracker.
    pub(crate) fn start_peer(&mut self, arguments: &[&str]) -> Peer {
        let (directory, tracker) = (self.new_data_directory(), self.tracker_address());
        let listen = lasting_port().to_string();
        let all: Vec<_> = [tracker.as_str(), &listen].iter().chain(arguments).copied().collect();
        Peer::start(&format!("peer {}", self.peers_made), &all, &directory)
    }

    /// Starts one more peer without a tracker.
    pub(crate) fn start_alone(&mut self, arguments: &[&str]) -> Peer {
        let directory = self.new_data_directory();
        let listen = lasting_port().to_string();
        let all: Vec<_> = [listen.as_str()].iter().chain(arguments).copied().collect();
        Peer::start(&format!("peer {}", self.peers_made), &all, &directory)
    }
}

/// Waits until everybody has everybody else for a neighbour.
///
/// # Panics
/// When that takes longer than `patience`.
pub(crate) fn meet_all(peers: &mut [Peer], patience: Duration) {
    let others = (peers.len() - 1) as u64;
    let deadline = Instant::now() + patience;
    for peer in peers {
        let left = deadline.saturating_duration_since(Instant::now());
        until("all peers are neighbours", left, || {
            (peer.ask("status")["neighbours"] == others).then_some(())
        });
    }
}

/// Waits until all peers name the same tip and this many votes.
///
/// # Panics
/// When that takes longer than `patience`.
pub(crate) fn agree(peers: &mut [Peer], votes: u64, patience: Duration) -> Tip {
    let mut last = Vec::new();
    let deadline = Instant::now() + patience;
    loop {
        let tips: Vec<_> = peers.iter_mut().map(results_of).collect();
        if tips.iter().all(|tip| *tip == tips[0] && tip.votes == votes) {
            return tips.into_iter().next().expect("there are peers");
        }
        assert!(
            Instant::now() < deadline,
            "not {votes} votes and one tip within {patience:?}: {last:#?}, {tips:#?}"
        );
        last = tips;
        std::thread::sleep(super::LOOK_PERIOD);
    }
}

/// What a peer counts; the votes are added up from the options of the first question.
pub(crate) fn results_of(peer: &mut Peer) -> Tip {
    let results = peer.ask("results");
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{results}"));
    let options = results["questions"][0]["options"].as_array();
    let votes = options.expect("a list of options").iter().map(|option| number(&option["votes"]));
    Tip {
        height: number(&results["tip"]["height"]),
        hash: results["tip"]["hash"].as_str().expect("a hash").to_owned(),
        votes: votes.sum(),
    }
}
