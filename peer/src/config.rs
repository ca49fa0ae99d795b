//! The settings of a peer, as they follow from the command line. Defaults are filled in, but no
//! name is resolved and no file is read yet.

use std::path::PathBuf;
use std::str::FromStr;

use host::http::{HostName, Origin};
use keys::SecretSource;
use protocol::address::{AddressText, AddressTextError};
use protocol::units::ElectionId;

use node::Role;

/// The most mining threads unless the user names a number. More would only heat up the laptops of a
/// class for no gain.
const MINING_THREADS_DEFAULT_MAX: usize = 4;

/// How a peer should run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub listen: AddressText,
    pub trackers: Vec<AddressText>,
    pub neighbours: Vec<AddressText>,
    /// The file that defines the election.
    pub ballot: Option<PathBuf>,
    /// The election in which this peer must take part, whatever its tracker says.
    pub election: Option<ElectionId>,
    pub data_dir: Option<PathBuf>,
    /// Where the passphrase of the data directory's key comes from, if the key is locked and should
    /// be usable all the time.
    pub passphrase: Option<SecretSource>,
    /// Whether everything that is remembered is checked again at the start.
    pub verify: bool,
    pub json: bool,
    /// Whether nobody gives commands, so that stdin is not read.
    pub service: bool,
    pub mining: Mining,
    pub role: Role,
    pub api: ApiSettings,
}

/// Whether, where and for whom a peer answers over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiSettings {
    pub listen: ApiListen,
    /// Additional names under which the API is reached.
    pub hosts: Vec<HostName>,
    /// The origins of other sites whose pages may read the API.
    pub origins: Vec<Origin>,
}

/// The address where a peer listens for HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ApiListen {
    /// 127.0.0.1, with the same port number as for datagrams.
    #[default]
    Beside,
    At(AddressText),
    Off,
}

/// Whether and how a peer mines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mining {
    Off,
    Threads(usize),
}

impl Mining {
    /// One core is left free for everything else.
    #[must_use]
    pub fn on_cores(cores: usize) -> Self {
        Self::Threads(cores.saturating_sub(1).clamp(1, MINING_THREADS_DEFAULT_MAX))
    }
}

impl FromStr for ApiListen {
    type Err = AddressTextError;

    fn from_str(text: &str) -> Result<Self, AddressTextError> {
        match text {
            "off" => Ok(Self::Off),
            address => address.parse().map(Self::At),
        }
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
