//! Strangers: attackers off the path. They never see a datagram between others that carries a token
//! for them. They send garbage, damaged copies and forgeries in the name of others, and nothing
//! that they send may have any effect.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::block::Header;
use protocol::datagram::{
    AnnouncedBody, BehindRouter, ChainRequest, Datagram, ElectionPrefix, Envelope,
    INNER_OF_PEER_MAX, PeerStatus, RunNumber,
};
use protocol::token::Token;
use protocol::units::{Height, MerkleRoot, Work};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::{View, forged};
use crate::faults::Window;
use crate::network::{self, Parcel};
use crate::{forge, random};

#[derive(Debug, Clone)]
pub struct StrangerPlan {
    pub active: Window,
    /// The average time between two of its datagrams.
    pub gap: Duration,
    /// The addresses that it would like to see flooded.
    pub victims: Vec<SocketAddr>,
}

#[derive(Debug)]
pub struct Stranger {
    pub plan: StrangerPlan,
    pub address: SocketAddr,
    rng: ChaCha8Rng,
}

impl Stranger {
    #[must_use]
    pub fn new(plan: StrangerPlan, address: SocketAddr, rng: ChaCha8Rng) -> Self {
        Self { plan, address, rng }
    }

    /// One datagram, and when the next one is due.
    pub fn step(&mut self, view: &View<'_>) -> (Option<Parcel>, Duration) {
        let next = random::exponential(&mut self.rng, self.plan.gap);
        (self.make(view), next)
    }

    fn make(&mut self, view: &View<'_>) -> Option<Parcel> {
        let to = *random::pick(&mut self.rng, view.peers)?;
        match self.rng.random_range(0..10) {
            0 => {
                let mut bytes = vec![0; self.rng.random_range(0..1_300)];
                self.rng.fill_bytes(&mut bytes);
                Some(forged(self.address, to, bytes))
            }
            1 | 2 => {
                let captured: Vec<_> = view.captured.iter().collect();
                let mut parcel = (*random::pick(&mut self.rng, &captured)?).clone();
                parcel.from = self.address;
                if self.rng.random_bool(0.7) {
                    network::damage(&mut parcel.bytes, &mut self.rng);
                }
                Some(forged(parcel.from, parcel.to, parcel.bytes))
            }
            3 | 4 => {
                let victim = *random::pick(&mut self.rng, &self.plan.victims)?;
                let request = self.request(view);
                Some(self.forge(view, victim, to, request))
            }
            5 => {
                let victim = *random::pick(&mut self.rng, &self.plan.victims)?;
                let datagram = match self.rng.random_bool(0.5) {
                    true => Datagram::RegisterPeer,
                    false => Datagram::RequestBallot { offset: 0 },
                };
                Some(self.forge(view, victim, view.tracker, datagram))
            }
            _ => {
                let others: Vec<_> = view.peers.iter().filter(|peer| **peer != to).collect();
                let source = match self.rng.random_bool(0.2) {
                    true => view.tracker,
                    false => **random::pick(&mut self.rng, &others)?,
                };
                let all = forgeries(view, self.rng.random());
                let datagram = random::pick(&mut self.rng, &all)?.clone();
                let to = if self.rng.random_bool(0.15) { view.tracker } else { to };
                Some(self.forge(view, source, to, datagram))
            }
        }
    }

    fn request(&mut self, view: &View<'_>) -> Datagram {
        let request = self.rng.random();
        let wanted = match self.rng.random_bool(0.5) {
            true => ChainRequest::Headers {
                locator: vec![Header::genesis(view.election).hash()],
                first: 0,
                count: 64,
            },
            false => ChainRequest::Block { hash: view.tip.hash(), first: 0, count: 64 },
        };
        Datagram::RequestChain { request, wanted }
    }

    fn forge(
        &mut self,
        view: &View<'_>,
        source: SocketAddr,
        to: SocketAddr,
        datagram: Datagram,
    ) -> Parcel {
        let envelope = Envelope {
            election: ElectionPrefix::from(&view.election.election_id()),
            receiver_token: Token(self.rng.random()),
            sender_token: Token(self.rng.random()),
            datagram,
        };
        forged(source, to, envelope.encode())
    }
}

/// Datagrams that would do harm if they were accepted without a token.
#[must_use]
pub fn forgeries(view: &View<'_>, chance: u64) -> Vec<Datagram> {
    let invented = forge::noise(chance, 1);
    let status = PeerStatus {
        height: Height(view.tip.height.0 + 1_000),
        tip: protocol::units::BlockHash(invented),
        work: Work(u128::MAX / 2),
        clock: view.unix,
    };
    let header =
        Header { merkle_root: MerkleRoot(invented), ..forge::header(&view.tip, &[], view.unix) };
    vec![
        Datagram::LeavePeer,
        Datagram::LeaveAck,
        Datagram::Retry,
        Datagram::TransactionsAck { ids: vec![[1; 8]] },
        Datagram::InnerAddresses {
            peers: vec![BehindRouter {
                outer: view.peers[0],
                inner: view.peers.iter().copied().take(INNER_OF_PEER_MAX).collect(),
            }],
        },
        Datagram::Name { run: RunNumber([1; 8]), name: "a forger".to_owned() },
        Datagram::UpdatePeers {
            live: Vec::new(),
            left: view.peers.iter().copied().take(protocol::datagram::LEFT_MAX).collect(),
        },
        Datagram::PokeAck { nonce: chance, status: Some(status) },
        Datagram::Poke { nonce: chance, status: Some(status) },
        Datagram::NewBlock {
            header: forge::without_work(header),
            body: AnnouncedBody::Transactions(Vec::new()),
        },
        Datagram::ChainHeaders { request: 1, piece: 0, pieces: 1, headers: vec![header] },
    ]
}
