//! What sync fetches ahead of the best chain is bounded in bytes, whatever holds up the lowest block, and small blocks
//! come as fast as before.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of what a node says, each test looks at one kind"
)]

use std::collections::{BTreeSet, VecDeque};

use protocol::block;
use protocol::datagram::{BLOCK_PIECE_BYTES, ChainRequest, Datagram, Envelope, PeerStatus};
use protocol::keys::{PublicKey, Signature};
use protocol::proof_of_work;
use protocol::token::Token;
use protocol::transaction::Admission;
use protocol::units::Height;

use super::*;

pub(super) const MEBIBYTE: usize = 1024 * 1024;

/// A node that knows the headers of a chain, and neighbours that give it the bodies.
pub(super) struct Fetching {
    pub(super) network: Network,
    servers: Vec<SocketAddr>,
    pub(super) blocks: Vec<Arc<Block>>,
    own: Vec<Arc<Block>>,
    bodies: BTreeMap<BlockHash, Vec<u8>>,
    /// Nobody gives these.
    pub(super) withheld: BTreeSet<BlockHash>,
    /// The last of them that was asked for.
    pub(super) refused: Option<BlockHash>,
    /// The pieces that were given.
    given: BTreeSet<(BlockHash, u32)>,
    asked: Vec<(SocketAddr, u32, BlockHash, u32)>,
    asked_headers: Vec<(SocketAddr, u32, u32)>,
    /// Signature checks that take their time.
    checks: VecDeque<(u64, usize)>,
    /// Whether the disk takes its time, and the last batch that it was given.
    pub(super) disk_is_slow: bool,
    batch: u64,
}

impl Fetching {
    fn new(count: usize, transactions: usize, servers: u16, limits: Limits) -> Self {
        Self::on(vec![], &[], count, transactions, servers, limits)
    }

    /// The same of a node whose disk has `own` blocks, of which it has `lost` some bodies. The chain to fetch begins
    /// with the first of these, and goes on from there.
    pub(super) fn on(
        own: Vec<Arc<Block>>,
        lost: &[Arc<Block>],
        count: usize,
        transactions: usize,
        servers: u16,
        limits: Limits,
    ) -> Self {
        let mut network = Network::new();
        network.limits = limits;
        network.election = large_election();
        let genesis = Header::genesis(&network.election);
        let tip = own.last().map_or(genesis, |block| block.header).hash();
        let stored = |block: &Arc<Block>| StoredBlock {
            header: block.header,
            summary: BlockEffects::of(block),
            has_body: !lost.contains(block),
        };
        let beside = lost.iter().filter(|block| !own.contains(block));
        let on_disk = own.iter().chain(beside).map(stored).collect();
        network.add(1, Restored { blocks: on_disk, tip: Some(tip), ..Restored::default() });
        let first = lost.iter().find(|block| !own.contains(block));
        let mut blocks: Vec<_> = first.into_iter().map(Arc::clone).collect();
        let mut parent = first.map_or(genesis, |block| block.header);
        for number in blocks.len()..count {
            let block = block_of_registrations(&network.election, &parent, number, transactions);
            parent = block.header;
            blocks.push(block);
        }
        let now = network.time();
        let node = network.nodes.get_mut(&address(1)).expect("a node");
        for block in &blocks {
            node.chain.insert_header(block.header, now.unix).expect("good");
        }
        let known = own.iter().chain(&blocks);
        Self {
            network,
            servers: (9..9 + servers).map(address).collect(),
            bodies: known.map(|each| (each.header.hash(), each.body_bytes())).collect(),
            blocks,
            own,
            withheld: BTreeSet::new(),
            refused: None,
            given: BTreeSet::new(),
            asked: vec![],
            asked_headers: vec![],
            checks: VecDeque::new(),
            disk_is_slow: false,
            batch: 0,
        }
    }

