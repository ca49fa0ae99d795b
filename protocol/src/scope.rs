//! How far an address reaches, which decides who may be told about it: loopback and private addresses are given only to
//! peers that have such an address themselves.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The scopes from the narrowest to the widest. The order matters, since the rule about who may be
/// told compares scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Addresses that only this host can reach.
    Loopback,
    /// Private, shared (carrier-grade NAT) and link-local addresses.
    Private,
    /// Everything else, which means addresses of the public Internet.
    Global,
}

impl Scope {
    /// All scopes, from the narrowest to the widest.
    pub const ALL: [Self; 3] = [Self::Loopback, Self::Private, Self::Global];

    /// The scope of an address; an IPv4 address mapped into IPv6 has the scope of the IPv4 address.
    #[must_use]
    pub fn of(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            ip if ip.is_loopback() => Self::Loopback,
            IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() || is_shared(ip) => {
                Self::Private
            }
            IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => Self::Private,
            IpAddr::V4(_) | IpAddr::V6(_) => Self::Global,
        }
    }

    /// Whether a peer of this scope may be told about an address of the other scope. Outside of its
    /// own scope, a narrow address leads nowhere or to a different host.
    #[must_use]
    pub fn may_be_told(self, other: Self) -> bool {
        other >= self
    }
}

/// Where peers are seen from outside that may be behind one router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// An address of IPv4.
    V4(Ipv4Addr),
    /// The first 64 bits of one of IPv6, which is what a provider gives to one customer at least.
    V6([u8; 8]),
}

impl Site {
    /// The site of an address.
    #[must_use]
    pub fn of(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => {
                Self::V6(*ip.octets().first_chunk().expect("an address has 16 bytes"))
            }
        }
    }
}

/// Whether this is a link-local IPv6 address. It means something on one link of one machine alone, so it is never
/// passed on, and leads somewhere only while it names that link (its scope).
#[must_use]
pub fn is_link_local(address: SocketAddr) -> bool {
    matches!(address.ip().to_canonical(), IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// Whether peers behind one router may be told of this address: it is private, and the same to all of them.
#[must_use]
pub fn is_inner(address: SocketAddr) -> bool {
    let is_routed = match address.ip().to_canonical() {
        IpAddr::V4(ip) => !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    };
    Scope::of(address) == Scope::Private && is_routed && address.port() != 0
}

/// The range 100.64.0.0/10 (RFC 6598), which is shared by the customers of one provider and is not
/// reachable from outside.
fn is_shared(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    first == 100 && (64..128).contains(&second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_their_scopes() {
        for (text, scope) in [
            ("127.0.0.1:1", Scope::Loopback),
            ("127.9.0.1:1", Scope::Loopback),
            ("[::1]:1", Scope::Loopback),
            ("[::ffff:127.0.0.1]:1", Scope::Loopback),
            ("10.0.0.1:1", Scope::Private),
            ("172.16.0.1:1", Scope::Private),
            ("192.168.1.1:1", Scope::Private),
            ("169.254.1.1:1", Scope::Private),
            ("100.64.0.1:1", Scope::Private),
            ("[fe80::1]:1", Scope::Private),
            ("[fd00::1]:1", Scope::Private),
            ("[::ffff:10.0.0.1]:1", Scope::Private),
            ("100.128.0.1:1", Scope::Global),
            ("203.0.113.1:1", Scope::Global),
            ("[2001:db8::1]:1", Scope::Global),
        ] {
            assert_eq!(Scope::of(text.parse().expect("an address")), scope, "{text}");
        }
    }

    #[test]
    fn inner_addresses_are_private_and_mean_the_same_to_all() {
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        for text in ["10.0.0.1:1", "192.168.1.1:1", "100.64.0.1:1", "[fd00::1]:1"] {
            assert!(is_inner(address(text)), "{text}");
            assert!(!is_link_local(address(text)), "{text}");
        }
        for text in ["127.0.0.1:1", "169.254.1.1:1", "203.0.113.1:1", "[fe80::1]:1", "[::1]:1"] {
            assert!(!is_inner(address(text)), "{text}");
        }
        assert!(!is_inner(address("10.0.0.1:0")));
        assert!(is_link_local(address("[fe80::1%3]:1")));
        assert!(!is_link_local(address("169.254.1.1:1")), "it needs no scope");
    }

    #[test]
    fn only_wider_addresses_are_told() {
        for told in Scope::ALL {
            for other in Scope::ALL {
                let widths = (told as u8, other as u8);
                assert_eq!(told.may_be_told(other), widths.1 >= widths.0);
            }
        }
    }
}
