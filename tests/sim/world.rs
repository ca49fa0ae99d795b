//! One world: hosts, network, people and time.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use peer::node::{Answer, Command, CommandError, Joining, Node};
use protocol::block::Header;
use protocol::transaction::Transaction;
use protocol::units::{Now, TransactionId, UnixMillis};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tracker::registry::Registry;

use crate::adversary::{Liar, Stranger, View};
use crate::clock::Clock;
use crate::faults::{Quality, Window};
use crate::host::{Party, PeerHost, Program, Submitter, TrackerHost};
use crate::meter::Meter;
use crate::network::{Network, Parcel};
use crate::queue::{Event, HostIndex, Queue};
use crate::reference::Reference;
use crate::report::{Statistics, Violation};
use crate::scenario::{Action, Scenario};
use crate::trace::{Entry, Trace};
use crate::verdicts::Verdicts;
use crate::voters::Voter;
use crate::{forge, random};

/// Between two looks at everything.
const SWEEP_PERIOD: Duration = Duration::from_secs(1);
/// Most time-outs of a host at one instant.
const TIMEOUTS_NOW_MAX: u32 = 50;
/// Newest real datagrams that adversaries see.
const CAPTURED_MAX: usize = 64;
/// Number of NEW_BLOCK on the wire: adversaries see all of these.
const NEW_BLOCK: u8 = 8;

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
    pub(crate) tracker: TrackerHost,
    pub(crate) peers: Vec<PeerHost>,
    pub(crate) parties: BTreeMap<SocketAddr, Party>,
    pub(crate) voters: Vec<Voter>,
    pub(crate) strangers: Vec<Stranger>,
    pub(crate) liars: Vec<Liar>,
    pub(crate) captured: VecDeque<Parcel>,
    pub(crate) outcomes: BTreeMap<u64, Result<TransactionId, CommandError>>,
    /// What puppets were sent.
    pub(crate) heard: BTreeMap<SocketAddr, Vec<Parcel>>,
    /// Events of nodes, for tests that ask.
    pub(crate) news: Vec<(Duration, HostIndex, peer::node::Event)>,
    pub(crate) keeps_news: bool,
    pub(crate) statistics: Statistics,
    pub(crate) violation: Option<Violation>,
    pub(crate) rng: ChaCha8Rng,
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
            verdicts: Verdicts::default(),
            reference: Reference::new(Arc::clone(&scenario.election)),
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
        let tracker = [(self.tracker.address, Party::Tracker)];
        self.parties = peers.chain(liars).chain(strangers).chain(tracker).collect();
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
        self.queue.push(SWEEP_PERIOD, Event::Sweep);
    }

    /// Virtual time since the start.
    #[must_use]
    pub fn at(&self) -> Duration {
        self.at
    }

    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// What must not be and was seen so far.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// A peer's node, if it runs.
    #[must_use]
    pub fn node(&self, host: HostIndex) -> Option<&Node> {
        self.peers[host].node()
    }

    /// The tracker's list, if it runs.
    #[must_use]
    pub fn registry(&self) -> Option<&Registry> {
        self.tracker.registry.as_ref()
    }

    /// Unix time, as hosts with right clocks see it.
    #[must_use]
    pub fn unix(&self) -> UnixMillis {
        self.clock.now(self.at, 0).unix
    }

    /// From now on events of nodes are kept; gives those kept so far.
    pub fn take_news(&mut self) -> Vec<(Duration, HostIndex, peer::node::Event)> {
        self.keeps_news = true;
        std::mem::take(&mut self.news)
    }

    /// From now on nothing goes wrong on the network any more.
    pub fn calm_down(&mut self) {
        self.network.plan_mut().calm_from = self.at;
    }

    /// For a while the network is of another quality.
    pub fn add_spell(&mut self, window: Window, quality: Quality) {
        self.network.plan_mut().spells.push((window, quality));
    }

    /// Does something now.
    pub fn do_now(&mut self, action: &Action) {
        self.act(action);
    }

    /// Lets one transaction be handed in at a peer, and waits for the outcome.
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

    /// Lets time pass; stops early at a violation.
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

    /// Lets time pass until something holds, looking every 50 ms. Gives when it did.
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

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrival(parcel) => self.deliver(parcel),
            Event::TrackerTimer { life } => self.tracker_timer(life),
            Event::PeerTimer { host, life } => self.peer_timer(host, life),
            Event::DiskSynced { host, life } if self.lives(host, life) => {
                if let Some(batch) = self.peers[host].disk.sync(self.at) {
                    self.note(host, format!("durable up to {batch}"));
                    self.with_node(host, |node, now| node.handle_persisted(batch, now));
                }
            }
            Event::DiskFull { host, life, batch } if self.lives(host, life) => {
                self.note(host, format!("no space for {batch}"));
                self.with_node(host, |node, now| {
                    node.handle_persist_failed(batch, "no space left on device", now);
                });
            }
            Event::Verified { host, life, job, verdicts } if self.lives(host, life) => {
                self.note(host, format!("verified {job}"));
                self.with_node(host, |node, now| node.handle_verified(job, verdicts, now));
            }
            Event::Found { host, life, job } if self.lives(host, life) => self.found(host, job),
            Event::DiskSynced { .. }
            | Event::DiskFull { .. }
            | Event::Verified { .. }
            | Event::Found { .. } => {}
            Event::Action(action) => self.act(&action),
            Event::VoterStep { voter, turn } => self.voter_step(voter, turn),
            Event::StrangerStep { stranger } => self.stranger_step(stranger),
            Event::LiarStep { liar } => self.liar_step(liar),
            Event::Sweep => {
                self.sweep();
                self.queue.push(self.at + SWEEP_PERIOD, Event::Sweep);
            }
        }
    }

    fn lives(&self, host: HostIndex, life: u32) -> bool {
        self.peers[host].life == life
    }

    /// Does something with a node and then all that the node asks for.
    pub(crate) fn with_node<R>(
        &mut self,
        host: HostIndex,
        action: impl FnOnce(&mut Node, Now) -> R,
    ) -> Option<R> {
        let now = self.peer_now(host);
        let result = self.peers[host].node_mut().map(|node| action(node, now))?;
        self.drain_node(host);
        Some(result)
    }

    pub(crate) fn peer_now(&self, host: HostIndex) -> Now {
        self.clock.now(self.at, self.peers[host].plan.skew_ms)
    }

    fn deliver(&mut self, parcel: Parcel) {
        let Some(party) = self.parties.get(&parcel.to).copied() else { return };
        let Parcel { from, to, ref bytes, is_genuine } = parcel;
        match party {
            Party::Tracker if self.tracker.registry.is_some() => {
                self.meter.received(to, from, bytes, is_genuine);
                let now = self.clock.now(self.at, 0);
                if let Some(registry) = &mut self.tracker.registry {
                    registry.handle_datagram(from, bytes, now);
                }
                self.drain_tracker();
            }
            Party::Peer(host) if self.peers[host].is_up() => {
                self.meter.received(to, from, bytes, is_genuine);
                let now = self.peer_now(host);
                match &mut self.peers[host].program {
                    Program::Node(node) => {
                        node.handle_datagram(from, bytes, now);
                        self.drain_node(host);
                    }
                    Program::Joining(joining) => {
                        joining.handle_datagram(from, bytes, now);
                        self.drain_joining(host);
                    }
                    Program::Down => {}
                }
            }
            Party::Liar(liar) => {
                let answers = self.with_view(|world, view| {
                    let plan = &world.liars[liar].plan;
                    if !plan.active.contains(view.at) {
                        return Vec::new();
                    }
                    world.liars[liar].hear(view, from, bytes)
                });
                self.send_all(to, answers);
            }
            Party::Puppet => {
                let heard = self.heard.entry(to).or_default();
                heard.push(Parcel { from, to, bytes: bytes.clone(), is_genuine });
            }
            Party::Tracker | Party::Peer(_) | Party::Stranger(_) => return,
        }
        self.trace.record(self.at, Entry::Datagram { from, to, bytes: parcel.bytes });
    }

    fn tracker_timer(&mut self, life: u32) {
        if self.tracker.life != life || self.tracker.timer_at != Some(self.at) {
            return;
        }
        self.tracker.timer_at = None;
        let now = self.clock.now(self.at, 0);
        let Some(registry) = &mut self.tracker.registry else { return };
        if registry.poll_timeout().is_some_and(|due| due <= now.instant) {
            registry.handle_timeout(now);
            self.trace.record(self.at, Entry::Timer { host: self.tracker.address });
        }
        self.drain_tracker();
    }

    fn peer_timer(&mut self, host: HostIndex, life: u32) {
        if !self.lives(host, life) || self.peers[host].timer_at != Some(self.at) {
            return;
        }
        self.peers[host].timer_at = None;
        let now = self.peer_now(host);
        let is_due = |due: Option<std::time::Instant>| due.is_some_and(|due| due <= now.instant);
        match &mut self.peers[host].program {
            Program::Node(node) => {
                if is_due(node.poll_timeout()) {
                    node.handle_timeout(now);
                    self.timed_out(host);
                }
                self.drain_node(host);
            }
            Program::Joining(joining) => {
                if is_due(joining.poll_timeout()) {
                    joining.handle_timeout(now);
                    self.timed_out(host);
                }
                self.drain_joining(host);
            }
            Program::Down => {}
        }
    }

    fn timed_out(&mut self, host: HostIndex) {
        let peer = &mut self.peers[host];
        self.trace.record(self.at, Entry::Timer { host: peer.address });
        match &mut peer.timeouts_now {
            (at, count) if *at == self.at => *count += 1,
            other => *other = (self.at, 1),
        }
        if peer.timeouts_now.1 > TIMEOUTS_NOW_MAX {
            self.violate(format!("peer {host} asks for the same time-out over and over"));
        }
    }

    /// Queues the timer of a host for `due`, unless it is queued for earlier.
    pub(crate) fn arm(
        due: Option<std::time::Instant>,
        timer_at: &mut Option<Duration>,
        clock: Clock,
        now: Duration,
    ) -> Option<Duration> {
        let due = clock.offset(due?).max(now);
        if timer_at.is_some_and(|armed| armed <= due) {
            return None;
        }
        *timer_at = Some(due);
        Some(due)
    }

    fn found(&mut self, host: HostIndex, job: peer::node::MineJob) {
        if self.peers[host].mining != Some(job.number) {
            return;
        }
        self.peers[host].mining = None;
        let header = Header { nonce: self.rng.random(), ..job.header };
        let nonce = forge::mined(header).nonce;
        self.note(host, format!("found {nonce} for {}", job.number));
        self.with_node(host, |node, now| node.handle_mined(job.number, nonce, now));
    }

    /// Hands a datagram to the network at the place of `sender`.
    pub(crate) fn send(&mut self, sender: SocketAddr, parcel: Parcel) {
        let captures = parcel.bytes.get(protocol::datagram::ENVELOPE_BYTES) == Some(&NEW_BLOCK)
            || self.rng.random_ratio(1, 50);
        if captures && parcel.is_genuine && !(self.strangers.is_empty() && self.liars.is_empty()) {
            if self.captured.len() == CAPTURED_MAX {
                self.captured.pop_front();
            }
            self.captured.push_back(parcel.clone());
        }
        for (at, copy) in self.network.send(sender, parcel, self.at).into_iter().flatten() {
            self.queue.push(at, Event::Arrival(copy));
        }
    }

    pub(crate) fn send_all(&mut self, sender: SocketAddr, parcels: Vec<Parcel>) {
        for parcel in parcels {
            self.send(sender, parcel);
        }
    }

    /// Gives adversaries their look at the world.
    pub(crate) fn with_view<R>(&mut self, look: impl FnOnce(&mut Self, &View<'_>) -> R) -> R {
        let peers: Vec<_> = self.peers.iter().filter(|peer| peer.is_up()).collect();
        let addresses: Vec<_> = peers.iter().map(|peer| peer.address).collect();
        let headers = peers.iter().filter_map(|peer| peer.node());
        let tip = headers
            .map(|node| node.chain())
            .max_by_key(|chain| chain.tip().work)
            .map_or(Header::genesis(&self.scenario.election), |chain| *chain.tip_header());
        let scenario = Arc::clone(&self.scenario);
        let captured = std::mem::take(&mut self.captured);
        let view = View {
            election: &scenario.election,
            peers: &addresses,
            tracker: self.tracker.address,
            captured: &captured,
            tip,
            at: self.at,
            unix: self.clock.now(self.at, 0).unix,
        };
        let result = look(self, &view);
        self.captured = captured;
        result
    }

    fn stranger_step(&mut self, stranger: usize) {
        if !self.strangers[stranger].plan.active.contains(self.at) {
            return;
        }
        let (parcel, gap) = self.with_view(|world, view| world.strangers[stranger].step(view));
        if let Some(parcel) = parcel {
            self.send(self.strangers[stranger].address, parcel);
        }
        self.queue.push(self.at + gap, Event::StrangerStep { stranger });
    }

    fn liar_step(&mut self, liar: usize) {
        if !self.liars[liar].plan.active.contains(self.at) {
            return;
        }
        let (parcels, gap) = self.with_view(|world, view| world.liars[liar].step(view));
        self.send_all(self.liars[liar].address, parcels);
        self.queue.push(self.at + gap, Event::LiarStep { liar });
    }

    /// Hands a transaction to a peer as its user would. `None` where the peer is down.
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
            Ok(Answer::Submitting(ticket)) => {
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
            let joining = Joining::new(scenario.tracker_address(), None, seed, now);
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
        let node = Node::new(config, Arc::clone(&scenario.election), restored, seed, now);
        peer.program = Program::Node(Box::new(node));
        self.drain_node(host);
        self.check_acknowledged_at(host);
    }
}
