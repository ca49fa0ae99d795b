//! Elections with times and validators, and somebody who writes down all that the validators sign.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use protocol::block::Header;
use protocol::datagram::{Datagram, PeerStatus};
use protocol::election::Election;
use protocol::finality::{FinalityVote, Offence};
use protocol::keys::PublicKey;
use protocol::roster::{FinalityRule, Roster, Times, Validator, quorum_min};
use protocol::units::{UnixMillis, Work};
use serde_json::Value;
use tempfile::TempDir;

use super::{Network, Peer, Stranger, new_election, run_task, unix_now, until};

/// What the validators are called.
pub(crate) const VALIDATORS: [&str; 4] = ["North", "East", "South", "West"];

/// The shortest interval that an election with validators may have.
const BLOCK_INTERVAL_S: u32 = 2;
/// A block takes 65,536 attempts at the least: a moment, and the difficulty rises where that is too short.
const DIFFICULTY_BITS: u8 = 16;
/// For how long the election has been open when its first peer starts. It leaves room for the margin before the close.
const OPEN_BEFORE: Duration = Duration::from_secs(60);
/// Between two greetings by whoever writes down what is signed.
const GREETING_PERIOD: Duration = Duration::from_millis(300);

/// The key files of the validators, in the order of the ballot.
#[derive(Debug)]
pub(crate) struct ValidatorKeys {
    /// They go with it.
    _directory: TempDir,
    files: Vec<PathBuf>,
    roster: Roster,
}

impl ValidatorKeys {
    /// Has the program make them.
    pub(crate) fn make() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut files, mut validators) = (Vec::new(), Vec::new());
        for name in VALIDATORS {
            let file = directory.path().join(format!("{name}.key"));
            let path = file.to_str().expect("temporary files have plain names");
            let words = ["validator", "init", "--no-passphrase", "--name", name, "--key", path];
            let (code, made) = run_task(directory.path(), &words);
            assert_eq!(code, Some(0), "{made}");
            let key: PublicKey =
                made["key_text"].as_str().and_then(|key| key.parse().ok()).expect("a key");
            validators.push(Validator { name: name.to_owned(), key });
            files.push(file);
        }
        let quorum = u8::try_from(quorum_min(validators.len(), false)).expect("a few");
        let roster = Roster { validators, quorum, crash_faults_only: false };
        Self { _directory: directory, files, roster }
    }

    /// The key file of one validator, counted from 0.
    pub(crate) fn file(&self, place: usize) -> &str {
        self.files[place].to_str().expect("temporary files have plain names")
    }

    pub(crate) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// An election that is open, and closes after a while.
    pub(crate) fn election(&self, closes_after: Duration) -> Election {
        let opens = UnixMillis(unix_now().0 - OPEN_BEFORE.as_millis() as u64);
        let closes = unix_now().plus(closes_after);
        let finality = FinalityRule::Roster(self.roster.clone());
        Election {
            created: opens,
            block_interval_s: Some(BLOCK_INTERVAL_S),
            times: Some(Times { opens, closes, finality }),
            ..new_election(DIFFICULTY_BITS)
        }
    }

    /// A tracker, the peers of all validators in their order, and some peers without one. Nothing was ever signed with
    /// the keys, so the validators may trust their empty stores.
    pub(crate) fn network(&self, closes_after: Duration, others: usize) -> Network {
        let mut network = Network::with_tracker(self.election(closes_after));
        for place in 0..VALIDATORS.len() {
            network.join(&["--validator", self.file(place), "--trust-empty-store"]);
        }
        for _ in 0..others {
            network.join(&[]);
        }
        network
    }

    /// Starts a validator's peer again, at the address and with the store that it had. Its store knows what it signed.
    pub(crate) fn restart(&self, network: &mut Network, place: usize) {
        let killed = &network.peers[place];
        let (address, directory) = (killed.address.to_string(), killed.data_directory.clone());
        let arguments = [network.tracker_address(), address];
        let arguments = [arguments[0].as_str(), &arguments[1], "--validator", self.file(place)];
        network.peers[place] = Peer::start(VALIDATORS[place], &arguments, &directory);
    }
}

