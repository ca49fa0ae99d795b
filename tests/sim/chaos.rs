//! Makes up scenarios from a seed, so that every world contains a mixture of everything that can go
//! wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chain::rules::Rules;
use node::Record;
use protocol::admission::AdmissionRule;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::adversary::{LiarPlan, StrangerPlan, Trick};
use crate::faults::{FaultPlan, Partition, Quality, Window};
use crate::queue::HostIndex;
use crate::scenario::{Action, Demands, PeerPlan, Scenario};
use crate::voters::{Badness, Character, VoterPlan};
use crate::{forge, random};

/// The time from the end of all faults to the moment at which all peers have to agree: ten block
/// intervals of the slowest world, plus the time in which peers find each other again.
const CALM: Duration = Duration::from_secs(70);
/// The time between two rounds of faults.
const ROUND: Duration = Duration::from_secs(55);
/// All clocks are right again by this time before the calm, so that mining begins everywhere.
const MENDED_BEFORE: Duration = Duration::from_secs(5);
/// No voter starts later than this before the calm, so that the last one is finished by then.
const LAST_VOTER: Duration = Duration::from_secs(15);

/// Makes up a world that lasts this number of virtual minutes (at least two).
#[must_use]
pub fn scenario(seed: u64, minutes: u64) -> Scenario {
    let rng = random::stream(seed, "chaos");
    Chaos::new(seed, rng, Duration::from_secs(60 * minutes.max(2))).scenario()
}

struct Chaos {
    rng: ChaCha8Rng,
    scenario: Scenario,
    calm_from: Duration,
}

impl Chaos {
    fn new(seed: u64, mut rng: ChaCha8Rng, ends_at: Duration) -> Self {
        let count = rng.random_range(5..=20);
        let difficulty_bits = rng.random_range(6..=8);
        let is_ipv6 = rng.random_bool(0.3);
        let mut scenario = Scenario::quiet("chaos", seed, count, ends_at);
        scenario.election = Arc::new(match rng.random_bool(0.3) {
            true => forge::election_by_registrars(seed, difficulty_bits),
            false => forge::election(seed, difficulty_bits),
        });
        scenario.is_ipv6 = is_ipv6;
        scenario.rules = Rules::ALL;
        scenario.demands = Demands { partitions: 1, crashes: 1, reorganisations: 1, votes: 20 };
        Self { rng, scenario, calm_from: ends_at - CALM }
    }

    fn scenario(mut self) -> Scenario {
        self.make_network();
        self.make_peers();
        if self.rng.random_bool(0.25) {
            self.make_past();
        }
        let mut start = Duration::from_secs(12);
        while start + ROUND <= self.calm_from {
            self.make_round(start);
            start += ROUND;
        }
        self.make_clocks();
        self.make_voters();
        self.make_adversaries();
        self.scenario
    }

    fn seconds(&mut self, least: f64, most: f64) -> Duration {
        Duration::from_secs_f64(self.rng.random_range(least..most))
    }

    fn make_network(&mut self) {
        let usual = Quality {
            loss: self.rng.random_range(0.0..0.3),
            duplication: self.rng.random_range(0.0..0.05),
            corruption: if self.rng.random_bool(0.5) { 0.002 } else { 0.0 },
            delay: self.seconds(0.005, 0.08),
            jitter: self.seconds(0.0, 0.2),
        };
        self.scenario.faults = FaultPlan { calm_from: self.calm_from, ..FaultPlan::of(usual) };
    }

    fn make_peers(&mut self) {
        let count = self.scenario.peers.len();
        let interval = self.seconds(1.0, 5.0);
        let miners = self.rng.random_range(count.div_ceil(2)..=count);
        for host in 0..count {
            let is_late = host > 3 && self.rng.random_bool(0.2);
            let starts_at = match is_late {
                true => self.seconds(15.0, 60.0),
                false => self.seconds(0.0, 3.0),
            };
            let share = self.rng.random_range(0.6..1.6);
            // The first two hosts are on different sides of every partition, and mine fast enough
            // to find blocks during it.
            let block_time = match host {
                0 | 1 => interval.mul_f64(1.5),
                _ => interval.mul_f64(miners as f64 * share),
            };
            let uses_tracker = host < 2 || self.rng.random_bool(0.9);
            let knows_one = !uses_tracker || self.rng.random_bool(0.2);
            self.scenario.peers[host] = PeerPlan {
                joins: uses_tracker && self.rng.random_bool(0.3),
                uses_tracker,
                neighbours: if knows_one { vec![(host + 1) % count] } else { vec![] },
                block_time: (host < miners).then_some(block_time),
                skew_ms: self.rng.random_range(-8_000..8_000),
                resident_bytes_max: [0, 2_000, 200_000][host % 3],
                ..PeerPlan::new(starts_at)
            };
        }
    }

