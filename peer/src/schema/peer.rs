//! A peer's own state, and what it knows of its neighbours.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use protocol::units::{ElectionId, VoterId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Admitted, ElectionState, Finality, Hash, OwnVoteStanding, Tip, round_to_thousandths};

/// What a peer is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// It votes and mines.
    Ordinary,
    /// It keeps, checks, passes on and serves the chain, and neither votes nor mines.
    Observer,
    /// It is there to teach: on command it is cut off, races others, and sends blocks that break a rule.
    Laboratory,
}

impl Role {
    /// What everybody has to know who sees such a peer.
    pub(crate) fn banner(self) -> Option<&'static str> {
        match self {
            Self::Ordinary => None,
            Self::Observer => {
                Some("OBSERVER: keeps, checks and serves the chain; neither votes nor mines")
            }
            Self::Laboratory => Some(
                "LABORATORY: for teaching alone; on command this peer is cut off, races, and sends bad blocks",
            ),
        }
    }
}

impl From<node::Role> for Role {
    fn from(role: node::Role) -> Self {
        match role {
            node::Role::Ordinary => Self::Ordinary,
            node::Role::Observer => Self::Observer,
            node::Role::Laboratory => Self::Laboratory,
        }
    }
}

/// How this peer meets others on its local network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Multicast {
    /// Where it announces itself and hears others, by IP version; nowhere if it does not.
    #[schema(value_type = Vec<String>)]
    pub(crate) groups: Vec<SocketAddr>,
    /// On how many interfaces of the machine it does, those of each group counted.
    pub(crate) interfaces: usize,
    /// Why it does not.
    pub(crate) off: Option<String>,
}

/// How many neighbours have something that this peer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct HeldBy {
    /// Those that told or showed that they have it. This peer does not count.
    pub(crate) neighbours: usize,
    /// All neighbours. A neighbour at two addresses counts twice while it says different things there.
    pub(crate) of: usize,
}

/// Why what a peer says need not be true of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Unready {
    /// This machine's clock differs by more than 30 s from most others'.
    ClockOff {
        /// By how much it is ahead of (positive) or behind (negative) their median.
        offset_ms: i64,
        /// From how many it differs.
        disagreeing: usize,
        /// With how many it was compared.
        compared: usize,
    },
    /// This machine no longer has an address at which this peer listens.
    AddressGone {
        #[schema(value_type = String)]
        address: SocketAddr,
    },
    /// A tracker, or addresses of others, were given, and nobody answers.
    NoContact {
        /// Others whom the tracker lists, or whose addresses were given.
        others: usize,
    },
    /// Others have more blocks, which are being fetched.
    Syncing { height: u64, target: u64 },
    /// Most neighbours count blocks whose time has not come by this machine's clock.
    BlocksWait {
        /// How many, as far as they are known.
        blocks: usize,
        /// When the time of the next one comes.
        next_in_ms: u64,
    },
    /// Two results contradict each other.
    Disputed,
    /// The validator that this peer is does not sign, and won't before somebody does something.
    ValidatorAbstains,
}

/// A peer's tip, pool, neighbours and tracker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Status {
    pub(crate) role: Role,
    /// Whether a laboratory is cut off from all others just now.
    pub(crate) partitioned: bool,
    /// Whose votes this peer casts, if any; the API tells it to those who have the peer's token.
    #[schema(value_type = Option<Hash>)]
    pub(crate) voter: Option<VoterId>,
    /// What it is called among its neighbours.
    pub(crate) name: Option<String>,
    #[schema(value_type = Hash)]
    pub(crate) election: ElectionId,
    /// Where it listens for datagrams.
    #[schema(value_type = String)]
    pub(crate) address: SocketAddr,
    /// Where it keeps the chain; the API tells it to those who have the peer's token.
    pub(crate) data_dir: Option<String>,
    /// What would become of the votes that it cast if it left now; the API tells it to those who have the peer's token.
    pub(crate) own_vote: Option<OwnVoteStanding>,
    pub(crate) tip: Tip,
    /// Work of the best chain. More than 64 bits may be needed, which many readers of JSON do not take as a number.
    #[schema(pattern = "^[0-9]+$")]
    pub(crate) work: String,
    /// Transactions that are valid and not on the best chain yet.
    pub(crate) pool: usize,
    /// Transactions that wait for others, such as votes before their registration.
    pub(crate) held: usize,
    /// One that says that it is the same peer at several addresses counts once.
    pub(crate) neighbours: usize,
    /// Neighbours whose chains hold the tip.
    pub(crate) tip_held_by: HeldBy,
    /// What keeps this peer from speaking for the network; empty where nothing does.
    pub(crate) unready: Vec<Unready>,
    pub(crate) registered_voters: u64,
    pub(crate) admitted: Admitted,
    pub(crate) votes: u64,
    /// In the order in which they were given; empty without a tracker.
    pub(crate) trackers: Vec<Tracker>,
    pub(crate) multicast: Multicast,
    pub(crate) clock: Clock,
    pub(crate) waiting: Waiting,
    /// How far a timed election has come, without counts; `null` in an untimed one.
    pub(crate) finality: Option<Finality>,
    /// Whether it mines when there is something to mine.
    pub(crate) mines: bool,
    /// The search for a block, while there is one.
    pub(crate) mining: Option<Mining>,
    /// Height of the best header, above the tip's while blocks are fetched.
    pub(crate) sync_target: u64,
    /// Datagrams by why they were dropped.
    pub(crate) dropped: BTreeMap<String, u64>,
}

