//! Where somebody is whom a person named: at the addresses of a name, which may change, or at one address.
//!
//! Nothing is looked up here. It is only said which name is to be looked up, and when: at growing intervals while
//! nobody answers.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most addresses of one name that are tried. Names of services seldom have more.
pub const ADDRESSES_PER_NAME_MAX: usize = 8;
/// The wait before a name is looked up again. It doubles with every further time, up to the longest.
const LOOK_UP_FIRST: Duration = Duration::from_secs(3);
/// The longest wait. Somebody who moved is found again within this time, and name servers keep an answer for longer.
const LOOK_UP_MAX: Duration = Duration::from_secs(30);

/// Somebody's whereabouts as a person gave them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The name and port, if it was given by name.
    pub name: Option<Arc<str>>,
    /// The addresses; none if the name could not be looked up yet.
    pub addresses: Vec<SocketAddr>,
}

impl From<SocketAddr> for Given {
    fn from(address: SocketAddr) -> Self {
        Self { name: None, addresses: vec![address] }
    }
}

/// An address, and the name for which it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name and port, if a person gave a name.
    pub name: Option<Arc<str>>,
    /// The address.
    pub address: SocketAddr,
}

impl From<SocketAddr> for Named {
    fn from(address: SocketAddr) -> Self {
        Self { name: None, address }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(formatter, "{name} ({})", self.address.ip()),
            None => self.address.fmt(formatter),
        }
    }
}

/// The addresses of somebody, of which one at a time is tried.
#[derive(Debug)]
pub(crate) struct Whereabouts {
    name: Option<Arc<str>>,
    addresses: Vec<SocketAddr>,
    current: usize,
    look_up_at: Instant,
    wait: Duration,
    is_being_looked_up: bool,
    is_unknown_told: bool,
}

impl Whereabouts {
    pub(crate) fn new(given: &Given, now: Instant) -> Self {
        let wait = if given.addresses.is_empty() { Duration::ZERO } else { LOOK_UP_FIRST };
        Self {
            name: given.name.clone(),
            addresses: bounded(given.addresses.clone()),
            current: 0,
            look_up_at: now + wait,
            wait: LOOK_UP_FIRST,
            is_being_looked_up: false,
            is_unknown_told: false,
        }
    }

    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    /// The address that is tried; `None` while none is known.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.addresses.get(self.current).copied()
    }

    pub(crate) fn named(&self) -> Option<Named> {
        Some(Named { name: self.name.clone(), address: self.address()? })
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub(crate) fn contains(&self, address: &SocketAddr) -> bool {
        self.addresses.contains(address)
    }

    /// The same as a person would give it, beginning with the address that is tried.
    pub(crate) fn given(&self) -> Given {
        let (before, from) = self.addresses.split_at(self.current.min(self.addresses.len()));
        Given { name: self.name.clone(), addresses: [from, before].concat() }
    }

    /// The number of addresses besides the first, each of which deserves an attempt of its own.
    pub(crate) fn further(&self) -> u8 {
        u8::try_from(self.addresses.len().saturating_sub(1)).unwrap_or(u8::MAX)
    }

    /// Goes on to the next address. Returns false if there is only one.
    pub(crate) fn turn(&mut self) -> bool {
        let has_others = self.addresses.len() > 1;
        if has_others {
            self.current = (self.current + 1) % self.addresses.len();
        }
        has_others
    }

    /// Keeps to one of the addresses, because somebody answered there.
    pub(crate) fn keep_to(&mut self, address: &SocketAddr) {
        if let Some(place) = self.addresses.iter().position(|each| each == address) {
            self.current = place;
        }
    }

    /// Notes that somebody is there.
    pub(crate) fn note_answer(&mut self, now: Instant) {
        self.wait = LOOK_UP_FIRST;
        self.look_up_at = now + LOOK_UP_FIRST;
    }

    /// The name, if it is to be looked up now. To be asked from time to time while nobody answers.
    pub(crate) fn look_up(&mut self, now: Instant) -> Option<Arc<str>> {
        if self.is_being_looked_up || now < self.look_up_at {
            return None;
        }
        let name = self.name.clone()?;
        self.is_being_looked_up = true;
        Some(name)
    }

    /// Notes what came of it. Returns whether the addresses are others than before.
    pub(crate) fn found(&mut self, addresses: Vec<SocketAddr>, now: Instant) -> bool {
        self.wait_longer(now);
        self.is_unknown_told = false;
        let addresses = bounded(addresses);
        let is_same = addresses.len() == self.addresses.len()
            && addresses.iter().all(|address| self.addresses.contains(address));
        if is_same || addresses.is_empty() {
            return false;
        }
        let before = self.address();
        self.addresses = addresses;
        self.current = 0;
        before.iter().for_each(|before| self.keep_to(before));
        true
    }

    /// Notes that the name can't be looked up. Returns whether that is news.
    pub(crate) fn not_found(&mut self, now: Instant) -> bool {
        self.wait_longer(now);
        !std::mem::replace(&mut self.is_unknown_told, true)
    }

    fn wait_longer(&mut self, now: Instant) {
        // The answer may be to a question about somebody else of the same name.
        if std::mem::take(&mut self.is_being_looked_up) {
            self.look_up_at = now + self.wait;
            self.wait = (self.wait * 2).min(LOOK_UP_MAX);
        }
    }
}

