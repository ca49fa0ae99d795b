//! The machines on which the peers and the tracker run, with what each of them keeps across a
//! restart.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use chain::Candidate;
use chain::rules::Rules;
use node::{Given, Joining, Node, NodeConfig, Role, Ticket};
use protocol::finality::BlockReference;
use protocol::units::{TransactionId, VoterId};
use tracker::registry::Registry;

use crate::clock::Skew;
use crate::disk::Disk;
use crate::queue::HostIndex;
use crate::random;
use crate::scenario::{PeerPlan, Scenario};
use crate::voters::Paper;

/// The program that runs on a peer's machine.
#[derive(Debug)]
pub enum Program {
    Down,
    /// The peer is learning the election from the tracker.
    Joining(Box<Joining>),
    Node(Box<Node>),
}

impl Program {
    #[must_use]
    pub fn node(&self) -> Option<&Node> {
        match self {
            Self::Node(node) => Some(node),
            Self::Down | Self::Joining(_) => None,
        }
    }
}

/// Who submitted the transaction that a ticket belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitter {
    Voter {
        voter: usize,
        paper: Paper,
    },
    /// The test itself, with a number that it chose.
    Test(u64),
    /// Nobody: it is asked what became of this vote.
    Asked {
        voter: VoterId,
        vote: TransactionId,
    },
}

#[derive(Debug)]
pub struct PeerHost {
    pub address: SocketAddr,
    pub plan: PeerPlan,
    pub program: Program,
    /// Counts starts, so that events of an earlier start can be recognised as out of date.
    pub life: u32,
    pub skew: Skew,
    pub disk: Disk,
    /// The number of pooled transactions that the program started with. They were acknowledged, so that no bound keeps
    /// them out.
    pub restored: usize,
    pub timer_at: Option<Duration>,
    pub mining: Option<u64>,
    pub tickets: BTreeMap<Ticket, Submitter>,
    /// What was final at its last step in this life.
    pub last_final: Option<BlockReference>,
    /// The highest final block that its best chain had in this life.
    pub held_final: Option<BlockReference>,
    /// The tip when it was last examined.
    pub tip: Option<Candidate>,
    /// Since when it is that.
    pub tip_since: Duration,
    /// Its neighbours, and since when each is one.
    pub met: BTreeMap<SocketAddr, Duration>,
    /// Steps of the node so far.
    pub steps: u64,
    /// The tip when the node last checked itself.
    pub tip_inside: Option<Candidate>,
    pub up_since: Duration,
    pub down_since: Duration,
    pub left_at: Option<Duration>,
    pub crash_after_acknowledging: Option<Duration>,
    pub crash_while_signing: Option<Duration>,
    /// The number of timeouts handled at one instant. A node that asks for the same instant again
    /// and again hangs.
    pub timeouts_now: (Duration, u32),
}

#[derive(Debug)]
pub struct TrackerHost {
    pub address: SocketAddr,
    pub registry: Option<Registry>,
    pub life: u32,
    pub timer_at: Option<Duration>,
    pub up_since: Duration,
}

/// Who uses an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    Tracker,
    Peer(HostIndex),
    Liar(usize),
    Stranger(usize),
    Traitor(usize),
    Rival(usize),
    /// A host that a test controls.
    Puppet,
}

impl PeerHost {
    #[must_use]
    pub fn new(scenario: &Scenario, index: HostIndex, seed: u64) -> Self {
        let plan = scenario.peers[index].clone();
        let rng = random::stream(seed, &format!("disk {index}"));
        let skew = Skew::of(plan.skew_ms);
        Self {
            address: scenario.peer_address(index),
            disk: Disk::with(plan.records.clone(), rng),
            plan,
            restored: 0,
            program: Program::Down,
            life: 0,
            skew,
            timer_at: None,
            mining: None,
            tickets: BTreeMap::new(),
            last_final: None,
            held_final: None,
            tip: None,
            tip_since: Duration::ZERO,
            met: BTreeMap::new(),
            steps: 0,
            tip_inside: None,
            up_since: Duration::ZERO,
            down_since: Duration::ZERO,
            left_at: None,
            crash_after_acknowledging: None,
            crash_while_signing: None,
            timeouts_now: (Duration::ZERO, 0),
        }
    }

    #[must_use]
    pub fn config(&self, scenario: &Scenario, rules: Rules) -> NodeConfig {
        let neighbours = self.plan.neighbours.iter().map(|&host| scenario.peer_address(host));
        let tracker = self.plan.uses_tracker.then(|| scenario.tracker_address());
        NodeConfig {
            name: None,
            trackers: tracker.map(Given::from).into_iter().collect(),
            neighbours: neighbours.map(Given::from).collect(),
            mining: self.plan.block_time.is_some(),
            validator: self.plan.validator,
            role: if self.plan.is_laboratory { Role::Laboratory } else { Role::Ordinary },
            resident_bytes_max: self.plan.resident_bytes_max,
            limits: scenario.limits,
            rules,
        }
    }

    #[must_use]
    pub fn node(&self) -> Option<&Node> {
        self.program.node()
    }

    pub fn node_mut(&mut self) -> Option<&mut Node> {
        match &mut self.program {
            Program::Node(node) => Some(node),
            Program::Down | Program::Joining(_) => None,
        }
    }

    #[must_use]
    pub fn is_up(&self) -> bool {
        !matches!(self.program, Program::Down)
    }

    /// Forgets the state of a running program; the disk keeps its content.
    pub fn power_off(&mut self, at: Duration) {
        self.program = Program::Down;
        self.life += 1;
        self.timer_at = None;
        self.mining = None;
        self.tickets.clear();
        (self.last_final, self.held_final) = (None, None);
        self.tip = None;
        self.tip_inside = None;
        self.met.clear();
        self.down_since = at;
    }

    /// The addresses that a host may send to without having been asked, because its user named
    /// them.
    #[must_use]
    pub fn named_addresses(&self, scenario: &Scenario) -> BTreeSet<SocketAddr> {
        let neighbours = self.plan.neighbours.iter().map(|&host| scenario.peer_address(host));
        neighbours.chain([scenario.tracker_address()]).collect()
    }
}
