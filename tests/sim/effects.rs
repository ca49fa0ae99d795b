//! Performs the effects that the cores ask for (sending, writing, checking signatures, mining), and
//! the steps of the scenario and of the voters.

use std::sync::Arc;
use std::time::Duration;

use chain::Forgery;
use node::{Answer, Command, Experiment, JoinError, JoinOutput, Output};
use protocol::election::Election;
use protocol::units::{BlockHash, Difficulty, UnixMillis};
use tracker::registry::Output as TrackerOutput;

use crate::clock::Skew;
use crate::disk::Written;
use crate::host::{Program, Submitter};
use crate::network::Parcel;
use crate::queue::{Event, HostIndex};
use crate::random;
use crate::scenario::Action;
use crate::voters::{Character, Paper};
use crate::world::World;

/// How long reading a block takes, from the system's cache at the least and from a busy disk at the
/// most.
const LOAD_LEAST: Duration = Duration::from_micros(50);
const LOAD_MOST: Duration = Duration::from_millis(20);
/// How long one core takes to check one signature.
const CHECK: Duration = Duration::from_micros(60);
/// How long a voter who goes to several peers waits for the registration to spread.
const SPREADING: Duration = Duration::from_secs(3);

impl World {
    pub(crate) fn drain_tracker(&mut self) {
        let address = self.tracker.address;
        loop {
            let Some(registry) = &mut self.tracker.registry else { return };
            match registry.poll_output() {
                None => break,
                Some(TrackerOutput::Transmit { to, bytes }) => {
                    self.transmit(address, to, bytes, false);
                }
                Some(TrackerOutput::Event(_)) => {}
            }
        }
        let due = self.tracker.registry.as_ref().and_then(|registry| registry.poll_timeout());
        if let Some(at) = Self::arm(due, &mut self.tracker.timer_at, self.clock, self.at) {
            self.queue.push(at, Event::TrackerTimer { life: self.tracker.life });
        }
        self.check_tracker_inside();
    }

    pub(crate) fn drain_node(&mut self, host: HostIndex) {
        while let Some(node) = self.peers[host].node_mut() {
            let Some(output) = node.poll_output() else { break };
            self.perform(host, output);
        }
        self.check_tip(host);
        self.check_final(host);
        let peer = &mut self.peers[host];
        let due = peer.node().and_then(|node| node.poll_timeout());
        if let Some(at) = Self::arm(due, &mut peer.timer_at, self.clock, self.at) {
            self.queue.push(at, Event::PeerTimer { host, life: peer.life });
        }
        self.check_inside(host);
    }

    pub(crate) fn drain_joining(&mut self, host: HostIndex) {
        let address = self.peers[host].address;
        while let Program::Joining(joining) = &mut self.peers[host].program {
            match joining.poll_output() {
                None => break,
                Some(JoinOutput::Transmit { to, bytes }) => {
                    self.transmit(address, to, bytes, true);
                }
                Some(JoinOutput::Event(_)) => {}
                Some(JoinOutput::LookUp(name)) => unreachable!("nobody gave the name {name}"),
                Some(JoinOutput::Refused { error }) => return self.refused(host, &error),
                Some(JoinOutput::Joined { election }) => return self.joined(host, &election),
            }
        }
        let peer = &mut self.peers[host];
        let Program::Joining(joining) = &peer.program else { return };
        let due = joining.poll_timeout();
        if let Some(at) = Self::arm(due, &mut peer.timer_at, self.clock, self.at) {
            self.queue.push(at, Event::PeerTimer { host, life: peer.life });
        }
    }

    /// Joining failed for good. If the network damages datagrams, its user tries again.
    fn refused(&mut self, host: HostIndex, error: &JoinError) {
        if self.network.traffic().corrupted == 0 {
            return self.violate(format!("peer {host} could not join: {error}"));
        }
        self.note(host, format!("could not join: {error}"));
        self.peers[host].power_off(self.at);
        self.queue.push(self.at + Duration::from_secs(1), Event::Action(Action::Start(host)));
    }

    fn joined(&mut self, host: HostIndex, election: &Election) {
        if *election != *self.scenario.election {
            return self.violate(format!("peer {host} joined another election"));
        }
        self.note(host, "joined".to_owned());
        let peer = &mut self.peers[host];
        peer.plan.joins = false;
        peer.timer_at = None;
        peer.life += 1;
        self.start_node(host);
    }

    fn transmit(
        &mut self,
        from: std::net::SocketAddr,
        to: std::net::SocketAddr,
        bytes: Vec<u8>,
        is_named: bool,
    ) {
        if bytes.len() > protocol::datagram::DATAGRAM_BYTES_MAX {
            return self.violate(format!("{from} sends a datagram of {} bytes", bytes.len()));
        }
        if !is_named && let Err(fault) = self.meter.sent(from, to, &bytes, self.at) {
            return self.violate(fault);
        }
        self.send(from, Parcel { from, to, bytes, is_genuine: true });
    }

