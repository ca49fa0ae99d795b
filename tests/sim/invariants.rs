//! The invariants that must hold in every world. Each is checked whenever something that it depends
//! on may have changed, and once a second besides.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use node::{Answer, Command, Event, LeaveReason, Status};
use protocol::units::{TransactionId, VoterId};
use tracker::registry::Registry;

use crate::host::{Party, Program};
use crate::queue::HostIndex;
use crate::report::{Report, Verdict};
use crate::scenario::{Demands, Scenario};
use crate::world::World;

/// The most neighbours of a peer.
const NEIGHBOURS_MAX: usize = 64;
/// The most bytes that a pool may have above its limit in these worlds. What returns from a branch that lost, and
/// what was acknowledged before a restart, is taken in although the pool is full.
const POOL_RETURNED_BYTES_MAX: usize = 1024 * 1024;
/// The fewest bytes that a transaction in the pool has.
const TRANSACTION_BYTES_MIN: usize = 100;
/// After this time a host that is gone is nobody's neighbour any more, and a host that is up is
/// everybody's. It allows for three heartbeats, a registration and an update of the tracker's list,
/// with room to spare.
pub(crate) const SETTLING: Duration = Duration::from_secs(12);
/// How long a block may take to reach everybody: a hop or two, and a heartbeat if its announcement
/// was lost.
const LAST_BLOCK: Duration = Duration::from_secs(3);
/// A node checks its tables of neighbours, requests and probes once in this number of steps, so that the checks take
/// less time than the steps. It is prime, so that no rhythm of the world hides a step from the checks for good.
const STEPS_PER_SMALL_CHECK: u64 = 7;
/// Its whole chain and pool are checked as well if its tip has moved since, or else once in this number of checks.
const SMALL_CHECKS_PER_WHOLE_CHECK: u64 = 101;
/// How long after it a block may take whose time had to come first by the clocks of all peers, until what it displaced
/// is in blocks again.
const LAST_WAIT: Duration = Duration::from_secs(60);
/// In worlds with more peers than this, not everybody has to know everybody.
const MESH_MAX: usize = 40;

impl World {
    /// Runs a scenario to its end, and checks its outcome.
    #[must_use]
    pub fn run(scenario: Scenario, seed: u64) -> Report {
        Self::run_keeping(scenario, seed, None)
    }

    /// Does the same, but a failure shows this number of the newest events.
    #[must_use]
    pub fn run_keeping(scenario: Scenario, seed: u64, events: Option<usize>) -> Report {
        let ends_at = scenario.ends_at;
        let mut world = Self::new(scenario, seed);
        events.into_iter().for_each(|events| world.trace.keep(events));
        world.run_until(ends_at);
        // A block that was found a moment before the end is still on its way.
        let last = if world.has_waiting_blocks() { LAST_WAIT } else { LAST_BLOCK };
        world.run_until_holds(ends_at + last, |world| world.disagreement().is_none());
        world.finish()
    }

    /// Checks what has to hold at the end.
    #[must_use]
    pub fn finish(mut self) -> Report {
        if self.violation.is_none() {
            self.check_end();
        }
        let partitions = self.scenario.faults.partitions.iter();
        let happened = partitions.filter(|one| !one.is_one_way && one.window.from < self.at);
        self.statistics.partitions = happened.count() as u64;
        let (found, expected) = (self.happened(), self.scenario.demands);
        let verdict = match self.violation.take() {
            Some(violation) => Verdict::Violation(violation),
            None if !meets(found, expected) => Verdict::Idle { found, expected },
            None => Verdict::Pass,
        };
        let excerpt = match &verdict {
            Verdict::Violation(_) => self.trace.excerpt(),
            Verdict::Pass | Verdict::Idle { .. } => String::new(),
        };
        Report {
            name: self.scenario.name,
            seed: self.seed,
            verdict,
            trace_hash: self.trace.hash(),
            events: self.trace.events(),
            statistics: self.statistics,
            traffic: self.network.traffic(),
            excerpt,
        }
    }

    fn happened(&self) -> Demands {
        Demands {
            partitions: self.statistics.partitions,
            crashes: self.statistics.crashes,
            reorganisations: self.statistics.reorganisations,
            votes: self.statistics.votes,
        }
    }

