//! Whom a request counts for, wherever something is shared out by address.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

/// A host with one IPv6 address usually controls all addresses that share its first 64 bits, so
/// they count as one.
const IPV6_CLIENT_BITS: u8 = 64;

/// Providers give an end site up to 65,536 such networks (RFC 6177). So that it takes several sites to keep everybody
/// else away, what is shared out by client is shared out by end site as well, in larger parts.
const IPV6_END_SITE_BITS: u8 = 48;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of a client, or the network that it controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddress {
    network: IpAddr,
    /// How many bits of the address tell the network from others.
    bits: u8,
}

impl ClientAddress {
    /// What a connection from this address counts for.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(ip) => Self { network: ip.into(), bits: 32 },
            // The network of the loopback address is that of all mapped addresses as well.
            IpAddr::V6(ip) if ip.is_loopback() => Self { network: ip.into(), bits: 128 },
            IpAddr::V6(ip) => Self::of_ipv6(ip, IPV6_CLIENT_BITS),
        }
    }

    /// The network of all clients that one provider's customer can be; `None` where an address is all that somebody
    /// has.
    pub(crate) fn end_site(self) -> Option<Self> {
        match self.network {
            IpAddr::V6(ip) if !ip.is_loopback() => Some(Self::of_ipv6(ip, IPV6_END_SITE_BITS)),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }

    fn of_ipv6(ip: Ipv6Addr, bits: u8) -> Self {
        let host_bits = 128 - bits;
        Self { network: Ipv6Addr::from(u128::from(ip) >> host_bits << host_bits).into(), bits }
    }

    /// Whom a request counts for. A proxy on this machine speaks for others: it adds the address that it sees to the
    /// end of `X-Forwarded-For`. From anywhere else that header is only what somebody claims. Nobody becomes a client
    /// on this machine by the header: those have more than others.
    #[must_use]
    pub fn of_request(from: IpAddr, headers: &HeaderMap) -> Self {
        let connected = Self::new(from);
        if !connected.is_loopback() {
            return connected;
        }
        let newest = headers.get_all(X_FORWARDED_FOR).iter().next_back();
        let last = newest.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        let told = last.and_then(|text| text.trim().parse().ok()).map(Self::new);
        told.filter(|client| !client.is_loopback()).unwrap_or(connected)
    }

    /// Whether it is this machine.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        self.network.is_loopback()
    }
}

/// A request that came over no connection counts for nobody in particular.
impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let nobody = Self::new(Ipv4Addr::UNSPECIFIED.into());
        Ok(parts.extensions.get().copied().unwrap_or(nobody))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn of(from: &str, forwarded: &[&str]) -> ClientAddress {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(value).expect("plain text"));
        }
        ClientAddress::of_request(ip(from), &headers)
    }

    fn client(text: &str) -> ClientAddress {
        ClientAddress::new(ip(text))
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_a_mapped_address_is_its_own() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1:2:3"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("::ffff:192.0.2.1"), client("::ffff:192.0.2.2"));
        for text in ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"] {
            assert!(client(text).is_loopback(), "{text}");
        }
        assert_ne!(client("127.0.0.1"), client("127.0.0.2"));
    }

    #[tokio::test]
    async fn a_request_without_a_connection_counts_for_nobody_on_this_machine() {
        let (mut parts, ()) = axum::http::Request::new(()).into_parts();
        let Ok(nobody) = ClientAddress::from_request_parts(&mut parts, &()).await;
        assert!(!nobody.is_loopback());
        parts.extensions.insert(client("192.0.2.1"));
        let Ok(somebody) = ClientAddress::from_request_parts(&mut parts, &()).await;
        assert_eq!(somebody, client("192.0.2.1"));
    }

    #[test]
    fn an_end_site_is_many_clients_of_ipv6_and_nothing_else() {
        let site = |text: &str| client(text).end_site();
        assert!(site("2001:db8::1").is_some());
        assert_eq!(site("2001:db8::1"), site("2001:db8:0:ffff::1"));
        assert_ne!(site("2001:db8::1"), site("2001:db8:1::1"));
        assert_ne!(
            site("2001:db8::1"),
            Some(client("2001:db8::1")),
            "nor is it its own first client"
        );
        for text in ["192.0.2.1", "::ffff:192.0.2.1", "127.0.0.1", "::1"] {
            assert_eq!(site(text), None, "{text}");
        }
    }

    #[test]
    fn a_proxy_on_this_machine_speaks_for_others_and_nobody_else_does() {
        assert_eq!(of("127.0.0.1", &[]), client("127.0.0.1"));
        assert_eq!(of("127.0.0.1", &["192.0.2.1"]), client("192.0.2.1"));
        // What stands before the last address is what that client claims.
        assert_eq!(of("::1", &["10.0.0.1, 192.0.2.1"]), client("192.0.2.1"));
        assert_eq!(of("::1", &["10.0.0.1", "192.0.2.1"]), client("192.0.2.1"));
        assert_eq!(of("127.0.0.1", &["2001:db8::7"]), client("2001:db8::1"));
        for nonsense in ["", "unknown", "192.0.2.1, ", "192.0.2.1:80", "127.0.0.2", "::1"] {
            assert_eq!(of("127.0.0.1", &[nonsense]), client("127.0.0.1"), "{nonsense}");
        }
        assert_eq!(of("192.0.2.9", &["192.0.2.1"]), client("192.0.2.9"));
    }
}
