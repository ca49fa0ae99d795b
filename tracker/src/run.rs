//! The tracker's task. It owns the socket and the registry, gives the registry each datagram and the time, and sends
//! what the registry wants sent. It must decide nothing: decisions belong to the registry, which tests can run without
//! a machine.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the task owns the socket and waits for the timer"
)]

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Instant;

use host::clock;
use host::udp::{self, BURST_MAX, IpVersions, SEND_PATIENCE};
use protocol::address::AddressText;
use protocol::datagram::DATAGRAM_BYTES_MAX;
use protocol::election::Election;
use tokio::net::UdpSocket;
use tokio::time::{sleep_until, timeout};
use tracing::{debug, info};

use crate::handle::{Figures, REQUESTS_MAX, Request, Requests};
use crate::registry::{Event, Output, Registry};

/// After this many errors of receiving in a row, the socket counts as broken. Errors that another
/// host can cause come one at a time, with datagrams between them, so no peer can end the tracker
/// in this way.
const RECEIVE_ERRORS_MAX: u32 = 1_000;

/// The reason why the tracker can't listen.
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

/// What happens at the socket and is therefore invisible to the registry.
#[derive(Debug, Default)]
struct Counters {
    received: u64,
    sent: u64,
    receive_errors: u64,
    send_errors: u64,
}

struct TrackerTask {
    socket: UdpSocket,
    /// Whether the socket is an IPv6 one, which needs IPv4 addresses in their mapped form.
    is_ipv6: bool,
    registry: Registry,
    counters: Counters,
    receive_errors_in_row: u32,
}

/// Resolves an address that a user typed. If a name has several addresses, the first is used.
///
/// # Errors
/// When the name can't be resolved.
pub async fn resolve(address: &AddressText) -> Result<SocketAddr, ListenError> {
    let mut found = tokio::net::lookup_host((address.host(), address.port()))
        .await
        .map_err(|source| ListenError::Unresolved { address: address.clone(), source })?;
    found.next().ok_or_else(|| ListenError::NoAddress { address: address.clone() })
}

/// Opens the UDP socket, with large buffers. An unspecified IPv6 address accepts IPv4 datagrams
/// too.
///
/// # Errors
/// When the address is in use, or is not an address of this host.
pub fn bind(address: SocketAddr) -> Result<UdpSocket, ListenError> {
    udp::open(address, IpVersions::Both).map_err(|source| {
        if source.kind() == ErrorKind::AddrInUse {
            return ListenError::InUse { address };
        }
        ListenError::Unavailable { address, source }
    })
}

/// Maintains the list of peers of one election, and answers `requests`, until `shutdown` completes.
/// `seed` must be secret and different at every start.
///
/// # Errors
/// When the socket is broken for good. Nothing that single peers or their networks do is an error.
pub async fn run(
    socket: UdpSocket,
    election: &Election,
    seed: [u8; 32],
    mut requests: Requests,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut task = TrackerTask {
        is_ipv6: socket.local_addr()?.is_ipv6(),
        socket,
        registry: Registry::new(election, seed, clock::now()),
        counters: Counters::default(),
        receive_errors_in_row: 0,
    };
    tokio::pin!(shutdown);
    let result = loop {
        let deadline = task.registry.poll_timeout();
        let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
        tokio::select! {
            biased;
            () = &mut shutdown => break Ok(()),
            received = task.socket.recv_from(&mut buffer) => {
                if let Err(error) = task.receive_batch(received, &mut buffer) {
                    break Err(error);
                }
            }
            Some(request) = requests.recv() => task.answer(request),
            () = sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => {}
        }
        // Datagrams are handled before the timer, so that an answer to a poke which has already
        // arrived is not overlooked.
        let now = clock::now();
        if task.registry.poll_timeout().is_some_and(|at| at <= now.instant) {
            task.registry.handle_timeout(now);
        }
        // Questions are answered in every round, so that an endless flood of datagrams cannot keep
        // them waiting.
        for _ in 0..REQUESTS_MAX {
            let Ok(request) = requests.try_recv() else { break };
            task.answer(request);
        }
        task.send_outputs().await;
    };
    task.log_end();
    result
}

impl TrackerTask {
    /// Hands the registry one datagram and those that are waiting behind it.
    fn receive_batch(
        &mut self,
        first: io::Result<(usize, SocketAddr)>,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        let now = clock::now();
        let mut received = first;
        for received_count in 1.. {
            match received {
                Ok((length, from)) => {
                    self.counters.received += 1;
                    self.receive_errors_in_row = 0;
                    self.registry.handle_datagram(udp::canonical(from), &buffer[..length], now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.receive_errors_in_row = 0;
                    break;
                }
                Err(error) => self.note_receive_error(error)?,
            }
            if received_count == BURST_MAX {
                break;
            }
            received = self.socket.try_recv_from(buffer);
        }
        Ok(())
    }

    /// Some systems report as an error that a peer's host refused an earlier datagram. It can be
    /// ignored here, because that peer will be dropped when its pokes stay unanswered.
    fn note_receive_error(&mut self, error: io::Error) -> io::Result<()> {
        self.counters.receive_errors += 1;
        self.receive_errors_in_row += 1;
        if self.receive_errors_in_row >= RECEIVE_ERRORS_MAX {
            return Err(error);
        }
        debug!(%error, "receiving failed");
        Ok(())
    }

    /// Whoever asked may have gone away in the meantime; then nobody gets the answer.
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
        // The loop waits for a full send buffer once per round, and not once for each datagram.
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
        let to = if self.is_ipv6 { udp::mapped(to) } else { to };
        let sent = self.socket.try_send_to(bytes, to);
        if !may_wait || !is_kind(&sent, ErrorKind::WouldBlock) {
            return sent;
        }
        let waiting = timeout(SEND_PATIENCE, self.socket.send_to(bytes, to)).await;
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

fn is_kind(result: &io::Result<usize>, kind: ErrorKind) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == kind)
}

#[cfg(test)]
mod tests;
