//! One world: its hosts, its network, its people and its virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chain::Past;
use node::{Answer, Command, CommandError, Given, Joining, Node};
use protocol::block::Header;
use protocol::transaction::Transaction;
use protocol::units::{BlockHash, TransactionId, UnixMillis};
use rand_chacha::ChaCha8Rng;
use tracker::registry::Registry;

use crate::adversary::{Liar, Rival, Stranger, Traitor};
use crate::clock::Clock;
use crate::counted::Counted;
use crate::disk::Disk;
use crate::faults::{Quality, Window};
use crate::finals::Finals;
use crate::host::{Party, PeerHost, Program, Submitter, TrackerHost};
use crate::meter::Meter;
use crate::network::{Network, Parcel};
use crate::queue::{Event, HostIndex, Queue};
use crate::reference::Reference;
use crate::report::{Statistics, Violation};
use crate::scenario::{Action, Scenario};
use crate::signers::Signers;
use crate::trace::{Entry, Trace};
use crate::verdicts::Verdicts;
use crate::voters::Voter;
use crate::{forge, random};

#[derive(Debug)]
pub struct World {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) at: Duration,
    pub(crate) queue: Queue,
    pub(crate) network: Network,
    pub(crate) meter: Meter,
    pub(crate) trace: Trace,
    pub(crate) verdicts: Verdicts,
    pub(crate) reference: Reference,
    pub(crate) counted: Counted,
    pub(crate) signers: Signers,
    pub(crate) finals: Finals,
    pub(crate) tracker: TrackerHost,
    pub(crate) peers: Vec<PeerHost>,
    pub(crate) parties: BTreeMap<SocketAddr, Party>,
    pub(crate) voters: Vec<Voter>,
    pub(crate) strangers: Vec<Stranger>,
    pub(crate) liars: Vec<Liar>,
    pub(crate) traitors: Vec<Traitor>,
    pub(crate) rivals: Vec<Rival>,
    /// The newest tip that adversaries saw, and what has to follow it.
    pub(crate) seen_past: (BlockHash, Past),
    pub(crate) captured: VecDeque<Parcel>,
    pub(crate) outcomes: BTreeMap<u64, Result<TransactionId, CommandError>>,
    /// The datagrams that puppets were sent.
    pub(crate) heard: BTreeMap<SocketAddr, Vec<Parcel>>,
    /// The events of nodes, for tests that ask for them.
    pub(crate) news: Vec<(Duration, HostIndex, node::Event)>,
    pub(crate) keeps_news: bool,
    pub(crate) statistics: Statistics,
    pub(crate) violation: Option<Violation>,
    pub(crate) rng: ChaCha8Rng,
}

/// A node or registry that finds an invariant of its own broken panics: its world says which it was.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (name, seed, at) = (self.scenario.name, self.seed, self.at);
            eprintln!("in world {name:?} of seed {seed}, at {at:?}\n{}", self.trace.excerpt());
        }
    }
}

impl World {
    #[must_use]
    pub fn new(scenario: Scenario, seed: u64) -> Self {
        let scenario = Arc::new(scenario);
        let hosts = 0..scenario.peers.len();
        let peers: Vec<_> = hosts.map(|index| PeerHost::new(&scenario, index, seed)).collect();
        let stranger = |(number, plan): (usize, &crate::adversary::StrangerPlan)| {
            let rng = random::stream(seed, &format!("stranger {number}"));
            Stranger::new(plan.clone(), scenario.stranger_address(number), rng)
        };
        let liar = |(number, plan): (usize, &crate::adversary::LiarPlan)| {
            Liar::new(plan.clone(), scenario.liar_address(number), seed, number as u64)
        };
        let traitor = |(number, plan): (usize, &crate::adversary::TraitorPlan)| {
            Traitor::new(plan.clone(), scenario.traitor_address(number), seed)
        };
        let rival = |(number, plan): (usize, &crate::adversary::RivalPlan)| {
            Rival::new(plan.clone(), scenario.rival_address(number), seed, number as u64)
        };
        let genesis = Header::genesis(&scenario.election).hash();
        let voter = |(number, plan): (usize, &crate::voters::VoterPlan)| {
            Voter::new(plan.clone(), forge::key(seed, "voter", number as u64))
        };
        let mut world = Self {
            seed,
            clock: Clock::new(),
            at: Duration::ZERO,
            queue: Queue::default(),
            network: Network::new(scenario.faults.clone(), seed),
            meter: Meter::default(),
            trace: Trace::default(),
            verdicts: Verdicts::new(Arc::clone(&scenario.election)),
            reference: Reference::new(Arc::clone(&scenario.election)),
            counted: Counted::default(),
            signers: Signers::default(),
            finals: Finals::default(),
            tracker: TrackerHost {
                address: scenario.tracker_address(),
                registry: None,
                life: 0,
                timer_at: None,
                up_since: Duration::ZERO,
            },
            parties: BTreeMap::new(),
            voters: scenario.voters.iter().enumerate().map(voter).collect(),
            strangers: scenario.strangers.iter().enumerate().map(stranger).collect(),
            liars: scenario.liars.iter().enumerate().map(liar).collect(),
            traitors: scenario.traitors.iter().enumerate().map(traitor).collect(),
            rivals: scenario.rivals.iter().enumerate().map(rival).collect(),
            seen_past: (genesis, Past::genesis(&scenario.election)),
            peers,
            captured: VecDeque::new(),
            outcomes: BTreeMap::new(),
            heard: BTreeMap::new(),
            news: Vec::new(),
            keeps_news: false,
            statistics: Statistics::default(),
            violation: None,
            rng: random::stream(seed, "world"),
            scenario,
        };
        world.register_parties();
        world.plan_events();
        world
    }

