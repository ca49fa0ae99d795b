//! Voters who come to the other peers now and then, so that there is something to watch.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use protocol::ballot_file;
use protocol::election::Election;
use protocol::units::UnixMillis;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::children::{Background, program};

/// When the first of them comes, so that a look around is not disturbed at once.
const FIRST_AFTER: Duration = Duration::from_secs(5);
/// The shortest and the longest time between two of them, in milliseconds.
const PAUSE_MS: (u64, u64) = (3_000, 9_000);
/// How many come at most: a demo that somebody forgets does not fill the disk.
const VOTERS_MAX: usize = 200;

/// Voters on a thread of their own, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Voters {
    /// Nothing is ever sent: its end is the word to stop.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A peer whose voters they are.
struct PollingStation {
    commands: File,
    data_directory: PathBuf,
}

impl Voters {
    /// Lets voters come to these peers.
    pub(crate) fn start(
        others: &[Background],
        ballot: &str,
        peer: &Path,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let election = ballot_file::parse(ballot).context("the demo's ballot")?;
        let stations = others.iter().map(|other| {
            let commands = other.commands().context("a peer takes no commands")?;
            Ok(PollingStation { commands, data_directory: other.data_directory.clone() })
        });
        let stations = stations.collect::<anyhow::Result<Vec<_>>>()?;
        let (stop, stopped) = mpsc::channel();
        let (peer, random) = (peer.to_owned(), ChaCha8Rng::seed_from_u64(seed));
        let thread = thread::spawn(move || come(stations, &election, &peer, random, &stopped));
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Voters {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It holds the inputs of the peers, which leave when those end.
            let _ = thread.join();
        }
    }
}

fn come(
    mut stations: Vec<PollingStation>,
    election: &Election,
    peer: &Path,
    mut random: ChaCha8Rng,
    stopped: &mpsc::Receiver<()>,
) {
    let mut pause = FIRST_AFTER;
    for number in 1..=VOTERS_MAX {
        if stations.is_empty() || stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        if election.closes().is_some_and(|closes| closes <= unix_now()) {
            return;
        }
        let place = random.random_range(0..stations.len());
        let station = &mut stations[place];
        let vote = vote(election, &mut random);
        if let Err(error) = station.serve(&format!("voter-{number}"), &vote, peer) {
            // That peer has ended; its log says why.
            eprintln!("demo: a voter was turned away: {error:#}");
            return;
        }
        pause = Duration::from_millis(random.random_range(PAUSE_MS.0..=PAUSE_MS.1));
    }
}

fn unix_now() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixMillis::default().plus(since_epoch.unwrap_or_default())
}

impl PollingStation {
    /// Makes a voter's key, and casts a vote with it.
    fn serve(&mut self, name: &str, vote: &str, peer: &Path) -> anyhow::Result<()> {
        let mut key = program(peer);
        key.args(["key", "new", "--no-phrase", "--no-passphrase", "--voter", name, "--data-dir"]);
        key.arg(&self.data_directory).stdin(Stdio::null()).stdout(Stdio::null());
        let made = key.status().context("can't start a peer")?;
        anyhow::ensure!(made.success(), "no key was made ({made})");
        writeln!(self.commands, "vote --voter {name} {vote}").context("a peer has ended")
    }
}

/// Any vote that the ballot allows, as it is typed: by numbers.
fn vote(election: &Election, random: &mut ChaCha8Rng) -> String {
    let answers = election.questions.iter().map(|question| {
        let most = usize::from(question.choices_max).min(question.options.len());
        let least = usize::from(question.choices_min).min(most);
        let count = random.random_range(least..=most);
        let mut options: Vec<usize> = (1..=question.options.len()).collect();
        let chosen = (0..count).map(|_| {
            let place = random.random_range(0..options.len());
            options.swap_remove(place).to_string()
        });
        match chosen.collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => "-".to_owned(),
            some => some,
        }
    });
    answers.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_are_such_as_the_ballot_allows() {
        let election = ballot_file::parse(include_str!("../../ballot.toml")).expect("the sample");
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let votes: Vec<_> = (0..50).map(|_| vote(&election, &mut random)).collect();
        for vote in &votes {
            let (chair, evenings) = vote.split_once("; ").expect("two questions");
            assert!(["1", "2", "3"].contains(&chair), "{vote}");
            let evenings: Vec<_> = evenings.split(", ").collect();
            assert!(evenings.len() <= 2, "{vote}");
            assert!(evenings == ["-"] || evenings.iter().all(|one| "123".contains(one)), "{vote}");
        }
        assert!(votes.iter().any(|vote| vote.ends_with('-')), "{votes:?}");
        assert!(votes.iter().any(|vote| vote.contains(", ")), "{votes:?}");
    }
}