/// How this machine's clock compares with those of the neighbours and the trackers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Clock {
    /// How many clocks were measured; all of one network count as one.
    pub(crate) compared: usize,
    /// By how much this machine's is ahead of (positive) or behind (negative) their median; none while they are too
    /// few to tell, fewer than two.
    pub(crate) offset_ms: Option<i64>,
    /// By how much it is ahead of (positive) or behind (negative) the only other one, where they differ by more than
    /// 30 s: one of them is wrong, and nobody can tell which.
    pub(crate) apart_ms: Option<i64>,
}

/// Blocks whose time is too far ahead of this machine's clock, so that they count for nothing yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Waiting {
    /// How many, as far as they are known.
    pub(crate) blocks: usize,
    /// When the time of the next one comes; none without blocks that wait.
    pub(crate) next_in_ms: Option<u64>,
}

impl From<node::WaitingBlocks> for Waiting {
    fn from(waiting: node::WaitingBlocks) -> Self {
        Self { blocks: waiting.blocks, next_in_ms: waiting.next_in.map(whole_milliseconds) }
    }
}

fn whole_milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What a peer knows of one of its trackers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Tracker {
    /// The name that was given, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Where it is, or is tried; null while its name can't be looked up.
    #[schema(value_type = Option<String>)]
    pub(crate) address: Option<SocketAddr>,
    /// Whether it lists this peer and was heard of lately.
    pub(crate) registered: bool,
    /// This peer's address as the tracker sees it.
    #[schema(value_type = Option<String>)]
    pub(crate) seen_as: Option<SocketAddr>,
    /// Whether it serves another election, wherever it answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) refuses: bool,
}

/// How the search for a block goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Mining {
    pub(crate) height: u64,
    pub(crate) transactions: usize,
    /// Attempts that the block takes on average.
    pub(crate) difficulty: u64,
    pub(crate) hashes_per_second: u64,
    /// Time that one block takes on average at this rate; `null` when that can't be said.
    pub(crate) expected_seconds: Option<f64>,
    pub(crate) running_seconds: f64,
}

/// All neighbours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Peers {
    pub(crate) peers: Vec<Neighbour>,
}

/// A peer that this one exchanges datagrams with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Neighbour {
    #[schema(value_type = String)]
    pub(crate) address: SocketAddr,
    /// What it says that it is called; it proves nothing.
    pub(crate) name: Option<String>,
    /// Other addresses in this list at which it says that it is the same peer. It counts as one neighbour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub(crate) also_at: Vec<SocketAddr>,
    /// What it said last of its tip.
    pub(crate) tip: Option<Tip>,
    /// Smoothed round trip, once measured.
    pub(crate) round_trip_ms: Option<f64>,
    /// Heartbeats in a row that it missed.
    pub(crate) missed: u8,
    /// By how much its clock is ahead of (positive) or behind (negative) ours.
    pub(crate) clock_offset_ms: Option<i64>,
}