/// The first few different addresses.
fn bounded(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut kept = Vec::new();
    for address in addresses {
        if kept.len() < ADDRESSES_PER_NAME_MAX && !kept.contains(&address) {
            kept.push(address);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, host], 5_000))
    }

    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
    fn start() -> Instant {
        Instant::now()
    }

    fn named(addresses: &[u8]) -> Given {
        let addresses = addresses.iter().map(|host| address(*host)).collect();
        Given { name: Some("tracker.test:5000".into()), addresses }
    }

    #[test]
    fn a_name_is_looked_up_at_growing_intervals_and_one_address_never() {
        let start = start();
        let looked_up = |given: &Given| {
            let mut place = Whereabouts::new(given, start);
            let seconds = 0_u64..100;
            let due = seconds.filter(|second| {
                let now = start + Duration::from_secs(*second);
                let due = place.look_up(now).is_some();
                assert!(!due || place.look_up(now).is_none(), "it is being looked up");
                if due {
                    place.not_found(now);
                }
                due
            });
            due.collect::<Vec<_>>()
        };
        assert_eq!(looked_up(&named(&[1])), [3, 6, 12, 24, 48, 78]);
        assert_eq!(looked_up(&named(&[])), [0, 3, 9, 21, 45, 75]);
        assert_eq!(looked_up(&Given::from(address(1))), [0; 0]);
    }

    #[test]
    fn at_most_eight_addresses_are_tried_in_turn() {
        let hosts: Vec<u8> = (1..=9).chain(1..=9).collect();
        let mut place = Whereabouts::new(&named(&hosts), start());
        let mut tried = Vec::new();
        for _ in 0..=ADDRESSES_PER_NAME_MAX {
            tried.extend(place.address());
            assert!(place.turn());
        }
        let expected: Vec<_> = (1..=8).chain([1]).map(address).collect();
        assert_eq!(tried, expected);
        assert!(!Whereabouts::new(&named(&[1]), start()).turn());
    }

    #[test]
    fn an_address_that_still_stands_is_kept_to() {
        let now = start();
        let mut place = Whereabouts::new(&named(&[1, 2]), now);
        assert!(place.turn());
        assert!(!place.found(vec![address(2), address(1)], now), "only their order is another");
        assert!(place.found(vec![address(3), address(2)], now));
        assert_eq!(place.address(), Some(address(2)));
        assert_eq!(place.given(), named(&[2, 3]));
        assert!(place.found(vec![address(4)], now));
        assert_eq!(place.address(), Some(address(4)));
        assert!(!place.found(vec![], now));
        assert_eq!(place.named().expect("known").to_string(), "tracker.test:5000 (127.0.0.4)");
        assert_eq!(Named::from(address(1)).to_string(), "127.0.0.1:5000");
    }

    #[test]
    fn what_is_unknown_is_news_once_until_it_is_found() {
        let now = start();
        let mut place = Whereabouts::new(&named(&[]), now);
        assert_eq!(place.named(), None);
        assert!(place.not_found(now));
        assert!(!place.not_found(now));
        assert!(place.found(vec![address(1)], now));
        assert!(place.not_found(now));
    }
}