    /// Has a node check its own invariants after a sample of its steps.
    pub(crate) fn check_inside(&mut self, host: HostIndex) {
        let peer = &mut self.peers[host];
        let Program::Node(node) = &peer.program else { return };
        let tip = node.chain().tip();
        peer.steps += 1;
        if !peer.steps.is_multiple_of(STEPS_PER_SMALL_CHECK) {
            return;
        }
        let has_moved = peer.tip_inside.replace(tip) != Some(tip);
        if has_moved
            || (peer.steps / STEPS_PER_SMALL_CHECK).is_multiple_of(SMALL_CHECKS_PER_WHOLE_CHECK)
        {
            node.check_invariants();
        } else {
            node.check_small_invariants();
        }
    }

    /// The same for the tracker's registry.
    pub(crate) fn check_tracker_inside(&self) {
        self.tracker.registry.iter().for_each(Registry::check_invariants);
    }

    /// Checks a peer's chain after its tip may have moved: the reference must accept it and count
    /// the same.
    pub(crate) fn check_tip(&mut self, host: HostIndex) {
        let Some(node) = self.peers[host].node() else { return };
        let chain = node.chain();
        let tip = chain.tip();
        let earlier = self.peers[host].tip;
        if earlier == Some(tip) {
            return;
        }
        let disk = &self.peers[host].disk;
        let fault = match self.reference.count(chain, disk, tip.hash, &mut self.verdicts) {
            Err(fault) => Some(fault),
            Ok(count) if count.work != tip.work.0 => {
                Some(format!("it says that its work is {}, not {}", tip.work, count.work))
            }
            Ok(count) if !count.agrees_with(chain.tally()) => {
                Some(format!("its tally is {:?}, the chain's is {count:?}", chain.tally()))
            }
            Ok(count) if count.registrations.len() != chain.registered_voters() => {
                let found = chain.registered_voters();
                Some(format!("it counts {found} voters, not {}", count.registrations.len()))
            }
            Ok(count) if count.withdrawn.len() as u64 != chain.admissions().withdrawn => {
                Some(format!("it counts {:?}, of {count:?}", chain.admissions()))
            }
            Ok(_)
                if earlier.is_some_and(|it| {
                    it.work > tip.work
                        && !self.is_early(host, &it.hash)
                        && !self.is_overruled(host, &it.hash)
                }) =>
            {
                Some(format!("its work fell from {earlier:?} to {tip:?}"))
            }
            Ok(_) => None,
        };
        let is_reorganisation =
            earlier.is_some_and(|earlier| !chain.is_on_best_chain(&earlier.hash));
        let (height, hash) = (chain.tip_header().height, tip.hash);
        self.statistics.reorganisations += u64::from(is_reorganisation);
        self.statistics.blocks = self.statistics.blocks.max(height.0);
        (self.peers[host].tip, self.peers[host].tip_since) = (Some(tip), self.at);
        self.note_seen(host);
        self.note(host, format!("tip {height} {hash}"));
        if let Some(fault) = fault {
            self.violate(format!("peer {host} at height {height}: {fault}"));
        }
    }

    pub(crate) fn check_event(&mut self, host: HostIndex, event: &Event) {
        self.note(host, format!("{event:?}"));
        match event {
            Event::NeighbourJoined { address } => {
                self.peers[host].met.insert(*address, self.at);
            }
            Event::NeighbourLeft { address, reason, .. } => {
                self.peers[host].met.remove(address);
                self.check_leave(host, *address, *reason);
            }
            Event::InvalidBlock { reason, .. } if self.all_are_honest() => {
                self.violate(format!("peer {host} found an honest block invalid: {reason}"));
            }
            Event::TrackerRefused { .. } if self.network.traffic().corrupted == 0 => {
                self.violate(format!("peer {host} refused the tracker of its election"));
            }
            _ => {}
        }
    }

    fn all_are_honest(&self) -> bool {
        self.liars.is_empty()
            && self.rivals.is_empty()
            && !self.peers.iter().any(|peer| peer.plan.is_laboratory)
    }

