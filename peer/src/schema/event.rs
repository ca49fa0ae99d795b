//! Events: what a peer reports without being asked.

mod of_node;

use std::net::SocketAddr;

use protocol::units::{BlockHash, ElectionId, TransactionId, VoterId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Certificate, Hash, Mining, Role, Standing, Tip, TransactionKind};

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// The peer runs.
    Listening {
        #[schema(value_type = String)]
        address: SocketAddr,
        /// What it is called among its neighbours.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Where programs on this machine reach it over HTTP.
        api: Option<String>,
        #[schema(value_type = Hash)]
        election: ElectionId,
        title: String,
        role: Role,
        /// An observer has none.
        #[schema(value_type = Option<Hash>)]
        voter: Option<VoterId>,
        data_dir: String,
    },
    /// The chain's file was damaged, and was mended.
    Mended { message: String },
    /// All that was remembered has been checked again before the start.
    Verified { blocks: u64, transactions: u64, lost: u64 },
    /// Mining goes on for a while.
    Mining(Mining),
    /// The voter's registration stamp is searched for: 2^`registration_bits` attempts on average.
    Registering {
        #[schema(value_type = Hash)]
        voter: VoterId,
        registration_bits: u8,
    },
    /// Events came faster than they could be shown.
    Missed { events: u64 },
    /// The last event: everything is written, and the peer ends.
    Left,
    /// A block joined the best chain.
    Block {
        height: u64,
        #[schema(value_type = Hash)]
        hash: BlockHash,
        transactions: usize,
        mined_here: bool,
    },
    /// The best chain changed to another branch.
    Reorganisation {
        from: Tip,
        to: Tip,
        disconnected: usize,
        connected: usize,
        /// Transactions that went back to the pool.
        returned: usize,
        /// Blocks among the disconnected whose transactions the disk has lost.
        lost: usize,
    },
    /// A valid transaction entered the pool.
    Transaction {
        #[schema(value_type = Hash)]
        transaction: TransactionId,
        #[schema(value_type = Hash)]
        voter: VoterId,
        kind: TransactionKind,
    },
    /// What became of the vote of this peer's own user: the first neighbour has it, a block holds it, or the first
    /// neighbour has that block.
    OwnVote {
        #[schema(value_type = Hash)]
        transaction: TransactionId,
        #[schema(value_type = Hash)]
        voter: VoterId,
        standing: Standing,
    },
    /// A transaction in the pool can't be counted any more: the chain holds another of the same voter, or has all the
    /// voters that it takes.
    Superseded {
        #[schema(value_type = Hash)]
        transaction: TransactionId,
        #[schema(value_type = Hash)]
        voter: VoterId,
        kind: TransactionKind,
        /// The other transaction; null where it is only on the disk, or there is no room for another voter.
        #[schema(value_type = Option<Hash>)]
        by: Option<TransactionId>,
    },
    /// A timed election opened, closed, or has a result that is final or disputed.
    StateChanged {
        /// `upcoming`, `open`, `sealing`, `final` or `disputed`.
        state: String,
    },
    /// A block is final, and all below it.
    Final {
        height: u64,
        #[schema(value_type = Hash)]
        hash: BlockHash,
        /// Votes up to it, as far as its blocks are here.
        votes: u64,
    },
    /// The election closed without a vote that this peer had accepted.
    NotCounted {
        #[schema(value_type = Hash)]
        transaction: TransactionId,
        #[schema(value_type = Hash)]
        voter: VoterId,
    },
    /// The block that holds the vote of this peer's own user is final; said once in a run.
    OwnVoteFinal {
        #[schema(value_type = Hash)]
        transaction: TransactionId,
        #[schema(value_type = Hash)]
        voter: VoterId,
        /// When this peer first knew that; `null` where it was forgotten.
        since_ms: Option<u64>,
    },
    /// A validator signed two votes that no honest one signs both.
    Evidence {
        /// The validator's name in the ballot.
        validator: String,
        /// `two_prepares`, `two_commits` or `surrounded_commit`.
        offence: String,
        /// Both signed votes in hexadecimal digits, as `peer check-evidence` takes them.
        #[schema(pattern = "^([0-9a-f]{2})+$")]
        evidence: String,
    },
    /// Two certificates contradict each other, so nothing is final any more.
    ConflictingCertificates { first: Certificate, second: Certificate },
    /// Another peer signs with the key of this peer's validator, which signs nothing more.
    Twin { reason: String },
    /// This peer's validator does not sign for now.
    Abstains {
        /// The reason in one word.
        kind: String,
        reason: String,
    },
    /// This peer's validator signs from now on.
    Signs,
    NeighbourJoined {
        #[schema(value_type = String)]
        address: SocketAddr,
    },
    /// A neighbour said what it is called, for the first time or otherwise than before. A name proves nothing.
    NeighbourNamed {
        #[schema(value_type = String)]
        address: SocketAddr,
        name: String,
    },
    NeighbourLeft {
        #[schema(value_type = String)]
        address: SocketAddr,
        /// What the neighbour says that it is called; it proves nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(flatten)]
        reason: LeaveReason,
    },
    /// Nobody answers at an address where the tracker lists a peer, or that was given; said once until somebody does.
    PeerSilent {
        #[schema(value_type = String)]
        address: SocketAddr,
        /// The name that was given, if it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Where that peer does not answer either: its addresses behind the router that this peer is behind as well.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schema(value_type = Vec<String>)]
        inner: Vec<SocketAddr>,
    },
    /// None of the others answers that a tracker lists, or that were given; said after the last of them was.
    NoContact { others: usize },
    /// A tracker lists this peer.
    Registered {
        #[schema(value_type = String)]
        tracker: SocketAddr,
        /// The name that was given, if it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[schema(value_type = String)]
        seen_as: SocketAddr,
        peers: usize,
    },
    /// A tracker does not answer; said once until it does.
    TrackerSilent {
        #[schema(value_type = String)]
        tracker: SocketAddr,
        /// The name that was given, if it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// The name of a tracker or a neighbour can't be looked up, and is looked up again and again; said once until it is
    /// found.
    NameUnknown { name: String, reason: String },
    /// No data directory was named, and the only voter of this election whose peer does not run is gone on with, though
    /// it listened at another port before.
    GoesOn {
        #[schema(value_type = Hash)]
        voter: VoterId,
        data_dir: String,
    },
    /// A name stands for other addresses than before.
    NameFound {
        name: String,
        #[schema(value_type = Vec<String>)]
        addresses: Vec<SocketAddr>,
    },
    /// This machine no longer has an address at which the peer listens.
    AddressGone {
        #[schema(value_type = String)]
        address: SocketAddr,
    },
    /// It has it again, and the peer listens there anew.
    AddressBack {
        #[schema(value_type = String)]
        address: SocketAddr,
    },
    /// A tracker serves another election: it is not used.
    TrackerRefused {
        #[schema(value_type = String)]
        tracker: SocketAddr,
        /// The name that was given, if it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[schema(value_type = Hash)]
        expected: ElectionId,
        #[schema(pattern = "^[0-9a-f]{16}$")]
        found_prefix: String,
    },
    /// A neighbour's clock differs from ours: one of the two is wrong.
    ClockDiffers {
        #[schema(value_type = String)]
        address: SocketAddr,
        /// What the neighbour says that it is called; it proves nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        offset_ms: i64,
    },
    /// This machine's clock differs by more than 30 s from most others': this peer does not mine.
    ClockOff {
        /// By how much it is ahead of (positive) or behind (negative) their median.
        offset_ms: i64,
        /// From how many it differs.
        disagreeing: usize,
        /// With how many it was compared.
        compared: usize,
    },
    /// This machine's clock agrees with most others' again.
    ClockAgrees {
        /// With how many it was compared.
        compared: usize,
    },
    /// Blocks are fetched up to this height.
    Syncing { from: u64, to: u64 },
    /// All blocks that are known of are here.
    Synced { tip: Tip },
    /// A neighbour sent what breaks a rule.
    Misbehaviour {
        #[schema(value_type = String)]
        address: SocketAddr,
        /// What the neighbour says that it is called; it proves nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        reason: String,
    },
    /// The disk takes nothing, so that no vote is accepted; said once until it does.
    DiskRefuses { reason: String },
    /// The disk takes what waited, and all else.
    DiskRecovered,
    /// The disk does not give a block any more; it is fetched again from neighbours.
    BlockLost {
        height: u64,
        #[schema(value_type = Hash)]
        hash: BlockHash,
        reason: String,
    },
    /// This laboratory sent a block to its neighbours: one that breaks a rule, or else a rival of the newest block.
    Experiment {
        height: u64,
        #[schema(value_type = Hash)]
        hash: BlockHash,
        /// The rule that it breaks.
        rule: Option<String>,
        /// To how many neighbours.
        neighbours: usize,
        /// Where it was sent: each of their addresses.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        sent_to: Vec<PeerAt>,
    },
    /// A block that came too early waits until its time has come.
    EarlyBlock {
        #[schema(value_type = String)]
        address: SocketAddr,
        /// What the neighbour says that it is called; it proves nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        height: u64,
        #[schema(value_type = Hash)]
        hash: BlockHash,
        /// By how much it is ahead of this peer's clock.
        seconds: u64,
    },
    /// A block whose header had work breaks a rule of the chain.
    InvalidBlock {
        height: u64,
        #[schema(value_type = Hash)]
        hash: BlockHash,
        reason: String,
    },
}