    /// Some peers have a chain already, with blocks of many pieces, which the others have to fetch.
    fn make_past(&mut self) {
        let (length, full, voters) = (self.rng.random_range(50..400), 8, 40);
        let blocks = forge::chain(&self.scenario.election, length, full, voters);
        let records: Vec<_> =
            blocks.into_iter().map(|block| Record::Block(Arc::new(block))).collect();
        for host in 0..self.rng.random_range(1..4) {
            self.scenario.peers[host].records.clone_from(&records);
        }
        self.scenario.demands.votes += full * voters;
    }

    /// A partition with votes on both sides, a crash, and one more fault.
    fn make_round(&mut self, start: Duration) {
        let from = start + self.seconds(0.0, 10.0);
        let window = Window { from, until: from + self.seconds(16.0, 32.0) };
        let (here, there) = self.partition(window);
        for side in [here, there] {
            for _ in 0..2 {
                let starts_at = window.from + self.seconds(0.5, 4.0);
                let hosts = self.some_of(&side, 2);
                let character = Character::Single;
                self.scenario.voters.push(VoterPlan { starts_at, hosts, character });
            }
        }
        let count = self.scenario.peers.len();
        let host = self.rng.random_range(0..count);
        let at = start + self.seconds(5.0, 40.0);
        let pause = self.seconds(0.05, 12.0);
        self.scenario.actions.push((at, Action::Crash(host)));
        self.scenario.actions.push((at + pause, Action::Start(host)));
        self.make_mishap(start);
        self.make_deaf(start);
        let (from, lasts) = (start + self.seconds(0.0, 30.0), self.seconds(3.0, 20.0));
        let usual = self.scenario.faults.usual;
        let quality = Quality {
            loss: self.rng.random_range(0.0..0.3),
            delay: self.seconds(0.005, 0.4),
            jitter: self.seconds(0.0, 0.5),
            ..usual
        };
        self.scenario.faults.spells.push((Window { from, until: from + lasts }, quality));
    }

    fn make_mishap(&mut self, start: Duration) {
        let host = self.rng.random_range(0..self.scenario.peers.len());
        let (at, pause) = (start + self.seconds(0.0, 30.0), self.seconds(2.0, 10.0));
        let pair = match self.rng.random_range(0..7) {
            0 => [Action::StopTracker, Action::StartTracker],
            1 => [Action::Leave(host), Action::Start(host)],
            2 => [Action::FillDisk(host), Action::FreeDisk(host)],
            3 => {
                let crash = Action::CrashAfterAcknowledging(host, pause);
                return self.scenario.actions.push((at, crash));
            }
            4 => return self.make_blackout(at),
            5 => [Action::DamageDisk(host), Action::DamageDisk(host)],
            _ => [Action::Mine(host), Action::Mine(host)],
        };
        let [first, second] = pair;
        self.scenario.actions.push((at, first));
        self.scenario.actions.push((at + pause, second));
    }

    /// The power fails everywhere.
    fn make_blackout(&mut self, at: Duration) {
        self.scenario.actions.push((at, Action::StopTracker));
        let pause = self.seconds(0.1, 3.0);
        self.scenario.actions.push((at + pause, Action::StartTracker));
        for host in 0..self.scenario.peers.len() {
            let pause = self.seconds(0.1, 3.0);
            self.scenario.actions.push((at, Action::Crash(host)));
            self.scenario.actions.push((at + pause, Action::Start(host)));
        }
    }

    /// The clocks of a few hosts are off from the start, are mended, jump, drift, and are mended again. Those of the
    /// first two hosts are right, so that somebody mines at any time.
    fn make_clocks(&mut self) {
        let mut hosts: Vec<_> = (2..self.scenario.peers.len()).collect();
        hosts.shuffle(&mut self.rng);
        hosts.truncate(hosts.len().div_ceil(4));
        for host in hosts {
            let usual = self.scenario.peers[host].skew_ms;
            self.scenario.peers[host].skew_ms = self.wrong_clock();
            let drift_ppm = self.rng.random_range(50_000..300_000);
            let drift_ppm = if self.rng.random_bool(0.5) { drift_ppm } else { -drift_ppm };
            let jump = self.wrong_clock();
            let changes = [
                Action::SetClock(host, usual),
                Action::SetClock(host, jump),
                Action::SetClock(host, usual),
                Action::DriftClock(host, drift_ppm),
                Action::SetClock(host, usual),
            ];
            let span =
                (self.calm_from - MENDED_BEFORE) / u32::try_from(changes.len()).expect("few");
            let mut at = Duration::ZERO;
            for change in changes {
                let pause = random::between(&mut self.rng, span / 3, span);
                at += pause;
                self.scenario.actions.push((at, change));
            }
        }
    }

    /// By how much somebody's clock is wrong: mostly by minutes, sometimes by hours.
    fn wrong_clock(&mut self) -> i64 {
        let ms = match self.rng.random_range(0..10) {
            0 => self.rng.random_range(2 * 3_600_000..48 * 3_600_000),
            1..=4 => self.rng.random_range(31_000..120_000),
            _ => self.rng.random_range(120_000..500_000),
        };
        if self.rng.random_bool(0.5) { ms } else { -ms }
    }

