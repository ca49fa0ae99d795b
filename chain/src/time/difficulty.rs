//! The difficulty of the next block, where the election has a block interval: a linearly weighted average of the last
//! solve times (the LWMA of Zawy), in integers only.
//!
//! Blocks that are missing at the beginning count as if they had come exactly on time, so that the first blocks change
//! the difficulty as gently as later ones.

use protocol::units::Difficulty;

/// The number of blocks whose solve times are averaged.
pub(super) const WINDOW_BLOCKS: usize = 60;

/// The longest solve time that counts, in intervals: an hour in which nobody mined says little about the hash rate.
const SOLVE_INTERVALS_MAX: u64 = 6;

/// How many times the average of the window a difficulty may be. Without such a bound, whoever mines a branch alone,
/// with times a millisecond apart, makes one block of it so hard that by mere luck it outweighs all blocks of the others
/// (tried: with 30% of the hash rate, 24 blocks in one of eight times). Miners who come are followed fast enough.
const RISE_MAX: u128 = 2;

/// The highest difficulty: the highest power of two, which no hash rate comes near.
const CEILING: u64 = 1 << 63;

/// A block of the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Solved {
    pub(super) difficulty: Difficulty,
    /// The milliseconds from the time of the block before; `None` for the genesis block and the first one after it,
    /// which tell nothing about the hash rate.
    pub(super) after_ms: Option<u64>,
}

/// The difficulty that follows these blocks, of which the newest comes first, and of which the first
/// [`WINDOW_BLOCKS`] count.
///
/// With N = 60 and the interval T, S = the sum of the blocks' difficulties, and L = the sum of the solve times, the
/// oldest one once and the newest one N times, it is S × T × (N + 1) / (2 × L), rounded down: the average difficulty
/// where all blocks took T. It is at most twice that average.
pub(super) fn next(
    newest_first: impl Iterator<Item = Solved>,
    interval_ms: u64,
    floor: Difficulty,
) -> Difficulty {
    let on_time = Solved { difficulty: floor, after_ms: None };
    let blocks = newest_first.chain(std::iter::repeat(on_time)).take(WINDOW_BLOCKS);
    let (mut difficulties, mut weighted_ms) = (0u128, 0u128);
    for (block, weight) in blocks.zip((1..=WINDOW_BLOCKS as u128).rev()) {
        let limit_ms = SOLVE_INTERVALS_MAX * interval_ms;
        let solve_ms = block.after_ms.map_or(interval_ms, |after_ms| after_ms.min(limit_ms));
        difficulties += u128::from(block.difficulty.attempts());
        weighted_ms += weight * u128::from(solve_ms);
    }
    // At most 60 × 2^63 × 3,600,000 × 61, which is below 2^97. Times rise by a millisecond at least.
    let scaled = difficulties * u128::from(interval_ms) * (WINDOW_BLOCKS as u128 + 1);
    let attempts = scaled / (2 * weighted_ms).max(1);
    let attempts = attempts.min(difficulties * RISE_MAX / WINDOW_BLOCKS as u128);
    let attempts = u64::try_from(attempts).unwrap_or(CEILING).clamp(floor.attempts(), CEILING);
    Difficulty::new(attempts).unwrap_or(floor)
}