    /// The disk has written everything, and is fast from now on.
    pub(super) fn free_disk(&mut self) {
        self.disk_is_slow = false;
        let (batch, now) = (self.batch, self.network.time());
        self.network.nodes.get_mut(&address(1)).expect("a node").handle_persisted(batch, now);
        self.drain();
    }

    pub(super) fn hash(&self, number: usize) -> BlockHash {
        self.blocks[number].header.hash()
    }

    pub(super) fn say(&mut self, from: SocketAddr, datagram: Datagram) {
        let now = self.network.time();
        let node = self.network.nodes.get_mut(&address(1)).expect("a node");
        let envelope = Envelope {
            election: node.membership.prefix(),
            receiver_token: node.membership.issue_token(from),
            sender_token: Token([5; 8]),
            datagram,
        };
        node.handle_datagram(from, &envelope.encode(), now);
        self.drain();
    }

    fn drain(&mut self) {
        let now = self.network.time();
        let node = self.network.nodes.get_mut(&address(1)).expect("a node");
        while let Some(output) = node.poll_output() {
            match output {
                Output::Transmit { to, bytes } => {
                    let datagram = Envelope::decode(&bytes).expect("ours").datagram;
                    let Datagram::RequestChain { request, wanted } = datagram else { continue };
                    match wanted {
                        ChainRequest::Block { hash, first, count } => {
                            let pieces = first..first + count;
                            self.asked.extend(pieces.map(|piece| (to, request, hash, piece)));
                        }
                        ChainRequest::Headers { first, count, .. } => {
                            let pieces = first..first + count;
                            self.asked_headers.extend(pieces.map(|piece| (to, request, piece)));
                        }
                        _ => {}
                    }
                }
                Output::Verify(job) => {
                    self.checks.push_back((job.number, job.transactions.len()));
                }
                Output::Persist(batch) => {
                    self.batch = batch.number;
                    if !self.disk_is_slow {
                        node.handle_persisted(self.batch, now);
                    }
                }
                Output::Event(event) => self.network.events.push((address(1), event)),
                Output::Load(job) => {
                    let mut known = self.own.iter().chain(&self.blocks);
                    let block = known.find(|block| block.header.hash() == job.hash);
                    let block = Arc::clone(block.expect("one of them"));
                    // The disk fails once.
                    let failure = self.network.load_failures.remove(&job.hash);
                    node.handle_loaded(job.number, failure.map_or(Ok(block), Err), now);
                }
                _ => {}
            }
        }
        self.network.node(1).check_invariants();
    }

    /// Gives what was asked for.
    fn answer(&mut self) {
        for (from, request, hash, piece) in std::mem::take(&mut self.asked) {
            if self.withheld.contains(&hash) {
                self.refused = Some(hash);
                continue;
            }
            let chunks = self.bodies[&hash].chunks(BLOCK_PIECE_BYTES);
            let pieces = chunks.len() as u32;
            let mut chunks = chunks.skip(piece as usize);
            let Some(bytes) = chunks.next().map(<[u8]>::to_vec) else { continue };
            self.given.insert((hash, piece));
            self.say(from, Datagram::ChainBlock { request, piece, pieces, bytes });
        }
    }

    /// Ends the oldest signature check.
    pub(super) fn end_check(&mut self) {
        if let Some((job, count)) = self.checks.pop_front() {
            let now = self.network.time();
            let node = self.network.nodes.get_mut(&address(1)).expect("a node");
            node.handle_verified(job, vec![Ok(()); count], now);
            self.drain();
        }
    }

    /// Time passes; what was asked for is given.
    pub(super) fn step(&mut self, round: u64) {
        self.network.now += Duration::from_millis(10);
        self.poke_if_due(round);
        self.answer();
    }

    /// The neighbours tell every half second where their chain ends.
    fn poke_if_due(&mut self, round: u64) {
        if round.is_multiple_of(50) {
            let clock = self.network.time().unix;
            let tip = self.network.node(1).chain.best_header();
            let height = Height(self.blocks.len() as u64);
            let status = PeerStatus { height, tip: tip.hash, work: tip.work, clock };
            for server in self.servers.clone() {
                self.say(server, Datagram::Poke { nonce: round, status: Some(status) });
            }
        }
        let now = self.network.time();
        self.network.nodes.get_mut(&address(1)).expect("a node").handle_timeout(now);
        self.drain();
    }

