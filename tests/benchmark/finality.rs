//! How long it takes until a block and a vote are final, with real peers on loopback.
//!
//! The times are those of one peer without a validator, which mines: from its event `block` to its event `final` for
//! that block, and from its answer to the last of many votes to its event that all of them are final.

mod floor;
mod peers;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use protocol::codec;
use protocol::election::Election;
use protocol::keys::VoterKey;
use protocol::proof_of_work::find_stamp;
use protocol::transaction::{Transaction, Vote};
use protocol::units::{UnixMillis, sha256};

use floor::Floor;
use peers::{Network, unix_now};

/// For a block and its certificate, on a busy machine.
const FINAL_PATIENCE: Duration = Duration::from_secs(60);
/// For all answers and certificates of the large election.
const MANY_PATIENCE: Duration = Duration::from_secs(600);
/// What the time from a block to its certificate may be, in times of a durable write and two trips of a datagram.
const BLOCK_LIMIT: f64 = 2.0;
/// After the last of many votes, all of them are to be final within this time.
const VOTES_LIMIT: Duration = Duration::from_secs(10);

/// What to measure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FinalityArguments {
    /// How many vote at once.
    pub(crate) voters: u64,
    /// How many blocks are timed after that.
    pub(crate) blocks: u64,
    /// Where tracker and peer lie; beside this program unless told.
    pub(crate) programs: Option<PathBuf>,
}

/// Measures, and prints the figures.
///
/// # Errors
/// When a program does not do what it has to, or not in time.
pub(crate) fn measure(arguments: &FinalityArguments) -> anyhow::Result<()> {
    let programs = match &arguments.programs {
        Some(directory) => directory.clone(),
        None => {
            let own = std::env::current_exe().context("this program has no path")?;
            own.parent().context("this program lies nowhere")?.to_owned()
        }
    };
    let mut network = Network::start(&programs)?;
    let floor = Floor::measure(network.directory())?;
    println!("a durable write      p50 {}  p99 {}", ms(floor.write.p50), ms(floor.write.p99));
    println!("a datagram's trip    p50 {}  p99 {}", ms(floor.trip.p50), ms(floor.trip.p99));

    let after = many(&mut network, arguments.voters)?;
    let votes = arguments.voters;
    println!(
        "{votes} votes final      {} after the last one; the limit is {}: {:.2} of it",
        ms(after),
        ms(VOTES_LIMIT),
        after.as_secs_f64() / VOTES_LIMIT.as_secs_f64()
    );
    let times = (votes..votes + arguments.blocks)
        .map(|number| one(&mut network, number))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let from_block = Quantiles::of(times).context("no block was timed")?;
    let (p50, p99) = (from_block.p50, from_block.p99);
    println!("from block to final  p50 {}  p99 {}", ms(p50), ms(p99));
    let step = floor.write.p50 + 2 * floor.trip.p50;
    println!(
        "its limit            {}: 2 x (a durable write + 2 trips); p50 is {:.2} of it",
        ms(step.mul_f64(BLOCK_LIMIT)),
        p50.as_secs_f64() / step.mul_f64(BLOCK_LIMIT).as_secs_f64()
    );
    Ok(())
}

/// Lets many vote at once. How long after the last vote was accepted all are final.
fn many(network: &mut Network, voters: u64) -> anyhow::Result<Duration> {
    let election = network.election().clone();
    let signed: Vec<_> = (0..voters).flat_map(|number| ballot_of(&election, number)).collect();
    let accepted = network.observer().submit(&signed, MANY_PATIENCE)?;
    let is_all = |event: &serde_json::Value| {
        event["event"] == "final" && event["votes"].as_u64() >= Some(voters)
    };
    let (at, _) = network.observer().wait(MANY_PATIENCE, is_all)?;
    Ok(at.saturating_duration_since(accepted))
}

/// Lets one more voter vote. The time from the block that holds the vote to its certificate.
fn one(network: &mut Network, number: u64) -> anyhow::Result<Duration> {
    let signed = ballot_of(&network.election().clone(), number);
    let observer = network.observer();
    observer.forget();
    observer.submit(&signed, FINAL_PATIENCE)?;
    // Only the block with the vote: those without transactions are not waited for by anybody.
    let holds = |event: &serde_json::Value| {
        event["event"] == "block" && event["transactions"].as_u64() > Some(0)
    };
    let (began, block) = observer.wait(FINAL_PATIENCE, holds)?;
    let height = block["height"].as_u64();
    ensure!(height.is_some(), "a block without a height: {block}");
    let is_final =
        |event: &serde_json::Value| event["event"] == "final" && event["height"].as_u64() >= height;
    let (ended, _) = observer.wait(FINAL_PATIENCE, is_final)?;
    Ok(ended.saturating_duration_since(began))
}

/// A voter's registration and vote, as `submit` takes them.
fn ballot_of(election: &Election, number: u64) -> [String; 2] {
    let id = election.election_id();
    let secret = sha256(&[b"a voter who waits for finality", &id.0, &number.to_le_bytes()]);
    let key = VoterKey::from_secret_bytes(&secret).expect("almost every number is a key");
    let work = election.admission.stamp_difficulty().expect("it is open");
    let stamp = find_stamp(&id, &key.public().0, work, 0);
    let vote = Vote {
        voter: key.public().voter(),
        choices: vec![vec![(number % 3) as u16]],
        nonce: number.to_le_bytes(),
        cast_at: UnixMillis(unix_now().0),
    };
    [Transaction::open_registration(&id, &key, stamp), Transaction::vote(&id, &key, vote)]
        .map(|transaction| hex(&codec::encode(&transaction)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The middle and the end of many measured times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quantiles {
    p50: Duration,
    p99: Duration,
}

impl Quantiles {
    /// `None` of nothing.
    fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let last = times.len().checked_sub(1)?;
        let at = |percent: usize| times[(last * percent).div_ceil(100)];
        Some(Self { p50: at(50), p99: at(99) })
    }

    /// Of a number of runs of something.
    fn time(
        runs: usize,
        mut run: impl FnMut() -> anyhow::Result<Duration>,
    ) -> anyhow::Result<Self> {
        let times = (0..runs).map(|_| run()).collect::<anyhow::Result<Vec<_>>>()?;
        Self::of(times).context("nothing was timed")
    }
}

/// The time that something takes.
fn timed(run: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let began = Instant::now();
    run()?;
    Ok(began.elapsed())
}

fn ms(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_sorted_times() {
        let times = |numbers: &[u64]| {
            Quantiles::of(numbers.iter().map(|&number| Duration::from_millis(number)).collect())
        };
        let quantiles = |p50, p99| {
            Some(Quantiles { p50: Duration::from_millis(p50), p99: Duration::from_millis(p99) })
        };
        assert_eq!(times(&[]), None);
        assert_eq!(times(&[7]), quantiles(7, 7));
        assert_eq!(times(&[9, 1, 5]), quantiles(5, 9));
        let hundred: Vec<_> = (0..=100).rev().collect();
        assert_eq!(times(&hundred), quantiles(50, 99));
    }

    #[test]
    fn bytes_are_written_as_submit_takes_them() {
        assert_eq!(hex(&[0, 1, 0xab, 0xff]), "0001abff");
    }
}
