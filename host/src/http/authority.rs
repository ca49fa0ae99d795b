//! Reads hosts and origins as they appear in HTTP headers and on the command line. Two of them are
//! compared exactly, after case and default ports are normalised, so this module must never accept
//! a spelling that a browser might read as a different host.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// The longest host name that the Domain Name System allows.
const NAME_BYTES_MAX: usize = 253;
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// A host with or without a port, as it appears in a `Host` header. Names are kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) host: Host,
    pub(crate) port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Ip(IpAddr),
    Name(String),
}

/// A name under which a server is reached. Without a port (`vote.example.org`), the port may be the
/// one that the server listens on or the usual one; with a port (`vote.example.org:8080`), it must
/// be that port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(pub(crate) Authority);

/// The text is not a host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no host: write a name (vote.example.org) or a name and a port (vote.example.org:8080)"
)]
pub struct HostNameError {
    pub text: String,
}

/// The origin of a page, such as `https://vote.example.org`, with a port if it is not the usual
/// one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    is_https: bool,
    authority: Authority,
}

/// The text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no origin: write http:// or https://, a host, and its port if it is not the usual one, without a path"
)]
pub struct OriginError {
    pub text: String,
}

impl Authority {
    /// Reads a host that may be followed by a port. Gives `None` for everything else: a user name,
    /// an empty port, or a dot at the end.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (ip, port) = rest.split_once(']')?;
            let host = Host::Ip(IpAddr::V6(ip.parse::<Ipv6Addr>().ok()?));
            let port =
                if port.is_empty() { None } else { Some(parse_port(port.strip_prefix(':')?)?) };
            return Some(Self { host, port });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(parse_port(port)?)),
            None => (text, None),
        };
        Some(Self { host: parse_host(host)?, port })
    }

    fn port_or(&self, default: u16) -> u16 {
        self.port.unwrap_or(default)
    }

    /// The port that a `Host` header refers to, which is 80 if it names none.
    pub(crate) fn http_port(&self) -> u16 {
        self.port_or(HTTP_PORT)
    }
}

impl Origin {
    /// Whether pages of this origin are the pages that the server itself serves under `host`.
    pub(crate) fn is_of(&self, host: &Authority) -> bool {
        !self.is_https && self.authority.host == host.host && self.port() == host.http_port()
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.is_https == other.is_https
            && self.authority.host == other.authority.host
            && self.port() == other.port()
    }

    fn port(&self) -> u16 {
        self.authority.port_or(if self.is_https { HTTPS_PORT } else { HTTP_PORT })
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        Authority::parse(text).map(Self).ok_or_else(|| HostNameError { text: text.to_owned() })
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let error = || OriginError { text: text.to_owned() };
        let (scheme, authority) = text.split_once("://").ok_or_else(error)?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        if !is_https && !scheme.eq_ignore_ascii_case("http") {
            return Err(error());
        }
        Ok(Self { is_https, authority: Authority::parse(authority).ok_or_else(error)? })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(IpAddr::V6(ip)) => write!(formatter, "[{ip}]")?,
            Host::Ip(IpAddr::V4(ip)) => ip.fmt(formatter)?,
            Host::Name(name) => name.fmt(formatter)?,
        }
        match self.port {
            Some(port) => write!(formatter, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(formatter, "{scheme}://{}", self.authority)
    }
}

fn parse_host(text: &str) -> Option<Host> {
    if let Ok(ip) = text.parse() {
        // An IPv6 address must be written in brackets, so without them it is not accepted here.
        return Some(ip).filter(IpAddr::is_ipv4).map(Host::Ip);
    }
    // Browsers read a name whose last part is a number as an IPv4 address, of which there are many
    // spellings. Such a name could mean another host to them than to this comparison, so it is
    // refused.
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().next().is_none_or(|byte| byte.is_ascii_digit());
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let is_name = text.len() <= NAME_BYTES_MAX && text.split('.').all(is_part) && !is_number;
    is_name.then(|| Host::Name(text.to_ascii_lowercase()))
}

/// Accepts exactly one spelling of each port: no sign and no leading zeros.
fn parse_port(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok()?;
    (port != 0 && port.to_string() == text).then_some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_strictly() {
        for (text, expected) in [
            ("Vote.Example.org", "vote.example.org"),
            ("localhost:5000", "localhost:5000"),
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("[::1]:5000", "[::1]:5000"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
            ("a_b-c:80", "a_b-c:80"),
        ] {
            let host: HostName = text.parse().expect(text);
            assert_eq!(host.to_string(), expected);
        }
        let long = format!("{}a", "a.".repeat(127));
        for text in [
            "",
            ":",
            ":80",
            "localhost:",
            "localhost.",
            ".localhost",
            "a..b",
            "localhost:080",
            "localhost:+80",
            "localhost:0",
            "localhost:65536",
            "::1",
            "[::1",
            "[::1]80",
            "[::1]:",
            "[localhost]",
            "[127.0.0.1]",
            "user@localhost",
            "localhost/",
            "localhost:80:80",
            " localhost",
            "localhost\t",
            "127.1",
            "0x7f.0.0.1",
            "2130706433",
            "127.0.0.01",
            "1.2.3.4.5",
            "exämple.org",
            "[fe80::1%eth0]",
            long.as_str(),
        ] {
            let error = text.parse::<HostName>().expect_err(text);
            assert_eq!(error.text, text);
        }
    }

    #[test]
    fn origins_are_read_strictly_and_know_their_usual_ports() {
        let parse = |text: &str| text.parse::<Origin>();
        let same =
            |one: &str, other: &str| parse(one).expect(one).is_same(&parse(other).expect(other));
        assert!(same("http://a", "HTTP://A:80"));
        assert!(same("https://a", "https://a:443"));
        assert!(!same("http://a", "https://a"));
        assert!(!same("http://a:443", "https://a:443"));
        assert!(!same("http://a", "http://a:81"));
        assert!(!same("http://a", "http://b.a"));
        for text in [
            "",
            "null",
            "*",
            "a",
            "http://",
            "http://a/",
            "http://a?",
            "ftp://a",
            "http://u@a",
            "http:/a",
            "file://",
        ] {
            parse(text).expect_err(text);
        }
    }
}
