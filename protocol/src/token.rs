//! Address tokens, which prove that the sender of a datagram receives what is sent to its address.
//!
//! A token is a short MAC over the other side's address, under a secret that only its issuer knows
//! and that it changes regularly. The issuer therefore stores nothing per address. SipHash-2-4
//! (Aumasson and Bernstein, 2012) is a MAC designed for inputs as short as these. Its 64 bits
//! cannot be guessed at any rate that a network card can carry, and an attacker who sees the
//! datagrams does not need to guess (see the threat model in `docs/PROTOCOL.md`).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use siphasher::sip128::SipHasher24;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::units::sha256;

/// How long one secret is used to issue tokens. A token is valid for at most twice this time.
/// Neighbours exchange tokens with every datagram, about once a second, so no token expires while
/// it is in use.
const ROTATION_PERIOD: Duration = Duration::from_secs(120);

/// Eight bytes that the other side has to present. A token of zeros means "none yet" and is never
/// issued.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Token(pub [u8; 8]);

impl Token {
    /// "None yet".
    pub const NONE: Self = Self([0; 8]);
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token({})", hex::encode(self.0))
    }
}

/// Issues and checks the tokens of one node.
pub struct TokenIssuer {
    seed: Zeroizing<[u8; 32]>,
    epoch: u64,
    current: SipHasher24,
    previous: Option<SipHasher24>,
    rotate_at: Instant,
}

impl TokenIssuer {
    /// Creates an issuer. `seed` must be secret and different at every start.
    #[must_use]
    pub fn new(seed: [u8; 32], now: Instant) -> Self {
        let seed = Zeroizing::new(seed);
        let current = secret(&seed, 0);
        Self { seed, epoch: 0, current, previous: None, rotate_at: now + ROTATION_PERIOD }
    }

    /// Replaces the secret when its time has come. Call this with the current time before
    /// [`issue`](Self::issue) and [`is_valid`](Self::is_valid); it costs almost nothing when there
    /// is nothing to do.
    pub fn rotate(&mut self, now: Instant) {
        if now < self.rotate_at {
            return;
        }
        self.epoch += 1;
        let slept_past_previous = now >= self.rotate_at + ROTATION_PERIOD;
        let retired = std::mem::replace(&mut self.current, secret(&self.seed, self.epoch));
        self.previous = (!slept_past_previous).then_some(retired);
        self.rotate_at = now + ROTATION_PERIOD;
    }

    /// The token that `address` has to present.
    #[must_use]
    pub fn issue(&self, address: SocketAddr) -> Token {
        mac(&self.current, address)
    }

    /// Whether `token` was issued to `address` under the current or the previous secret.
    #[must_use]
    pub fn is_valid(&self, address: SocketAddr, token: Token) -> bool {
        let matches = |key: &SipHasher24| bool::from(mac(key, address).0.ct_eq(&token.0));
        matches(&self.current) || self.previous.as_ref().is_some_and(matches)
    }
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TokenIssuer").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

fn secret(seed: &[u8; 32], epoch: u64) -> SipHasher24 {
    let derived = Zeroizing::new(sha256(&[b"ostrakon/token", seed, &epoch.to_be_bytes()]));
    let mut key = Zeroizing::new([0; 16]);
    key.copy_from_slice(&derived[..16]);
    SipHasher24::new_with_key(&key)
}

fn mac(key: &SipHasher24, address: SocketAddr) -> Token {
    let mut input = [0; 18];
    match address.ip() {
        IpAddr::V4(ip) => input[..16].copy_from_slice(&ip.to_ipv6_mapped().octets()),
        IpAddr::V6(ip) => input[..16].copy_from_slice(&ip.octets()),
    }
    input[16..].copy_from_slice(&address.port().to_be_bytes());
    let bytes = key.hash(&input).h1.to_be_bytes();
    if bytes == Token::NONE.0 { Token([0xff; 8]) } else { Token(bytes) }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_one_address_and_lives_through_one_rotation() {
        let start = Instant::now();
        let mut issuer = TokenIssuer::new([7; 32], start);
        let address: SocketAddr = "127.0.0.1:6001".parse().expect("an address");
        let other: SocketAddr = "127.0.0.1:6002".parse().expect("an address");
        let token = issuer.issue(address);
        assert!(issuer.is_valid(address, token));
        assert!(!issuer.is_valid(other, token));
        assert!(!issuer.is_valid(address, Token::NONE));

        issuer.rotate(start + ROTATION_PERIOD);
        assert_ne!(issuer.issue(address), token);
        assert!(issuer.is_valid(address, token));
        // Until the period is over once more, nothing changes.
        let second = issuer.issue(address);
        issuer.rotate(start + 2 * ROTATION_PERIOD - Duration::from_millis(1));
        assert_eq!(issuer.issue(address), second);
        issuer.rotate(start + 2 * ROTATION_PERIOD);
        assert!(!issuer.is_valid(address, token));
    }

    #[test]
    fn a_long_sleep_retires_both_secrets() {
        let start = Instant::now();
        let mut issuer = TokenIssuer::new([7; 32], start);
        let address: SocketAddr = "[::1]:6001".parse().expect("an address");
        let token = issuer.issue(address);
        issuer.rotate(start + 3 * ROTATION_PERIOD);
        assert!(!issuer.is_valid(address, token));
    }
}
