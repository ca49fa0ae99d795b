//! Nodes that talk to each other in virtual time over a network without faults. Worlds with faults are in
//! the `tests` package; here stands what needs the inside of a node.

mod again;
mod ahead;
pub(crate) mod bounded;
mod clock;
mod disk;
pub(crate) mod final_worlds;
mod full_disk;
mod holders;
mod hostile;
mod laboratory;
mod limits;
mod lost;
mod meeting;
mod spoiled;
mod voting;
mod withheld;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::block::{Block, Header};
use protocol::election::Election;
use protocol::finality::FinalityVote;
use protocol::transaction::{HashedTransaction, Transaction, Vote};
use protocol::units::{BlockHash, MerkleRoot, Now, TransactionId, UnixMillis};

use super::{
    Answer, Command, CommandError, Event, Limits, LoadFailure, Node, NodeConfig, Output,
    OwnValidator, Record, Restored, Role, Ticket,
};
use crate::given::Given;
use chain::fixtures::{election, key, registration};
use chain::rules::Rules;
use chain::{BlockEffects, StoredBlock};

/// Where nobody answers.
const TRACKER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5_000);

const DELAY: Duration = Duration::from_millis(5);

/// What happens at a moment.
#[derive(Debug)]
enum Incident {
    Datagram { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    Mined { at: SocketAddr, job: u64, nonce: u64 },
}

struct Network {
    /// Of the nodes that are added from now on.
    role: Role,
    /// Of the nodes that are added from now on.
    limits: Limits,
    election: Arc<Election>,
    start: Instant,
    now: Instant,
    nodes: BTreeMap<SocketAddr, Node>,
    queue: BTreeMap<(Instant, u64), Incident>,
    sequence: u64,
    events: Vec<(SocketAddr, Event)>,
    outcomes: BTreeMap<(SocketAddr, Ticket), Result<Answer, CommandError>>,
    disks: BTreeMap<SocketAddr, BTreeMap<BlockHash, Arc<Block>>>,
    /// What disks answer instead of giving a block.
    load_failures: BTreeMap<BlockHash, LoadFailure>,
    /// What disks were asked for, in this order.
    loads: Vec<BlockHash>,
    /// All that was ever written, in its order.
    records: BTreeMap<SocketAddr, Vec<Record>>,
    left: Vec<SocketAddr>,
    /// Whose disks take nothing for now, and the last batch that each of them was given.
    full: BTreeMap<SocketAddr, u64>,
    /// By how many milliseconds whose clocks are wrong.
    skews: BTreeMap<SocketAddr, i64>,
    /// Who is stopped, and until when.
    frozen: BTreeMap<SocketAddr, Instant>,
    /// Which nodes are validators, at which place, and whether they trust an empty store.
    validators: BTreeMap<u16, OwnValidator>,
    /// What validators signed, in this order.
    signed: Vec<(SocketAddr, FinalityVote)>,
    /// How long one attempt at a block takes; `None` if blocks take 100 ms, whatever their difficulty.
    attempt: Option<Duration>,
    /// What gets lost: whether a datagram from one address to another does.
    loses: fn(SocketAddr, SocketAddr, &[u8]) -> bool,
    /// Which nodes have the seed of another one, and so tell its number.
    twins: BTreeMap<u16, u16>,
}

/// Each node is on a machine of its own.
fn address(number: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    SocketAddr::from(([10, 0, high, low], 6_000 + number))
}

/// A header with work on `parent` over transactions of this root; `salt` makes siblings differ.
fn mined_header(parent: &Header, merkle_root: MerkleRoot, salt: u64) -> Header {
    let unworked = Header {
        previous: parent.hash(),
        merkle_root,
        height: parent.height.next(),
        time: parent.time.plus(Duration::from_millis(1)),
        difficulty: parent.difficulty,
        nonce: 0,
    };
    let mut headers = (salt << 32..).map(|nonce| Header { nonce, ..unworked });
    headers.find(Header::has_work).expect("the difficulty is low")
}

impl Network {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
        let start = Instant::now();
        Self {
            role: Role::Ordinary,
            limits: Limits::default(),
            election: Arc::new(election()),
            start,
            now: start,
            nodes: BTreeMap::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            events: Vec::new(),
            outcomes: BTreeMap::new(),
            disks: BTreeMap::new(),
            load_failures: BTreeMap::new(),
            loads: Vec::new(),
            records: BTreeMap::new(),
            left: Vec::new(),
            full: BTreeMap::new(),
            skews: BTreeMap::new(),
            frozen: BTreeMap::new(),
            twins: BTreeMap::new(),
            validators: BTreeMap::new(),
            signed: Vec::new(),
            attempt: None,
            loses: |_, _, _| false,
        }
    }

