//! The simulated network, which decides what becomes of each datagram: whether it is delivered,
//! when, how often, and with which bytes.

use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::faults::{FaultPlan, Quality};
use crate::random;

/// A datagram that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The source address in the datagram.
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
    /// Whether the host at `from` really sent the datagram, whatever damage it took on the way.
    pub is_genuine: bool,
}

/// Counts of what became of datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub sent: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub corrupted: u64,
    pub cut_off: u64,
}

#[derive(Debug)]
pub struct Network {
    plan: FaultPlan,
    rng: ChaCha8Rng,
    traffic: Traffic,
}

impl Network {
    #[must_use]
    pub fn new(plan: FaultPlan, seed: u64) -> Self {
        Self { plan, rng: random::stream(seed, "network"), traffic: Traffic::default() }
    }

    #[must_use]
    pub fn plan(&self) -> &FaultPlan {
        &self.plan
    }

    /// The plan, for tests that change it while they run.
    pub fn plan_mut(&mut self) -> &mut FaultPlan {
        &mut self.plan
    }

    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Sends a datagram of the host at `place`, which may contain another source address. Returns
    /// the copies that arrive, and when.
    pub fn send(
        &mut self,
        place: SocketAddr,
        parcel: Parcel,
        at: Duration,
    ) -> [Option<(Duration, Parcel)>; 2] {
        self.traffic.sent += 1;
        if !self.plan.connects(&place, &parcel.to, at) {
            self.traffic.cut_off += 1;
            return [None, None];
        }
        let quality = self.plan.quality(at);
        if self.chance(quality.loss) {
            self.traffic.lost += 1;
            return [None, None];
        }
        let copy = self.chance(quality.duplication).then(|| parcel.clone());
        let copy = copy.map(|copy| {
            self.traffic.duplicated += 1;
            self.carry(copy, &quality, at)
        });
        [Some(self.carry(parcel, &quality, at)), copy]
    }

    fn carry(&mut self, mut parcel: Parcel, quality: &Quality, at: Duration) -> (Duration, Parcel) {
        if self.chance(quality.corruption) {
            self.traffic.corrupted += 1;
            damage(&mut parcel.bytes, &mut self.rng);
        }
        let jitter = random::between(&mut self.rng, Duration::ZERO, quality.jitter);
        (at + quality.delay + jitter, parcel)
    }

    fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.rng.random_bool(share)
    }
}

/// Flips one to three bits, or cuts the end off.
pub fn damage(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    if bytes.is_empty() {
        return;
    }
    if rng.random_bool(0.25) {
        return bytes.truncate(rng.random_range(0..bytes.len()));
    }
    for _ in 0..rng.random_range(1..=3) {
        let bit = rng.random_range(0..bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(number: u32) -> Parcel {
        Parcel {
            from: SocketAddr::from(([10, 0, 0, 1], 1)),
            to: SocketAddr::from(([10, 0, 0, 2], 2)),
            bytes: number.to_be_bytes().repeat(10),
            is_genuine: true,
        }
    }

    fn run(quality: Quality, seed: u64) -> (Vec<(Duration, Parcel)>, Traffic) {
        let mut network = Network::new(FaultPlan::of(quality), seed);
        let arrivals = (0..10_000)
            .flat_map(|number| {
                let parcel = parcel(number);
                network.send(parcel.from, parcel, Duration::from_millis(number.into()))
            })
            .flatten()
            .collect();
        (arrivals, network.traffic())
    }

    #[test]
    fn a_perfect_network_changes_nothing() {
        let (arrivals, _) = run(Quality::PERFECT, 1);
        assert_eq!(arrivals.len(), 10_000);
        assert!(arrivals.iter().zip(0..).all(|((_, found), number)| *found == parcel(number)));
        assert!(arrivals.is_sorted_by_key(|(at, _)| *at));
    }

    #[test]
    fn faults_come_in_their_shares_and_repeat_with_the_seed() {
        let quality = Quality {
            loss: 0.3,
            duplication: 0.05,
            corruption: 0.01,
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(100),
        };
        let (arrivals, traffic) = run(quality, 1);
        assert!((2_800..3_200).contains(&traffic.lost), "{traffic:?}");
        assert!((250..450).contains(&traffic.duplicated), "{traffic:?}");
        assert!((40..120).contains(&traffic.corrupted), "{traffic:?}");
        assert!(!arrivals.is_sorted_by_key(|(at, _)| *at), "jitter reorders");
        assert_eq!(run(quality, 1), (arrivals.clone(), traffic));
        assert_ne!(run(quality, 2).0, arrivals);
    }
}
