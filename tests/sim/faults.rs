//! The faults of the network that a scenario contains, and the times at which they happen.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// How the network treats datagrams.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// The shares of datagrams that are affected, from 0 to 1.
    pub loss: f64,
    pub duplication: f64,
    /// Bits are flipped, or the end is cut off. The checksum of UDP lets one in 65,536 damaged
    /// datagrams pass; here all of them pass.
    pub corruption: f64,
    pub delay: Duration,
    /// The most that is added to the delay. If it is larger than the gap between two datagrams, it
    /// reorders them.
    pub jitter: Duration,
}

impl Quality {
    /// Nothing is lost, and all arrives in order.
    pub const PERFECT: Self = Self {
        loss: 0.0,
        duplication: 0.0,
        corruption: 0.0,
        delay: Duration::from_millis(10),
        jitter: Duration::ZERO,
    };

    #[must_use]
    pub const fn with_loss(self, loss: f64) -> Self {
        Self { loss, ..self }
    }

    /// The same distances without a fault.
    #[must_use]
    pub const fn calm(self) -> Self {
        Self { loss: 0.0, duplication: 0.0, corruption: 0.0, ..self }
    }
}

/// A stretch of time, its end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: Duration,
    pub until: Duration,
}

impl Window {
    #[must_use]
    pub const fn seconds(from: u64, until: u64) -> Self {
        Self { from: Duration::from_secs(from), until: Duration::from_secs(until) }
    }

    #[must_use]
    pub fn contains(&self, at: Duration) -> bool {
        self.from <= at && at < self.until
    }
}

/// A time in which the network falls apart into islands; whoever is not named is on island 0.
#[derive(Debug, Clone)]
pub struct Partition {
    pub window: Window,
    pub islands: BTreeMap<SocketAddr, u8>,
    /// Whether datagrams still reach higher islands from lower ones, though nothing comes back.
    pub is_one_way: bool,
}

impl Partition {
    fn lets_pass(&self, from: &SocketAddr, to: &SocketAddr) -> bool {
        let island = |address| self.islands.get(address).copied().unwrap_or(0);
        let (from, to) = (island(from), island(to));
        from == to || self.is_one_way && from < to
    }
}

/// All that goes wrong on the network in one world.
#[derive(Debug, Clone)]
pub struct FaultPlan {
    pub usual: Quality,
    /// Stretches of another quality; the last that fits counts.
    pub spells: Vec<(Window, Quality)>,
    pub partitions: Vec<Partition>,
    /// From then on nothing goes wrong any more.
    pub calm_from: Duration,
}

impl FaultPlan {
    /// Never a fault.
    #[must_use]
    pub const fn none() -> Self {
        Self::of(Quality::PERFECT)
    }

    /// The same quality all the time.
    #[must_use]
    pub const fn of(usual: Quality) -> Self {
        Self { usual, spells: Vec::new(), partitions: Vec::new(), calm_from: Duration::MAX }
    }

    #[must_use]
    pub fn quality(&self, at: Duration) -> Quality {
        if at >= self.calm_from {
            return self.usual.calm();
        }
        let spell = self.spells.iter().rev().find(|(window, _)| window.contains(at));
        spell.map_or(self.usual, |(_, quality)| *quality)
    }

    /// Whether no partition keeps datagrams of the one from the other.
    #[must_use]
    pub fn connects(&self, from: &SocketAddr, to: &SocketAddr, at: Duration) -> bool {
        at >= self.calm_from
            || self
                .partitions
                .iter()
                .filter(|partition| partition.window.contains(at))
                .all(|partition| partition.lets_pass(from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    #[test]
    fn partitions_and_spells_end() {
        let lossy = Quality::PERFECT.with_loss(0.5);
        let plan = FaultPlan {
            usual: Quality::PERFECT.with_loss(0.1),
            spells: vec![(Window::seconds(10, 20), lossy)],
            partitions: vec![Partition {
                window: Window::seconds(5, 30),
                islands: BTreeMap::from([(address(2), 1)]),
                is_one_way: false,
            }],
            calm_from: Duration::from_secs(25),
        };
        let at = Duration::from_secs;
        assert_eq!(plan.quality(at(9)).loss, 0.1);
        assert_eq!(plan.quality(at(10)), lossy);
        assert_eq!(plan.quality(at(25)), Quality::PERFECT);
        assert!(plan.connects(&address(1), &address(2), at(4)));
        assert!(!plan.connects(&address(1), &address(2), at(5)));
        assert!(plan.connects(&address(1), &address(3), at(5)));
        assert!(plan.connects(&address(1), &address(2), at(25)));
    }

    #[test]
    fn a_one_way_partition_lets_one_side_be_heard() {
        let partition = Partition {
            window: Window::seconds(0, 10),
            islands: BTreeMap::from([(address(2), 1)]),
            is_one_way: true,
        };
        let plan = FaultPlan { partitions: vec![partition], ..FaultPlan::none() };
        assert!(plan.connects(&address(1), &address(2), Duration::ZERO));
        assert!(!plan.connects(&address(2), &address(1), Duration::ZERO));
    }
}