    /// Nodes 1 to `count`, each given the address of the first.
    fn with_nodes(count: u16) -> Self {
        let mut network = Self::new();
        (1..=count).for_each(|number| network.add(number, Restored::default()));
        network.run(Duration::from_secs(2));
        network
    }

    fn add(&mut self, number: u16, restored: Restored) {
        let neighbours = if number == 1 { vec![] } else { vec![address(1)] };
        self.add_with(number, None, neighbours, restored);
    }

    /// A node that knows a tracker alone, which does not answer.
    fn add_without_neighbours(&mut self, number: u16) {
        self.add_with(number, Some(TRACKER), vec![], Restored::default());
    }

    fn add_with(
        &mut self,
        number: u16,
        tracker: Option<SocketAddr>,
        neighbours: Vec<SocketAddr>,
        restored: Restored,
    ) {
        // No body stays in memory once it is on the disk.
        let config = NodeConfig {
            name: None,
            trackers: tracker.into_iter().map(Given::from).collect(),
            neighbours: neighbours.into_iter().map(Given::from).collect(),
            mining: true,
            role: self.role,
            validator: self.validators.get(&number).copied(),
            resident_bytes_max: 0,
            limits: self.limits,
            rules: Rules::ALL,
        };
        let seed = self.twins.get(&number).copied().unwrap_or(number);
        let seed = [u8::try_from(seed).expect("a small number"); 32];
        let election = Arc::clone(&self.election);
        let node = Node::new(config, election, restored, seed, self.time_at(address(number)));
        self.nodes.insert(address(number), node);
        self.drain(address(number));
    }

    /// Kills a node, and starts it again on what it wrote.
    fn restart(&mut self, number: u16) {
        self.nodes.remove(&address(number));
        let mut restored = Restored::default();
        let mut pool = BTreeMap::new();
        for record in self.records.get(&address(number)).into_iter().flatten() {
            match record {
                Record::Block(block) => restored.blocks.push(StoredBlock {
                    header: block.header,
                    summary: BlockEffects::of(block),
                    has_body: true,
                }),
                Record::Tip { hash, .. } => restored.tip = Some(*hash),
                Record::PoolInsert { row, transaction } => {
                    pool.insert(*row, HashedTransaction::clone(transaction));
                }
                Record::PoolRemove { row } => {
                    pool.remove(row);
                }
                Record::Neighbours(neighbours) => restored.neighbours.clone_from(neighbours),
                Record::Finality(record) => restored.finality.note(record.clone()),
            }
        }
        restored.pool.extend(pool);
        self.add(number, restored);
    }

    /// From now on a node's disk takes nothing.
    fn fill_disk(&mut self, number: u16) {
        self.full.insert(address(number), 0);
    }

    /// The disk takes all that it was given meanwhile, and everything from now on.
    fn free_disk(&mut self, number: u16) {
        let last = self.full.remove(&address(number)).expect("it is full");
        let now = self.time_at(address(number));
        self.nodes.get_mut(&address(number)).expect("a node").handle_persisted(last, now);
        self.drain(address(number));
    }

    fn node(&self, number: u16) -> &Node {
        &self.nodes[&address(number)]
    }

    fn time(&self) -> Now {
        let created = self.election.created;
        Now { instant: self.now, unix: created.plus(self.now - self.start) }
    }

    /// The time as a node sees it.
    fn time_at(&self, at: SocketAddr) -> Now {
        let now = self.time();
        let skew = self.skews.get(&at).copied().unwrap_or(0);
        Now { unix: UnixMillis(now.unix.0.saturating_add_signed(skew)), ..now }
    }

