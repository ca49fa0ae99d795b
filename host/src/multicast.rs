//! Datagrams to everybody on the local network: a multicast group that is joined on each interface, with a reach of one
//! link. What is said there is up to others; this must never send further than that, nor to this machine's loopback
//! alone.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Socket, Type};

use crate::udp::BURST_MAX;

/// The most interfaces on which a group is joined. Linux lets one socket join 20 groups.
pub const INTERFACES_MAX: usize = 16;
/// The TTL or hop limit: no router passes it on, whatever the group's scope is taken for.
const REACH: u32 = 1;

/// An address of this machine, and the network that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interface {
    /// The number that the system gives to the interface; 0 where it gives none.
    pub index: u32,
    pub ip: IpAddr,
    /// How many of its first bits all in the network share.
    pub prefix: u8,
}

/// All addresses of this machine but those of loopback, in order. Others come and go, so it has to be asked again.
///
/// # Errors
/// When the system does not tell.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let all = if_addrs::get_if_addrs()?;
    let of = |each: if_addrs::Interface| {
        let prefix = match &each.addr {
            if_addrs::IfAddr::V4(v4) => v4.prefixlen,
            if_addrs::IfAddr::V6(v6) => v6.prefixlen,
        };
        Interface { index: each.index.unwrap_or_default(), ip: each.ip(), prefix }
    };
    let others = all.into_iter().filter(|each| !each.is_loopback()).map(of);
    Ok(others.collect::<BTreeSet<_>>().into_iter().collect())
}

/// A group that is joined on some interfaces.
#[derive(Debug)]
pub struct Multicast {
    group: SocketAddr,
    receiver: tokio::net::UdpSocket,
    /// The same socket.
    membership: Socket,
    sender: Socket,
    /// One address of each interface on which the group is joined.
    joined: Vec<Interface>,
}

impl Multicast {
    /// Opens the sockets within a tokio runtime; no interface is joined yet.
    ///
    /// # Errors
    /// When another program has the port for itself, or the system knows no multicast.
    pub fn open(group: SocketAddr) -> io::Result<Self> {
        let domain = Domain::for_address(group);
        let receiver = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        // Several peers on one machine hear the same group.
        receiver.set_reuse_address(true)?;
        #[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
        receiver.set_reuse_port(true)?;
        if group.is_ipv6() {
            receiver.set_only_v6(true)?;
        }
        receiver.set_nonblocking(true)?;
        receiver.bind(&where_to_bind(group).into())?;
        let sender = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        sender.set_nonblocking(true)?;
        if group.is_ipv4() {
            sender.set_multicast_ttl_v4(REACH)?;
            sender.set_multicast_loop_v4(true)?;
        } else {
            sender.set_multicast_hops_v6(REACH)?;
            sender.set_multicast_loop_v6(true)?;
        }
        let membership = receiver.try_clone()?;
        let receiver = tokio::net::UdpSocket::from_std(receiver.into())?;
        Ok(Self { group, receiver, membership, sender, joined: Vec::new() })
    }

    /// Joins the group on these interfaces, as far as they have an address of its IP version. To be called again when
    /// they may have changed: an interface that comes back has to be joined anew.
    pub fn follow(&mut self, interfaces: &[Interface]) {
        self.joined.clear();
        for interface in interfaces {
            let is_new = self.joined.iter().all(|joined| {
                joined.index != interface.index || (joined.index == 0 && joined.ip != interface.ip)
            });
            let is_usable = interface.ip.is_ipv4() == self.group.is_ipv4();
            if !is_usable || !is_new || self.joined.len() >= INTERFACES_MAX {
                continue;
            }
            match self.join(interface) {
                Ok(()) => self.joined.push(*interface),
                // It was joined before.
                Err(error) if error.kind() == ErrorKind::AddrInUse => self.joined.push(*interface),
                Err(error) => tracing::debug!(?interface, %error, "the group is not joined"),
            }
        }
    }

    /// Sends, or loses, one datagram on each interface but those that another group serves.
    pub fn send(&self, bytes: &[u8], other: Option<&Self>) {
        let others = other.map_or(&[][..], |other| &other.joined);
        let is_served = |index: u32| others.iter().any(|other| other.index == index);
        for interface in self.joined.iter().filter(|interface| !is_served(interface.index)) {
            if let Err(error) = self.send_on(interface, bytes) {
                tracing::debug!(?interface, %error, "not sent to the group");
            }
        }
    }

    /// Completes when something may have arrived.
    pub async fn readable(&self) {
        if let Err(error) = self.receiver.readable().await {
            tracing::error!(%error, "the group is not heard any more");
            std::future::pending().await
        }
    }

    /// Hands over what is here already, up to [`BURST_MAX`] datagrams. This may be anything from anywhere.
    pub fn receive_burst(&self, buffer: &mut [u8], mut handle: impl FnMut(SocketAddr, &[u8])) {
        for _ in 0..BURST_MAX {
            match self.receiver.try_recv_from(buffer) {
                Ok((length, from)) => handle(from, &buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => tracing::trace!(%error, "receive from the group"),
            }
        }
    }

    #[must_use]
    pub fn group(&self) -> SocketAddr {
        self.group
    }

    /// The number of interfaces on which the group is joined.
    #[must_use]
    pub fn interface_count(&self) -> usize {
        self.joined.len()
    }

    fn join(&self, interface: &Interface) -> io::Result<()> {
        match (self.group.ip(), interface.ip) {
            (IpAddr::V4(group), IpAddr::V4(ip)) => {
                let which = match interface.index {
                    0 => InterfaceIndexOrAddress::Address(ip),
                    index => InterfaceIndexOrAddress::Index(index),
                };
                self.membership.join_multicast_v4_n(&group, &which)
            }
            (IpAddr::V6(group), _) => self.membership.join_multicast_v6(&group, interface.index),
            (IpAddr::V4(_), IpAddr::V6(_)) => Err(ErrorKind::AddrNotAvailable.into()),
        }
    }

    fn send_on(&self, interface: &Interface, bytes: &[u8]) -> io::Result<usize> {
        let to: SockAddr = match (self.group, interface.ip) {
            (SocketAddr::V4(_), IpAddr::V4(ip)) => {
                self.sender.set_multicast_if_v4(&ip)?;
                self.group.into()
            }
            (SocketAddr::V6(group), _) => {
                self.sender.set_multicast_if_v6(interface.index)?;
                SocketAddrV6::new(*group.ip(), group.port(), 0, interface.index).into()
            }
            (SocketAddr::V4(_), IpAddr::V6(_)) => return Err(ErrorKind::AddrNotAvailable.into()),
        };
        self.sender.send_to(bytes, &to)
    }
}

/// A socket that is bound to the group itself gets nothing that was sent to this machine alone. Windows can't do that,
/// and a link-local group is another one on each link.
fn where_to_bind(group: SocketAddr) -> SocketAddr {
    match group.ip() {
        IpAddr::V4(_) if cfg!(unix) => group,
        IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, group.port())),
        IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, group.port())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What goes over a network is tested with whole peers, in a network of their own.

    #[test]
    fn loopback_is_no_interface_of_a_network() {
        for interface in interfaces().expect("the system tells") {
            assert!(!interface.ip.is_loopback(), "{interface:?}");
        }
    }
}