    fn register_parties(&mut self) {
        let peers = self.peers.iter().enumerate().map(|(i, host)| (host.address, Party::Peer(i)));
        let liars = self.liars.iter().enumerate().map(|(i, liar)| (liar.address, Party::Liar(i)));
        let strangers =
            self.strangers.iter().enumerate().map(|(i, one)| (one.address, Party::Stranger(i)));
        let traitors =
            self.traitors.iter().enumerate().map(|(i, one)| (one.address, Party::Traitor(i)));
        let rivals = self.rivals.iter().enumerate().map(|(i, one)| (one.address, Party::Rival(i)));
        let tracker = [(self.tracker.address, Party::Tracker)];
        let adversaries = liars.chain(strangers).chain(traitors).chain(rivals);
        self.parties = peers.chain(adversaries).chain(tracker).collect();
    }

    fn plan_events(&mut self) {
        self.queue.push(Duration::ZERO, Event::Action(Action::StartTracker));
        for (host, peer) in self.peers.iter().enumerate() {
            self.queue.push(peer.plan.starts_at, Event::Action(Action::Start(host)));
        }
        for (at, action) in &self.scenario.actions {
            self.queue.push(*at, Event::Action(action.clone()));
        }
        for (voter, plan) in self.scenario.voters.iter().enumerate() {
            self.queue.push(plan.starts_at, Event::VoterStep { voter, turn: 0 });
        }
        for (stranger, plan) in self.scenario.strangers.iter().enumerate() {
            self.queue.push(plan.active.from, Event::StrangerStep { stranger });
        }
        for (liar, plan) in self.scenario.liars.iter().enumerate() {
            self.queue.push(plan.active.from, Event::LiarStep { liar });
        }
        for (traitor, plan) in self.scenario.traitors.iter().enumerate() {
            self.queue.push(plan.active.from, Event::TraitorStep { traitor });
        }
        for (rival, plan) in self.scenario.rivals.iter().enumerate() {
            self.queue.push(plan.active.from, Event::RivalStep { rival });
        }
        self.queue.push(Duration::ZERO, Event::Sweep);
    }

    /// The virtual time since the start.
    #[must_use]
    pub fn at(&self) -> Duration {
        self.at
    }

    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The first violation of an invariant, if one was found.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The node of a peer, if it is running.
    #[must_use]
    pub fn node(&self, host: HostIndex) -> Option<&Node> {
        self.peers[host].node()
    }

    /// A peer's disk.
    #[must_use]
    pub fn disk(&self, host: HostIndex) -> &Disk {
        &self.peers[host].disk
    }

    /// One of the rivals.
    #[must_use]
    pub fn rival(&self, rival: usize) -> &Rival {
        &self.rivals[rival]
    }

    /// The number of different votes that honest validators signed.
    #[must_use]
    pub fn signatures(&self) -> u64 {
        self.signers.signatures
    }

    /// Changes how a peer is started from now on.
    pub fn plan_mut(&mut self, host: HostIndex) -> &mut crate::scenario::PeerPlan {
        &mut self.peers[host].plan
    }

    /// The tracker's registry, if the tracker is running.
    #[must_use]
    pub fn registry(&self) -> Option<&Registry> {
        self.tracker.registry.as_ref()
    }

    /// Unix time, as hosts with correct clocks see it.
    #[must_use]
    pub fn unix(&self) -> UnixMillis {
        self.clock.now(self.at, 0).unix
    }

    /// Keeps the events of nodes from now on, and returns those that were kept so far.
    pub fn take_news(&mut self) -> Vec<(Duration, HostIndex, node::Event)> {
        self.keeps_news = true;
        std::mem::take(&mut self.news)
    }

    /// From now on the network has no faults any more.
    pub fn calm_down(&mut self) {
        self.network.plan_mut().calm_from = self.at;
    }

