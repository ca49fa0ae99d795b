//! Liars: dishonest hosts that take part in the network. They register, answer heartbeats, hold
//! valid tokens and mine with little power, and then announce, serve or withhold blocks against the
//! rules. They may cost honest peers time, but no honest peer may ever believe them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::block::{Block, Header};
use protocol::datagram::{
    AnnouncedBody, BLOCK_PIECE_BYTES, ChainRequest, Datagram, ElectionPrefix, Envelope,
    HEADERS_PER_PIECE, PeerStatus,
};
use protocol::keys::VoterKey;
use protocol::token::Token;
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::{BlockHash, Difficulty, Height, UnixMillis, Work};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{View, forged};
use crate::faults::Window;
use crate::network::Parcel;
use crate::{forge, random};

/// The interval at which a liar sends heartbeats.
const HEARTBEAT: Duration = Duration::from_millis(900);

/// Distinguishes the seeds of foreign elections from those of worlds.
const FOREIGN: u64 = 0xf0e1 << 40;

/// One way to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// A valid empty block, as the honest counterpart of the others.
    Honest,
    /// Many valid empty blocks, served on request, as the honest counterpart of the chains below.
    HonestChain,
    /// A block without enough work.
    NoWork,
    /// A mined header with the body of another block.
    OtherBody,
    /// A mined block that contains a vote with an invalid signature.
    BadSignature,
    /// A mined block that contains two votes of one voter.
    TwoVotes,
    /// A mined block that contains a vote by an unregistered key.
    Unregistered,
    /// A mined block that contains a vote for an option that is not on the ballot.
    NoSuchOption,
    /// A mined block whose time is an hour ahead of every clock.
    FarAhead,
    /// A mined block whose time is before its parent's.
    BeforeParent,
    /// Many blocks of the lowest difficulty.
    LowDifficulty,
    /// Many blocks that follow the genesis block of another election.
    ForeignGenesis,
    /// A claimed tip with far more work than anything that the liar ever shows.
    HeavyTip,
    /// Noise, served as the bodies of honest blocks that the liar announces as its own tip.
    NoiseForBodies,
    /// The body of an honest block with one signature exchanged.
    SwappedSignature,
}

impl Trick {
    pub const ALL: [Self; 15] = [
        Self::Honest,
        Self::HonestChain,
        Self::NoWork,
        Self::OtherBody,
        Self::BadSignature,
        Self::TwoVotes,
        Self::Unregistered,
        Self::NoSuchOption,
        Self::FarAhead,
        Self::BeforeParent,
        Self::LowDifficulty,
        Self::ForeignGenesis,
        Self::HeavyTip,
        Self::NoiseForBodies,
        Self::SwappedSignature,
    ];
}

#[derive(Debug, Clone)]
pub struct LiarPlan {
    pub active: Window,
    pub tricks: Vec<Trick>,
    /// The average time between two tricks, which is the liar's share of the mining power.
    pub gap: Duration,
}

#[derive(Debug)]
pub struct Liar {
    pub plan: LiarPlan,
    pub address: SocketAddr,
    rng: ChaCha8Rng,
    seed: u64,
    /// The tokens that others issued to the liar.
    tokens: BTreeMap<SocketAddr, Token>,
    acquaintances: BTreeSet<SocketAddr>,
    /// The bodies that the liar serves, by hash.
    bodies: BTreeMap<BlockHash, Vec<u8>>,
    headers: Vec<Header>,
    claim: Option<PeerStatus>,
    serves_noise: bool,
    trick_at: Duration,
    forgeries: u64,
}

impl Liar {
    #[must_use]
    pub fn new(plan: LiarPlan, address: SocketAddr, seed: u64, number: u64) -> Self {
        let rng = random::stream(seed, &format!("liar {number}"));
        let trick_at = plan.active.from + Duration::from_secs(3);
        Self {
            plan,
            address,
            rng,
            seed: seed ^ (number << 32),
            tokens: BTreeMap::new(),
            acquaintances: BTreeSet::new(),
            bodies: BTreeMap::new(),
            headers: Vec::new(),
            claim: None,
            serves_noise: false,
            trick_at,
            forgeries: 0,
        }
    }

