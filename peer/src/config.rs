//! What the command line means: defaults filled in, nothing looked up yet.

use std::path::PathBuf;

use protocol::address::AddressText;
use protocol::units::ElectionId;

/// Most mining threads unless told: more would make a class's laptops hot for no gain.
const MINING_THREADS_DEFAULT_MAX: usize = 4;

/// How a peer is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub listen: AddressText,
    pub tracker: Option<AddressText>,
    pub neighbours: Vec<AddressText>,
    /// The file that defines the election.
    pub ballot: Option<PathBuf>,
    /// The election that this peer takes part in, whatever its tracker says.
    pub election: Option<ElectionId>,
    pub data_dir: Option<PathBuf>,
    /// Whether all that is remembered is checked again at the start.
    pub verify: bool,
    pub json: bool,
    pub mining: Mining,
}

/// Whether and how a peer mines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mining {
    Off,
    Threads(usize),
}

impl Mining {
    /// One core is left to everything else.
    #[must_use]
    pub fn on_cores(cores: usize) -> Self {
        Self::Threads(cores.saturating_sub(1).clamp(1, MINING_THREADS_DEFAULT_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_core_is_left_and_one_thread_mines() {
        for (cores, threads) in [(0, 1), (1, 1), (2, 1), (3, 2), (5, 4), (64, 4)] {
            assert_eq!(Mining::on_cores(cores), Mining::Threads(threads), "{cores} cores");
        }
    }
}