    /// Gives the network another quality for a while.
    pub fn add_spell(&mut self, window: Window, quality: Quality) {
        self.network.plan_mut().spells.push((window, quality));
    }

    /// Does something now.
    pub fn do_now(&mut self, action: &Action) {
        self.act(action);
    }

    /// Hands in one transaction at a peer, and waits for the outcome.
    ///
    /// # Panics
    /// When the peer is down, or does not answer within seconds.
    pub fn submit_and_wait(
        &mut self,
        host: HostIndex,
        transaction: Transaction,
    ) -> Result<TransactionId, CommandError> {
        let number = self.outcomes.len() as u64;
        self.submit(host, transaction, Submitter::Test(number)).expect("the peer is up")?;
        let deadline = self.at + Duration::from_secs(5);
        self.run_until_holds(deadline, |world| world.outcomes.contains_key(&number))
            .unwrap_or_else(|| panic!("no outcome in time: {:?}", self.violation));
        self.outcomes[&number].clone()
    }

    /// Lets time pass, but stops at a violation.
    pub fn run_until(&mut self, until: Duration) {
        while self.violation.is_none() {
            let Some((at, event)) = self.queue.pop_before(until) else { break };
            self.at = at;
            self.happen(event);
        }
        if self.violation.is_none() {
            self.at = until;
        }
    }

    /// Lets time pass until a condition holds, which is checked every 50 ms. Returns when it did.
    pub fn run_until_holds(
        &mut self,
        deadline: Duration,
        mut holds: impl FnMut(&mut Self) -> bool,
    ) -> Option<Duration> {
        loop {
            if self.violation.is_some() {
                return None;
            }
            if holds(self) {
                return Some(self.at);
            }
            if self.at >= deadline {
                return None;
            }
            self.run_until(self.at + Duration::from_millis(50));
        }
    }

    /// Hands a transaction to a peer as its user would; `None` if the peer is down.
    pub(crate) fn submit(
        &mut self,
        host: HostIndex,
        transaction: Transaction,
        submitter: Submitter,
    ) -> Option<Result<(), CommandError>> {
        let command = Command::Submit(Box::new(transaction));
        let now = self.peer_now(host);
        let answer = self.peers[host].node_mut()?.handle_command(command, now);
        self.note(host, format!("submit {submitter:?}: {answer:?}"));
        let result = match answer {
            Ok(Answer::Pending(ticket)) => {
                self.peers[host].tickets.insert(ticket, submitter);
                Ok(())
            }
            Ok(other) => {
                self.violate(format!("peer {host} answered a submission with {other:?}"));
                Ok(())
            }
            Err(error) => Err(error),
        };
        self.drain_node(host);
        Some(result)
    }

    pub(crate) fn note(&mut self, host: HostIndex, note: String) {
        let host = self.peers[host].address;
        self.trace.record(self.at, Entry::Note { host, note });
    }

    pub(crate) fn violate(&mut self, what: String) {
        self.violation.get_or_insert(Violation { at: self.at, what });
    }

    pub(crate) fn start_tracker(&mut self) {
        let seed = random::secret(self.seed, "tracker", self.tracker.life.into());
        let now = self.clock.now(self.at, 0);
        self.tracker.registry = Some(Registry::new(&self.scenario.election, seed, now));
        self.tracker.up_since = self.at;
        self.drain_tracker();
    }

    pub(crate) fn start_peer(&mut self, host: HostIndex) {
        let now = self.peer_now(host);
        let scenario = Arc::clone(&self.scenario);
        let peer = &mut self.peers[host];
        if peer.is_up() {
            return;
        }
        peer.up_since = self.at;
        peer.left_at = None;
        if peer.plan.joins {
            let number = (host as u64) << 32 | u64::from(peer.life);
            let seed = random::secret(self.seed, "joining", number);
            let joining = Joining::new(&[Given::from(scenario.tracker_address())], None, seed, now);
            peer.program = Program::Joining(Box::new(joining));
            return self.drain_joining(host);
        }
        self.start_node(host);
    }

    pub(crate) fn start_node(&mut self, host: HostIndex) {
        let now = self.peer_now(host);
        let scenario = Arc::clone(&self.scenario);
        let peer = &mut self.peers[host];
        let number = (host as u64) << 32 | u64::from(peer.life);
        let seed = random::secret(self.seed, "node", number);
        let config = peer.config(&scenario, scenario.rules);
        let restored = peer.disk.restored();
        peer.restored = restored.pool.len();
        let node = Node::new(config, Arc::clone(&scenario.election), restored, seed, now);
        peer.program = Program::Node(Box::new(node));
        self.drain_node(host);
        self.check_acknowledged_at(host);
    }
}
