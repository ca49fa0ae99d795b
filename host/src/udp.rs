//! UDP sockets with large buffers. Datagrams may get lost on any network, so a failure to send or to receive one is
//! counted or logged and never ends a program.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use protocol::datagram::DATAGRAM_BYTES_MAX;
use socket2::{Domain, Protocol, Socket, Type};

/// The buffer that is requested from the system for each direction; it may grant less. It holds
/// about 3,000 datagrams of full size, which may arrive while the program is busy.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// How many datagrams are handled before answers are sent and timers are checked. It is large
/// enough that system calls are the smaller cost, and small enough that answers do not have to wait
/// until a flood ends.
pub const BURST_MAX: usize = 64;

/// The longest wait for room in the system's send buffer, once per round of sending. A datagram
/// that finds no room counts as lost. The task that sends also handles what arrives, so it must not
/// wait for long.
pub const SEND_PATIENCE: Duration = Duration::from_millis(5);

/// Where a peer listens: one socket of each IP version at most. It sends in rounds.
#[derive(Debug)]
pub struct Udp {
    bound: Vec<Bound>,
    /// Whether this round of sending may still wait for room; it stops waiting after the first time in vain.
    may_wait: bool,
    send_errors: u64,
}

#[derive(Debug)]
struct Bound {
    address: SocketAddr,
    /// `None` while the address is gone and could not be bound anew.
    socket: Option<tokio::net::UdpSocket>,
    is_here: bool,
}

/// An address of this machine that went away, or came back and is listened on again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnAddress {
    pub address: SocketAddr,
    pub is_here: bool,
}

/// Which IP versions a socket on an IPv6 address serves. On an IPv4 address it is IPv4 alone in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpVersions {
    /// IPv6 alone, so that an address always looks the same.
    One,
    /// IPv4 as well, if the address is unspecified. IPv4 addresses look like IPv6 ones then: see [`mapped`] and
    /// [`canonical`].
    Both,
}

/// Why a socket can't be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("port {port} of {ip} is in use: choose another LISTEN, or 0 for any free port", port = .0.port(), ip = .0.ip())]
    InUse(SocketAddr),
    #[error("{ip} is no address of this machine: choose another LISTEN", ip = .0.ip())]
    NotHere(SocketAddr),
    #[error("can't listen on {address}: {}", crate::reason::of(source))]
    Other { address: SocketAddr, source: io::Error },
}

