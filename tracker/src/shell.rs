//! The tracker on a real socket: one task owns the registry, brings it datagrams and the time, and sends
//! what it says. No decision is made here.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a shell is where the clock and the socket come from"
)]

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use protocol::address::AddressText;
use protocol::datagram::DATAGRAM_BYTES_MAX;
use protocol::election::Election;
use protocol::units::{Now, UnixMillis};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{sleep_until, timeout};
use tracing::{debug, info, warn};

use crate::handle::{Figures, REQUESTS_MAX, Request, Requests};
use crate::registry::{Event, Output, Registry};

/// Asked of the system for each direction, which may grant less: a second of pokes and answers of the
/// largest network.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Datagrams taken before their answers are sent and the timer is looked at: enough to make system calls the
/// smaller cost, few enough that pokes are never late under load.
const BATCH_MAX: usize = 64;
/// How long a full send buffer is waited for. Longer would keep datagrams from being received; what is not
/// sent is lost as on any network.
const SEND_WAIT: Duration = Duration::from_millis(5);
/// Errors of receiving in a row after which the socket counts as broken. Those that a peer's host can cause
/// come singly, between datagrams.
const RECEIVE_ERRORS_MAX: u32 = 1_000;

/// Why the tracker can't listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("can't find the address of {address}")]
    Unresolved { address: AddressText, source: io::Error },
    #[error("{address} has no address to listen on: write another host")]
    NoAddress { address: AddressText },
    #[error("{address} is in use: stop the program that has it, or choose another port")]
    InUse { address: SocketAddr },
    #[error("can't listen on {address}")]
    Unavailable { address: SocketAddr, source: io::Error },
    #[error("can't serve the API (--api ADDR:PORT names another address, --api off serves none)")]
    Api { source: host::http::BindError },
}

/// Counts of what the registry never sees.
#[derive(Debug, Default)]
struct Counters {
    received: u64,
    sent: u64,
    receive_errors: u64,
    send_errors: u64,
}

struct Shell {
    socket: UdpSocket,
    /// An IPv6 socket names IPv4 addresses in their mapped form.
    is_ipv6: bool,
    registry: Registry,
    counters: Counters,
    receive_errors_in_row: u32,
}

/// The first address of what was typed.
///
/// # Errors
/// When a name can't be resolved.
pub async fn resolve(address: &AddressText) -> Result<SocketAddr, ListenError> {
    let mut found = tokio::net::lookup_host((address.host(), address.port()))
        .await
        .map_err(|source| ListenError::Unresolved { address: address.clone(), source })?;
    found.next().ok_or_else(|| ListenError::NoAddress { address: address.clone() })
}

/// A socket that listens, with large buffers. An unspecified IPv6 address takes IPv4 too.
///
/// # Errors
/// When the address is in use or not this host's.
pub fn bind(address: SocketAddr) -> Result<UdpSocket, ListenError> {
    open_socket(address).map_err(|source| {
        if source.kind() == ErrorKind::AddrInUse {
            return ListenError::InUse { address };
        }
        ListenError::Unavailable { address, source }
    })
}

/// Keeps an election's list of peers, and answers `requests`, until `shutdown` completes. `seed` must be secret and
/// new at every start.
///
/// # Errors
/// When the socket is broken for good. What single peers and their networks do is no error.
pub async fn run(
    socket: UdpSocket,
    election: &Election,
    seed: [u8; 32],
    mut requests: Requests,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut shell = Shell {
        is_ipv6: socket.local_addr()?.is_ipv6(),
        socket,
        registry: Registry::new(election, seed, clock()),
        counters: Counters::default(),
        receive_errors_in_row: 0,
    };
    tokio::pin!(shutdown);
    let result = loop {
        let deadline = shell.registry.poll_timeout();
        let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
        tokio::select! {
            biased;
            () = &mut shutdown => break Ok(()),
            received = shell.socket.recv_from(&mut buffer) => {
                if let Err(error) = shell.take_batch(received, &mut buffer) {
                    break Err(error);
                }
            }
            Some(request) = requests.recv() => shell.answer(request),
            () = sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => {}
        }
        // Answers to pokes were taken before the pokes are judged.
        let now = clock();
        if shell.registry.poll_timeout().is_some_and(|at| at <= now.instant) {
            shell.registry.handle_timeout(now);
        }
        // Datagrams that never end don't keep questions waiting.
        for _ in 0..REQUESTS_MAX {
            let Ok(request) = requests.try_recv() else { break };
            shell.answer(request);
        }
        shell.send_outputs().await;
    };
    shell.log_end();
    result
}

