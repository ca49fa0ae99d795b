//! The names under which a server may be reached, and the origins whose pages may read its answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::http::authority::{Authority, Host, HostName, Origin};

/// The name that refers to the machine itself on every system.
const LOOPBACK_NAME: &str = "localhost";

/// The address where a server listens, the additional names under which it is reached, and the
/// origins of other sites whose pages may read its answers.
///
/// In an attack by DNS rebinding, an attacker's host name is made to resolve to this server, and
/// the browser then sends that name in `Host`. The server therefore answers only requests that name
/// one of its own hosts.
#[derive(Debug, Clone)]
pub struct Site {
    address: SocketAddr,
    hosts: Vec<HostName>,
    origins: Vec<Origin>,
    probes: &'static [&'static str],
}

impl Site {
    /// `address` is where the server listens, with its real port. `hosts` are additional names,
    /// such as that of a proxy in front, and `origins` are those whose pages may read its answers.
    #[must_use]
    pub fn new(address: SocketAddr, hosts: Vec<HostName>, origins: Vec<Origin>) -> Self {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        Self { address, hosts, origins, probes: &[] }
    }

    /// The paths at which those who watch over the server ask whether it works. Balancers name no host there, or the
    /// address that they know, so they are answered all the same: no browser leaves the host out, and one that names
    /// an address was not led here by DNS rebinding. The answers must be fit for anybody.
    #[must_use]
    pub fn with_probes(self, probes: &'static [&'static str]) -> Self {
        Self { probes, ..self }
    }

    /// The URL under which a program on this machine reaches the server, such as
    /// `http://127.0.0.1:5000`.
    #[must_use]
    pub fn url(&self) -> String {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
        };
        format!("http://{}", SocketAddr::new(ip, self.address.port()))
    }

    /// Whether a request may name this host.
    pub(crate) fn serves(&self, host: &Authority) -> bool {
        let port = host.http_port();
        let is_own = port == self.address.port() && self.is_own(&host.host);
        is_own
            || self.hosts.iter().any(|HostName(name)| {
                // A name that is listed without a port may belong to a proxy in front that uses the
                // usual port, which clients do not write into `Host`.
                let is_port = match name.port {
                    Some(expected) => port == expected,
                    None => port == self.address.port() || host.port.is_none(),
                };
                name.host == host.host && is_port
            })
    }

    /// Whether a path is one of those for probes.
    pub(crate) fn is_probed_at(&self, path: &str) -> bool {
        self.probes.contains(&path)
    }

    /// Whether pages of this origin, which is another site's, may read the answers.
    pub(crate) fn lets_read(&self, origin: &Origin) -> bool {
        self.origins.iter().any(|allowed| allowed.is_same(origin))
    }

    /// Whether the pages of any other site may read the answers.
    pub(crate) fn has_readers(&self) -> bool {
        !self.origins.is_empty()
    }

    fn is_own(&self, host: &Host) -> bool {
        let own = self.address.ip();
        let answers_loopback = own.is_loopback() || own.is_unspecified();
        match host {
            Host::Name(name) => answers_loopback && name == LOOPBACK_NAME,
            Host::Ip(ip) if *ip == own => !own.is_unspecified(),
            Host::Ip(ip) if *ip == Ipv4Addr::LOCALHOST || *ip == Ipv6Addr::LOCALHOST => {
                answers_loopback
            }
            // It does not matter which of this machine's addresses it is: a browser that sends an
            // address instead of a name was not led here by DNS rebinding.
            Host::Ip(ip) => own.is_unspecified() && !ip.is_unspecified(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(address: &str, hosts: &[&str]) -> Site {
        let hosts = hosts.iter().map(|host| host.parse().expect("a host")).collect();
        Site::new(address.parse().expect("an address"), hosts, Vec::new())
    }

    fn check(site: &Site, served: &[&str], refused: &[&str]) {
        let serves = |text: &str| site.serves(&Authority::parse(text).expect(text));
        for text in served {
            assert!(serves(text), "{text} on {site:?}");
        }
        for text in refused {
            assert!(!serves(text), "{text} on {site:?}");
        }
    }

    #[test]
    fn a_loopback_address_has_three_names() {
        for address in ["127.0.0.1:5000", "[::1]:5000"] {
            check(
                &site(address, &[]),
                &["127.0.0.1:5000", "LOCALHOST:5000", "[::1]:5000"],
                &[
                    "127.0.0.1",
                    "127.0.0.1:5001",
                    "127.0.0.2:5000",
                    "evil.example:5000",
                    "localhost.evil.example:5000",
                    "0.0.0.0:5000",
                    "[::]:5000",
                    "[::ffff:127.0.0.1]:5000",
                ],
            );
        }
    }

    #[test]
    fn a_specific_address_has_one_name() {
        check(
            &site("192.0.2.7:5000", &[]),
            &["192.0.2.7:5000"],
            &["localhost:5000", "127.0.0.1:5000", "192.0.2.8:5000", "192.0.2.7"],
        );
    }

    #[test]
    fn an_unspecified_address_answers_every_address_but_no_foreign_name() {
        for address in ["0.0.0.0:5000", "[::]:5000"] {
            check(
                &site(address, &[]),
                &["192.0.2.7:5000", "[2001:db8::1]:5000", "localhost:5000", "127.0.0.1:5000"],
                &["evil.example:5000", "192.0.2.7:5001", "192.0.2.7", "0.0.0.0:5000", "[::]:5000"],
            );
        }
    }

    #[test]
    fn configured_names_have_their_own_port_or_the_listening_or_usual_one() {
        check(
            &site("127.0.0.1:5000", &["vote.example.org", "proxy.example.org:80", "10.0.0.1:8080"]),
            &[
                "vote.example.org:5000",
                "vote.example.org",
                "Proxy.Example.Org",
                "proxy.example.org:80",
                "10.0.0.1:8080",
            ],
            &[
                "vote.example.org:443",
                "proxy.example.org:5000",
                "10.0.0.1:5000",
                "10.0.0.1",
                "example.org:5000",
            ],
        );
        check(&site("127.0.0.1:80", &[]), &["localhost", "localhost:80"], &["localhost:81"]);
    }

    #[test]
    fn the_address_for_this_machine_is_never_the_unspecified_one() {
        assert_eq!(site("0.0.0.0:5000", &[]).url(), "http://127.0.0.1:5000");
        assert_eq!(site("[::]:5000", &[]).url(), "http://[::1]:5000");
        assert_eq!(site("192.0.2.7:5000", &[]).url(), "http://192.0.2.7:5000");
    }
}
