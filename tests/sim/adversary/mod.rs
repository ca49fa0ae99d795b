//! Dishonest hosts: strangers, who only ever send datagrams in the name of others, and those who take part in the
//! network: liars, who forge blocks, traitors, who have a validator's key, and rivals, who mine branches of their own.

mod guest;
mod liar;
mod rival;
mod stranger;
mod traitor;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use chain::Past;
use protocol::block::Header;
use protocol::election::Election;
use protocol::finality::BlockReference;
use protocol::units::{UnixMillis, Work};

pub use liar::{Liar, LiarPlan, Trick};
pub use rival::{Rival, RivalPlan, Times};
pub use stranger::{Stranger, StrangerPlan, forgeries};
pub use traitor::{Traitor, TraitorPlan, Treason};

use crate::network::Parcel;

/// What adversaries can see, which is more than any real one could.
#[derive(Debug)]
pub struct View<'a> {
    pub election: &'a Election,
    /// The honest peers that are up.
    pub peers: &'a [SocketAddr],
    pub tracker: SocketAddr,
    /// Some of the newest real datagrams.
    pub captured: &'a VecDeque<Parcel>,
    /// The heaviest tip of an honest peer.
    pub tip: Header,
    /// What a block on it has to follow.
    pub past: &'a Past,
    /// The work up to it.
    pub work: Work,
    pub at: Duration,
    pub unix: UnixMillis,
}

/// What a traitor sees of one honest peer.
#[derive(Debug, Clone, Copy)]
pub struct Insight {
    pub address: SocketAddr,
    pub tip: BlockReference,
    pub parent: BlockReference,
    pub justified: BlockReference,
    pub last_final: BlockReference,
}

/// A datagram sent by an adversary, whatever source address it contains.
fn forged(from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) -> Parcel {
    Parcel { from, to, bytes, is_genuine: false }
}
