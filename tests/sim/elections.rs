//! Makes up elections with validators from a seed: less than a third of them are traitors, others crash, and the
//! network falls apart and heals, while rivals with nearly half of the hash rate mine against everybody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use node::OwnValidator;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::adversary::{RivalPlan, Times, TraitorPlan, Treason};
use crate::faults::{FaultPlan, Partition, Quality, Window};
use crate::queue::HostIndex;
use crate::scenario::{Action, Demands, PeerPlan, Scenario};
use crate::voters::{Character, VoterPlan};
use crate::{forge, random};

/// The block interval of all these elections, the least with validators.
pub const INTERVAL: Duration = Duration::from_secs(2);
/// When an election opens. Validators sign 12 intervals before that, so that they are all there before they may.
pub const OPENS: Duration = Duration::from_secs(36);
/// From when on something may crash: each validator has written by then that it may sign.
const FIRST_FAULT: Duration = Duration::from_secs(15);
/// How long after all faults an election is final at the latest: an interval or two for the last blocks, and the
/// heartbeats and questions by which peers find each other and what they missed.
const CALM: Duration = Duration::from_secs(50);
/// How many blocks of the least difficulty all honest peers find in an interval, at the least.
const RATE_LEAST: f64 = 0.8;
const RATE_MOST: f64 = 3.0;
/// A rival's share of the whole hash rate.
const RIVAL_SHARE: f64 = 0.45;

/// An election of validators at the first peers, from which others follow, in a network without faults.
#[must_use]
pub fn quiet(seed: u64, validators: u16, others: usize, open: Window) -> Scenario {
    let peers = usize::from(validators) + others;
    let mut scenario = Scenario::quiet("election", seed, peers, open.until + CALM);
    let roster = forge::roster(seed, validators);
    scenario.election = Arc::new(forge::timed_election(seed, 6, 2, open, roster));
    for (place, peer) in (0..validators).zip(&mut scenario.peers) {
        peer.validator = Some(OwnValidator { place, trusts_empty_store: false });
    }
    share_hash_rate(&mut scenario, 1.0);
    scenario
}

/// Lets all peers mine alike, so that together they find this number of blocks of the least difficulty in an interval.
pub fn share_hash_rate(scenario: &mut Scenario, rate: f64) {
    let miners = scenario.peers.len() as f64;
    for peer in &mut scenario.peers {
        peer.block_time = Some(INTERVAL.mul_f64(miners / rate));
    }
}

/// Makes up a world with an election.
#[must_use]
pub fn scenario(seed: u64) -> Scenario {
    Maker::new(seed).scenario()
}

struct Maker {
    rng: ChaCha8Rng,
    scenario: Scenario,
    open: Window,
    calm_from: Duration,
    rate: f64,
}

impl Maker {
    fn new(seed: u64) -> Self {
        let mut rng = random::stream(seed, "elections");
        let validators: u16 = if rng.random_bool(0.7) { 4 } else { 7 };
        let traitors = rng.random_range(0..=(validators - 1) / 3);
        let others = rng.random_range(1..=3);
        let closes = random::between(&mut rng, OPENS + INTERVAL * 15, OPENS + INTERVAL * 35);
        let open = Window { from: OPENS, until: closes };
        // Half of the elections are whole again in time, the others are not even when they close.
        let vote_by = closes - INTERVAL * 12;
        let calm_from = match rng.random_bool(0.3) {
            true => vote_by.saturating_sub(Duration::from_secs(13)),
            false => random::between(&mut rng, closes, closes + Duration::from_secs(20)),
        };
        let mut scenario = quiet(seed, validators, others, open);
        // The first ones stay honest: they are on two sides of partitions.
        for place in validators - traitors..validators {
            let active = Window { from: Duration::from_secs(1), until: scenario.ends_at };
            let mut treasons = Treason::ALL.to_vec();
            treasons.shuffle(&mut rng);
            treasons.truncate(rng.random_range(1..=treasons.len()));
            scenario.traitors.push(TraitorPlan { active, place, treasons });
        }
        let honest = usize::from(validators - traitors);
        scenario.peers.drain(honest..usize::from(validators));
        scenario.ends_at = calm_from.max(closes) + CALM;
        scenario.name = "elections";
        scenario.demands = Demands { votes: 1, ..Demands::default() };
        let rate = rng.random_range(RATE_LEAST..RATE_MOST);
        share_hash_rate(&mut scenario, rate);
        Self { rng, scenario, open, calm_from, rate }
    }

    fn scenario(mut self) -> Scenario {
        self.make_network();
        self.make_peers();
        let mut start = FIRST_FAULT;
        while start + Duration::from_secs(10) < self.calm_from {
            self.make_round(start);
            start += self.seconds(15.0, 30.0);
        }
        self.make_clocks();
        self.make_voters();
        if self.rng.random_bool(0.5) {
            self.make_rival();
        }
        self.scenario
    }

    fn seconds(&mut self, least: f64, most: f64) -> Duration {
        Duration::from_secs_f64(self.rng.random_range(least..most))
    }

    fn make_network(&mut self) {
        let usual = Quality {
            loss: self.rng.random_range(0.0..0.2),
            duplication: self.rng.random_range(0.0..0.05),
            corruption: if self.rng.random_bool(0.3) { 0.002 } else { 0.0 },
            delay: self.seconds(0.005, 0.05),
            jitter: self.seconds(0.0, 0.1),
        };
        self.scenario.faults = FaultPlan { calm_from: self.calm_from, ..FaultPlan::of(usual) };
    }

