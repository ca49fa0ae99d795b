//! What every dishonest host does that takes part in the network: it registers, answers heartbeats, holds valid tokens,
//! says which tip it has, and serves headers and bodies. What it makes of that is up to its kind.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use protocol::block::{Block, Header};
use protocol::datagram::{
    AnnouncedBody, BLOCK_PIECE_BYTES, ChainRequest, Datagram, ElectionPrefix, Envelope,
    HEADERS_PER_PIECE, PeerStatus,
};
use protocol::token::Token;
use protocol::units::{BlockHash, Work};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{View, forged};
use crate::network::Parcel;

/// The interval at which a guest sends heartbeats.
pub(super) const HEARTBEAT: Duration = Duration::from_millis(900);

#[derive(Debug)]
pub(super) struct Guest {
    pub(super) address: SocketAddr,
    pub(super) rng: ChaCha8Rng,
    /// The tokens that others issued to it.
    tokens: BTreeMap<SocketAddr, Token>,
    pub(super) acquaintances: BTreeSet<SocketAddr>,
    /// The bodies that it serves, by hash.
    pub(super) bodies: BTreeMap<BlockHash, Vec<u8>>,
    /// The headers that it serves: those above the first that the asker knows, or all if it knows none.
    pub(super) headers: Vec<Header>,
    /// What it says of its tip; the truth about an honest one's if nothing.
    pub(super) claim: Option<PeerStatus>,
    pub(super) serves_noise: bool,
    /// By how many milliseconds the clock is wrong that it shows.
    pub(super) clock_ms: i64,
}

impl Guest {
    pub(super) fn new(address: SocketAddr, rng: ChaCha8Rng) -> Self {
        Self {
            address,
            rng,
            tokens: BTreeMap::new(),
            acquaintances: BTreeSet::new(),
            bodies: BTreeMap::new(),
            headers: Vec::new(),
            claim: None,
            serves_noise: false,
            clock_ms: 0,
        }
    }

    /// A registration now and then, and a heartbeat to everybody.
    pub(super) fn greet(&mut self, view: &View<'_>) -> Vec<Parcel> {
        let mut parcels = Vec::new();
        if !self.tokens.contains_key(&view.tracker) || self.rng.random_bool(0.1) {
            parcels.push(self.parcel(view, view.tracker, Datagram::RegisterPeer));
        }
        self.acquaintances.extend(view.peers);
        let status = Some(self.status(view));
        for peer in self.acquaintances.clone() {
            let nonce = self.rng.random();
            parcels.push(self.parcel(view, peer, Datagram::Poke { nonce, status }));
        }
        parcels
    }

    /// What it answers to a datagram, and what that was.
    pub(super) fn hear(
        &mut self,
        view: &View<'_>,
        from: SocketAddr,
        bytes: &[u8],
    ) -> (Vec<Parcel>, Option<Datagram>) {
        let Ok(envelope) = Envelope::decode(bytes) else { return (Vec::new(), None) };
        self.tokens.insert(from, envelope.sender_token);
        let answers = match &envelope.datagram {
            Datagram::Retry => vec![match from == view.tracker {
                true => Datagram::RegisterPeer,
                false => Datagram::Poke { nonce: 1, status: Some(self.status(view)) },
            }],
            Datagram::Poke { nonce, .. } => {
                vec![Datagram::PokeAck { nonce: *nonce, status: Some(self.status(view)) }]
            }
            Datagram::RequestChain { request, wanted } => self.serve(*request, wanted),
            _ => Vec::new(),
        };
        let parcels = answers.into_iter().map(|answer| self.parcel(view, from, answer)).collect();
        (parcels, Some(envelope.datagram))
    }

    /// The same datagrams for everybody that it knows.
    pub(super) fn tell_all(&mut self, view: &View<'_>, datagrams: &[Datagram]) -> Vec<Parcel> {
        let mut parcels = Vec::new();
        for peer in self.acquaintances.clone() {
            for datagram in datagrams {
                parcels.push(self.parcel(view, peer, datagram.clone()));
            }
        }
        parcels
    }

    /// Claims a branch as its own, of which the last block is the tip, serves it, and announces the tip.
    pub(super) fn offer(
        &mut self,
        branch: &[Block],
        work: Work,
        view: &View<'_>,
    ) -> Option<Datagram> {
        let tip = branch.last()?;
        self.headers = branch.iter().map(|block| block.header).collect();
        self.bodies =
            branch.iter().map(|block| (block.header.hash(), block.body_bytes())).collect();
        let (height, hash) = (tip.header.height, tip.header.hash());
        self.claim = Some(PeerStatus { height, tip: hash, work, clock: view.unix });
        let body = tip.transactions.iter().map(|each| each.transaction().clone()).collect();
        Some(Datagram::NewBlock { header: tip.header, body: AnnouncedBody::Transactions(body) })
    }

    fn status(&self, view: &View<'_>) -> PeerStatus {
        let mut clock = view.unix;
        clock.0 = clock.0.saturating_add_signed(self.clock_ms);
        let honest =
            PeerStatus { height: view.tip.height, tip: view.tip.hash(), work: view.work, clock };
        self.claim.map_or(honest, |claim| PeerStatus { clock, ..claim })
    }

    fn serve(&mut self, request: u32, wanted: &ChainRequest) -> Vec<Datagram> {
        match wanted {
            ChainRequest::Headers { locator, first, count } => {
                let hashes: Vec<_> = self.headers.iter().map(Header::hash).collect();
                let known = locator.iter().find_map(|hash| hashes.iter().position(|it| it == hash));
                let above = &self.headers[known.map_or(0, |known| known + 1)..];
                let pieces = above.chunks(HEADERS_PER_PIECE).count() as u32;
                let chosen = above.chunks(HEADERS_PER_PIECE).zip(0..);
                chosen
                    .filter(|(_, piece)| (*first..first.saturating_add(*count)).contains(piece))
                    .map(|(headers, piece)| {
                        let headers = headers.to_vec();
                        Datagram::ChainHeaders { request, piece, pieces, headers }
                    })
                    .collect()
            }
            ChainRequest::Block { first, .. } if self.serves_noise => {
                let bytes = vec![self.rng.random(); BLOCK_PIECE_BYTES];
                vec![Datagram::ChainBlock { request, piece: *first, pieces: first + 1, bytes }]
            }
            ChainRequest::Block { hash, first, count } => {
                let Some(body) = self.bodies.get(hash) else { return Vec::new() };
                let pieces = body.chunks(BLOCK_PIECE_BYTES).count() as u32;
                body.chunks(BLOCK_PIECE_BYTES)
                    .zip(0..)
                    .filter(|(_, piece)| (*first..first.saturating_add(*count)).contains(piece))
                    .map(|(bytes, piece)| Datagram::ChainBlock {
                        request,
                        piece,
                        pieces,
                        bytes: bytes.to_vec(),
                    })
                    .collect()
            }
            ChainRequest::Transactions { .. } | ChainRequest::Certificates { .. } => Vec::new(),
        }
    }

    pub(super) fn parcel(&mut self, view: &View<'_>, to: SocketAddr, datagram: Datagram) -> Parcel {
        let envelope = Envelope {
            election: ElectionPrefix::from(&view.election.election_id()),
            receiver_token: self.tokens.get(&to).copied().unwrap_or(Token::NONE),
            sender_token: Token([0x11; 8]),
            datagram,
        };
        Parcel { is_genuine: true, ..forged(self.address, to, envelope.encode()) }
    }
}
