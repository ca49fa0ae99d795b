//! Network addresses as people type them: `6001`, `example.org:6001`, `192.0.2.1:6001`, `[2001:db8::1]:6001`.
//!
//! This module only reads the text. Resolving a name is up to the programs.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The longest host name that the Domain Name System allows.
const HOST_BYTES_MAX: usize = 253;
/// The host that a port alone refers to. It is the loopback address, so that a program never
/// accepts connections from a network unless its user said so.
const HOST_OF_PLAIN_PORT: &str = "127.0.0.1";

/// An address as it was typed, with its syntax checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressText {
    /// A port of this host's loopback address. Port 0 lets the system choose one to listen on.
    Port(u16),
    /// A name or an IP address, without brackets, and a port.
    HostPort {
        /// The name or the IP address.
        host: String,
        /// The port.
        port: u16,
    },
}

/// The reason why a text is not an address. Each message says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum AddressTextError {
    /// The text is empty.
    #[error("the address is empty: write a port (6001) or host:port (127.0.0.1:6001)")]
    Empty,
    /// There is no port after the host.
    #[error("{text:?} has no port: write host:port (127.0.0.1:6001)")]
    NoPort { text: String },
    /// There is a colon followed by a port, but nothing before the colon.
    #[error("{text:?} has no host before the colon: write host:port, or the port alone")]
    NoHost { text: String },
    /// The text in the place of the port is not a number from 0 to 65535.
    #[error("{found:?} is no port: write a number from 0 to 65535")]
    BadPort { found: String },
    /// The text in the place of the host is neither a name nor an IPv4 address.
    #[error("{host:?} is no host: write a name or an IP address")]
    BadHost { host: String },
    /// An IPv6 address must be written in brackets, because otherwise its colons could be mistaken
    /// for the one before the port.
    #[error("{text:?} has an IPv6 address without brackets: write [address]:port ([::1]:6001)")]
    NoBrackets { text: String },
    /// The text in brackets is not an IPv6 address.
    #[error("{host:?} in brackets is no IPv6 address: write [address]:port ([::1]:6001)")]
    BadBrackets { host: String },
}

impl AddressText {
    /// The host that has to be resolved.
    #[must_use]
    pub fn host(&self) -> &str {
        match self {
            Self::Port(_) => HOST_OF_PLAIN_PORT,
            Self::HostPort { host, .. } => host,
        }
    }

    /// The port; 0 lets the system choose one to listen on.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Port(port) | Self::HostPort { port, .. } => *port,
        }
    }
}

impl FromStr for AddressText {
    type Err = AddressTextError;

    fn from_str(text: &str) -> Result<Self, AddressTextError> {
        // Variables of the environment may end with a line feed.
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressTextError::Empty);
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return parse_port(text).map(Self::Port);
        }
        if let Some(rest) = text.strip_prefix('[') {
            return parse_bracketed(text, rest);
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(AddressTextError::NoPort { text: text.to_owned() });
        };
        if host.contains(':') {
            return Err(AddressTextError::NoBrackets { text: text.to_owned() });
        }
        if host.is_empty() {
            return Err(AddressTextError::NoHost { text: text.to_owned() });
        }
        if !is_host(host) {
            return Err(AddressTextError::BadHost { host: host.to_owned() });
        }
        Ok(Self::HostPort { host: host.to_owned(), port: parse_port(port)? })
    }
}

impl fmt::Display for AddressText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => port.fmt(formatter),
            Self::HostPort { host, port } if host.contains(':') => {
                write!(formatter, "[{host}]:{port}")
            }
            Self::HostPort { host, port } => write!(formatter, "{host}:{port}"),
        }
    }
}

fn parse_bracketed(text: &str, rest: &str) -> Result<AddressText, AddressTextError> {
    let Some((host, after)) = rest.split_once(']') else {
        return Err(AddressTextError::BadBrackets { host: rest.to_owned() });
    };
    // A link-local address names its network interface, as in fe80::1%eth0.
    let (ip, zone) = host.split_once('%').map_or((host, None), |(ip, zone)| (ip, Some(zone)));
    let is_zone = |zone: &str| !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_graphic());
    if ip.parse::<Ipv6Addr>().is_err() || !zone.is_none_or(is_zone) {
        return Err(AddressTextError::BadBrackets { host: host.to_owned() });
    }
    let Some(port) = after.strip_prefix(':') else {
        return Err(AddressTextError::NoPort { text: text.to_owned() });
    };
    Ok(AddressText::HostPort { host: host.to_owned(), port: parse_port(port)? })
}

