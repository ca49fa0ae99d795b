//! The limits on what any client gets from a server: connections, bytes, time and requests.

use std::time::Duration;

/// The limits of one listener. The defaults are what programs run with; tests shorten the waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the moment that a connection could send a request until its head is whole: the time for slow heads,
    /// and for idle connections too. A quick client sends within a round trip, and an idle one opens another.
    pub head_wait: Duration,
    /// From the head of a request to the head of its answer, the body's arrival included. Streams of answers
    /// may go on for longer.
    pub request_wait: Duration,
    /// How long a reader may take nothing of an answer.
    pub write_wait: Duration,
    /// How long the answers at hand may take after the order to stop.
    pub shutdown_wait: Duration,
    /// Most connections at once: with a body each, 256 MiB.
    pub connections_max: usize,
    /// Most connections of one address that is not this machine's: a browser has 6, and some share an address.
    pub connections_per_address_max: usize,
    /// Most bytes of a request's head, a token, a cookie and a long path being far less.
    pub head_bytes_max: usize,
    /// Most headers of a request; browsers send 20.
    pub headers_max: usize,
    /// Most bytes of a request's body.
    pub body_bytes_max: u64,
    /// Requests of one address.
    pub rate: Rate,
    /// Requests of this machine: of programs that its user runs, and of a proxy in front.
    pub loopback_rate: Rate,
}

/// So many at once, and then so many a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At least 1.
    pub burst: u32,
    /// At least 1.
    pub per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_wait: Duration::from_secs(5),
            request_wait: Duration::from_secs(30),
            write_wait: Duration::from_secs(30),
            shutdown_wait: Duration::from_secs(1),
            connections_max: 256,
            connections_per_address_max: 32,
            head_bytes_max: 16 * 1024,
            headers_max: 64,
            body_bytes_max: 1024 * 1024,
            rate: Rate { burst: 100, per_second: 20 },
            loopback_rate: Rate { burst: 5_000, per_second: 2_000 },
        }
    }
}
