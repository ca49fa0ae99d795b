//! A scenario: the hosts, people and faults of a world, described completely before the world
//! starts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chain::AuditRule;
use chain::rules::Rules;
use node::{Limits, OwnValidator, Record};
use protocol::election::Election;

use crate::adversary::{LiarPlan, RivalPlan, StrangerPlan, TraitorPlan};
use crate::faults::{FaultPlan, Quality};
use crate::forge;
use crate::queue::HostIndex;
use crate::voters::VoterPlan;

/// Something that happens to hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The host starts, with the content of its disk.
    Start(HostIndex),
    /// The host stops at once, and what was not durable is lost.
    Crash(HostIndex),
    /// The host leaves the network properly.
    Leave(HostIndex),
    /// The host crashes right after it acknowledges a vote, and starts again after this time.
    CrashAfterAcknowledging(HostIndex, Duration),
    /// The host crashes when its validator's key signs next, before anybody has the signature, and starts again after
    /// this time.
    CrashWhileSigning(HostIndex, Duration),
    /// The host's user asks for a block.
    Mine(HostIndex),
    /// A laboratory is cut off, or takes part again.
    Partition(HostIndex, bool),
    /// A laboratory sends a block that breaks this rule.
    BadBlock(HostIndex, AuditRule),
    /// A laboratory mines a block that competes with its tip.
    Race(HostIndex),
    FillDisk(HostIndex),
    /// One block on the host's disk can't be read any more.
    DamageDisk(HostIndex),
    FreeDisk(HostIndex),
    /// The host's clock is set, so that it is ahead by so many milliseconds, or behind.
    SetClock(HostIndex, i64),
    /// From now on the host's clock goes faster by so many millionths, or slower.
    DriftClock(HostIndex, i64),
    StopTracker,
    /// The tracker starts, without knowing any peer.
    StartTracker,
}

/// One honest peer.
#[derive(Debug, Clone)]
pub struct PeerPlan {
    pub starts_at: Duration,
    /// Whether the peer learns the election from the tracker instead of from a file.
    pub joins: bool,
    pub uses_tracker: bool,
    pub is_laboratory: bool,
    pub neighbours: Vec<HostIndex>,
    /// How long the peer takes to find a block of the least difficulty, on average; `None` if it does not mine.
    pub block_time: Option<Duration>,
    /// The validator whose key the peer has.
    pub validator: Option<OwnValidator>,
    /// By how much the peer's clock is wrong at the start of the world.
    pub skew_ms: i64,
    /// How many bytes of bodies the peer keeps in memory although the disk has them too.
    pub resident_bytes_max: usize,
    /// What the peer's disk contains at the start.
    pub records: Vec<Record>,
}

impl PeerPlan {
    #[must_use]
    pub fn new(starts_at: Duration) -> Self {
        Self {
            starts_at,
            joins: false,
            uses_tracker: true,
            is_laboratory: false,
            neighbours: Vec::new(),
            block_time: Some(Duration::from_secs(10)),
            validator: None,
            skew_ms: 0,
            resident_bytes_max: node::RESIDENT_BYTES_MAX,
            records: Vec::new(),
        }
    }
}

/// What must happen at least in a world, since otherwise its success proves nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demands {
    pub partitions: u64,
    pub crashes: u64,
    pub reorganisations: u64,
    pub votes: u64,
}

/// A world before it starts.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: &'static str,
    pub election: Arc<Election>,
    pub rules: Rules,
    /// How much the peers keep of what others send.
    pub limits: Limits,
    /// Whether addresses are IPv6.
    pub is_ipv6: bool,
    pub peers: Vec<PeerPlan>,
    pub faults: FaultPlan,
    pub actions: Vec<(Duration, Action)>,
    pub voters: Vec<VoterPlan>,
    pub strangers: Vec<StrangerPlan>,
    pub liars: Vec<LiarPlan>,
    pub traitors: Vec<TraitorPlan>,
    pub rivals: Vec<RivalPlan>,
    /// Nothing new happens from [`FaultPlan::calm_from`] on, and at this time all peers have to
    /// agree.
    pub ends_at: Duration,
    pub demands: Demands,
}

impl Scenario {
    /// This number of honest peers, which start together on a network without faults.
    #[must_use]
    pub fn quiet(name: &'static str, seed: u64, peers: usize, ends_at: Duration) -> Self {
        let start = |number| PeerPlan::new(Duration::from_millis(10 * number as u64));
        Self {
            name,
            election: Arc::new(forge::election(seed, 6)),
            rules: Rules::ALL,
            limits: Limits::default(),
            is_ipv6: false,
            peers: (0..peers).map(start).collect(),
            faults: FaultPlan::of(Quality::PERFECT),
            actions: Vec::new(),
            voters: Vec::new(),
            strangers: Vec::new(),
            liars: Vec::new(),
            traitors: Vec::new(),
            rivals: Vec::new(),
            ends_at,
            demands: Demands::default(),
        }
    }

    #[must_use]
    pub fn peer_address(&self, host: HostIndex) -> SocketAddr {
        address(self.is_ipv6, 0, host)
    }

    #[must_use]
    pub fn tracker_address(&self) -> SocketAddr {
        address(self.is_ipv6, 1, 0)
    }

    #[must_use]
    pub fn liar_address(&self, liar: usize) -> SocketAddr {
        address(self.is_ipv6, 2, liar)
    }

    #[must_use]
    pub fn stranger_address(&self, stranger: usize) -> SocketAddr {
        address(self.is_ipv6, 3, stranger)
    }

    #[must_use]
    pub fn traitor_address(&self, traitor: usize) -> SocketAddr {
        address(self.is_ipv6, 5, traitor)
    }

    #[must_use]
    pub fn rival_address(&self, rival: usize) -> SocketAddr {
        address(self.is_ipv6, 6, rival)
    }

    /// An address that nobody uses.
    #[must_use]
    pub fn victim_address(&self, victim: usize) -> SocketAddr {
        address(self.is_ipv6, 4, victim)
    }
}

/// The only public address of a host, which never changes.
fn address(is_ipv6: bool, net: u8, number: usize) -> SocketAddr {
    let [high, low] = u16::try_from(number).expect("a world is small").to_be_bytes();
    if is_ipv6 {
        // Each in a network of its own, since one network has one voice where clocks are compared.
        let groups = [0x2001, 0xdb8, u16::from_be_bytes([high, low]), net.into(), 0, 0, 0, 1];
        return SocketAddr::from((groups, 6_000));
    }
    SocketAddr::from(([10, net, high, low], 6_000))
}
