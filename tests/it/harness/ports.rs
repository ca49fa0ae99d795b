//! Ports for programs that are started again where they were: between two runs the system gives theirs to nobody.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what Linux (from 32,768), macOS and Windows (from 49,152) hand out to those who ask for any port, so that
/// a port that is free for a moment stays free.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// Ports looked at before the search is given up.
const ATTEMPTS_MAX: u16 = 1_000;

/// The number of ports that this process has looked at.
static LOOKED_AT: AtomicU16 = AtomicU16::new(0);

/// A port on 127.0.0.1 that nobody has now, neither over UDP nor over TCP, and that no other call of this process
/// gives. Nothing reserves it: another run of the tests at the same time may take it before the program that it is for
/// does, or while that program is not running.
///
/// # Panics
/// When there is none.
pub(crate) fn lasting_port() -> u16 {
    // Two runs of the tests at once usually begin at different places, which makes a clash rare but not impossible.
    let start = std::process::id().wrapping_mul(97) % u32::from(COUNT);
    for _ in 0..ATTEMPTS_MAX {
        let place = start + u32::from(LOOKED_AT.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + u16::try_from(place % u32::from(COUNT)).expect("it is below COUNT");
        let address = (Ipv4Addr::LOCALHOST, port);
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return port;
        }
    }
    panic!("none of {ATTEMPTS_MAX} ports from {FIRST} on is free");
}
