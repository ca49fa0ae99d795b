//! Carries out an event when its time comes: a datagram arrives, a timer expires, a nonce is found,
//! or an adversary acts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chain::{Chain, Past};
use node::{MineJob, Node};
use protocol::block::Header;
use protocol::datagram::ENVELOPE_BYTES;
use protocol::finality::BlockReference;
use protocol::units::{Height, Now, Work};
use rand::RngExt;

use crate::adversary::{Insight, View};
use crate::clock::Clock;
use crate::forge;
use crate::host::{Party, Program};
use crate::network::Parcel;
use crate::queue::{Event, HostIndex};
use crate::trace::Entry;
use crate::world::World;

/// The interval at which everything is checked.
const SWEEP_PERIOD: Duration = Duration::from_secs(1);
/// The most timeouts of a host at one instant.
const TIMEOUTS_NOW_MAX: u32 = 50;
/// The number of newest real datagrams that adversaries can see.
const CAPTURED_MAX: usize = 64;
/// The number of NEW_BLOCK on the wire. Adversaries can see all of these datagrams.
const NEW_BLOCK: u8 = 8;

impl World {
    pub(crate) fn happen(&mut self, event: Event) {
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
            Event::Loaded { host, life, job } if self.lives(host, life) => {
                let outcome = self.peers[host].disk.read(&job.hash);
                self.note(host, format!("loaded {:?}: {:?}", job.hash, outcome.as_ref().err()));
                self.with_node(host, |node, now| node.handle_loaded(job.number, outcome, now));
            }
            Event::Verified { host, life, job, verdicts } if self.lives(host, life) => {
                self.note(host, format!("verified {job}"));
                self.with_node(host, |node, now| node.handle_verified(job, verdicts, now));
            }
            Event::Found { host, life, job } if self.lives(host, life) => self.found(host, job),
            Event::Signed { host, life, signed } if self.lives(host, life) => {
                self.note(host, format!("signed {signed:?}"));
                self.with_node(host, |node, now| node.handle_signed(signed, now));
            }
            Event::DiskSynced { .. }
            | Event::DiskFull { .. }
            | Event::Loaded { .. }
            | Event::Verified { .. }
            | Event::Found { .. }
            | Event::Signed { .. } => {}
            Event::Action(action) => self.act(&action),
            Event::VoterStep { voter, turn } => self.voter_step(voter, turn),
            Event::StrangerStep { stranger } => self.stranger_step(stranger),
            Event::LiarStep { liar } => self.liar_step(liar),
            Event::TraitorStep { traitor } => self.traitor_step(traitor),
            Event::RivalStep { rival } => self.rival_step(rival),
            Event::Sweep => {
                self.sweep();
                self.queue.push(self.at + SWEEP_PERIOD, Event::Sweep);
            }
        }
    }

    fn lives(&self, host: HostIndex, life: u32) -> bool {
        self.peers[host].life == life
    }

    /// Does something with a node, and then performs everything that the node asks for.
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
        self.clock.now(self.at, self.peers[host].skew.at(self.at))
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
            Party::Traitor(traitor) => {
                let answers = self.with_view(|world, view| {
                    let is_there = world.traitors[traitor].plan.active.contains(view.at);
                    let traitor = Some(&mut world.traitors[traitor]).filter(|_| is_there);
                    traitor.map(|it| it.hear(view, from, bytes)).unwrap_or_default()
                });
                self.send_all(to, answers);
            }
            Party::Rival(rival) => {
                let answers = self.with_view(|world, view| {
                    let is_there = view.at >= world.rivals[rival].plan.active.from;
                    let rival = Some(&mut world.rivals[rival]).filter(|_| is_there);
                    rival.map(|it| it.hear(view, from, bytes)).unwrap_or_default()
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
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now.instant);
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

    /// Schedules the timer of a host for `due`, unless it is scheduled for an earlier time.
    pub(crate) fn arm(
        due: Option<Instant>,
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

    fn found(&mut self, host: HostIndex, job: MineJob) {
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
        let captures =
            parcel.bytes.get(ENVELOPE_BYTES) == Some(&NEW_BLOCK) || self.rng.random_ratio(1, 50);
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

    /// Lets adversaries look at the world.
    pub(crate) fn with_view<R>(&mut self, look: impl FnOnce(&mut Self, &View<'_>) -> R) -> R {
        let peers: Vec<_> = self.peers.iter().filter(|peer| peer.is_up()).collect();
        let addresses: Vec<_> = peers.iter().map(|peer| peer.address).collect();
        let chains = peers.iter().filter_map(|peer| peer.node()).map(|node| node.chain());
        let heaviest = chains.max_by_key(|chain| chain.tip().work);
        let genesis = Header::genesis(&self.scenario.election);
        let tip = heaviest.map_or(genesis, |chain| *chain.tip_header());
        let work = heaviest.map_or(Work(0), |chain| chain.tip().work);
        if self.seen_past.0 != tip.hash() {
            let past = heaviest.map_or(Past::genesis(&self.scenario.election), Chain::tip_past);
            self.seen_past = (tip.hash(), past);
        }
        let past = self.seen_past.1.clone();
        let scenario = Arc::clone(&self.scenario);
        let captured = std::mem::take(&mut self.captured);
        let view = View {
            election: &scenario.election,
            peers: &addresses,
            tracker: self.tracker.address,
            captured: &captured,
            tip,
            past: &past,
            work,
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

    fn traitor_step(&mut self, traitor: usize) {
        if !self.traitors[traitor].plan.active.contains(self.at) {
            return;
        }
        let nodes = self.peers.iter().filter_map(|peer| Some((peer.address, peer.node()?)));
        let insights: Vec<Insight> =
            nodes.map(|(address, node)| insight(address, node.chain())).collect();
        let (parcels, gap) =
            self.with_view(|world, view| world.traitors[traitor].step(view, &insights));
        self.send_all(self.traitors[traitor].address, parcels);
        self.queue.push(self.at + gap, Event::TraitorStep { traitor });
    }

    /// The headers from the one above the genesis block up to a tip.
    fn line_up_to(&self, tip: &Header) -> Vec<Header> {
        let hash = tip.hash();
        let chains = self.peers.iter().filter_map(|peer| peer.node()).map(|node| node.chain());
        let mut on_it = chains.filter(|chain| chain.is_on_best_chain(&hash));
        let Some(chain) = on_it.next() else { return Vec::new() };
        let hashes = (1..=tip.height.0).filter_map(|height| chain.best_hash(Height(height)));
        hashes.filter_map(|hash| chain.header(&hash).copied()).collect()
    }

    fn rival_step(&mut self, rival: usize) {
        let begins = self.rivals[rival].begins(self.at);
        let (parcels, gap) = self.with_view(|world, view| {
            let line = if begins { world.line_up_to(&view.tip) } else { Vec::new() };
            world.rivals[rival].step(view, line)
        });
        self.send_all(self.rivals[rival].address, parcels);
        self.queue.push(self.at + gap, Event::RivalStep { rival });
    }
}

fn insight(address: SocketAddr, chain: &Chain) -> Insight {
    let header = chain.tip_header();
    Insight {
        address,
        tip: BlockReference { height: header.height, hash: chain.tip().hash },
        parent: BlockReference {
            height: Height(header.height.0.saturating_sub(1)),
            hash: header.previous,
        },
        justified: chain.justified_block(),
        last_final: chain.final_block(),
    }
}