impl Status {
    /// The node's part of it, without what only the shell knows.
    pub(crate) fn of(
        node: &node::Status,
        election: ElectionId,
        address: SocketAddr,
        mining: Option<Mining>,
    ) -> Self {
        let finality = node.finality.as_deref().map(|view| Finality::of(view, &[]));
        let unready = node.unready.iter().map(|unready| (*unready).into());
        let dropped = node.dropped.iter().map(|(reason, count)| ((*reason).to_owned(), *count));
        Self {
            role: node.role.into(),
            partitioned: node.partitioned,
            voter: None,
            name: node.name.as_ref().map(ToString::to_string),
            election,
            address,
            data_dir: None,
            own_vote: None,
            tip: node.tip.into(),
            work: node.work.to_string(),
            pool: node.pool,
            held: node.held,
            neighbours: node.neighbours,
            tip_held_by: node.tip_held_by.into(),
            unready: unready.chain(finality.iter().flat_map(Unready::of_validator)).collect(),
            registered_voters: node.registered_voters,
            admitted: Admitted::from(&node.admitted),
            votes: node.votes,
            trackers: node.trackers.iter().map(Tracker::from).collect(),
            multicast: Multicast::default(),
            clock: node.clock.into(),
            waiting: node.waiting.into(),
            finality,
            mines: node.mines,
            mining: mining.filter(|_| node.mining),
            sync_target: node.sync_target.0,
            dropped: dropped.collect(),
        }
    }
}

impl From<node::ClockView> for Clock {
    fn from(clock: node::ClockView) -> Self {
        let node::ClockView { compared, offset_ms, apart_ms, .. } = clock;
        Self { compared, offset_ms, apart_ms }
    }
}

impl From<node::HeldBy> for HeldBy {
    fn from(held_by: node::HeldBy) -> Self {
        Self { neighbours: held_by.neighbours, of: held_by.of }
    }
}

impl Unready {
    /// What of an election's state keeps everybody from taking a count for its result.
    pub(crate) fn of_result(finality: &Finality) -> Option<Self> {
        (finality.state == ElectionState::Disputed).then_some(Self::Disputed)
    }

    /// The same, and what keeps this peer's validator from its work.
    pub(crate) fn of_validator(finality: &Finality) -> impl Iterator<Item = Self> {
        let abstains = finality.own_validator.iter().filter_map(|own| own.abstains.as_ref());
        let waits_for_a_person = abstains.filter(|why| matches!(&*why.kind, "no_record" | "twin"));
        let of_result = Self::of_result(finality).into_iter();
        of_result.chain(waits_for_a_person.map(|_| Self::ValidatorAbstains))
    }

    /// A word for programs that never changes.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::ClockOff { .. } => "clock_off",
            Self::AddressGone { .. } => "address_gone",
            Self::NoContact { .. } => "no_contact",
            Self::Syncing { .. } => "syncing",
            Self::BlocksWait { .. } => "blocks_wait",
            Self::Disputed => "disputed",
            Self::ValidatorAbstains => "validator_abstains",
        }
    }
}

impl From<node::Unready> for Unready {
    fn from(unready: node::Unready) -> Self {
        match unready {
            node::Unready::ClockOff { offset_ms, disagreeing, compared } => {
                Self::ClockOff { offset_ms, disagreeing, compared }
            }
            node::Unready::AddressGone { address } => Self::AddressGone { address },
            node::Unready::NoContact { others } => Self::NoContact { others },
            node::Unready::Behind { height, target } => {
                Self::Syncing { height: height.0, target: target.0 }
            }
            node::Unready::BlocksWait { blocks, next_in } => {
                Self::BlocksWait { blocks, next_in_ms: whole_milliseconds(next_in) }
            }
        }
    }
}

impl From<&node::TrackerView> for Tracker {
    fn from(view: &node::TrackerView) -> Self {
        Self {
            name: view.name.as_ref().map(ToString::to_string),
            address: view.address,
            registered: view.registered,
            seen_as: view.seen_as,
            refuses: view.refuses,
        }
    }
}

impl Peers {
    pub(crate) fn of(views: &[node::NeighbourView]) -> Self {
        Self { peers: views.iter().map(Neighbour::from).collect() }
    }

    /// The addresses of each neighbour that says that it has several of them.
    pub(crate) fn at_several(&self) -> impl Iterator<Item = Vec<SocketAddr>> {
        let all = self.peers.iter().filter(|each| !each.also_at.is_empty());
        let first = all.filter(|each| each.also_at.iter().all(|other| *other > each.address));
        first.map(|each| std::iter::once(each.address).chain(each.also_at.clone()).collect())
    }
}

impl From<&node::NeighbourView> for Neighbour {
    fn from(view: &node::NeighbourView) -> Self {
        let milliseconds = |time: Duration| round_to_thousandths(time.as_secs_f64() * 1_000.0);
        Self {
            address: view.address,
            name: view.name.as_ref().map(ToString::to_string),
            also_at: view.also_at.clone(),
            tip: view.tip.map(Tip::from),
            round_trip_ms: view.round_trip.map(milliseconds),
            missed: view.missed,
            clock_offset_ms: view.clock_offset_ms,
        }
    }
}