    /// What the liar sends without being asked, and when it does so next.
    pub fn step(&mut self, view: &View<'_>) -> (Vec<Parcel>, Duration) {
        let mut parcels = Vec::new();
        if !self.tokens.contains_key(&view.tracker) || self.rng.random_bool(0.1) {
            parcels.push(self.parcel(view.election, view.tracker, Datagram::RegisterPeer));
        }
        self.acquaintances.extend(view.peers);
        let status = Some(self.status(view));
        for peer in self.acquaintances.clone() {
            let nonce = self.rng.random();
            parcels.push(self.parcel(view.election, peer, Datagram::Poke { nonce, status }));
        }
        if view.at >= self.trick_at {
            self.trick_at = view.at + random::exponential(&mut self.rng, self.plan.gap);
            if let Some(trick) = random::pick(&mut self.rng, &self.plan.tricks).copied() {
                let datagrams = self.play(trick, view);
                for peer in self.acquaintances.clone() {
                    for datagram in &datagrams {
                        parcels.push(self.parcel(view.election, peer, datagram.clone()));
                    }
                }
            }
        }
        (parcels, HEARTBEAT)
    }

    /// What the liar answers to a datagram.
    pub fn hear(&mut self, view: &View<'_>, from: SocketAddr, bytes: &[u8]) -> Vec<Parcel> {
        let Ok(envelope) = Envelope::decode(bytes) else { return Vec::new() };
        self.tokens.insert(from, envelope.sender_token);
        let answers = match envelope.datagram {
            Datagram::Retry => vec![match from == view.tracker {
                true => Datagram::RegisterPeer,
                false => Datagram::Poke { nonce: 1, status: Some(self.status(view)) },
            }],
            Datagram::Poke { nonce, .. } => {
                vec![Datagram::PokeAck { nonce, status: Some(self.status(view)) }]
            }
            Datagram::RequestChain { request, wanted } => self.serve(request, &wanted),
            _ => Vec::new(),
        };
        answers.into_iter().map(|answer| self.parcel(view.election, from, answer)).collect()
    }

    fn status(&self, view: &View<'_>) -> PeerStatus {
        let honest = PeerStatus {
            height: view.tip.height,
            tip: view.tip.hash(),
            work: work_of(view.election.difficulty(), view.tip.height),
            clock: view.unix,
        };
        self.claim.map_or(honest, |claim| PeerStatus { clock: view.unix, ..claim })
    }