    /// For a while one host receives nothing, or nobody receives anything from it.
    fn make_deaf(&mut self, start: Duration) {
        let host = self.rng.random_range(0..self.scenario.peers.len());
        let from = start + self.seconds(0.0, 40.0);
        let window = Window { from, until: from + self.seconds(1.0, 12.0) };
        let host_is_heard = self.rng.random_bool(0.5);
        let hosts = 0..self.scenario.peers.len();
        let others = hosts.filter(|other| (*other == host) != host_is_heard);
        let islands = others.map(|other| (self.scenario.peer_address(other), 1)).collect();
        let partition = Partition { window, islands, is_one_way: true };
        self.scenario.faults.partitions.push(partition);
    }

    /// Splits the hosts into two groups, with a miner in each.
    fn partition(&mut self, window: Window) -> (Vec<HostIndex>, Vec<HostIndex>) {
        let mut others: Vec<_> = (2..self.scenario.peers.len()).collect();
        others.shuffle(&mut self.rng);
        let quarter = others.len().div_ceil(4);
        let cut = self.rng.random_range(quarter..=others.len() - quarter);
        let (mut here, mut there) = (vec![0], vec![1]);
        here.extend(&others[..cut]);
        there.extend(&others[cut..]);
        let mut islands: BTreeMap<_, _> =
            there.iter().map(|&host| (self.scenario.peer_address(host), 1)).collect();
        if self.rng.random_bool(0.5) {
            islands.insert(self.scenario.tracker_address(), 1);
        }
        let partition = Partition { window, islands, is_one_way: false };
        self.scenario.faults.partitions.push(partition);
        (here, there)
    }

    fn some_of(&mut self, hosts: &[HostIndex], most: usize) -> Vec<HostIndex> {
        let mut chosen = hosts.to_vec();
        chosen.shuffle(&mut self.rng);
        chosen.truncate(most);
        chosen
    }

    fn make_voters(&mut self) {
        let all: Vec<_> = (0..self.scenario.peers.len()).collect();
        let last = self.calm_from - LAST_VOTER;
        let count = 20 + last.as_secs() / 6;
        let rush = random::between(&mut self.rng, Duration::from_secs(5), last / 2);
        let rushing = self.rng.random_range(0..60);
        let here: &[Badness] = match self.scenario.election.admission {
            AdmissionRule::Open { .. } => &Badness::OPENLY,
            AdmissionRule::Registrars { .. } => &Badness::BY_REGISTRARS,
        };
        let rival = match self.scenario.election.admission {
            AdmissionRule::Open { .. } => Character::Double,
            AdmissionRule::Registrars { .. } => Character::Withdrawn,
        };
        let badnesses = [&Badness::ANYWHERE[..], here].concat();
        for number in 0..count + rushing {
            let starts_at = match number < count {
                true => random::between(&mut self.rng, Duration::from_secs(5), last),
                false => rush + self.seconds(0.0, 2.0),
            };
            let character = match self.rng.random_range(0..20) {
                0..=10 => Character::Single,
                11..=13 => Character::Everywhere,
                14..=15 => Character::Double,
                16 => rival,
                17 => Character::TwoStamps,
                _ => {
                    let badness = random::pick(&mut self.rng, &badnesses).copied();
                    Character::Bad(badness.unwrap_or(Badness::HighS))
                }
            };
            let hosts = self.some_of(&all, 4);
            self.scenario.voters.push(VoterPlan { starts_at, hosts, character });
        }
    }

    fn make_adversaries(&mut self) {
        let active = Window { from: Duration::from_secs(4), until: self.calm_from };
        let is_hostile = self.rng.random_bool(0.2);
        let gap = if is_hostile { self.seconds(0.02, 0.05) } else { self.seconds(0.1, 0.5) };
        let victims = (0..2).map(|victim| self.scenario.victim_address(victim)).collect();
        self.scenario.strangers.push(StrangerPlan { active, gap, victims });
        let liars = if is_hostile { 3 } else { self.rng.random_range(0..=2) };
        for _ in 0..liars {
            let mut tricks = Trick::ALL.to_vec();
            tricks.shuffle(&mut self.rng);
            let gap = if is_hostile { self.seconds(2.0, 5.0) } else { self.seconds(5.0, 15.0) };
            if !is_hostile {
                tricks.truncate(self.rng.random_range(2..=5));
            }
            self.scenario.liars.push(LiarPlan { active, tricks, gap });
        }
    }
}

/// A peer that joins a chain of large blocks over a lossy network.
#[must_use]
pub fn long_sync(seed: u64) -> Scenario {
    let mut scenario = Scenario::quiet("long sync", seed, 2, Duration::from_secs(60));
    let blocks = forge::chain(&scenario.election, 20, 20, 55);
    let records = blocks.into_iter().map(|block| Record::Block(Arc::new(block)));
    scenario.peers[0].records = records.collect();
    scenario.faults = FaultPlan::of(Quality::PERFECT.with_loss(0.3));
    // At the end the tracker has to be right about who is there, whatever was lost.
    scenario.faults.calm_from = Duration::from_secs(40);
    scenario
}