/// What a peer says of how final the count is.
pub(crate) fn finality_of(peer: &mut Peer) -> Value {
    let results = peer.ask("results");
    assert!(results["finality"].is_object(), "{results}");
    results["finality"].clone()
}

/// Waits until a peer says that the election is in this state; gives all that it says of that.
///
/// # Panics
/// When that takes longer than `patience`.
pub(crate) fn reaches(peer: &mut Peer, state: &str, patience: Duration) -> Value {
    let mut last = Value::Null;
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        last = finality_of(peer);
        if last["state"] == state {
            return last;
        }
        thread::sleep(super::LOOK_PERIOD);
    }
    panic!("not {state} within {patience:?}: {last:#}");
}

/// Waits until this many votes are final at a peer; gives the height of the final block.
///
/// # Panics
/// When that takes longer than `patience`.
pub(crate) fn are_final(peer: &mut Peer, votes: u64, patience: Duration) -> u64 {
    until(&format!("{votes} votes are final"), patience, || {
        let finality = finality_of(peer);
        let height = finality["final_block"]["height"].as_u64();
        height.filter(|_| finality["votes_final"] == votes)
    })
}

/// A neighbour of all validators that writes down what they sign, until it is asked.
#[derive(Debug)]
pub(crate) struct Witness {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<FinalityVote>>,
}

impl Witness {
    /// Becomes a neighbour of these peers, and again of each that starts anew.
    pub(crate) fn start(election: &Election, peers: Vec<SocketAddr>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (election, is_over) = (election.clone(), Arc::clone(&stop));
        let thread = thread::spawn(move || write_down(&election, &peers, &is_over));
        Self { stop, thread }
    }

    /// All different votes that were seen, each signed by the validator that it names.
    ///
    /// # Panics
    /// When two votes prove an offence: one key signed what no honest one signs both.
    pub(crate) fn find_no_offence(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let votes = self.thread.join().expect("the witness does not panic");
        let mut of_each: BTreeMap<u16, Vec<&FinalityVote>> = BTreeMap::new();
        for vote in &votes {
            of_each.entry(vote.validator()).or_default().push(vote);
        }
        assert_eq!(of_each.len(), VALIDATORS.len(), "not all validators were seen to sign");
        for votes in of_each.values() {
            for (place, one) in votes.iter().enumerate() {
                for other in &votes[place + 1..] {
                    let offence = Offence::between(&one.statement(), &other.statement());
                    assert_eq!(offence, None, "{one:?} {other:?}");
                }
            }
        }
        votes.len()
    }
}

fn write_down(
    election: &Election,
    peers: &[SocketAddr],
    is_over: &AtomicBool,
) -> Vec<FinalityVote> {
    let (id, roster) = (election.election_id(), election.roster().expect("it has one"));
    let genesis = Header::genesis(election);
    let status = || {
        Some(PeerStatus {
            height: genesis.height,
            tip: genesis.hash(),
            work: Work(0),
            clock: unix_now(),
        })
    };
    let mut stranger = Stranger::new(election);
    let mut votes: Vec<FinalityVote> = Vec::new();
    let mut greeted: Option<Instant> = None;
    while !is_over.load(Ordering::Relaxed) {
        if greeted.is_none_or(|greeted| greeted.elapsed() >= GREETING_PERIOD) {
            greeted = Some(Instant::now());
            for peer in peers {
                stranger.send(*peer, Datagram::Poke { nonce: 1, status: status() });
            }
        }
        let Some((from, _, datagram)) = stranger.receive(GREETING_PERIOD / 10) else { continue };
        if let Datagram::Poke { nonce, .. } = datagram {
            stranger.send(from, Datagram::PokeAck { nonce, status: status() });
        }
        let vote = if let Datagram::Prepare(prepare) = datagram {
            FinalityVote::Prepare(prepare)
        } else if let Datagram::Commit(commit) = datagram {
            FinalityVote::Commit(commit)
        } else {
            continue;
        };
        let checked = match &vote {
            FinalityVote::Prepare(prepare) => prepare.check(&id, roster),
            FinalityVote::Commit(commit) => commit.check(&id, roster),
        };
        assert_eq!(checked, Ok(()), "{vote:?}");
        if !votes.contains(&vote) {
            votes.push(vote);
        }
    }
    votes
}
