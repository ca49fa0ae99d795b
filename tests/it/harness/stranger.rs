//! Somebody with a socket and the protocol's documents, but no peer: sends what nobody honest would send,
//! and, for contrast, the honest twin of it.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use protocol::datagram::{DATAGRAM_BYTES_MAX, Datagram, ElectionPrefix, Envelope, PeerStatus};
use protocol::election::Election;
use protocol::token::Token;

use super::PATIENCE;

/// What it issues to everybody; it checks no tokens itself.
const OWN_TOKEN: Token = Token([9; 8]);

/// A socket on loopback, and the tokens that others issued to it.
#[derive(Debug)]
pub(crate) struct Stranger {
    pub(crate) socket: UdpSocket,
    pub(crate) election: ElectionPrefix,
    tokens: BTreeMap<SocketAddr, Token>,
}

impl Stranger {
    pub(crate) fn new(election: &Election) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let election = ElectionPrefix::from(&election.election_id());
        Self { socket, election, tokens: BTreeMap::new() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("it is bound")
    }

    /// Sends with the token that `to` issued, if it did; gives the number of bytes.
    pub(crate) fn send(&self, to: SocketAddr, datagram: Datagram) -> usize {
        let token = self.tokens.get(&to).copied().unwrap_or(Token::NONE);
        self.send_with_token(to, token, datagram)
    }

    pub(crate) fn send_with_token(
        &self,
        to: SocketAddr,
        receiver_token: Token,
        datagram: Datagram,
    ) -> usize {
        let (election, sender_token) = (self.election, OWN_TOKEN);
        self.send_bytes(to, &Envelope { election, receiver_token, sender_token, datagram }.encode())
    }

    pub(crate) fn send_bytes(&self, to: SocketAddr, bytes: &[u8]) -> usize {
        self.socket.send_to(bytes, to).expect("loopback takes it")
    }

    /// The next datagram, and its length; `None` when none comes in time.
    pub(crate) fn receive(&mut self, patience: Duration) -> Option<(SocketAddr, usize, Datagram)> {
        let patience = patience.max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(patience)).expect("it is not zero");
        let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
        let (length, from) = self.socket.recv_from(&mut buffer).ok()?;
        let envelope = Envelope::decode(&buffer[..length]).expect("peers send good datagrams");
        self.tokens.insert(from, envelope.sender_token);
        Some((from, length, envelope.datagram))
    }

    /// The next datagram from `from` for which `wanted` finds something; others are passed over, but POKEs
    /// are answered with `status`.
    ///
    /// # Panics
    /// When there is none in time.
    pub(crate) fn expect<T>(
        &mut self,
        from: SocketAddr,
        status: Option<PeerStatus>,
        mut wanted: impl FnMut(&Datagram) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        while let Some(patience) = deadline.checked_duration_since(Instant::now()) {
            let Some((source, _, datagram)) = self.receive(patience) else { break };
            if let Datagram::Poke { nonce, .. } = datagram {
                self.send(source, Datagram::PokeAck { nonce, status });
            }
            if source == from
                && let Some(found) = wanted(&datagram)
            {
                return found;
            }
        }
        panic!("nothing of the kind came from {from}");
    }

    /// Gets a token by a POKE: the receiver proves nothing, we prove that we receive.
    pub(crate) fn get_token(&mut self, from: SocketAddr) {
        self.send_with_token(from, Token::NONE, Datagram::Poke { nonce: 1, status: None });
        self.expect(from, None, |datagram| (*datagram == Datagram::Retry).then_some(()));
    }

    /// Becomes a neighbour of `peer`, the honest way.
    pub(crate) fn meet(&mut self, peer: SocketAddr) -> PeerStatus {
        self.get_token(peer);
        self.send(peer, Datagram::Poke { nonce: 2, status: None });
        self.expect(peer, None, |datagram| {
            let Datagram::PokeAck { nonce: 2, status } = datagram else { return None };
            *status
        })
    }

    /// Returns once everything that was sent to `to` before has been handled there: datagrams between two
    /// sockets of loopback keep their order.
    pub(crate) fn settle(&mut self, to: SocketAddr) {
        while self.receive(Duration::ZERO).is_some() {}
        self.get_token(to);
    }
}
