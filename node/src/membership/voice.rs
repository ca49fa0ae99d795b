//! Whose word it is: a voice, which may be shared by many addresses, and the clocks that are measured of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use protocol::datagram::RunNumber;
use protocol::scope::Scope;
use protocol::units::Now;

/// Two measurements of one clock that differ by more than this show that it moves, or a delay.
pub(super) const AGREEMENT_MS: u64 = 2_000;
/// The bits of an address that tell its network: what one customer is given as a rule.
const PREFIX_IPV4: u32 = 24;
const PREFIX_IPV6: u32 = 48;

/// A measured clock, and whose it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    pub(super) from: SocketAddr,
    /// Whether this peer's user named it: a tracker, or a neighbour given by hand.
    pub(super) is_named: bool,
    /// Whether it runs on this very machine, by the same clock.
    pub(super) is_here: bool,
    pub(super) offset_ms: i64,
    /// When it was measured last.
    pub(super) measured: Now,
}

/// Whom an address belongs to, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// The peer that says that it has this number.
    Run(RunNumber),
    /// Somebody who gave no number.
    At(SocketAddr),
}

/// Where a voice comes from, and whether it was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Voice {
    is_named: bool,
    network: SocketAddr,
}

impl Voice {
    pub(super) fn of(from: SocketAddr, is_named: bool) -> Self {
        Self { is_named, network: if is_named { from } else { network(from) } }
    }

    pub(super) fn is_named(&self) -> bool {
        self.is_named
    }

    /// What stands for all who share it, as nobody's number and nobody else's address does.
    pub(super) fn as_somebody(&self) -> Who {
        Who::At(self.network)
    }
}

/// What stands for all addresses that one voice is shared by: on this machine one program, on a private network one
/// machine, elsewhere the network.
fn network(address: SocketAddr) -> SocketAddr {
    let ip = address.ip().to_canonical();
    let network = match (Scope::of(address), ip) {
        (Scope::Loopback, _) => return SocketAddr::new(ip, address.port()),
        (Scope::Private, _) => ip,
        (Scope::Global, IpAddr::V4(ip)) => {
            Ipv4Addr::from_bits(ip.to_bits() & (u32::MAX << (32 - PREFIX_IPV4))).into()
        }
        (Scope::Global, IpAddr::V6(ip)) => {
            Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << (128 - PREFIX_IPV6))).into()
        }
    };
    SocketAddr::new(network, 0)
}

/// The one in the middle. Of two in the middle, the one that is nearer to this machine's clock is believed, and that
/// clock itself if they are on either side of it.
pub(super) fn median(mut offsets: Vec<i64>) -> i64 {
    if offsets.is_empty() {
        return 0;
    }
    offsets.sort_unstable();
    let [one, other] = [offsets[(offsets.len() - 1) / 2], offsets[offsets.len() / 2]];
    let opposite = one.signum() * other.signum() < 0;
    let nearer = if one.saturating_abs() <= other.saturating_abs() { one } else { other };
    if opposite { 0 } else { nearer }
}