    /// Stops a node for a while. What is sent to it waits.
    fn freeze(&mut self, number: u16, span: Duration) {
        self.frozen.insert(address(number), self.now + span);
        self.run(span);
        self.frozen.clear();
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let timer =
                self.nodes.iter().filter_map(|(at, node)| Some((node.poll_timeout()?, *at)));
            let timer = timer
                .map(|(due, at)| (self.frozen.get(&at).map_or(due, |until| due.max(*until)), at));
            let timer = timer.min();
            let incident = self.queue.first_key_value().map(|((at, _), _)| *at);
            let Some(next) = timer.map(|(at, _)| at).into_iter().chain(incident).min() else {
                break;
            };
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            if incident.is_some_and(|at| at <= next) {
                self.happen();
            } else if let Some((_, at)) = timer {
                let now = self.time_at(at);
                self.nodes.get_mut(&at).expect("a node").handle_timeout(now);
                self.drain(at);
            }
        }
        self.now = end;
    }

    fn happen(&mut self) {
        let Some(((_, number), incident)) = self.queue.pop_first() else { return };
        let at = match &incident {
            Incident::Datagram { to, .. } => *to,
            Incident::Mined { at, .. } => *at,
        };
        if let Some(until) = self.frozen.get(&at).filter(|until| **until > self.now) {
            self.queue.insert((*until, number), incident);
            return;
        }
        let now = self.time_at(at);
        let Some(node) = self.nodes.get_mut(&at) else { return };
        match incident {
            Incident::Datagram { from, bytes, .. } => node.handle_datagram(from, &bytes, now),
            Incident::Mined { job, nonce, .. } => node.handle_mined(job, nonce, now),
        }
        self.drain(at);
    }

    fn command(&mut self, number: u16, command: Command) -> Result<Answer, CommandError> {
        let now = self.time_at(address(number));
        let node = self.nodes.get_mut(&address(number)).expect("a node");
        let answer = node.handle_command(command, now);
        self.drain(address(number));
        match answer {
            Ok(Answer::Pending(ticket)) => {
                self.outcomes.remove(&(address(number), ticket)).expect("effects are immediate")
            }
            answer => answer,
        }
    }

    fn submit(
        &mut self,
        number: u16,
        transaction: Transaction,
    ) -> Result<TransactionId, CommandError> {
        let answer = self.command(number, Command::Submit(Box::new(transaction)))?;
        let Answer::Accepted { id, .. } = answer else { panic!("{answer:?}") };
        Ok(id)
    }

    fn registration(&self, voter: u8) -> Transaction {
        registration(voter).transaction().clone()
    }

    fn vote(&self, voter: u8, option: u16) -> Transaction {
        let vote = Vote {
            voter: key(voter).public().voter(),
            choices: vec![vec![option]],
            nonce: [voter; 8],
            cast_at: self.time().unix,
        };
        Transaction::vote(&self.election.election_id(), &key(voter), vote)
    }

    fn drain(&mut self, at: SocketAddr) {
        loop {
            let now = self.time_at(at);
            let node = self.nodes.get_mut(&at).expect("a node");
            let Some(output) = node.poll_output() else { return node.check_invariants() };
            match output {
                Output::Transmit { to, bytes } => {
                    if !(self.loses)(at, to, &bytes) {
                        self.schedule(DELAY, Incident::Datagram { from: at, to, bytes });
                    }
                }
                Output::Persist(batch) => {
                    let disk = self.disks.entry(at).or_default();
                    self.records.entry(at).or_default().extend(batch.records.iter().cloned());
                    for record in batch.records {
                        if let Record::Block(block) = record {
                            disk.insert(block.header.hash(), block);
                        }
                    }
                    match self.full.get_mut(&at) {
                        Some(last) => *last = batch.number,
                        None => node.handle_persisted(batch.number, now),
                    }
                }
                Output::Load(job) => {
                    self.loads.push(job.hash);
                    let block = self.disks.get(&at).and_then(|disk| disk.get(&job.hash)).cloned();
                    let lost = LoadFailure::Lost { reason: "it is gone".into(), summary: None };
                    let failure = self.load_failures.get(&job.hash).cloned();
                    let outcome = failure.map_or(block.ok_or(lost), Err);
                    node.handle_loaded(job.number, outcome, now);
                }
                Output::Verify(job) => {
                    let verdicts = job
                        .transactions
                        .iter()
                        .map(|each| each.check_signatures(&job.election.admission));
                    node.handle_verified(job.number, verdicts.collect(), now);
                }
                Output::Mine(job) => {
                    let solves = |nonce: &u64| Header { nonce: *nonce, ..job.header }.has_work();
                    let nonce = (0..).find(solves).expect("the difficulty is low");
                    let attempts = u32::try_from(nonce + 1).expect("the difficulty is low");
                    let span = self.attempt.map_or(DELAY * 20, |attempt| attempt * attempts);
                    self.schedule(span, Incident::Mined { at, job: job.number, nonce });
                }
                Output::StopMining | Output::Announce { .. } | Output::Refused { .. } => {}
                Output::Answered { ticket, outcome } => {
                    self.outcomes.insert((at, ticket), outcome);
                }
                Output::Event(event) => self.events.push((at, event)),
                Output::Sign(to_sign) => self.sign(at, to_sign),
                Output::LookUp(name) => unreachable!("nobody gave the name {name}"),
                Output::Left => self.left.push(at),
            }
        }
    }

    fn schedule(&mut self, after: Duration, incident: Incident) {
        self.sequence += 1;
        self.queue.insert((self.now + after, self.sequence), incident);
    }
}