    fn perform(&mut self, host: HostIndex, output: Output) {
        let life = self.peers[host].life;
        match output {
            Output::Transmit { to, bytes } => {
                let peer = &self.peers[host];
                let is_named = peer.named_addresses(&self.scenario).contains(&to);
                let address = peer.address;
                self.check_sent_vote(host, &bytes);
                self.transmit(address, to, bytes, is_named);
            }
            Output::Persist(batch) => {
                let number = batch.number;
                match self.peers[host].disk.write(batch, self.at) {
                    Written::DurableAt(at) => {
                        self.queue.push(at, Event::DiskSynced { host, life });
                    }
                    Written::FullAt(at) => {
                        self.queue.push(at, Event::DiskFull { host, life, batch: number });
                    }
                }
            }
            Output::Load(job) => {
                let at = self.at + random::between(&mut self.rng, LOAD_LEAST, LOAD_MOST);
                self.queue.push(at, Event::Loaded { host, life, job });
            }
            Output::Verify(job) => {
                let verdicts: Vec<_> =
                    job.transactions.iter().map(|each| self.verdicts.of(each)).collect();
                let least = CHECK * u32::try_from(verdicts.len()).expect("a job is small");
                let at = self.at + random::between(&mut self.rng, least, least * 4 + CHECK);
                self.queue.push(at, Event::Verified { host, life, job: job.number, verdicts });
            }
            Output::Mine(job) => {
                let Some(mean) = self.peers[host].plan.block_time else {
                    return self.violate(format!("peer {host} does not mine, yet asks for it"));
                };
                self.peers[host].mining = Some(job.number);
                let mean = self.search_time(mean, job.header.difficulty);
                let at = self.at + random::exponential(&mut self.rng, mean);
                self.queue.push(at, Event::Found { host, life, job });
            }
            Output::Sign(to_sign) => self.sign(host, to_sign),
            // The simulated network has no links on which all hear each other.
            Output::Announce { .. } => {}
            Output::StopMining => self.peers[host].mining = None,
            Output::Answered { ticket, outcome } => {
                self.note(host, format!("answered {ticket:?}: {outcome:?}"));
                let outcome = match outcome {
                    Ok(Answer::Accepted { id, .. }) => Ok(id),
                    Err(error) => Err(error),
                    Ok(Answer::Voter(view)) => return self.heard_of_fate(host, ticket, &view),
                    Ok(other) => {
                        return self.violate(format!("a submission is answered by {other:?}"));
                    }
                };
                match self.peers[host].tickets.remove(&ticket) {
                    Some(Submitter::Voter { voter, paper }) => {
                        self.answered(voter, paper, host, &outcome);
                    }
                    Some(Submitter::Test(number)) => {
                        self.outcomes.insert(number, outcome);
                    }
                    Some(Submitter::Asked { .. }) => {}
                    None => self.violate(format!("peer {host} answers an unknown {ticket:?}")),
                }
            }
            Output::Refused { tracker, .. } => {
                self.violate(format!(
                    "peer {host} gives up over {tracker:?}, which serves its election"
                ));
            }
            Output::Event(event) => {
                self.check_event(host, &event);
                if self.keeps_news {
                    self.news.push((self.at, host, event));
                }
            }
            Output::LookUp(name) => unreachable!("nobody gave the name {name}"),
            Output::Left => {
                self.note(host, "left".to_owned());
                let peer = &mut self.peers[host];
                peer.disk.flush();
                peer.power_off(self.at);
            }
        }
    }

    /// How long a search takes on average, at a host that takes `mean` for the least difficulty.
    fn search_time(&self, mean: Duration, difficulty: Difficulty) -> Duration {
        let least = self.scenario.election.difficulty();
        mean.mul_f64(difficulty.attempts() as f64 / least.attempts() as f64)
    }

