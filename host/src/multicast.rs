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
    /// Whether others are to see the very address that an interface is followed with.
    is_from_one: bool,
    receiver: tokio::net::UdpSocket,
    /// The same socket.
    membership: Socket,
    joined: Vec<Joined>,
}

/// An interface on which the group is joined, with one of its addresses.
#[derive(Debug)]
struct Joined {
    interface: Interface,
    /// What is sent there leaves by this one alone, and it goes with the interface.
    sender: Socket,
}

impl Multicast {
    /// Opens the group for one who listens at this address, within a tokio runtime; no interface is joined yet. Who
    /// listens at one address alone sends from there too, or others would answer where nobody hears them.
    ///
    /// # Errors
    /// When another program has the port for itself, or the system knows no multicast.
    pub fn open(group: SocketAddr, listen: IpAddr) -> io::Result<Self> {
        let receiver = Socket::new(Domain::for_address(group), Type::DGRAM, Some(Protocol::UDP))?;
        // Several peers on one machine hear the same group.
        receiver.set_reuse_address(true)?;
        #[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
        receiver.set_reuse_port(true)?;
        if group.is_ipv6() {
            receiver.set_only_v6(true)?;
        }
        receiver.set_nonblocking(true)?;
        receiver.bind(&where_to_bind(group).into())?;
        let membership = receiver.try_clone()?;
        let receiver = tokio::net::UdpSocket::from_std(receiver.into())?;
        let is_from_one = !listen.is_unspecified();
        Ok(Self { group, is_from_one, receiver, membership, joined: Vec::new() })
    }

    /// Joins the group on these interfaces, as far as they have an address of its IP version, and leaves it on all
    /// others. To be called again when they may have changed. An interface that went away has to be left too: the
    /// system counts it on, and lets nobody join many.
    pub fn follow(&mut self, interfaces: &[Interface]) {
        let wanted = self.one_of_each(interfaces);
        let all = std::mem::take(&mut self.joined).into_iter();
        let (kept, gone): (Vec<_>, Vec<_>) =
            all.partition(|joined| wanted.contains(&joined.interface));
        self.joined = kept;
        for Joined { interface, .. } in gone {
            if let Err(error) = self.leave(&interface) {
                tracing::debug!(?interface, %error, "the group is not left");
            }
        }
        for interface in wanted {
            if self.joined.iter().any(|joined| joined.interface == interface) {
                continue;
            }
            match self.join(interface) {
                Ok(joined) => self.joined.push(joined),
                Err(error) => tracing::debug!(?interface, %error, "the group is not joined"),
            }
        }
    }

    /// Sends, or loses, one datagram on each interface but those that another group serves.
    pub fn send(&self, bytes: &[u8], other: Option<&Self>) {
        let others = other.map_or(&[][..], |other| &other.joined);
        let is_served = |index: u32| others.iter().any(|other| other.interface.index == index);
        for Joined { interface, sender } in &self.joined {
            if is_served(interface.index) {
                continue;
            }
            if let Err(error) = sender.send_to(bytes, &self.group_on(interface)) {
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

    /// One address of the group's IP version of each interface, of which there are not too many.
    fn one_of_each(&self, interfaces: &[Interface]) -> Vec<Interface> {
        let mut one_of_each: Vec<Interface> = Vec::new();
        for interface in interfaces {
            let is_new = one_of_each.iter().all(|known| {
                known.index != interface.index || (known.index == 0 && known.ip != interface.ip)
            });
            let is_usable = interface.ip.is_ipv4() == self.group.is_ipv4();
            if is_usable && is_new && one_of_each.len() < INTERFACES_MAX {
                one_of_each.push(*interface);
            }
        }
        one_of_each
    }

    fn join(&self, interface: Interface) -> io::Result<Joined> {
        let sender = self.sender_on(&interface)?;
        let joined = match (self.group.ip(), interface.ip) {
            (IpAddr::V4(group), IpAddr::V4(ip)) => {
                self.membership.join_multicast_v4_n(&group, &of_ipv4(&interface, ip))
            }
            (IpAddr::V6(group), _) => self.membership.join_multicast_v6(&group, interface.index),
            (IpAddr::V4(_), IpAddr::V6(_)) => Err(ErrorKind::AddrNotAvailable.into()),
        };
        match joined {
            // It was joined before, and could not be left.
            Err(error) if error.kind() != ErrorKind::AddrInUse => Err(error),
            Ok(()) | Err(_) => Ok(Joined { interface, sender }),
        }
    }

    fn leave(&self, interface: &Interface) -> io::Result<()> {
        match (self.group.ip(), interface.ip) {
            (IpAddr::V4(group), IpAddr::V4(ip)) => {
                self.membership.leave_multicast_v4_n(&group, &of_ipv4(interface, ip))
            }
            (IpAddr::V6(group), _) => self.membership.leave_multicast_v6(&group, interface.index),
            (IpAddr::V4(_), IpAddr::V6(_)) => Err(ErrorKind::AddrNotAvailable.into()),
        }
    }

    /// A socket from which all goes to this interface, over one link.
    fn sender_on(&self, interface: &Interface) -> io::Result<Socket> {
        let domain = Domain::for_address(self.group);
        let sender = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        sender.set_nonblocking(true)?;
        match interface.ip {
            IpAddr::V4(ip) => {
                sender.set_multicast_ttl_v4(REACH)?;
                sender.set_multicast_loop_v4(true)?;
                sender.set_multicast_if_v4(&ip)?;
            }
            IpAddr::V6(_) => {
                sender.set_multicast_hops_v6(REACH)?;
                sender.set_multicast_loop_v6(true)?;
                sender.set_multicast_if_v6(interface.index)?;
            }
        }
        if self.is_from_one {
            sender.bind(&from(interface).into())?;
        }
        Ok(sender)
    }

    /// The group as it is on this interface.
    fn group_on(&self, interface: &Interface) -> SockAddr {
        match self.group {
            SocketAddr::V4(_) => self.group.into(),
            SocketAddr::V6(group) => {
                SocketAddrV6::new(*group.ip(), group.port(), 0, interface.index).into()
            }
        }
    }
}

fn of_ipv4(interface: &Interface, ip: Ipv4Addr) -> InterfaceIndexOrAddress {
    match interface.index {
        0 => InterfaceIndexOrAddress::Address(ip),
        index => InterfaceIndexOrAddress::Index(index),
    }
}

/// An interface's own address, with any port.
fn from(interface: &Interface) -> SocketAddr {
    match interface.ip {
        // It is another one on each link.
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            SocketAddrV6::new(ip, 0, 0, interface.index).into()
        }
        IpAddr::V4(_) | IpAddr::V6(_) => SocketAddr::new(interface.ip, 0),
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
