//! A record of a run: one hash over everything that happened, by which two runs are compared, and
//! the newest events in full for whoever examines a failure.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use protocol::datagram::Envelope;
use sha2::{Digest, Sha256};

/// The number of newest events that a failure shows, unless more are requested.
const EXCERPT_MAX: usize = 200;

/// One event, as it was delivered.
#[derive(Debug, Clone)]
pub enum Entry {
    Datagram { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    Timer { host: SocketAddr },
    Note { host: SocketAddr, note: String },
}

#[derive(Debug)]
pub struct Trace {
    hasher: Sha256,
    events: u64,
    excerpt: VecDeque<(Duration, Entry)>,
    excerpt_max: usize,
}

impl Default for Trace {
    fn default() -> Self {
        let (hasher, excerpt) = (Sha256::default(), VecDeque::new());
        Self { hasher, events: 0, excerpt, excerpt_max: EXCERPT_MAX }
    }
}

impl Trace {
    /// Records one delivered event.
    pub fn record(&mut self, at: Duration, entry: Entry) {
        self.events += 1;
        self.hasher.update(at.as_nanos().to_be_bytes());
        match &entry {
            Entry::Datagram { from, to, bytes } => {
                self.hash_address(b'd', from);
                self.hash_address(b't', to);
                self.hasher.update(bytes.len().to_be_bytes());
                self.hasher.update(bytes);
            }
            Entry::Timer { host } => self.hash_address(b'w', host),
            Entry::Note { host, note } => {
                self.hash_address(b'n', host);
                self.hasher.update(note.len().to_be_bytes());
                self.hasher.update(note);
            }
        }
        if self.excerpt.len() >= self.excerpt_max {
            self.excerpt.pop_front();
        }
        self.excerpt.push_back((at, entry));
    }

    /// Changes how many of the newest events are kept.
    pub fn keep(&mut self, events: usize) {
        self.excerpt_max = events.max(1);
    }

    /// The number of events so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// SHA-256 over every event so far.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hasher.clone().finalize().into()
    }

    /// The newest events, one per line.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let mut text = String::new();
        for (at, entry) in &self.excerpt {
            text.push_str(&format!("{:>12.6} {entry}\n", at.as_secs_f64()));
        }
        text
    }

    fn hash_address(&mut self, kind: u8, address: &SocketAddr) {
        self.hasher.update([kind]);
        match address {
            SocketAddr::V4(address) => self.hasher.update(address.ip().octets()),
            SocketAddr::V6(address) => self.hasher.update(address.ip().octets()),
        }
        self.hasher.update(address.port().to_be_bytes());
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datagram { from, to, bytes } => {
                write!(formatter, "{from} → {to} ")?;
                match Envelope::decode(bytes) {
                    Ok(envelope) => {
                        let shown = format!("{:?}", envelope.datagram);
                        write!(formatter, "{}", shown.chars().take(240).collect::<String>())
                    }
                    Err(error) => write!(formatter, "{} bytes: {error}", bytes.len()),
                }
            }
            Self::Timer { host } => write!(formatter, "{host} timer"),
            Self::Note { host, note } => write!(formatter, "{host} {note}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_covers_time_place_and_content() {
        let host = SocketAddr::from(([10, 0, 0, 1], 1));
        let other = SocketAddr::from(([10, 0, 0, 2], 1));
        let hash = |at, entry| {
            let mut trace = Trace::default();
            trace.record(Duration::from_secs(at), entry);
            trace.hash()
        };
        let note = |host, note: &str| Entry::Note { host, note: note.to_owned() };
        let first = hash(1, note(host, "a"));
        assert_eq!(first, hash(1, note(host, "a")));
        assert_ne!(first, hash(2, note(host, "a")));
        assert_ne!(first, hash(1, note(other, "a")));
        assert_ne!(first, hash(1, note(host, "b")));
        assert_ne!(first, hash(1, Entry::Timer { host }));
    }
}