    pub(crate) fn act(&mut self, action: &Action) {
        match *action {
            Action::Start(host) => {
                self.note(host, "starts".to_owned());
                self.start_peer(host);
            }
            Action::Crash(host) => self.crash(host),
            Action::Leave(host) => {
                self.note(host, "leaves".to_owned());
                self.peers[host].left_at = Some(self.at);
                self.with_node(host, |node, now| node.handle_command(Command::Leave, now));
            }
            Action::CrashAfterAcknowledging(host, pause) => {
                self.peers[host].crash_after_acknowledging = Some(pause);
            }
            Action::CrashWhileSigning(host, pause) => {
                self.peers[host].crash_while_signing = Some(pause);
            }
            Action::Mine(host) => {
                self.note(host, "mines".to_owned());
                self.with_node(host, |node, now| node.handle_command(Command::Mine, now));
            }
            Action::Partition(host, is_on) => {
                self.experiment(host, |_, _, _| Some(Experiment::Partition(is_on)));
            }
            Action::BadBlock(host, rule) => self.experiment(host, |world, _, now| {
                let seed = random::secret(world.at.as_secs(), rule.name(), host as u64);
                let forgery = Forgery::new(rule, &world.scenario.election, seed, now).ok()?;
                Some(Experiment::BadBlock(Box::new(forgery)))
            }),
            Action::Race(host) => self.experiment(host, |world, tip, _| {
                let node = world.peers[host].node()?;
                let block = node.chain().block(&tip).or_else(|| world.peers[host].disk.block(&tip));
                block.map(|block| Experiment::Race(Arc::clone(block)))
            }),
            Action::FillDisk(host) => self.peers[host].disk.fill(),
            Action::DamageDisk(host) => {
                let others = self.peers.iter().enumerate().filter(|(other, _)| *other != host);
                let elsewhere = others.flat_map(|(_, peer)| peer.disk.readable()).collect();
                let damaged = self.peers[host].disk.damage(&elsewhere);
                self.note(host, format!("its disk damages {damaged:?}"));
            }
            Action::FreeDisk(host) => {
                let at = self.peers[host].disk.free(self.at);
                let life = self.peers[host].life;
                self.queue.push(at, Event::DiskSynced { host, life });
            }
            Action::SetClock(host, ms) => {
                self.note(host, format!("its clock is set to {ms:+} ms"));
                self.peers[host].skew = Skew::of(ms);
            }
            Action::DriftClock(host, ppm) => {
                self.note(host, format!("its clock drifts by {ppm:+} ppm"));
                self.peers[host].skew.drift(ppm, self.at);
            }
            Action::StopTracker => {
                self.tracker.registry = None;
                self.tracker.life += 1;
                self.tracker.timer_at = None;
            }
            Action::StartTracker if self.tracker.registry.is_none() => self.start_tracker(),
            Action::StartTracker => {}
        }
    }

    /// Orders an experiment from a laboratory. One that is impossible at the moment is recorded as
    /// such.
    fn experiment(
        &mut self,
        host: HostIndex,
        prepare: impl FnOnce(&Self, BlockHash, UnixMillis) -> Option<Experiment>,
    ) {
        let Some(tip) = self.peers[host].node().map(|node| node.tip().hash) else { return };
        let Some(experiment) = prepare(self, tip, self.peer_now(host).unix) else { return };
        let command = Command::Experiment(experiment);
        let outcome = self.with_node(host, |node, now| node.handle_command(command, now));
        self.note(host, format!("experiment: {outcome:?}"));
    }

    pub(crate) fn crash(&mut self, host: HostIndex) {
        if !self.peers[host].is_up() {
            return;
        }
        self.note(host, "crashes".to_owned());
        self.statistics.crashes += 1;
        let peer = &mut self.peers[host];
        peer.disk.crash(self.at);
        peer.power_off(self.at);
    }

    pub(crate) fn voter_step(&mut self, voter: usize, turn: u32) {
        if self.voters[voter].turn != turn {
            return;
        }
        let now = self.clock.now(self.at, 0).unix;
        let election = std::sync::Arc::clone(&self.scenario.election);
        let step = self.voters[voter].step(&election, now);
        if let Some(pause) = step.again_after {
            self.voter_acts_after(voter, pause);
        }
        for (host, paper, transaction) in step.submissions {
            let submitter = Submitter::Voter { voter, paper };
            if let Some(Err(error)) = self.submit(host, transaction, submitter) {
                self.answered(voter, paper, host, &Err(error));
            }
        }
    }

    fn voter_acts_after(&mut self, voter: usize, pause: Duration) {
        self.voters[voter].turn += 1;
        let turn = self.voters[voter].turn;
        self.queue.push(self.at + pause, Event::VoterStep { voter, turn });
    }

    fn answered(
        &mut self,
        voter: usize,
        paper: Paper,
        host: HostIndex,
        outcome: &Result<protocol::units::TransactionId, node::CommandError>,
    ) {
        let is_full = outcome.as_ref().is_err_and(|error| error.kind() == "pool_full");
        self.statistics.refused_full += u64::from(is_full);
        // Where the peer's clock is wrong, its user votes elsewhere.
        let is_clock =
            outcome.as_ref().is_err_and(|error| error.kind() == "cast_at_far_from_clock");
        if is_clock && self.is_clock_wrong(host) {
            return;
        }
        match self.voters[voter].hear(paper, outcome, host, self.at) {
            Err(fault) => return self.violate(fault),
            Ok(true) => {
                let pause = match self.voters[voter].plan.character {
                    Character::Everywhere
                    | Character::Double
                    | Character::Withdrawn
                    | Character::TwoStamps => SPREADING,
                    Character::Single | Character::Bad(_) => {
                        let most = Duration::from_millis(500);
                        random::between(&mut self.rng, Duration::from_millis(5), most)
                    }
                };
                self.voter_acts_after(voter, pause);
            }
            Ok(false) => {}
        }
        if matches!((paper, outcome), (Paper::Vote(_), Ok(_))) {
            self.statistics.acknowledged += 1;
            if let Some(pause) = self.peers[host].crash_after_acknowledging.take() {
                self.queue.push(self.at, Event::Action(Action::Crash(host)));
                self.queue.push(self.at + pause, Event::Action(Action::Start(host)));
            }
        }
    }
}
