//! News for a user. Nothing here changes what a node does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::finality::{Certificate, Evidence, Offence};
use protocol::peer_name::PeerName;
use protocol::transaction::TransactionKind;
use protocol::units::{BlockHash, ElectionId, Height, TransactionId, VoterId};

use super::finality::views::{Abstention, ElectionState, TwinSign};
use super::given::Named;
use super::views::{Standing, Tip};
use chain::AuditRule;

/// News for a user. The peer behaves the same whether anybody listens or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A block joined the best chain.
    Block {
        /// The block.
        tip: Tip,
        /// The number of its transactions.
        transactions: usize,
        /// Whether this node mined it.
        mined_here: bool,
    },
    /// The best chain changed to another branch, and `returned` transactions went back to the pool.
    Reorganisation {
        /// The end of the branch that was left.
        from: Tip,
        /// The end of the branch that is the best one now.
        to: Tip,
        /// The number of blocks that left the best chain.
        disconnected: usize,
        /// The number of blocks that joined the best chain.
        connected: usize,
        /// The number of transactions that are in the pool again.
        returned: usize,
        /// The number of disconnected blocks whose transactions the disk has lost.
        lost: usize,
    },
    /// A valid transaction entered the pool.
    Transaction {
        /// The transaction's id.
        id: TransactionId,
        /// The voter whom the transaction concerns.
        voter: VoterId,
        /// The kind of the transaction.
        kind: TransactionKind,
    },
    /// What became of a vote that this peer's own user handed in since the start: the first neighbour has it, a block
    /// contains it, or the first neighbour has that block.
    OwnVote {
        /// The vote's transaction id.
        id: TransactionId,
        /// The voter.
        voter: VoterId,
        /// Where the vote is now.
        standing: Box<Standing>,
    },
    /// A transaction that waited cannot be counted any more, because the chain contains another one
    /// of the same voter, or already has all the voters that it may have.
    Superseded {
        /// The transaction's id.
        id: TransactionId,
        /// The voter whom the transaction concerns.
        voter: VoterId,
        /// The kind of the transaction.
        kind: TransactionKind,
        /// The transaction that took its place, if there is one and it is not in a block that is on the disk alone.
        by: Option<TransactionId>,
    },
    /// A timed election opened, closed, or has a final or disputed result.
    StateChanged {
        /// How far it has come.
        state: ElectionState,
    },
    /// A block is final, and all below it.
    Final {
        /// The block.
        block: Tip,
        /// The number of votes up to it, as far as its bodies are known.
        votes: u64,
    },
    /// The election closed without a vote that this peer had acknowledged.
    NotCounted {
        /// The vote's transaction id.
        id: TransactionId,
        /// The voter.
        voter: VoterId,
    },
    /// A validator signed two votes that no honest one signs both.
    Evidence {
        /// The validator's name in the ballot.
        validator: String,
        /// What it did.
        offence: Offence,
        /// The votes.
        evidence: Box<Evidence>,
    },
    /// Two certificates contradict each other, so nothing is final any more.
    ConflictingCertificates {
        /// The one that was known first.
        first: Box<Certificate>,
        /// The other.
        second: Box<Certificate>,
    },
    /// Another peer signs with the key of this peer's validator, which signs nothing more.
    Twin {
        /// How that was noticed.
        sign: TwinSign,
    },
    /// This peer's validator does not sign for now.
    Abstains {
        /// The reason.
        reason: Abstention,
    },
    /// This peer's validator signs from now on.
    Signs,
    /// An address became a neighbour.
    NeighbourJoined {
        /// The neighbour's address.
        address: SocketAddr,
    },
    /// A neighbour said what it is called, for the first time or by another name than before.
    NeighbourNamed {
        /// The neighbour's address.
        address: SocketAddr,
        /// The name, which proves nothing.
        name: PeerName,
    },
    /// An address is no longer a neighbour.
    NeighbourLeft {
        /// The neighbour's address.
        address: SocketAddr,
        /// What it said that it is called.
        name: Option<PeerName>,
        /// The reason.
        reason: LeaveReason,
    },
    /// An address does not answer although the tracker lists a peer there, or a person gave it. This is reported only
    /// once until somebody answers there.
    PeerSilent {
        /// The address, and its name if it was given by name.
        peer: Named,
        /// The addresses behind the same router as this node, by which that peer does not answer either.
        inner: Vec<SocketAddr>,
    },
    /// Nobody answers at any of the addresses where somebody should, of which there are several. Reported after the
    /// last of them was told as silent.
    NoContact {
        /// How many others should answer.
        others: usize,
    },
    /// A tracker lists this peer.
    Registered {
        /// The tracker.
        tracker: Named,
        /// This peer's address as the tracker sees it.
        seen_as: SocketAddr,
        /// The number of peers that it told this peer about.
        peers: usize,
    },
    /// A tracker does not answer. This is reported only once until it answers again.
    TrackerSilent {
        /// The tracker.
        tracker: Named,
    },
    /// The name of a tracker or a neighbour can't be looked up. This is reported only once until it can.
    NameUnknown {
        /// The name and port.
        name: Arc<str>,
        /// Why not.
        reason: String,
    },
    /// A name has other addresses than before.
    NameFound {
        /// The name and port.
        name: Arc<str>,
        /// The addresses that it has now.
        addresses: Vec<SocketAddr>,
    },
    /// This machine has an address no more at which the peer listens, or has it again.
    OwnAddress {
        /// The address.
        address: SocketAddr,
        /// Whether this machine has it.
        is_here: bool,
    },
    /// A tracker serves another election, so it is not used.
    TrackerRefused {
        /// The tracker.
        tracker: Named,
        /// The election of this node.
        expected: ElectionId,
        /// The first bytes of the tracker's election.
        found_prefix: [u8; 8],
    },
    /// A neighbour's clock differs from ours by more than 30 s, so one of the two must be wrong.
    ClockDiffers {
        /// The address of the neighbour or tracker.
        address: SocketAddr,
        /// What the neighbour said that it is called.
        name: Option<PeerName>,
        /// By how many milliseconds it is ahead of ours.
        offset_ms: i64,
    },
    /// This machine's clock differs by more than 30 s from most others, so this node does not mine.
    ClockOff {
        /// By how many milliseconds it is ahead of their median (positive) or behind it (negative).
        offset_ms: i64,
        /// The number of clocks from which it differs.
        disagreeing: usize,
        /// The number of clocks that it was compared with.
        compared: usize,
    },
    /// This machine's clock agrees with most others again.
    ClockAgrees {
        /// The number of clocks that it was compared with.
        compared: usize,
    },
    /// Blocks are being fetched up to this height.
    Syncing {
        /// The tip's height.
        from: Height,
        /// The height that is to be reached.
        to: Height,
    },
    /// All blocks that are known to exist have arrived.
    Synced {
        /// The end of the best chain.
        tip: Tip,
    },
    /// A neighbour sent something that breaks a rule.
    Misbehaviour {
        /// The neighbour's address.
        address: SocketAddr,
        /// What it said that it is called.
        name: Option<PeerName>,
        /// The reason, in words.
        reason: String,
    },
    /// The disk cannot be written, so no vote is accepted. This is reported only once until it can
    /// be written again.
    DiskRefuses {
        /// The reason, in words.
        reason: String,
    },
    /// The disk has accepted what was waiting, and can be written again.
    DiskRecovered,
    /// The disk no longer gives a block, which is fetched from neighbours again.
    BlockLost {
        /// The block's height.
        height: Height,
        /// The block's hash.
        hash: BlockHash,
        /// The reason, in words.
        reason: String,
    },
    /// This laboratory sent a block to its neighbours that breaks a rule, or one that competes with
    /// the tip.
    Experiment {
        /// The block.
        block: Tip,
        /// The rule that the block breaks, if it breaks one.
        rule: Option<AuditRule>,
        /// The neighbours that it was sent to, at each of their addresses.
        sent_to: Vec<PeerAt>,
        /// The number of these neighbours.
        neighbours: usize,
    },
    /// A block came before its time, and waits until the time has come.
    EarlyBlock {
        /// The address of its sender.
        address: SocketAddr,
        /// What the sender said that it is called.
        name: Option<PeerName>,
        /// The block's height.
        height: Height,
        /// The block's hash.
        hash: BlockHash,
        /// How far its time is ahead of the local clock.
        ahead: Duration,
    },
    /// A block whose header had enough work breaks a rule of the chain.
    InvalidBlock {
        /// The block's hash.
        hash: BlockHash,
        /// The block's height.
        height: Height,
        /// The reason, in words.
        reason: String,
    },
}

/// A neighbour at one of its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAt {
    /// The address.
    pub address: SocketAddr,
    /// What it said that it is called.
    pub name: Option<PeerName>,
}

/// The reason why an address is no longer a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveReason {
    /// The neighbour announced that it leaves.
    Left,
    /// The neighbour missed this number of heartbeats in a row.
    Missed(u8),
    /// The neighbour is reached at this inner address instead, since both are behind the same router.
    MetInside(SocketAddr),
    /// The neighbour broke rules, and is ignored for this time.
    Banned(Duration),
}
