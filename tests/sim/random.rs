//! All randomness of a world, derived from its seed. Each use has a stream of its own, so that an
//! additional draw in one place does not change what happens in another.

use std::time::Duration;

use protocol::units::sha256;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of chance for one purpose.
#[must_use]
pub fn stream(seed: u64, purpose: &str) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(secret(seed, purpose, 0))
}

/// 32 bytes for one purpose and number, such as a host's secret at its third start.
#[must_use]
pub fn secret(seed: u64, purpose: &str, number: u64) -> [u8; 32] {
    sha256(&[b"ostrakon/sim", &seed.to_be_bytes(), purpose.as_bytes(), &number.to_be_bytes()])
}

/// How long a memoryless search takes whose mean is known.
pub fn exponential(rng: &mut ChaCha8Rng, mean: Duration) -> Duration {
    let fraction: f64 = rng.random_range(f64::EPSILON..1.0);
    mean.mul_f64(-fraction.ln())
}

/// A span between two others.
pub fn between(rng: &mut ChaCha8Rng, least: Duration, most: Duration) -> Duration {
    if least >= most { least } else { rng.random_range(least..most) }
}

/// One of several; `None` of none.
pub fn pick<'a, T>(rng: &mut ChaCha8Rng, items: &'a [T]) -> Option<&'a T> {
    if items.is_empty() { None } else { items.get(rng.random_range(0..items.len())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_purpose() {
        let draw = |seed, purpose| stream(seed, purpose).random::<u64>();
        assert_eq!(draw(1, "network"), draw(1, "network"));
        assert_ne!(draw(1, "network"), draw(1, "disk"));
        assert_ne!(draw(1, "network"), draw(2, "network"));
    }

    #[test]
    fn exponential_spans_have_their_mean() {
        let (mut rng, mean) = (stream(7, "test"), Duration::from_secs(3));
        let total: Duration = (0..10_000).map(|_| exponential(&mut rng, mean)).sum();
        let found = total / 10_000;
        assert!(found > mean.mul_f64(0.95) && found < mean.mul_f64(1.05), "{found:?}");
    }
}
