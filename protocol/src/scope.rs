//! Who may be told of which address: loopback and private addresses mean another machine elsewhere, so they
//! are given only to those who are themselves there.

use std::net::{IpAddr, SocketAddr};

/// How far an address reaches; a wider scope compares greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Loopback,
    Private,
    Global,
}

/// Whether `receiver` may be told of the peer at `address`.
#[must_use]
pub fn may_be_told(receiver: SocketAddr, address: SocketAddr) -> bool {
    scope(receiver.ip()) <= scope(address.ip())
}

fn scope(ip: IpAddr) -> Scope {
    match ip.to_canonical() {
        ip if ip.is_loopback() => Scope::Loopback,
        IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() => Scope::Private,
        IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => Scope::Private,
        IpAddr::V4(_) | IpAddr::V6(_) => Scope::Global,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_addresses_stay_where_they_mean_something() {
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let (here, home, world) =
            (address("127.0.0.1:1"), address("192.168.1.9:1"), address("[2001:db8::1]:1"));
        for (receiver, told, expected) in [
            (here, here, true),
            (here, world, true),
            (home, home, true),
            (home, here, false),
            (world, home, false),
            (world, world, true),
        ] {
            assert_eq!(may_be_told(receiver, told), expected, "{receiver} of {told}");
        }
    }
}
