//! The tracker's core. It decides how a datagram or the passing of time changes the list of peers,
//! and which datagrams are sent as a result. It must never touch a socket, a clock or a source of
//! randomness: its caller provides all of them, so tests can run it in virtual time.
//!
//! After every `handle_*` call the caller must drain [`Registry::poll_output`] and set its timer
//! again from [`Registry::poll_timeout`].

mod counters;
mod peers;
mod sites;
#[cfg(test)]
mod tests;
mod updates;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use protocol::datagram::{
    BehindRouter, Datagram, ElectionPrefix, Envelope, PEERS_MAX, PeerStatus, RETRY_BYTES,
    RegisterAck,
};
use protocol::election::Election;
use protocol::token::{Token, TokenIssuer};
use protocol::units::{BlockHash, ElectionId, Height, Now, UnixMillis, Work, sha256};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use counters::{Counters, DropReason};
use peers::{Ack, DuePoke, Peers};
pub use peers::{PEERS_TOTAL_MAX, POKE_PERIOD, POKES_UNANSWERED_MAX, UNCONFIRMED_MAX};
use sites::Sites;
pub use updates::{
    SMALL_NETWORK_MAX, UPDATE_DELAY, UPDATE_PERIOD, UPDATE_REPEAT, UPDATES_PER_STEP,
};
use updates::{Update, Updates};

/// An effect that the caller has to perform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram.
    Transmit { to: SocketAddr, bytes: Vec<u8> },
    /// Tell the operator.
    Event(Event),
}

/// Something that an operator may want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A peer registered and answered its poke.
    Listed { address: SocketAddr },
    /// A listed peer announced that it leaves.
    Left { address: SocketAddr },
    /// A listed peer stopped answering.
    Lost { address: SocketAddr },
}

/// The list of live peers of one election.
#[derive(Debug)]
pub struct Registry {
    election: ElectionId,
    ballot: Vec<u8>,
    tokens: TokenIssuer,
    rng: ChaCha8Rng,
    peers: Peers,
    updates: Updates,
    sites: Sites,
    counters: Counters,
    outputs: VecDeque<Output>,
}

