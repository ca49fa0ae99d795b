//! Measures how many bytes are sent to each address before it has shown that it receives them, and
//! fails when an address gets more than it may.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use protocol::datagram::{Datagram, ENVELOPE_BYTES, Envelope};

/// An unvalidated address may be sent at most this multiple of the bytes that arrived in its name.
pub const AMPLIFICATION_MAX: u64 = 3;
/// The longest POKE that counts as a probe.
pub const PROBE_BYTES_MAX: usize = 64;
/// The most probes of an unvalidated address by one host within [`PROBE_PERIOD`].
pub const PROBES_MAX: u64 = 5;
/// Hints may be given again and again, so the number of probes is limited per period for each
/// address.
pub const PROBE_PERIOD: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Account {
    /// The bytes that arrived in the address's name, whoever sent them.
    received: u64,
    sent: u64,
    probes: u64,
    probes_since: Duration,
    is_validated: bool,
}

/// The accounts, by the host that sends and the address that it sends to.
#[derive(Debug, Default)]
pub struct Meter {
    accounts: BTreeMap<(SocketAddr, SocketAddr), Account>,
}

impl Meter {
    /// Records that a datagram reached `host`. An address is validated once the host that uses it
    /// presented a token, which it can only have from datagrams that it received.
    pub fn received(&mut self, host: SocketAddr, from: SocketAddr, bytes: &[u8], is_genuine: bool) {
        let account = self.accounts.entry((host, from)).or_default();
        account.received += bytes.len() as u64;
        let bears_token = bytes.get(9..17).is_some_and(|token| token != [0; 8]);
        account.is_validated |= is_genuine && bears_token;
    }

    /// Records that `host` sends a datagram.
    ///
    /// # Errors
    /// Says what the address was sent too much of.
    pub fn sent(
        &mut self,
        host: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
        at: Duration,
    ) -> Result<(), String> {
        let account = self.accounts.entry((host, to)).or_default();
        if account.is_validated {
            return Ok(());
        }
        if is_probe(bytes) {
            if at >= account.probes_since + PROBE_PERIOD {
                (account.probes, account.probes_since) = (0, at);
            }
            account.probes += 1;
            if account.probes > PROBES_MAX {
                return Err(format!("{host} probes {to} more than {PROBES_MAX} times"));
            }
            return Ok(());
        }
        account.sent += bytes.len() as u64;
        if account.sent > AMPLIFICATION_MAX * account.received {
            let (sent, received) = (account.sent, account.received);
            return Err(format!(
                "{host} sent {sent} bytes to the unvalidated {to}, in whose name {received} came"
            ));
        }
        Ok(())
    }

    /// The bytes that all hosts sent to an address, and the bytes that arrived in its name.
    #[must_use]
    pub fn totals(&self, address: SocketAddr) -> (u64, u64) {
        let accounts = self.accounts.iter().filter(|((_, to), _)| *to == address);
        accounts.fold((0, 0), |(sent, received), (_, account)| {
            (sent + account.sent, received + account.received)
        })
    }
}

fn is_probe(bytes: &[u8]) -> bool {
    // The first four bytes of the payload are the datagram's number. Only a POKE is worth decoding.
    let looks_like_poke = bytes.get(ENVELOPE_BYTES) == Some(&5);
    looks_like_poke
        && bytes.len() <= PROBE_BYTES_MAX
        && Envelope::decode(bytes).is_ok_and(|e| matches!(e.datagram, Datagram::Poke { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::datagram::ElectionPrefix;
    use protocol::token::Token;

    fn datagram(token: u8, datagram: Datagram) -> Vec<u8> {
        let token = Token([token; 8]);
        let election = ElectionPrefix([1; 8]);
        Envelope { election, receiver_token: token, sender_token: token, datagram }.encode()
    }

    #[test]
    fn only_who_used_a_token_gets_more_than_three_times_its_bytes() {
        let host = SocketAddr::from(([10, 0, 0, 1], 1));
        let victim = SocketAddr::from(([10, 0, 0, 2], 1));
        let small = datagram(0, Datagram::LeavePeer);
        let mut meter = Meter::default();
        meter.received(host, victim, &small, false);
        for _ in 0..3 {
            assert_eq!(meter.sent(host, victim, &small, Duration::ZERO), Ok(()));
        }
        assert!(meter.sent(host, victim, &small, Duration::ZERO).is_err());
        meter.received(host, victim, &datagram(9, Datagram::LeavePeer), false);
        meter.received(host, victim, &small, true);
        assert!(meter.sent(host, victim, &[0; 1_200], Duration::ZERO).is_err());
        meter.received(host, victim, &datagram(9, Datagram::LeavePeer), true);
        assert_eq!(meter.sent(host, victim, &[0; 1_200], Duration::ZERO), Ok(()));
    }

    #[test]
    fn probes_are_counted_apart() {
        let host = SocketAddr::from(([10, 0, 0, 1], 1));
        let other = SocketAddr::from(([10, 0, 0, 2], 1));
        let probe = datagram(0, Datagram::Poke { nonce: 1, status: None });
        let mut meter = Meter::default();
        for _ in 0..PROBES_MAX {
            assert_eq!(meter.sent(host, other, &probe, Duration::ZERO), Ok(()));
        }
        assert!(meter.sent(host, other, &probe, Duration::ZERO).is_err());
        assert_eq!(meter.sent(host, other, &probe, PROBE_PERIOD), Ok(()));
    }
}
