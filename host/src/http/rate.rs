//! Limits how many requests each source address may make, in memory that is bounded however many
//! sources there are.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;

use crate::http::client::ClientAddress;
use crate::http::limits::{Limits, Rate};

/// The number of source addresses that are remembered; each takes about 100 bytes. When there are
/// more, the one whose last request is oldest is forgotten. That does no harm: either its bucket
/// has filled up again in the meantime, or so many others sent requests within seconds that no
/// limit per source would hold them back.
const SOURCES_MAX: NonZeroUsize = NonZeroUsize::new(4_096).expect("it is not zero");

/// One token bucket per source, stored as the moment at which the bucket is full again.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    rate: Rate,
    end_site_rate: Rate,
    loopback_rate: Rate,
    full_at: LruCache<ClientAddress, Instant>,
}

impl RateLimiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        let Limits { rate, end_site_rate, loopback_rate, .. } = *limits;
        Self { rate, end_site_rate, loopback_rate, full_at: LruCache::new(SOURCES_MAX) }
    }

    /// Takes one token from this source's bucket, and one from that of its end site.
    ///
    /// # Errors
    /// When one of them is empty: how long it takes until it holds a token again. Nothing is taken then.
    pub(crate) fn take(&mut self, from: ClientAddress, now: Instant) -> Result<(), Duration> {
        let rate = if from.is_loopback() { self.loopback_rate } else { self.rate };
        let full_at = self.full_with_one_less(from, rate, now)?;
        if let Some(site) = from.end_site() {
            let site_full_at = self.full_with_one_less(site, self.end_site_rate, now)?;
            self.full_at.put(site, site_full_at);
        }
        self.full_at.put(from, full_at);
        Ok(())
    }

    /// When a bucket is full again after one more token was taken from it.
    fn full_with_one_less(
        &mut self,
        from: ClientAddress,
        Rate { burst, per_second }: Rate,
        now: Instant,
    ) -> Result<Instant, Duration> {
        let token = Duration::from_secs(1) / per_second.max(1);
        let full_at = self.full_at.get(&from).map_or(now, |full_at| now.max(*full_at)) + token;
        let capacity = token * burst.max(1);
        match full_at.saturating_duration_since(now).checked_sub(capacity) {
            None | Some(Duration::ZERO) => Ok(full_at),
            Some(wait) => Err(wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(burst: u32, per_second: u32) -> RateLimiter {
        let rate = Rate { burst, per_second };
        RateLimiter::new(&Limits { rate, ..Limits::default() })
    }

    fn ip(text: &str) -> ClientAddress {
        ClientAddress::new(text.parse().expect("an address"))
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let (mut limiter, start) = (limiter(3, 10), Instant::now());
        let one = ip("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(limiter.take(one, start), Ok(()));
        }
        assert_eq!(limiter.take(one, start), Err(Duration::from_millis(100)));
        assert_eq!(limiter.take(ip("192.0.2.2"), start), Ok(()), "others have their own");

        let soon = start + Duration::from_millis(100);
        assert_eq!(limiter.take(one, soon), Ok(()));
        assert!(limiter.take(one, soon).is_err());
        // A long pause fills the bucket, and no further.
        let later = start + Duration::from_secs(60);
        for _ in 0..3 {
            assert_eq!(limiter.take(one, later), Ok(()));
        }
        assert!(limiter.take(one, later).is_err());
    }

    #[test]
    fn a_refusal_costs_nothing() {
        let (mut limiter, start) = (limiter(1, 1), Instant::now());
        assert_eq!(limiter.take(ip("192.0.2.1"), start), Ok(()));
        for _ in 0..100 {
            assert_eq!(limiter.take(ip("192.0.2.1"), start), Err(Duration::from_secs(1)));
        }
        assert_eq!(limiter.take(ip("192.0.2.1"), start + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn a_rate_of_nothing_counts_as_one() {
        let (mut limiter, start) = (limiter(0, 0), Instant::now());
        assert_eq!(limiter.take(ip("192.0.2.1"), start), Ok(()));
        assert_eq!(limiter.take(ip("192.0.2.1"), start), Err(Duration::from_secs(1)));
    }

    #[test]
    fn a_network_of_ipv6_is_one_source_and_a_mapped_address_is_its_own() {
        let (mut limiter, now) = (limiter(1, 1), Instant::now());
        assert_eq!(limiter.take(ip("2001:db8::1"), now), Ok(()));
        assert!(limiter.take(ip("2001:db8::ffff:1:2:3"), now).is_err());
        assert_eq!(limiter.take(ip("2001:db8:0:1::1"), now), Ok(()));
        assert_eq!(limiter.take(ip("192.0.2.1"), now), Ok(()));
        assert!(limiter.take(ip("::ffff:192.0.2.1"), now).is_err());
        assert_eq!(limiter.take(ip("::ffff:192.0.2.2"), now), Ok(()));
    }

    #[test]
    fn an_end_site_has_a_rate_of_its_own_whatever_clients_it_is() {
        let end_site_rate = Rate { burst: 3, per_second: 10 };
        let rate = Rate { burst: 2, per_second: 1 };
        let limits = Limits { rate, end_site_rate, ..Limits::default() };
        let (mut limiter, now) = (RateLimiter::new(&limits), Instant::now());
        for address in ["2001:db8::1", "2001:db8::1", "2001:db8:0:1::1"] {
            assert_eq!(limiter.take(ip(address), now), Ok(()), "{address}");
        }
        let wait = Duration::from_secs(1);
        assert_eq!(limiter.take(ip("2001:db8::1"), now), Err(wait), "its own bucket is empty");
        let wait = Duration::from_millis(100);
        for address in ["2001:db8:0:1::1", "2001:db8:0:2::1"] {
            assert_eq!(limiter.take(ip(address), now), Err(wait), "{address}");
        }
        assert_eq!(limiter.take(ip("2001:db8:1::1"), now), Ok(()), "another site");
        // What was refused took nothing, neither of the site nor of the client.
        let soon = now + wait;
        assert_eq!(limiter.take(ip("2001:db8:0:1::1"), soon), Ok(()));
        assert!(limiter.take(ip("2001:db8:0:1::1"), soon).is_err());
    }

    #[test]
    fn this_machine_has_a_rate_of_its_own() {
        let (mut limiter, now) = (limiter(1, 1), Instant::now());
        for _ in 0..1_000 {
            assert_eq!(limiter.take(ip("127.0.0.1"), now), Ok(()));
            assert_eq!(limiter.take(ip("::1"), now), Ok(()));
        }
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go_first() {
        let (mut limiter, now) = (limiter(1, 1), Instant::now());
        let nth = |number: u32| ClientAddress::new((0x0b00_0000 + number).to_be_bytes().into());
        let total = u32::try_from(SOURCES_MAX.get()).expect("it is small") + 10;
        for number in 0..total {
            assert_eq!(limiter.take(nth(number), now), Ok(()));
        }
        assert_eq!(limiter.full_at.len(), SOURCES_MAX.get());
        assert!(limiter.take(nth(total - 1), now).is_err(), "the newest is remembered");
        assert_eq!(limiter.take(nth(0), now), Ok(()), "the oldest is not");
    }
}