impl Shell {
    /// Gives the registry the datagram at hand and those that wait behind it.
    fn take_batch(
        &mut self,
        first: io::Result<(usize, SocketAddr)>,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        let now = clock();
        let mut received = first;
        for taken in 1.. {
            match received {
                Ok((length, from)) => {
                    self.counters.received += 1;
                    self.receive_errors_in_row = 0;
                    self.registry.handle_datagram(canonical(from), &buffer[..length], now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.receive_errors_in_row = 0;
                    break;
                }
                Err(error) => self.note_receive_error(error)?,
            }
            if taken == BATCH_MAX {
                break;
            }
            received = self.socket.try_recv_from(buffer);
        }
        Ok(())
    }

    /// A host that refuses our datagrams shows here on some systems: no matter, pokes will tell.
    fn note_receive_error(&mut self, error: io::Error) -> io::Result<()> {
        self.counters.receive_errors += 1;
        self.receive_errors_in_row += 1;
        if self.receive_errors_in_row >= RECEIVE_ERRORS_MAX {
            return Err(error);
        }
        debug!(%error, "receiving failed");
        Ok(())
    }

    /// Whoever asked may have gone away meanwhile; then nobody gets the answer.
    fn answer(&self, request: Request) {
        match request {
            Request::Peers { after, most, reply } => {
                let _ = reply.send(self.registry.listed(after, most));
            }
            Request::Figures { reply } => {
                let Counters { received, sent, receive_errors, send_errors } = self.counters;
                let _ = reply.send(Figures {
                    listed: self.registry.listed_count(),
                    unconfirmed: self.registry.unconfirmed_count(),
                    received,
                    sent,
                    receive_errors,
                    send_errors,
                    dropped: self.registry.dropped(),
                });
            }
        }
    }

    async fn send_outputs(&mut self) {
        // A socket that stays full is waited for once, not once for each datagram.
        let mut may_wait = true;
        while let Some(output) = self.registry.poll_output() {
            match output {
                Output::Transmit { to, bytes } => {
                    let sent = self.send(to, &bytes, may_wait).await;
                    may_wait &= !is_kind(&sent, ErrorKind::TimedOut);
                    self.count_sent(to, sent);
                }
                Output::Event(event) => self.log_event(event),
            }
        }
    }

    async fn send(&self, to: SocketAddr, bytes: &[u8], may_wait: bool) -> io::Result<usize> {
        let to = if self.is_ipv6 { mapped(to) } else { to };
        let sent = self.socket.try_send_to(bytes, to);
        if !may_wait || !is_kind(&sent, ErrorKind::WouldBlock) {
            return sent;
        }
        let waiting = timeout(SEND_WAIT, self.socket.send_to(bytes, to)).await;
        waiting.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
    }

    fn count_sent(&mut self, to: SocketAddr, sent: io::Result<usize>) {
        match sent {
            Ok(_) => self.counters.sent += 1,
            Err(error) => {
                self.counters.send_errors += 1;
                debug!(%to, %error, "sending failed");
            }
        }
    }

    fn log_event(&self, event: Event) {
        let listed = self.registry.listed_count();
        match event {
            Event::Listed { address } => info!(%address, listed, "peer joined"),
            Event::Left { address } => info!(%address, listed, "peer left"),
            Event::Lost { address } => info!(%address, listed, "peer lost: no answer to pokes"),
        }
    }

    fn log_end(&self) {
        let counters = self.registry.dropped().into_iter().filter(|(_, count)| *count > 0);
        let dropped: Vec<_> = counters.map(|(reason, count)| format!("{reason} {count}")).collect();
        let Counters { received, sent, receive_errors, send_errors } = self.counters;
        let listed = self.registry.listed_count();
        let dropped = dropped.join(", ");
        info!(listed, received, sent, receive_errors, send_errors, dropped, "stopped");
    }
}

fn open_socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    for result in [
        socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES),
        socket.set_send_buffer_size(SOCKET_BUFFER_BYTES),
    ] {
        if let Err(error) = result {
            warn!(%error, "the socket keeps its small buffers");
        }
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

fn is_kind(result: &io::Result<usize>, kind: ErrorKind) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == kind)
}

fn clock() -> Now {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { instant: Instant::now(), unix: UnixMillis::default().plus(since_epoch) }
}

/// An IPv4 address in its own form, whatever the socket: peers are told of it.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, address.port())),
        // The scope of a link-local address is kept.
        IpAddr::V6(_) => address,
    }
}

fn mapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
        SocketAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests;
