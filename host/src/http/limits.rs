//! The limits on what any client gets from a server: connections, bytes, time and requests.

use std::time::Duration;

/// The limits of one listener. Programs run with the defaults; tests shorten the waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The time from the moment at which a connection could send a request until the request's head
    /// has arrived completely. It limits slow heads and idle connections alike. A prompt client
    /// sends its request within a round trip, and a client whose idle connection was closed simply
    /// opens another.
    pub head_wait: Duration,
    /// The time from the head of a request to the head of its answer, including the arrival of the
    /// request's body. The body of an answer, such as a stream of events, may take longer.
    pub request_wait: Duration,
    /// How long a client may go without reading anything of its answer.
    pub write_wait: Duration,
    /// The fewest bytes that a client reads while its answer waits for it for [`write_wait`](Self::write_wait) in all.
    /// A reader that takes a byte now and then would hold for days what others ask for. Each such wait ends only once
    /// a good part of the system's buffer is empty, which is why the buffer is small: see `serve`.
    pub write_bytes_min: u64,
    /// How long answers that are being sent may take after the order to stop.
    pub shutdown_wait: Duration,
    /// The most connections at once. If each of them sends a body of the largest size, they take
    /// 256 MiB.
    pub connections_max: usize,
    /// The most connections from one address other than this machine's own, and the most of a proxy's connections that
    /// serve one address. A browser opens 6, and several people may share one address.
    pub connections_per_address_max: usize,
    /// The most connections from one end site of IPv6, which has 65,536 networks that count as an address each.
    pub connections_per_end_site_max: usize,
    /// The most bytes in a request's head. A token, a cookie and a long path together take far
    /// less.
    pub head_bytes_max: usize,
    /// The most headers in a request; browsers send about 20.
    pub headers_max: usize,
    /// The most bytes in a request's body.
    pub body_bytes_max: u64,
    /// The rate of requests from one address.
    pub rate: Rate,
    /// The rate of requests from one end site of IPv6.
    pub end_site_rate: Rate,
    /// The rate of requests from this machine itself, which may be programs that its user runs or a
    /// proxy in front of the server.
    pub loopback_rate: Rate,
}

/// A rate limit: `burst` requests at once, and after that `per_second` requests each second.
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
            write_bytes_min: 64 * 1024,
            shutdown_wait: Duration::from_secs(1),
            connections_max: 256,
            connections_per_address_max: 32,
            connections_per_end_site_max: 128,
            head_bytes_max: 16 * 1024,
            headers_max: 64,
            body_bytes_max: 1024 * 1024,
            rate: Rate { burst: 100, per_second: 20 },
            end_site_rate: Rate { burst: 1_000, per_second: 200 },
            loopback_rate: Rate { burst: 5_000, per_second: 2_000 },
        }
    }
}