impl Udp {
    /// Listens, within a tokio runtime, on the first address of each IP version that this machine has; all of them on
    /// one port. The unspecified IPv6 address stands for IPv4 as well.
    ///
    /// # Errors
    /// See [`BindError`]. An address that this machine does not have is passed over if there is another one.
    pub fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        let any_v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let is_any = |address: &SocketAddr| address.is_ipv6() && address.ip().is_unspecified();
        let implied = addresses.iter().any(is_any).then_some(any_v4);
        let mut bound: Vec<Bound> = Vec::new();
        let mut passed_over = None;
        for mut address in addresses.iter().copied().chain(implied) {
            if bound.iter().any(|other| other.address.is_ipv4() == address.is_ipv4()) {
                continue;
            }
            let port = bound.first().map_or(addresses[0].port(), |other| other.address.port());
            address.set_port(port);
            match bind_one(address) {
                Ok(one) => bound.push(one),
                Err(error @ BindError::InUse(_)) => return Err(error),
                Err(error) => {
                    passed_over.get_or_insert(error);
                }
            }
        }
        match passed_over {
            Some(error) if bound.is_empty() => Err(error),
            Some(_) | None => Ok(Self { bound, may_wait: true, send_errors: 0 }),
        }
    }

    /// The first address that it listens on.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.bound[0].address
    }

    /// All addresses that it listens on.
    pub fn local_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.bound.iter().map(|bound| bound.address)
    }

    /// Looks which of its addresses this machine still has, and listens anew on those that are back. To be called from
    /// time to time. Gives what changed.
    pub fn check_addresses(&mut self) -> Vec<OwnAddress> {
        self.bound.iter_mut().filter_map(Bound::check).collect()
    }

    /// Completes when something may have arrived.
    pub async fn readable(&self) {
        let arrived = async |place: usize| {
            let socket = self.bound.get(place).and_then(|bound| bound.socket.as_ref());
            let Some(socket) = socket else { return std::future::pending().await };
            if let Err(error) = socket.readable().await {
                // The runtime is ending, or the system is out of its mind; the timers go on.
                tracing::error!(%error, "the socket is not readable any more");
                std::future::pending().await
            }
        };
        tokio::select! {
            () = arrived(0) => {}
            () = arrived(1) => {}
        }
    }

    /// The next datagram that is here already.
    pub fn try_receive<'b>(&self, buffer: &'b mut [u8]) -> Option<(SocketAddr, &'b [u8])> {
        let (length, from) = self.bound.iter().find_map(|bound| bound.try_receive(buffer))?;
        Some((from, &buffer[..length]))
    }

    /// Hands over what is here already, up to [`BURST_MAX`] datagrams, of each IP version alike.
    pub fn receive_burst(&self, buffer: &mut [u8], mut handle: impl FnMut(SocketAddr, &[u8])) {
        for bound in &self.bound {
            for _ in 0..BURST_MAX / self.bound.len() {
                let Some((length, from)) = bound.try_receive(buffer) else { break };
                handle(from, &buffer[..length]);
            }
        }
    }

    /// Begins a round of sending: a buffer that stays full is waited for once, not once for each datagram.
    pub fn begin_round(&mut self) {
        self.may_wait = true;
    }

    /// Sends, or loses, one datagram.
    pub async fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        let of_version = |bound: &&Bound| bound.address.is_ipv4() == to.is_ipv4();
        let socket = self.bound.iter().find(of_version).and_then(|bound| bound.socket.as_ref());
        let mut sent = match socket {
            Some(socket) => socket.try_send_to(bytes, to),
            None => Err(ErrorKind::AddrNotAvailable.into()),
        };
        let is_full = |error: &io::Error| error.kind() == ErrorKind::WouldBlock;
        if let Some(socket) = socket
            && self.may_wait
            && sent.as_ref().is_err_and(is_full)
        {
            let sending = tokio::time::timeout(SEND_PATIENCE, socket.send_to(bytes, to));
            sent = sending.await.unwrap_or_else(|_| {
                self.may_wait = false;
                Err(ErrorKind::TimedOut.into())
            });
        }
        if let Err(error) = sent {
            self.send_errors += 1;
            tracing::debug!(%to, %error, total = self.send_errors, "not sent");
        }
    }
}

impl Bound {
    fn try_receive(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let socket = self.socket.as_ref()?;
        // Errors tell that an earlier datagram found nobody; each reads one such message away.
        for _ in 0..BURST_MAX {
            match socket.try_recv_from(buffer) {
                Ok(received) => return Some(received),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => tracing::trace!(%error, "receive"),
            }
        }
        None
    }

    fn check(&mut self) -> Option<OwnAddress> {
        let is_here = is_of_this_machine(self.address)?;
        if is_here == self.is_here {
            return None;
        }
        if is_here {
            // Both can't have the port.
            self.socket = None;
            match open(self.address, IpVersions::One) {
                Ok(socket) => self.socket = Some(socket),
                Err(error) => {
                    tracing::debug!(address = %self.address, %error, "not bound anew yet");
                    return None;
                }
            }
        }
        self.is_here = is_here;
        Some(OwnAddress { address: self.address, is_here })
    }
}

/// Whether this machine has an address; `None` if that can't be told.
fn is_of_this_machine(mut address: SocketAddr) -> Option<bool> {
    if address.ip().is_unspecified() || address.ip().is_loopback() {
        return Some(true);
    }
    address.set_port(0);
    match std::net::UdpSocket::bind(address) {
        Ok(_) => Some(true),
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => Some(false),
        Err(_) => None,
    }
}

fn bind_one(address: SocketAddr) -> Result<Bound, BindError> {
    let failed = |source: io::Error| {
        if source.kind() == ErrorKind::AddrInUse {
            BindError::InUse(address)
        } else if source.kind() == ErrorKind::AddrNotAvailable {
            BindError::NotHere(address)
        } else {
            BindError::Other { address, source }
        }
    };
    let socket = open(address, IpVersions::One).map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok(Bound { address, socket: Some(socket), is_here: true })
}

/// A buffer that shows when a datagram is longer than any may be.
pub fn receive_buffer() -> Vec<u8> {
    vec![0; DATAGRAM_BYTES_MAX + 1]
}

