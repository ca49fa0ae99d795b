//! `peer calibrate`: measures how fast this machine searches for blocks, and proposes a difficulty and a block interval
//! for an election of so many machines like it.

use std::io;
use std::thread;
use std::time::Duration;

use protocol::block::{Header, merkle_root};
use protocol::election::DIFFICULTY_BITS_MAX;
use protocol::units::{BlockHash, Difficulty, Height, UnixMillis};

use crate::cli::Calibrate;
use crate::config::Mining;
use crate::miner::Miner;
use crate::render::Style;
use crate::schema::{Calibration, Reply, round_to_thousandths};
use node::MineJob;

/// Long enough to be right within some percent, and short enough to wait for.
const MEASURED_FOR: Duration = Duration::from_secs(2);
/// The block interval of a small election.
const BLOCK_INTERVAL_S_DEFAULT: u32 = 10;
/// To about so many more peers a block goes with each step from one to the next.
const NEIGHBOURS_REACHED: u64 = 8;
/// The interval for each such step: ten times as long as a block takes for it on slow lines.
const STEP_INTERVAL_S: u32 = 5;

/// The reason why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    #[error("the system does not let a search run: {}", host::reason::of(.0))]
    Threads(io::Error),
    #[error("can't write to stdout: {}", host::reason::of(.0))]
    Stdout(#[from] io::Error),
}

/// Measures, and prints what to write into a ballot.
///
/// # Errors
/// When no thread can be started, or stdout can't be written.
pub fn calibrate(command: &Calibrate) -> Result<(), CalibrateError> {
    let threads = match (command.mining_threads, Mining::on_cores(cores())) {
        (Some(threads), _) => threads.get(),
        (None, Mining::Threads(threads)) => threads,
        (None, Mining::Off) => 1,
    };
    let rate = measure(threads, MEASURED_FOR).map_err(CalibrateError::Threads)?;
    let calibration = propose(rate, threads, command.peers.get(), command.block_interval);
    let style = Style::of(command.format.json, false);
    Ok(style.print(&Reply::Calibrate(calibration))?)
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// How many attempts a second so many threads make.
fn measure(threads: usize, time: Duration) -> io::Result<f64> {
    let miner = Miner::start(threads, |_, _| {})?;
    // Nobody finds such a block, so the search goes on to the end.
    let header = Header {
        previous: BlockHash([0; 32]),
        merkle_root: merkle_root(&[]),
        height: Height(1),
        time: UnixMillis(0),
        difficulty: Difficulty::from_bits(DIFFICULTY_BITS_MAX),
        nonce: 0,
    };
    miner.mine(MineJob { number: 1, header, transactions: 0 });
    thread::sleep(time);
    Ok(miner.view().progress().map_or(0.0, |progress| progress.hashes_per_second))
}

/// The proposal for so many machines that search at this rate. The difficulty of a ballot is where it starts and what
/// it never falls below, so half of the machines are to be enough for it.
fn propose(rate: f64, threads: usize, peers: u32, block_interval: Option<u32>) -> Calibration {
    let interval = block_interval.unwrap_or_else(|| interval_of(peers));
    let of_half = rate * f64::from(peers) / 2.0 * f64::from(interval);
    let bits = (0..=DIFFICULTY_BITS_MAX).rev().find(|bits| attempts(*bits) <= of_half);
    let bits = bits.unwrap_or(0);
    let all = (rate * f64::from(peers)).max(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people; it is not negative"
    )]
    let hashes_per_second = rate.round() as u64;
    Calibration {
        hashes_per_second,
        threads,
        peers,
        block_interval_s: interval,
        difficulty_bits: bits,
        expected_seconds: round_to_thousandths(attempts(bits) / all),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
fn attempts(bits: u8) -> f64 {
    Difficulty::from_bits(bits).attempts() as f64
}

fn interval_of(peers: u32) -> u32 {
    let (mut steps, mut reached) = (1, NEIGHBOURS_REACHED);
    while reached < u64::from(peers) {
        (steps, reached) = (steps + 1, reached * NEIGHBOURS_REACHED);
    }
    BLOCK_INTERVAL_S_DEFAULT.max(steps * STEP_INTERVAL_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_machines_are_enough_for_the_proposed_difficulty() {
        for (rate, peers, bits) in
            [(1_048_576.0, 4, 24), (1_048_576.0, 8, 25), (3.0, 1, 3), (0.0, 4, 0), (1e30, 4, 48)]
        {
            let proposed = propose(rate, 1, peers, None);
            assert_eq!((proposed.block_interval_s, proposed.difficulty_bits), (10, bits), "{rate}");
        }
        let slower = propose(1_048_576.0, 1, 4, Some(80));
        assert_eq!((slower.block_interval_s, slower.difficulty_bits), (80, 27));
        assert!((4.0..=80.0).contains(&slower.expected_seconds), "{slower:?}");
    }

    #[test]
    fn the_interval_grows_with_the_way_that_a_block_has_to_go() {
        for (peers, interval) in [(1, 10), (64, 10), (65, 15), (512, 15), (4_096, 20)] {
            assert_eq!(interval_of(peers), interval, "{peers}");
        }
        assert!(interval_of(u32::MAX) < 120);
    }

    #[test]
    fn this_machine_searches_at_some_rate() {
        let rate = measure(1, Duration::from_millis(100)).expect("a thread");
        assert!(rate > 1_000.0, "{rate}");
    }
}