fn parse_port(text: &str) -> Result<u16, AddressTextError> {
    // The standard library's parser would also accept a plus sign.
    let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let port = digits.and_then(|digits| digits.parse().ok());
    port.ok_or_else(|| AddressTextError::BadPort { found: text.to_owned() })
}

/// Whether a text can be a host name or is an IPv4 address. A text that looks like an IPv4 address
/// must really be one.
fn is_host(host: &str) -> bool {
    let is_numeric = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_numeric {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    host.len() <= HOST_BYTES_MAX
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        && !host.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_addresses_read_back_from_their_text() {
        for (text, host, port) in [
            ("6001", "127.0.0.1", 6001),
            ("0", "127.0.0.1", 0),
            ("65535", "127.0.0.1", 65535),
            ("localhost:5000", "localhost", 5000),
            ("tracker.example.org:0", "tracker.example.org", 0),
            ("my_host-2:1", "my_host-2", 1),
            ("1.2.3.4:5", "1.2.3.4", 5),
            ("[::1]:5", "::1", 5),
            ("[::ffff:1.2.3.4]:5", "::ffff:1.2.3.4", 5),
            ("[fe80::1%eth0]:5", "fe80::1%eth0", 5),
        ] {
            assert_eq!(format!(" {text}\r\n").parse(), text.parse::<AddressText>());
            let address: AddressText = text.parse().expect(text);
            assert_eq!((address.host(), address.port()), (host, port), "{text}");
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_to_write() {
        for (text, message) in [
            ("", "the address is empty: write a port (6001) or host:port (127.0.0.1:6001)"),
            ("localhost", "\"localhost\" has no port: write host:port (127.0.0.1:6001)"),
            (":5", "\":5\" has no host before the colon: write host:port, or the port alone"),
            ("65536", "\"65536\" is no port: write a number from 0 to 65535"),
            ("localhost:", "\"\" is no port: write a number from 0 to 65535"),
            ("localhost:+5", "\"+5\" is no port: write a number from 0 to 65535"),
            ("localhost:99999", "\"99999\" is no port: write a number from 0 to 65535"),
            ("1.2.3:5", "\"1.2.3\" is no host: write a name or an IP address"),
            ("1.2.3.256:5", "\"1.2.3.256\" is no host: write a name or an IP address"),
            ("two words:5", "\"two words\" is no host: write a name or an IP address"),
            ("a/b:5", "\"a/b\" is no host: write a name or an IP address"),
            (
                "::1:5",
                "\"::1:5\" has an IPv6 address without brackets: write [address]:port ([::1]:6001)",
            ),
            (
                "[localhost]:5",
                "\"localhost\" in brackets is no IPv6 address: write [address]:port ([::1]:6001)",
            ),
            (
                "[fe80::1%]:5",
                "\"fe80::1%\" in brackets is no IPv6 address: write [address]:port ([::1]:6001)",
            ),
            (
                "[fe80::1%eth 0]:5",
                "\"fe80::1%eth 0\" in brackets is no IPv6 address: write [address]:port ([::1]:6001)",
            ),
            ("[::1", "\"::1\" in brackets is no IPv6 address: write [address]:port ([::1]:6001)"),
            ("[::1]", "\"[::1]\" has no port: write host:port (127.0.0.1:6001)"),
            ("[::1]5", "\"[::1]5\" has no port: write host:port (127.0.0.1:6001)"),
            ("[::1]:x", "\"x\" is no port: write a number from 0 to 65535"),
        ] {
            let error = text.parse::<AddressText>().expect_err(text);
            assert_eq!(error.to_string(), message, "{text}");
        }
    }

    #[test]
    fn messages_stay_on_one_line() {
        let error = "a\nb".parse::<AddressText>().expect_err("no port");
        assert!(!error.to_string().contains('\n'));
        let error = format!("{}:5", "a".repeat(254)).parse::<AddressText>();
        assert!(matches!(error, Err(AddressTextError::BadHost { .. })));
    }
}