    /// The bytes that were given and are not on the best chain, as the node may have to keep them all.
    fn bytes_ahead(&self) -> usize {
        let chain = self.network.node(1).chain();
        let ahead = self.given.iter().filter(|(hash, _)| !chain.is_on_best_chain(hash));
        ahead.count() * BLOCK_PIECE_BYTES
    }

    pub(super) fn height(&self) -> usize {
        usize::try_from(self.network.node(1).tip().height.0).expect("few blocks")
    }
}

/// An election whose blocks may have a mebibyte.
pub(super) fn large_election() -> Arc<Election> {
    let block_bytes_max = u32::try_from(MEBIBYTE).expect("it fits");
    Arc::new(Election { block_bytes_max, ..election() })
}

/// A block of registrations that differ with its number.
pub(super) fn block_of_registrations(
    election: &Election,
    parent: &Header,
    number: usize,
    transactions: usize,
) -> Arc<Block> {
    let transactions: Vec<_> =
        (0..transactions).map(|place| unsigned_registration(election, number, place)).collect();
    let header = mined_header(parent, block::merkle_root(&transactions), 0);
    Arc::new(Block { header, transactions })
}

/// A registration of about 114 bytes whose signature nobody checks.
fn unsigned_registration(
    election: &Election,
    block: usize,
    place: usize,
) -> Arc<HashedTransaction> {
    let id = election.election_id();
    let mut voter_key = [2; 33];
    voter_key[1..9].copy_from_slice(&(block as u64).to_be_bytes());
    voter_key[9..17].copy_from_slice(&(place as u64).to_be_bytes());
    let difficulty = election.admission.stamp_difficulty().expect("it is open");
    let stamp = proof_of_work::find_stamp(&id, &voter_key, difficulty, 0);
    let admission = Admission::Open { stamp, signature: Signature([0; 65]) };
    let transaction = Transaction::Registration { voter_key: PublicKey(voter_key), admission };
    Arc::new(HashedTransaction::new(transaction, &id))
}

/// Room for five blocks of a mebibyte, and for the lowest one.
fn six_mebibytes() -> Limits {
    Limits { ahead_bytes_max: 6 * MEBIBYTE, ..Limits::default() }
}

/// About this number of registrations is a mebibyte.
const TRANSACTIONS: usize = 8_900;

#[test]
fn what_waits_for_a_withheld_block_is_bounded_in_bytes() {
    let limits = six_mebibytes();
    let mut fetching = Fetching::new(12, TRANSACTIONS, 2, limits);
    let size = fetching.bodies[&fetching.hash(0)].len();
    assert!(size > MEBIBYTE * 9 / 10 && size <= MEBIBYTE, "{size}");
    fetching.withheld.insert(fetching.hash(0));
    let mut most = 0;
    for round in 0..800 {
        fetching.step(round);
        fetching.end_check();
        most = most.max(fetching.bytes_ahead());
        assert!(most <= limits.ahead_bytes_max, "{most} in round {round}");
    }
    assert!(most > 4 * MEBIBYTE, "only {most} bytes are fetched ahead");
    assert_eq!(fetching.height(), 0);
    fetching.withheld.clear();
    for round in 800..8_000 {
        fetching.step(round);
        fetching.end_check();
        assert!(fetching.bytes_ahead() <= limits.ahead_bytes_max, "in round {round}");
        if fetching.height() == fetching.blocks.len() {
            break;
        }
    }
    assert_eq!(fetching.height(), fetching.blocks.len());
    assert_eq!(fetching.network.node(1).sync.bytes_ahead(), 0);
}