    fn make_peers(&mut self) {
        for host in 0..self.scenario.peers.len() {
            let is_validator = self.scenario.peers[host].validator.is_some();
            let is_late = !is_validator && self.rng.random_bool(0.3);
            let starts_at = match is_late {
                true => self.seconds(20.0, 50.0),
                false => self.seconds(0.0, 3.0),
            };
            let skew_ms = self.rng.random_range(-900..900);
            let resident_bytes_max = [0, 2_000, 200_000][host % 3];
            let peer = &mut self.scenario.peers[host];
            *peer = PeerPlan { starts_at, skew_ms, resident_bytes_max, ..peer.clone() };
            peer.joins = self.rng.random_bool(0.2);
        }
    }

    /// A partition, a crash, and sometimes more of both.
    fn make_round(&mut self, start: Duration) {
        let latest = self.calm_from - Duration::from_millis(500);
        let crashes = self.rng.random_range(0..3);
        for _ in 0..crashes {
            let host = self.rng.random_range(0..self.scenario.peers.len());
            let at = (start + self.seconds(0.0, 12.0)).min(latest);
            let pause = if self.rng.random_bool(0.5) {
                self.seconds(0.05, 1.0)
            } else {
                self.seconds(1.0, 20.0)
            };
            self.scenario.actions.push((at, Action::Crash(host)));
            self.scenario.actions.push(((at + pause).min(latest), Action::Start(host)));
        }
        if self.rng.random_bool(0.6) {
            let from = start + self.seconds(0.0, 8.0);
            let window = Window { from, until: from + self.seconds(3.0, 20.0) };
            self.partition(window);
        }
        if self.rng.random_bool(0.3) {
            let from = start + self.seconds(0.0, 8.0);
            let usual = self.scenario.faults.usual;
            let quality = Quality {
                loss: self.rng.random_range(0.0..0.4),
                delay: self.seconds(0.005, 0.3),
                jitter: self.seconds(0.0, 0.5),
                ..usual
            };
            let window = Window { from, until: from + self.seconds(2.0, 10.0) };
            self.scenario.faults.spells.push((window, quality));
        }
    }

    /// Two islands of honest peers; traitors and rivals are on either.
    fn partition(&mut self, window: Window) {
        let mut hosts: Vec<HostIndex> = (0..self.scenario.peers.len()).collect();
        hosts.shuffle(&mut self.rng);
        let cut = self.rng.random_range(1..hosts.len());
        let mut there: Vec<_> =
            hosts[..cut].iter().map(|host| self.scenario.peer_address(*host)).collect();
        for traitor in 0..self.scenario.traitors.len() {
            if self.rng.random_bool(0.5) {
                there.push(self.scenario.traitor_address(traitor));
            }
        }
        let islands: BTreeMap<_, _> = there.into_iter().map(|address| (address, 1)).collect();
        let is_one_way = self.rng.random_bool(0.2);
        self.scenario.faults.partitions.push(Partition { window, islands, is_one_way });
    }

    /// The clock of one host jumps or drifts for a while.
    fn make_clocks(&mut self) {
        if self.calm_from < FIRST_FAULT * 2 || self.rng.random_bool(0.5) {
            return;
        }
        let host = self.rng.random_range(0..self.scenario.peers.len());
        let usual = self.scenario.peers[host].skew_ms;
        let at = random::between(&mut self.rng, FIRST_FAULT, self.calm_from - FIRST_FAULT);
        let wrong = match self.rng.random_bool(0.5) {
            true => Action::SetClock(host, self.rng.random_range(-120_000..120_000)),
            false => Action::DriftClock(host, self.rng.random_range(-200_000..200_000)),
        };
        let mended = random::between(&mut self.rng, at, self.calm_from);
        self.scenario.actions.push((at, wrong));
        self.scenario.actions.push((mended, Action::SetClock(host, usual)));
    }

    fn make_voters(&mut self) {
        let all: Vec<HostIndex> = (0..self.scenario.peers.len()).collect();
        let count = self.rng.random_range(8..24);
        for _ in 0..count {
            let starts_at = random::between(&mut self.rng, OPENS / 2, self.open.until + INTERVAL);
            let character = match self.rng.random_range(0..10) {
                0..=6 => Character::Single,
                7..=8 => Character::Everywhere,
                _ => Character::Double,
            };
            let mut hosts = all.clone();
            hosts.shuffle(&mut self.rng);
            hosts.truncate(3);
            self.scenario.voters.push(VoterPlan { starts_at, hosts, character });
        }
    }

    /// One host with nearly half of the hash rate, which shows its branch a few times, in the middle and after the
    /// close.
    fn make_rival(&mut self) {
        let rate = self.rate * RIVAL_SHARE / (1.0 - RIVAL_SHARE);
        let mut publishes: Vec<Duration> = (0..self.rng.random_range(1..=4))
            .map(|_| random::between(&mut self.rng, OPENS, self.open.until))
            .collect();
        publishes.push(self.open.until + self.seconds(1.0, 25.0));
        publishes.sort_unstable();
        let times = match self.rng.random_range(0..3) {
            0 => Times::True,
            1 => Times::Back,
            _ => Times::Ahead(INTERVAL * 3 - Duration::from_millis(1_500)),
        };
        let active = Window { from: Duration::from_secs(12), until: self.scenario.ends_at };
        let block_time = INTERVAL.mul_f64(1.0 / rate);
        self.scenario.rivals.push(RivalPlan { active, block_time, publishes, times });
    }
}