/// Binds a socket with large buffers. Must be called within a tokio runtime.
///
/// # Errors
/// When the address is in use or is not this machine's.
pub fn open(address: SocketAddr, versions: IpVersions) -> io::Result<tokio::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(versions == IpVersions::One)?;
    }
    for resized in
        [socket.set_recv_buffer_size(BUFFER_BYTES), socket.set_send_buffer_size(BUFFER_BYTES)]
    {
        if let Err(error) = resized {
            tracing::info!(%error, "the system keeps its own buffer sizes");
        }
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    tokio::net::UdpSocket::from_std(socket.into())
}

/// An address as others know it: an IPv4 address in its own form, even if it came from a socket of both versions.
#[must_use]
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, address.port())),
        // The scope of a link-local address is kept.
        IpAddr::V6(_) => address,
    }
}

/// An address as a socket of both versions on an IPv6 address needs it: an IPv4 address in its mapped form.
#[must_use]
pub fn mapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
        SocketAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn datagrams_come_and_go_and_a_refused_one_is_no_error() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (mut here, there) =
            (Udp::bind(&[any]).expect("bound"), Udp::bind(&[any]).expect("bound"));
        let to = there.local_address();
        here.send(to, b"hello").await;
        there.readable().await;
        let mut buffer = receive_buffer();
        let from = here.local_address();
        assert_eq!(there.try_receive(&mut buffer), Some((from, &b"hello"[..])));
        drop(there);
        here.send(to, b"nobody").await;
        here.send(to, b"nobody").await;
        assert_eq!(here.try_receive(&mut buffer), None);
    }

    #[tokio::test]
    async fn a_burst_is_64_datagrams_and_the_rest_waits() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (mut here, there) =
            (Udp::bind(&[any]).expect("bound"), Udp::bind(&[any]).expect("bound"));
        let to = there.local_address();
        for number in 0..=64 {
            here.send(to, &[number]).await;
        }
        there.readable().await;
        let burst = || {
            let mut numbers: Vec<u8> = vec![];
            there.receive_burst(&mut receive_buffer(), |_, bytes| numbers.extend(bytes));
            numbers
        };
        assert_eq!(burst(), (0..64).collect::<Vec<_>>());
        assert_eq!(burst(), [64]);
        assert_eq!(burst(), [0; 0]);
    }

    #[test]
    fn mapped_addresses_come_back() {
        for text in ["192.0.2.1:5000", "[2001:db8::1]:5000", "[fe80::1%3]:5000"] {
            let address: SocketAddr = text.parse().expect(text);
            assert!(mapped(address).is_ipv6());
            assert_eq!(canonical(mapped(address)), address);
            assert_eq!(canonical(address), address);
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let first = Udp::bind(&[SocketAddr::from(([127, 0, 0, 1], 0))]).expect("bound");
        let address = first.local_address();
        let error = Udp::bind(&[address]).expect_err("in use").to_string();
        assert!(error.contains(&format!("port {} of 127.0.0.1 is in use", address.port())));
    }

    #[tokio::test]
    async fn both_versions_share_a_port_and_what_this_machine_lacks_is_passed_over() {
        let v4 = SocketAddr::from(([127, 0, 0, 1], 0));
        let v6: SocketAddr = "[::1]:0".parse().expect("an address");
        let nowhere: SocketAddr = "[2001:db8::1]:0".parse().expect("an address");
        let refused = Udp::bind(&[nowhere]).expect_err("for documentation alone").to_string();
        assert!(refused.contains("2001:db8::1"), "{refused}");
        let one = Udp::bind(&[nowhere, v4]).expect("the other");
        assert_eq!(one.local_addresses().count(), 1);
        assert!(one.local_address().is_ipv4());
        let Ok(mut both) = Udp::bind(&[v6, v4]) else { return };
        let addresses: Vec<_> = both.local_addresses().collect();
        if let [first, second] = addresses[..] {
            assert_eq!(first.port(), second.port());
            both.send(second, b"to itself").await;
            both.readable().await;
            let mut buffer = receive_buffer();
            assert_eq!(both.try_receive(&mut buffer), Some((second, &b"to itself"[..])));
        }
        assert!(both.check_addresses().is_empty());
    }
}