    fn check_leave(&mut self, host: HostIndex, address: SocketAddr, reason: LeaveReason) {
        let Some(Party::Peer(other)) = self.parties.get(&address).copied() else { return };
        let peer = &self.peers[other];
        let calm_from = self.scenario.faults.calm_from;
        let is_there = peer.is_up() && self.at > peer.up_since + SETTLING;
        let fault = match reason {
            LeaveReason::Left if peer.left_at.is_none() && is_there => "which never left",
            LeaveReason::Banned(_) => "which is honest",
            LeaveReason::MetInside(_) => "and nobody is behind a router",
            LeaveReason::Missed(3) if is_there && self.at > calm_from.saturating_add(SETTLING) => {
                "which is there"
            }
            LeaveReason::Missed(3) | LeaveReason::Left => return,
            LeaveReason::Missed(_) => "too early or too late",
        };
        self.violate(format!("peer {host} dropped peer {other}, {fault}: {reason:?}"));
    }

    /// Checks that a peer still knows what it acknowledged, on its best chain or in its pool.
    pub(crate) fn check_acknowledged_at(&mut self, host: HostIndex) {
        let expected: Vec<_> = self
            .voters
            .iter()
            .filter(|voter| voter.signed_one_vote())
            .filter_map(|voter| {
                let here = voter.acknowledgements.iter().find(|known| known.host == host)?;
                Some((voter.id, here.vote))
            })
            .collect();
        for (voter, vote) in expected {
            let Some(node) = self.peers[host].node() else { return };
            let known = self.vote_on_chain(host, &voter);
            let known = known.or_else(|| node.pool().vote(&voter).map(|vote| vote.id()));
            if known != Some(vote) {
                return self.violate(format!(
                    "peer {host} acknowledged vote {vote} of {voter} and now knows {known:?}"
                ));
            }
        }
    }

    /// The vote of a voter on a peer's best chain. It is read from the peer's disk if it is not in
    /// memory.
    pub(crate) fn vote_on_chain(&self, host: HostIndex, voter: &VoterId) -> Option<TransactionId> {
        let peer = &self.peers[host];
        let chain = peer.node()?.chain();
        let place = chain.voter(voter)?.vote?;
        let hash = chain.best_hash(place.height)?;
        let block = chain.block(&hash).or_else(|| peer.disk.block(&hash))?;
        block.transactions.get(place.index as usize).map(|vote| vote.id())
    }

    pub(crate) fn ask(
        &mut self,
        host: HostIndex,
        command: Command,
    ) -> Option<Result<Answer, node::CommandError>> {
        let now = self.peer_now(host);
        self.peers[host].node_mut().map(|node| node.handle_command(command, now))
    }

    /// A peer's status, if it is up.
    pub fn status(&mut self, host: HostIndex) -> Option<Status> {
        match self.ask(host, Command::Status)? {
            Ok(Answer::Status(status)) => Some(*status),
            _ => None,
        }
    }

    /// Addresses of a peer's neighbours.
    pub fn neighbours(&mut self, host: HostIndex) -> BTreeSet<SocketAddr> {
        match self.ask(host, Command::Peers) {
            Some(Ok(Answer::Peers(views))) => views.iter().map(|view| view.address).collect(),
            _ => BTreeSet::new(),
        }
    }

    pub(crate) fn sweep(&mut self) {
        for host in 0..self.peers.len() {
            self.check_acknowledged_at(host);
            let Some(status) = self.status(host) else { continue };
            self.check_holders(host, &status);
            self.check_finality(host, &status);
            if status.neighbours > NEIGHBOURS_MAX {
                self.violate(format!("peer {host} has {} neighbours", status.neighbours));
            }
            let (limits, restored) = (self.scenario.limits, self.peers[host].restored);
            if status.held > limits.held_max + restored {
                self.violate(format!("peer {host} holds {} votes", status.held));
            }
            let pool_bytes_max = limits.pool_bytes_max + POOL_RETURNED_BYTES_MAX;
            if status.pool > pool_bytes_max / TRANSACTION_BYTES_MIN + restored {
                self.violate(format!("peer {host} holds {} in its pool", status.pool));
            }
        }
        self.note_counted();
        if self.disagreement().is_some() {
            self.statistics.agreed_at = self.at;
        }
    }

    /// Describes two running peers that do not agree, or one whose pool is not empty.
    pub fn disagreement(&mut self) -> Option<String> {
        let mut first: Option<(HostIndex, node::Tip)> = None;
        for host in 0..self.peers.len() {
            if let Program::Joining(_) = &self.peers[host].program {
                return Some(format!("peer {host} still joins"));
            }
            let Some(status) = self.status(host) else { continue };
            if status.pool > 0 && self.scenario.election.times.is_none() {
                return Some(format!("the pool of peer {host} holds {}", status.pool));
            }
            match first {
                Some((other, tip)) if tip != status.tip => {
                    let found = status.tip;
                    return Some(format!("peer {other} is at {tip:?}, peer {host} at {found:?}"));
                }
                _ => first = Some((host, status.tip)),
            }
        }
        None
    }

