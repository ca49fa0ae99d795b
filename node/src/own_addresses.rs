//! What the shell tells of this machine's own addresses, which come and go while a node runs.

use std::net::{IpAddr, SocketAddr};

use protocol::scope;

/// The most addresses of interfaces that are looked at. A machine with more of them is no machine of a voter.
pub const INTERFACES_MAX: usize = 64;

/// Where this node can be reached, as far as its machine knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnAddresses {
    /// The port at which the node listens.
    pub port: u16,
    /// The addresses at which it listens, without loopback: at most [`INTERFACES_MAX`] are used.
    pub interfaces: Vec<InterfaceAddress>,
    /// Whether announcements go out and come in.
    pub announces: bool,
}

/// An address of one of this machine's interfaces, and the network that the interface is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The interface's own address.
    pub ip: IpAddr,
    /// How many of its first bits are the same for all in its network.
    pub prefix: u8,
}

impl OwnAddresses {
    /// Whether an interface has this address.
    pub(crate) fn has(&self, ip: IpAddr) -> bool {
        self.interfaces.iter().any(|interface| interface.ip == ip)
    }

    /// Whether whoever has this address runs on this very machine.
    pub(crate) fn is_here(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_loopback() || self.has(ip)
    }

    /// Whether this node can send to addresses of this IP version.
    pub(crate) fn has_version_of(&self, other: SocketAddr) -> bool {
        self.interfaces.iter().any(|interface| interface.ip.is_ipv4() == other.is_ipv4())
    }

    /// Whether this node itself listens there.
    pub(crate) fn is_own(&self, address: SocketAddr) -> bool {
        address.port() == self.port && self.has(address.ip())
    }

    /// Whether an address is that of a machine on one link with this one, which no router lies before.
    pub(crate) fn is_on_link(&self, address: SocketAddr) -> bool {
        scope::is_link_local(address)
            || self.interfaces.iter().any(|interface| interface.is_in_network(address.ip()))
    }
}

impl InterfaceAddress {
    /// Whether another address is in the same network.
    fn is_in_network(&self, other: IpAddr) -> bool {
        let (own, other, length) = match (self.ip, other.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u128::from(own.to_bits()) << 96, u128::from(other.to_bits()) << 96, 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        let differing = own ^ other;
        differing.leading_zeros() >= u32::from(self.prefix.min(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_told_by_its_prefix() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        for (own, prefix, other, is_in) in [
            ("192.168.7.2", 24, "192.168.7.250", true),
            ("192.168.7.2", 24, "192.168.8.2", false),
            ("192.168.7.2", 32, "192.168.7.2", true),
            ("192.168.7.2", 32, "192.168.7.3", false),
            ("192.168.7.2", 255, "192.168.7.2", true),
            ("192.168.7.2", 0, "8.8.8.8", true),
            ("192.168.7.2", 0, "fd00::1", false),
            ("fd00::1", 64, "fd00::ffff:0:0:1", true),
            ("fd00::1", 64, "fd00:0:0:1::1", false),
            ("192.168.7.2", 24, "::ffff:192.168.7.9", true),
        ] {
            let own = InterfaceAddress { ip: ip(own), prefix };
            assert_eq!(own.is_in_network(ip(other)), is_in, "{own:?} {other}");
        }
    }

    #[test]
    fn a_machine_on_the_link_is_in_a_network_of_an_interface_or_link_local() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let interfaces = vec![InterfaceAddress { ip: at("192.168.7.2:0").ip(), prefix: 24 }];
        let own = OwnAddresses { port: 6_001, interfaces, announces: true };
        assert!(own.is_on_link(at("192.168.7.9:1")) && own.is_on_link(at("[fe80::1%2]:1")));
        assert!(!own.is_on_link(at("10.0.0.1:1")) && !own.is_on_link(at("127.0.0.1:1")));
        assert!(own.is_own(at("192.168.7.2:6001")) && !own.is_own(at("192.168.7.2:6002")));
    }
}
