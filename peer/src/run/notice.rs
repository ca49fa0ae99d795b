//! What happens without having been asked for: the node's events, and the shell's own.

use std::net::SocketAddr;
use std::path::PathBuf;

use protocol::units::{ElectionId, VoterId};

use super::miner::MiningProgress;
use super::verify::Verified;
use node::{Event, Role};

/// One piece of news for people and programs.
#[derive(Debug, Clone)]
pub(crate) enum Notice {
    /// The peer runs: the first notice once the election is known.
    Listening {
        address: SocketAddr,
        /// Where programs on this machine reach it over HTTP.
        api: Option<String>,
        election: ElectionId,
        title: String,
        role: Role,
        /// An observer has none.
        voter: Option<VoterId>,
        data_directory: PathBuf,
    },
    /// The chain's file was damaged, and was mended, before the start or while the peer runs.
    Mended {
        damage: String,
    },
    /// All that was remembered has been checked again before the start.
    Verified(Verified),
    Node(Event),
    /// Mining goes on for a while.
    Mining(MiningProgress),
    /// The voter's registration stamp is searched for: 2^`registration_bits` attempts on average.
    Registering {
        voter: VoterId,
        registration_bits: u8,
    },
    /// Notices came faster than they could be shown.
    Missed {
        notices: u64,
    },
    /// The last notice: everything is written, and the peer ends.
    Left,
}