    fn serve(&mut self, request: u32, wanted: &ChainRequest) -> Vec<Datagram> {
        match wanted {
            ChainRequest::Headers { first, count, .. } => {
                let pieces = self.headers.chunks(HEADERS_PER_PIECE).count() as u32;
                let chosen = self.headers.chunks(HEADERS_PER_PIECE).zip(0..);
                chosen
                    .filter(|(_, piece)| (*first..first.saturating_add(*count)).contains(piece))
                    .map(|(headers, piece)| {
                        let headers = headers.to_vec();
                        Datagram::ChainHeaders { request, piece, pieces, headers }
                    })
                    .collect()
            }
            ChainRequest::Block { hash, first, .. } if self.serves_noise => {
                let _ = hash;
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

    fn play(&mut self, trick: Trick, view: &View<'_>) -> Vec<Datagram> {
        self.forgeries += 1;
        self.claim = None;
        self.serves_noise = false;
        self.headers.clear();
        let transactions = self.papers(trick, view);
        let plain = forge::header(&view.tip, &transactions, view.unix);
        let block = match trick {
            Trick::Honest
            | Trick::BadSignature
            | Trick::TwoVotes
            | Trick::Unregistered
            | Trick::NoSuchOption => Block { header: forge::mined(plain), transactions },
            Trick::NoWork => Block { header: forge::without_work(plain), transactions },
            Trick::OtherBody => Block {
                header: forge::mined(forge::header(&view.tip, &[], view.unix)),
                transactions,
            },
            Trick::FarAhead => {
                let time = view.unix.plus(Duration::from_secs(3_600));
                Block { header: forge::mined(Header { time, ..plain }), transactions }
            }
            Trick::BeforeParent => {
                let time = UnixMillis(view.tip.time.0.saturating_sub(1));
                Block { header: forge::mined(Header { time, ..plain }), transactions }
            }
            Trick::HonestChain => {
                return self.fake_chain(view.tip, view.election.difficulty(), view);
            }
            Trick::LowDifficulty => {
                return self.fake_chain(view.tip, Difficulty::from_bits(0), view);
            }
            Trick::ForeignGenesis => {
                let foreign = forge::election(self.seed ^ FOREIGN, view.election.difficulty_bits);
                return self.fake_chain(Header::genesis(&foreign), foreign.difficulty(), view);
            }
            Trick::HeavyTip => return self.claim_heavy_tip(view),
            Trick::NoiseForBodies => {
                self.serves_noise = true;
                return Vec::new();
            }
            Trick::SwappedSignature => return swapped(view),
        };
        self.offer(block, view)
    }

    /// Announces a block, claims it as the tip and serves it.
    fn offer(&mut self, block: Block, view: &View<'_>) -> Vec<Datagram> {
        let hash = block.header.hash();
        self.headers = vec![block.header];
        self.bodies = BTreeMap::from([(hash, block.body_bytes())]);
        let work = work_of(view.election.difficulty(), block.header.height);
        let height = block.header.height;
        self.claim = Some(PeerStatus { height, tip: hash, work, clock: view.unix });
        let body = block.transactions.iter().map(|each| each.transaction().clone()).collect();
        vec![Datagram::NewBlock { header: block.header, body: AnnouncedBody::Transactions(body) }]
    }

    fn papers(&mut self, trick: Trick, view: &View<'_>) -> Vec<Arc<HashedTransaction>> {
        let id = view.election.election_id();
        let key: VoterKey = forge::key(self.seed, "liar's voter", self.forgeries);
        let registration = forge::registration(view.election, &key);
        let vote = |number| forge::vote(&id, &key, number, view.unix);
        let papers: Vec<Transaction> = match trick {
            Trick::OtherBody => vec![registration],
            Trick::BadSignature => {
                let bad = forge::with_signature(vote(1), |signature| signature.0[40] ^= 1);
                vec![registration, bad]
            }
            Trick::TwoVotes => vec![registration, vote(1), vote(2)],
            Trick::Unregistered => vec![vote(1)],
            Trick::NoSuchOption => {
                let choices = vec![vec![9], vec![]];
                vec![registration, forge::vote_for(&id, &key, choices, 1, view.unix)]
            }
            _ => Vec::new(),
        };
        papers.into_iter().map(|each| Arc::new(HashedTransaction::new(each, &id))).collect()
    }

    fn fake_chain(
        &mut self,
        from: Header,
        difficulty: Difficulty,
        view: &View<'_>,
    ) -> Vec<Datagram> {
        let mut parent = Header { difficulty, ..from };
        let start = from.hash();
        for number in 0..30 {
            let mut next = forge::header(&parent, &[], view.unix);
            if number == 0 {
                next.previous = start;
            }
            parent = forge::mined(next);
            self.headers.push(parent);
            self.bodies.insert(
                parent.hash(),
                Block { header: parent, transactions: Vec::new() }.body_bytes(),
            );
        }
        let work = Work(u128::MAX / 4);
        let claim =
            PeerStatus { height: parent.height, tip: parent.hash(), work, clock: view.unix };
        self.claim = Some(claim);
        vec![Datagram::NewBlock {
            header: self.headers[0],
            body: AnnouncedBody::Transactions(Vec::new()),
        }]
    }

    fn claim_heavy_tip(&mut self, view: &View<'_>) -> Vec<Datagram> {
        let height = Height(view.tip.height.0 + 10_000);
        let tip = BlockHash(forge::noise(self.seed, self.forgeries));
        self.claim = Some(PeerStatus { height, tip, work: Work(u128::MAX / 2), clock: view.unix });
        Vec::new()
    }

    fn parcel(
        &mut self,
        election: &protocol::election::Election,
        to: SocketAddr,
        datagram: Datagram,
    ) -> Parcel {
        let envelope = Envelope {
            election: ElectionPrefix::from(&election.election_id()),
            receiver_token: self.tokens.get(&to).copied().unwrap_or(Token::NONE),
            sender_token: Token([0x11; 8]),
            datagram,
        };
        Parcel { is_genuine: true, ..forged(self.address, to, envelope.encode()) }
    }
}

/// The newest real announcement of a block, with one signature replaced by another.
fn swapped(view: &View<'_>) -> Vec<Datagram> {
    let announcements = view.captured.iter().rev().filter_map(|parcel| {
        match Envelope::decode(&parcel.bytes).ok()?.datagram {
            Datagram::NewBlock { header, body: AnnouncedBody::Transactions(body) }
                if !body.is_empty() =>
            {
                Some((header, body))
            }
            _ => None,
        }
    });
    let Some((header, mut body)) = announcements.into_iter().next() else { return Vec::new() };
    if let Some(last) = body.pop() {
        body.push(forge::with_signature(last, |signature| signature.0[9] ^= 0x40));
    }
    vec![Datagram::NewBlock { header, body: AnnouncedBody::Transactions(body) }]
}

fn work_of(difficulty: Difficulty, height: Height) -> Work {
    Work(u128::from(difficulty.attempts()) * u128::from(height.0))
}