#[test]
fn bodies_whose_signatures_take_long_to_check_are_bounded_in_bytes() {
    let limits = six_mebibytes();
    let mut fetching = Fetching::new(12, TRANSACTIONS, 2, limits);
    let mut most = 0;
    for round in 0..20_000 {
        fetching.step(round);
        most = most.max(fetching.bytes_ahead());
        assert!(most <= limits.ahead_bytes_max, "{most} in round {round}");
        if round % 200 == 199 {
            fetching.end_check();
        }
        if fetching.height() == fetching.blocks.len() {
            break;
        }
    }
    assert!(most > 4 * MEBIBYTE, "only {most} bytes are fetched ahead");
    assert_eq!(fetching.height(), fetching.blocks.len());
    assert_eq!(fetching.network.node(1).sync.bytes_ahead(), 0);
}

#[test]
fn small_blocks_are_asked_for_16_at_a_time_of_each_neighbour() {
    let limits = Limits { ahead_bytes_max: 2 * MEBIBYTE, ..Limits::default() };
    let mut fetching = Fetching::new(60, 0, 2, limits);
    fetching.withheld = (0..60).map(|number| fetching.hash(number)).collect();
    for server in fetching.servers.clone() {
        fetching.asked.clear();
        let clock = fetching.network.time().unix;
        let tip = fetching.network.node(1).chain.best_header();
        let status = PeerStatus { height: Height(60), tip: tip.hash, work: tip.work, clock };
        (0..2)
            .for_each(|nonce| fetching.say(server, Datagram::Poke { nonce, status: Some(status) }));
        let asked: BTreeSet<_> =
            fetching.asked.iter().map(|(to, _, hash, _)| (*to, *hash)).collect();
        assert_eq!(asked.len(), 16);
        assert!(asked.iter().all(|(to, _)| *to == server));
    }
    fetching.withheld.clear();
    for round in 0..1_000 {
        fetching.step(round);
        (0..100).for_each(|_| fetching.end_check());
        if fetching.height() == 60 {
            break;
        }
    }
    assert_eq!(fetching.height(), 60);
}

#[test]
fn no_block_is_asked_for_that_is_more_than_1024_above_the_lowest_missing_one() {
    let mut fetching = Fetching::new(1_030, 0, 4, Limits::default());
    fetching.withheld.insert(fetching.hash(0));
    let mut asked = BTreeSet::new();
    for round in 0..700 {
        fetching.network.now += Duration::from_millis(10);
        fetching.poke_if_due(round);
        asked.extend(fetching.asked.iter().map(|(_, _, hash, _)| *hash));
        fetching.answer();
        (0..100).for_each(|_| fetching.end_check());
    }
    let was_asked = |number: usize| asked.contains(&fetching.hash(number));
    // The first block has height 1, so the highest one that may be fetched has height 1,025.
    assert!((0..=1_024).all(was_asked));
    assert!(!(1_025..1_030).any(was_asked));
}

#[test]
fn no_piece_of_headers_is_asked_for_that_is_128_above_the_first_missing_one() {
    let mut fetching = Fetching::new(0, 0, 1, Limits::default());
    let (server, clock) = (fetching.servers[0], fetching.network.time().unix);
    let (tip, work) = (BlockHash([9; 32]), protocol::units::Work(1 << 40));
    let status = PeerStatus { height: Height(1 << 30), tip, work, clock };
    (0..2).for_each(|nonce| fetching.say(server, Datagram::Poke { nonce, status: Some(status) }));
    let header = *fetching.network.node(1).chain.tip_header();
    let mut asked = BTreeSet::new();
    while let Some((_, request, piece)) = fetching.asked_headers.pop() {
        if asked.insert(piece) && piece > 0 {
            let headers = vec![header; protocol::datagram::HEADERS_PER_PIECE];
            let pieces = 1 << 20;
            fetching.say(server, Datagram::ChainHeaders { request, piece, pieces, headers });
        }
    }
    assert_eq!(asked, (0..128).collect());
}
