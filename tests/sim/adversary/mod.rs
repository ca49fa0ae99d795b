//! Dishonest hosts of two kinds: strangers, who only ever send datagrams in the name of others, and
//! liars, who take part in the network.

mod liar;
mod stranger;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use protocol::block::Header;
use protocol::election::Election;
use protocol::units::UnixMillis;

pub use liar::{Liar, LiarPlan, Trick};
pub use stranger::{Stranger, StrangerPlan, forgeries};

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
    /// The tip of some honest peer.
    pub tip: Header,
    pub at: Duration,
    pub unix: UnixMillis,
}

/// A datagram sent by an adversary, whatever source address it contains.
fn forged(from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) -> Parcel {
    Parcel { from, to, bytes, is_genuine: false }
}
