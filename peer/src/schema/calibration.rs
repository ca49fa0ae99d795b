//! What a measurement of this machine proposes for a ballot.

use serde::Serialize;

/// How fast this machine searches for blocks, and what follows for an election of machines like it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Calibration {
    pub(crate) hashes_per_second: u64,
    /// With how many threads.
    pub(crate) threads: usize,
    /// How many machines the proposal is for.
    pub(crate) peers: u32,
    pub(crate) block_interval_s: u32,
    pub(crate) difficulty_bits: u8,
    /// The time that one block takes all of them at this difficulty.
    pub(crate) expected_seconds: f64,
}
