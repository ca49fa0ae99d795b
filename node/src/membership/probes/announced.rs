//! Addresses that were announced on the local network. Anybody there can announce any of them, in anybody's name, so
//! they have a room of their own, which must never be closed to who is there by who is not: whoever was POKEd and did
//! not answer makes room for the next one.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::{Origin, Probe, Probes, WAIT_FIRST};
use crate::dropped::DropReason;

/// The most announced addresses that are looked into at a time. All peers of a full network are met at once.
pub(in super::super) const ANNOUNCED_MAX: usize = 64;
/// How long one of them has for an answer before it makes room: the round trips of a RETRY on a slow Wi-Fi. So at most
/// 256 POKEs of 64 bytes leave in a second, and some 130 in the first moment, however many are announced.
const ANSWER_WAIT: Duration = Duration::from_millis(250);

impl Probes {
    /// Follows an announcement that a peer is at an address. Returns whether that is news.
    ///
    /// # Errors
    /// When there is no room, because all others were announced a moment ago, from as many sources.
    pub(in super::super) fn announced(
        &mut self,
        address: SocketAddr,
        now: Instant,
    ) -> Result<bool, DropReason> {
        if self.by_address.contains_key(&address)
            || self.own.contains(&address)
            || self.is_banned(&address, now)
        {
            return Ok(false);
        }
        if self.all_announced().count() >= ANNOUNCED_MAX {
            let last = self.gives_way_to(&address, now);
            self.by_address.remove(&last.ok_or(DropReason::AnnouncementTooMany)?);
        }
        self.add(address, Origin::Announced, now);
        Ok(true)
    }

    fn all_announced(&self) -> impl Iterator<Item = (&SocketAddr, &Probe)> {
        self.by_address.iter().filter(|(_, probe)| probe.origin == Origin::Announced)
    }

    /// Which address makes room: of those that had their time the one whose source has most of them, and of these the
    /// one that was POKEd most often. No source takes the place of one that has less, and one that has more gives way
    /// to it at once.
    fn gives_way_to(&self, next: &SocketAddr, now: Instant) -> Option<SocketAddr> {
        let mut of_source: BTreeMap<IpAddr, usize> = BTreeMap::from([(next.ip(), 1)]);
        for (address, _) in self.all_announced() {
            *of_source.entry(address.ip()).or_default() += 1;
        }
        let count = |address: &SocketAddr| of_source.get(&address.ip()).copied().unwrap_or(0);
        let of_next = count(next);
        let may_go = |(address, probe): &(&SocketAddr, &Probe)| {
            count(address) > of_next || probe.had_time(now) && count(address) == of_next
        };
        let worst = self.all_announced().filter(may_go).max_by_key(|(address, probe)| {
            (count(address), probe.attempts, Reverse(probe.next_at), **address)
        });
        worst.map(|(address, _)| *address)
    }
}

impl Probe {
    /// Whether the address did not answer a POKE within the time that it has.
    fn had_time(&self, now: Instant) -> bool {
        match self.attempts {
            0 => false,
            1 => self.next_at <= now + (WAIT_FIRST - ANSWER_WAIT),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(source: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, source], port))
    }

    /// A table that is full by these, all of which were POKEd so long ago.
    fn full(addresses: impl Iterator<Item = SocketAddr>, ago: Duration) -> (Probes, Instant) {
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
        let start = Instant::now();
        let mut probes = Probes::default();
        for address in addresses.take(ANNOUNCED_MAX) {
            assert_eq!(probes.announced(address, start), Ok(true));
        }
        assert_eq!(probes.due(start, |_| false, || 1).len(), ANNOUNCED_MAX);
        (probes, start + ago)
    }

    #[test]
    fn who_had_its_time_makes_room_and_nobody_else() {
        let too_many = Err(DropReason::AnnouncementTooMany);
        for (ago, expected) in [(ANSWER_WAIT, Ok(true)), (ANSWER_WAIT / 2, too_many)] {
            let (mut probes, now) = full((1..).map(|source| at(source, 1)), ago);
            assert_eq!(probes.announced(at(200, 1), now), expected);
            assert_eq!(probes.announced(at(1, 1), now), Ok(false), "it is known");
            probes.check_invariants();
        }
    }

    #[test]
    fn one_source_takes_all_that_nobody_else_wants_and_no_more() {
        // It has all but one place, in many names, and is faster than anybody can answer.
        let of_one = || (1..).map(|port| at(1, port));
        let (mut probes, now) = full(std::iter::once(at(2, 1)).chain(of_one()), Duration::ZERO);
        assert_eq!(probes.announced(at(3, 1), now), Ok(true), "it gives way at once");
        for port in 1_000..2_000 {
            let later = now + Duration::from_secs(2);
            assert_eq!(
                probes.announced(at(1, port), later),
                Ok(true),
                "to itself, once it had time"
            );
            assert!(probes.by_address.contains_key(&at(2, 1)));
            assert!(probes.by_address.contains_key(&at(3, 1)));
            probes.due(later, |_| false, || 1);
            probes.by_address.values_mut().for_each(|probe| probe.attempts = 2);
        }
        probes.check_invariants();
    }

    #[test]
    fn an_announced_address_that_is_hinted_too_is_kept() {
        let (mut probes, now) = full((1..).map(|source| at(source, 1)), ANSWER_WAIT);
        assert!(probes.hint(at(1, 1), at(250, 1), now));
        for source in 100..=200 {
            let _ = probes.announced(at(source, 1), now);
        }
        assert!(probes.by_address.contains_key(&at(1, 1)));
        assert!(!probes.by_address.contains_key(&at(2, 1)));
    }
}
