//! Liars: dishonest hosts that take part in the network. They register, answer heartbeats, hold
//! valid tokens and mine with little power, and then announce, serve or withhold blocks against the
//! rules. They may cost honest peers time, but no honest peer may ever believe them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::block::{Block, Header};
use protocol::datagram::{AnnouncedBody, Datagram, Envelope, PeerStatus};
use protocol::keys::VoterKey;
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::{BlockHash, Difficulty, Height, UnixMillis, Work};

use super::View;
use super::guest::{Guest, HEARTBEAT};
use crate::faults::Window;
use crate::network::Parcel;
use crate::{forge, random};

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
    guest: Guest,
    seed: u64,
    trick_at: Duration,
    forgeries: u64,
}

impl Liar {
    #[must_use]
    pub fn new(plan: LiarPlan, address: SocketAddr, seed: u64, number: u64) -> Self {
        let rng = random::stream(seed, &format!("liar {number}"));
        let trick_at = plan.active.from + Duration::from_secs(3);
        let guest = Guest::new(address, rng);
        Self { plan, address, guest, seed: seed ^ (number << 32), trick_at, forgeries: 0 }
    }

    /// What the liar sends without being asked, and when it does so next.
    pub fn step(&mut self, view: &View<'_>) -> (Vec<Parcel>, Duration) {
        let mut parcels = self.guest.greet(view);
        if view.at >= self.trick_at {
            self.trick_at = view.at + random::exponential(&mut self.guest.rng, self.plan.gap);
            if let Some(trick) = random::pick(&mut self.guest.rng, &self.plan.tricks).copied() {
                let datagrams = self.play(trick, view);
                parcels.extend(self.guest.tell_all(view, &datagrams));
            }
        }
        (parcels, HEARTBEAT)
    }

    /// What the liar answers to a datagram.
    pub fn hear(&mut self, view: &View<'_>, from: SocketAddr, bytes: &[u8]) -> Vec<Parcel> {
        self.guest.hear(view, from, bytes).0
    }

    fn play(&mut self, trick: Trick, view: &View<'_>) -> Vec<Datagram> {
        self.forgeries += 1;
        self.guest.claim = None;
        self.guest.serves_noise = false;
        self.guest.headers.clear();
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
                self.guest.serves_noise = true;
                return Vec::new();
            }
            Trick::SwappedSignature => return swapped(view),
        };
        let work = work_of(view.election.difficulty(), block.header.height);
        self.guest.offer(&[block], work, view).into_iter().collect()
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
            self.guest.headers.push(parent);
            self.guest.bodies.insert(
                parent.hash(),
                Block { header: parent, transactions: Vec::new() }.body_bytes(),
            );
        }
        let work = Work(u128::MAX / 4);
        let claim =
            PeerStatus { height: parent.height, tip: parent.hash(), work, clock: view.unix };
        self.guest.claim = Some(claim);
        vec![Datagram::NewBlock {
            header: self.guest.headers[0],
            body: AnnouncedBody::Transactions(Vec::new()),
        }]
    }

    fn claim_heavy_tip(&mut self, view: &View<'_>) -> Vec<Datagram> {
        let height = Height(view.tip.height.0 + 10_000);
        let tip = BlockHash(forge::noise(self.seed, self.forgeries));
        self.guest.claim =
            Some(PeerStatus { height, tip, work: Work(u128::MAX / 2), clock: view.unix });
        Vec::new()
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
