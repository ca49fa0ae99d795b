//! The settings of a peer, as they follow from the command line. Defaults are filled in, but no
//! name is resolved and no file is read yet.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use host::http::{HostName, Origin};
use keys::SecretSource;
use protocol::address::{AddressText, AddressTextError};
use protocol::peer_name::PeerName;
use protocol::units::ElectionId;

use node::Role;

/// The most mining threads unless the user names a number. More would only heat up the laptops of a
/// class for no gain.
const MINING_THREADS_DEFAULT_MAX: usize = 4;

/// How a peer should run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What the peer is called among its neighbours.
    pub name: Option<PeerName>,
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
    /// The validator that the peer is.
    pub validator: Option<ValidatorSettings>,
    /// Whether everything that is remembered is checked again at the start.
    pub verify: bool,
    pub json: bool,
    /// Whether nobody gives commands, so that stdin is not read.
    pub service: bool,
    pub mining: Mining,
    pub role: Role,
    pub multicast: MulticastSetting,
    pub api: ApiSettings,
}

/// The validator that a peer is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorSettings {
    /// The file with its secret key.
    pub key: PathBuf,
    /// Where the key's passphrase comes from, if not from the terminal.
    pub passphrase: Option<SecretSource>,
    /// Whether it signs although nothing here says what it signed before.
    pub trusts_empty_store: bool,
}

/// Whether a peer meets others on its local network by multicast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MulticastSetting {
    /// If others can reach where it listens, and the machine lets it.
    #[default]
    Usual,
    /// As the user wants it, in this group or the usual one.
    On(Option<SocketAddr>),
    Off,
}

/// The text is not a multicast group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no multicast group with its port: write `off`, a group such as 239.255.79.83:6487 or [ff12::4f53]:6487, or nothing behind it at the end of the line"
)]
pub struct NoGroup {
    text: String,
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

impl FromStr for MulticastSetting {
    type Err = NoGroup;

    fn from_str(text: &str) -> Result<Self, NoGroup> {
        match (text, text.parse::<SocketAddr>()) {
            ("on", _) => Ok(Self::On(None)),
            ("off", _) => Ok(Self::Off),
            (_, Ok(group)) if group.ip().is_multicast() && group.port() != 0 => {
                Ok(Self::On(Some(group)))
            }
            _ => Err(NoGroup { text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multicast_group_has_a_port() {
        let at = |text: &str| MulticastSetting::On(Some(text.parse().expect("a group")));
        for (text, setting) in [
            ("off", MulticastSetting::Off),
            ("on", MulticastSetting::On(None)),
            ("239.255.1.2:7000", at("239.255.1.2:7000")),
            ("[ff12::1]:7000", at("[ff12::1]:7000")),
        ] {
            assert_eq!(text.parse(), Ok(setting), "{text}");
        }
        for text in ["", "6001", "192.168.1.1:6001", "239.255.1.2:0", "239.255.1.2", "OFF"] {
            assert!(text.parse::<MulticastSetting>().is_err(), "{text}");
        }
    }

    #[test]
    fn one_core_is_left_and_one_thread_mines() {
        for (cores, threads) in [(0, 1), (1, 1), (2, 1), (3, 2), (5, 4), (64, 4)] {
            assert_eq!(Mining::on_cores(cores), Mining::Threads(threads), "{cores} cores");
        }
    }
}