/// An event, and when it was told.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Told<'a> {
    #[serde(flatten)]
    pub(crate) event: &'a Event,
    /// By this machine's clock, in Unix milliseconds.
    pub(crate) at_ms: u64,
}

/// A neighbour at one of its addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct PeerAt {
    #[schema(value_type = String)]
    pub(crate) address: SocketAddr,
    /// What it says that it is called; it proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

/// Why a neighbour is one no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub(crate) enum LeaveReason {
    /// It said so.
    Left,
    /// It missed this many heartbeats in a row.
    Missed { missed: u8 },
    /// It is reached at this address behind the router that both are behind.
    MetInside {
        #[schema(value_type = String)]
        inner: SocketAddr,
    },
    /// It broke rules; it is ignored for this long.
    Banned { seconds: u64 },
}

#[cfg(test)]
mod tests {
    use protocol::units::Height;

    use super::*;

    #[test]
    fn objects_begin_with_their_kind_and_read_back() {
        let tip = node::Tip { height: Height(3), hash: BlockHash([7; 32]) };
        let block = node::Event::Block { tip, transactions: 2, mined_here: true };
        let address = SocketAddr::from(([127, 0, 0, 1], 6_001));
        let reason = node::LeaveReason::Missed(3);
        let left = node::Event::NeighbourLeft { address, name: None, reason };
        let hash = "07".repeat(32);
        for (event, text) in [
            (
                Event::from(block),
                format!(
                    r#"{{"event":"block","height":3,"hash":"{hash}","transactions":2,"mined_here":true}}"#
                ),
            ),
            (
                Event::from(left),
                r#"{"event":"neighbour_left","address":"127.0.0.1:6001","reason":"missed","missed":3}"#.into(),
            ),
            (Event::Left, r#"{"event":"left"}"#.into()),
        ] {
            assert_eq!(serde_json::to_string(&event).expect("JSON"), text);
            assert_eq!(serde_json::from_str::<Event>(&text).expect("an event"), event);
        }
    }
}