    fn check_end(&mut self) {
        if let Some(fault) = self.disagreement() {
            return self.violate(format!("at the end {fault}"));
        }
        if self.scenario.election.times.is_some() {
            self.check_final_at_end();
        } else {
            self.check_votes_at_end();
        }
        self.check_voters_at_end();
        self.check_neighbours_at_end();
        self.check_tracker_at_end();
    }

    /// Nothing is ever final in an untimed election, so all that was acknowledged is on the best chain.
    fn check_votes_at_end(&mut self) {
        let mut acknowledged: Vec<(VoterId, TransactionId)> = Vec::new();
        for voter in self.voters.iter().filter(|voter| voter.may_lose_to_withdrawal_alone()) {
            acknowledged.extend(voter.acknowledgements.iter().map(|known| (voter.id, known.vote)));
        }
        let running = self.peers.iter().find_map(|peer| Some((peer.node()?, &peer.disk)));
        if let Some((node, disk)) = running {
            let chain = node.chain();
            let tip = chain.tip().hash;
            let count = self.reference.count(chain, disk, tip, &mut self.verdicts);
            let Ok(count) = count else { return };
            self.statistics.votes = count.votes.len() as u64;
            let lost = acknowledged.iter().find(|(voter, vote)| {
                count.votes.get(voter) != Some(vote) && !count.withdrawn.contains(voter)
            });
            self.check_counted_at_end(&count);
            if let Some((voter, vote)) = lost {
                self.violate(format!(
                    "the acknowledged vote {vote} of {voter} is not on the best chain at the end"
                ));
            }
        }
    }

    /// Checks that everybody who wanted to vote was able to.
    fn check_voters_at_end(&mut self) {
        let late = self.voters.iter().position(|voter| {
            voter.signed_one_vote() && voter.plan.starts_at < self.at && !voter.is_done()
        });
        if let Some(voter) = late {
            self.violate(format!("voter {voter} could not vote: {:?}", self.voters[voter].plan));
        }
    }

    fn check_neighbours_at_end(&mut self) {
        let up: Vec<HostIndex> =
            (0..self.peers.len()).filter(|&host| self.settled(host) == Some(true)).collect();
        let gone: Vec<HostIndex> =
            (0..self.peers.len()).filter(|&host| self.settled(host) == Some(false)).collect();
        for &host in &up {
            let neighbours = self.neighbours(host);
            for &other in &gone {
                if neighbours.contains(&self.peers[other].address) {
                    self.violate(format!("peer {host} still has peer {other}, which is gone"));
                }
            }
            let lacks = |other: &&HostIndex| {
                **other != host && !neighbours.contains(&self.peers[**other].address)
            };
            if up.len() <= MESH_MAX
                && let Some(other) = up.iter().find(lacks)
            {
                self.violate(format!("peer {host} does not have peer {other} as neighbour"));
            }
        }
    }

    fn check_tracker_at_end(&mut self) {
        let Some(registry) = &self.tracker.registry else { return };
        if self.at < self.tracker.up_since + SETTLING {
            return;
        }
        let wrong = (0..self.peers.len()).filter(|&host| self.peers[host].plan.uses_tracker).find(
            |&host| {
                let listed = registry.is_listed(self.peers[host].address);
                self.settled(host).is_some_and(|is_up| is_up != listed)
            },
        );
        if let Some(host) = wrong {
            self.violate(format!("the tracker is wrong about whether peer {host} is there"));
        }
    }

    /// Whether a host is up, if it has been up or down long enough for all others to know.
    pub(crate) fn settled(&self, host: HostIndex) -> Option<bool> {
        let peer = &self.peers[host];
        let since = if peer.is_up() { peer.up_since } else { peer.down_since };
        (self.at >= since + SETTLING).then(|| peer.is_up())
    }
}

fn meets(found: Demands, expected: Demands) -> bool {
    found.partitions >= expected.partitions
        && found.crashes >= expected.crashes
        && found.reorganisations >= expected.reorganisations
        && found.votes >= expected.votes
}