impl Registry {
    /// Creates an empty list. `seed` must be secret and different at every start, because the
    /// tokens depend on it.
    #[must_use]
    pub fn new(election: &Election, seed: [u8; 32], now: Now) -> Self {
        let derived = |purpose: &[u8]| sha256(&[b"ostrakon/tracker", purpose, &seed]);
        Self {
            election: election.election_id(),
            ballot: election.canonical_bytes(),
            tokens: TokenIssuer::new(derived(b"tokens"), now.instant),
            rng: ChaCha8Rng::from_seed(derived(b"rng")),
            peers: Peers::new(),
            updates: Updates::new(),
            sites: Sites::default(),
            counters: Counters::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Handles one datagram. The caller must poll the outputs and the timeout afterwards.
    pub fn handle_datagram(&mut self, from: SocketAddr, bytes: &[u8], now: Now) {
        self.tokens.rotate(now.instant);
        let Ok(envelope) = Envelope::decode(bytes) else {
            return self.counters.add(DropReason::Undecodable);
        };
        // The zero election means "not known yet". It can be accepted here, because decoding
        // refuses it in every kind of datagram that has to name its election.
        if ![self.prefix(), ElectionPrefix::UNKNOWN].contains(&envelope.election) {
            return self.counters.add(DropReason::OtherElection);
        }
        let sender_token = envelope.sender_token;
        if !self.tokens.is_valid(from, envelope.receiver_token) {
            self.counters.add(DropReason::NoToken);
            if envelope.datagram != Datagram::Retry && bytes.len() >= RETRY_BYTES {
                self.transmit(from, sender_token, Datagram::Retry);
            }
            return;
        }
        self.peers.remember_token(from, sender_token);
        self.dispatch(from, sender_token, envelope.datagram, now);
    }

    /// Sends the pokes and updates that are due, and drops peers that have not answered for too
    /// long. The caller must poll the outputs and the timeout afterwards.
    pub fn handle_timeout(&mut self, now: Now) {
        self.tokens.rotate(now.instant);
        let now = now.instant;
        while let Some(address) = self.peers.due(now) {
            self.poke(address, now);
        }
        for address in self.updates.take_due(now) {
            let update = self.updates.compose(address, &self.peers, &mut self.rng, now);
            if let Some(Update { live, left }) = update {
                let token = self.peers.token(address);
                self.transmit(address, token, Datagram::UpdatePeers { live, left });
            }
            let peers = self.sites.others(address, &mut self.rng);
            if !peers.is_empty() {
                let token = self.peers.token(address);
                self.transmit(address, token, Datagram::InnerAddresses { peers });
            }
        }
    }

    /// The time at which to call [`handle_timeout`](Self::handle_timeout); `None` while the list is
    /// empty and there is nothing to wait for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.peers.next_poke_at(), self.updates.next_at()].into_iter().flatten().min()
    }

    /// The next effect to perform. The caller must poll after every `handle_*` call until there is
    /// none.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Number of listed peers.
    #[must_use]
    pub fn listed_count(&self) -> usize {
        self.peers.listed_count()
    }

    /// Number of peers that registered and have not answered yet.
    #[must_use]
    pub fn unconfirmed_count(&self) -> usize {
        self.peers.unconfirmed_count()
    }

    /// Whether a peer is listed, which means that it registered and answered a poke.
    #[must_use]
    pub fn is_listed(&self, address: SocketAddr) -> bool {
        self.peers.is_listed(address)
    }

    /// Up to `most` listed peers in the order of their addresses, starting behind `after`.
    #[must_use]
    pub fn listed(&self, after: Option<SocketAddr>, most: usize) -> Vec<SocketAddr> {
        self.peers.listed_after(after, most)
    }

    /// What was dropped since the start, counted by reason.
    #[must_use]
    pub fn dropped(&self) -> Vec<(&'static str, u64)> {
        self.counters.by_reason()
    }

    /// Checks everything that must always be true of a registry once its outputs are drained: indexes agree, receivers
    /// of updates are the listed peers, and nothing exceeds its bound. Costs a walk over all peers.
    ///
    /// # Panics
    /// When an invariant does not hold, which is a defect of this module.
    pub fn check_invariants(&self) {
        self.peers.check_invariants();
        self.updates.check_invariants();
        self.sites.check_invariants(|address| self.peers.is_listed(address));
        let listed = self.peers.listed_after(None, usize::MAX);
        assert!(self.updates.receivers().eq(&listed), "listed peers, and receivers of updates");
    }

    fn dispatch(&mut self, from: SocketAddr, token: Token, datagram: Datagram, at: Now) {
        let now = at.instant;
        match datagram {
            Datagram::RegisterPeer => self.register(from, token, now),
            Datagram::RequestBallot { offset } => self.serve_ballot(from, token, offset),
            Datagram::PokeAck { nonce, status: _ } => self.acknowledge(from, nonce, now),
            Datagram::Poke { nonce, .. } if self.peers.is_listed(from) => {
                self.tell_time(from, token, nonce, at.unix);
            }
            Datagram::LeavePeer => self.leave(from, token, now),
            Datagram::InnerAddresses { peers } if self.peers.is_listed(from) => {
                self.keep_inner_addresses(from, &peers, now);
            }
            // A RETRY carries nothing but its tokens, which were handled already.
            Datagram::Retry => {}
            Datagram::RegisterAck(_)
            | Datagram::UpdatePeers { .. }
            | Datagram::BallotOptions { .. }
            | Datagram::Poke { .. }
            | Datagram::NewTransactions(_)
            | Datagram::NewBlock { .. }
            | Datagram::RequestChain { .. }
            | Datagram::ChainHeaders { .. }
            | Datagram::ChainBlock { .. }
            | Datagram::ChainTransactions { .. }
            | Datagram::ChainCertificates { .. }
            | Datagram::Prepare(_)
            | Datagram::Commit(_)
            | Datagram::LeaveAck
            | Datagram::TransactionsAck { .. }
            | Datagram::InnerAddresses { .. }
            | Datagram::Announce { .. }
            | Datagram::Name { .. }
            | Datagram::Presence(_)
            | Datagram::Evidence(_) => self.counters.add(DropReason::Unexpected),
        }
    }

    fn register(&mut self, from: SocketAddr, token: Token, now: Instant) {
        let ack = RegisterAck {
            seen_as: from,
            election: self.election,
            ballot_bytes: u32::try_from(self.ballot.len()).expect("an election is at most 64 KiB"),
            heartbeat_ms: u32::try_from(POKE_PERIOD.as_millis()).expect("a second is short"),
            peers: self.peers.sample(from, &[], PEERS_MAX, &mut self.rng),
        };
        self.transmit(from, token, Datagram::RegisterAck(ack));
        if self.peers.is_known(from) {
            return;
        }
        if self.peers.add(from, token, self.updates.cursor(), now) {
            self.counters.add(DropReason::UnconfirmedEvicted);
        }
        self.poke(from, now);
    }

    fn acknowledge(&mut self, from: SocketAddr, nonce: u64, now: Instant) {
        match self.peers.acknowledge(from, nonce) {
            Ack::Listed { cursor } => {
                self.updates.joined(from, cursor, now);
                self.outputs.push_back(Output::Event(Event::Listed { address: from }));
            }
            Ack::Alive => {}
            Ack::ListFull => self.counters.add(DropReason::ListFull),
            Ack::Stale => self.counters.add(DropReason::StaleAck),
        }
    }

    /// Answers a listed peer's POKE, so that it can compare its clock with this one. A tracker has no chain to tell of.
    fn tell_time(&mut self, to: SocketAddr, token: Token, nonce: u64, clock: UnixMillis) {
        let tip = BlockHash([0; 32]);
        let status = Some(PeerStatus { height: Height(0), tip, work: Work(0), clock });
        self.transmit(to, token, Datagram::PokeAck { nonce, status });
    }

    /// Both sides are told at once, with their next updates, so that the routers of both let their POKEs through.
    fn keep_inner_addresses(&mut self, from: SocketAddr, peers: &[BehindRouter], now: Instant) {
        match self.sites.name(from, peers) {
            None => self.counters.add(DropReason::Unexpected),
            Some(false) => {}
            Some(true) => {
                for other in self.sites.others(from, &mut self.rng) {
                    self.updates.hurry(other.outer, now);
                }
                self.updates.hurry(from, now);
            }
        }
    }

    /// A peer repeats its LEAVE_PEER until it is acknowledged, so a peer that was already removed
    /// is answered too.
    fn leave(&mut self, from: SocketAddr, token: Token, now: Instant) {
        self.transmit(from, token, Datagram::LeaveAck);
        if self.peers.remove(from) == Some(true) {
            self.sites.remove(from);
            self.updates.left(from, &self.peers, &mut self.rng, now);
            self.outputs.push_back(Output::Event(Event::Left { address: from }));
        }
    }

    fn serve_ballot(&mut self, from: SocketAddr, token: Token, offset: u32) {
        match Datagram::ballot_options(&self.ballot, offset) {
            Some(piece) => self.transmit(from, token, piece),
            None => self.counters.add(DropReason::OffsetBeyondBallot),
        }
    }

    fn poke(&mut self, address: SocketAddr, now: Instant) {
        match self.peers.poke(address, now, &mut self.rng) {
            DuePoke::Send { nonce, token } => {
                self.transmit(address, token, Datagram::Poke { nonce, status: None });
            }
            DuePoke::Lost { was_listed: true } => {
                self.sites.remove(address);
                self.updates.left(address, &self.peers, &mut self.rng, now);
                self.outputs.push_back(Output::Event(Event::Lost { address }));
            }
            DuePoke::Lost { was_listed: false } => {}
        }
    }

    /// `receiver_token` is the token that the receiver issued to us.
    fn transmit(&mut self, to: SocketAddr, receiver_token: Token, datagram: Datagram) {
        let sender_token = self.tokens.issue(to);
        let envelope = Envelope { election: self.prefix(), receiver_token, sender_token, datagram };
        self.outputs.push_back(Output::Transmit { to, bytes: envelope.encode() });
    }

    fn prefix(&self) -> ElectionPrefix {
        ElectionPrefix::from(&self.election)
    }
}
