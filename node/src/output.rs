//! The effects that a node asks its shell for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::block::{Block, Header};
use protocol::election::Election;
use protocol::transaction::{HashedTransaction, TransactionKind};
use protocol::units::{BlockHash, ElectionId, Height, TransactionId, VoterId};

use super::command::{Answer, CommandError, Ticket};
use super::views::Tip;
use chain::{AuditRule, BlockSummary, StoredBlock};

/// One effect. Drain them with [`super::Node::poll_output`] after every `handle_*`.
#[derive(Debug)]
pub enum Output {
    /// Send one datagram.
    Transmit { to: SocketAddr, bytes: Vec<u8> },
    /// Write records durably, then call [`super::Node::handle_persisted`] with the batch's number.
    /// Batches are numbered upwards; one call may confirm all up to a number.
    Persist(PersistBatch),
    /// Read a block, then call [`super::Node::handle_loaded`]. It was confirmed by
    /// [`super::Node::handle_persisted`], or was among what was restored.
    Load(LoadJob),
    /// Check signatures, then call [`super::Node::handle_verified`].
    Verify(VerifyJob),
    /// Search a nonce, in place of any earlier search; then call [`super::Node::handle_mined`].
    Mine(MineJob),
    /// Give up the search for a nonce.
    StopMining,
    /// The answer to a command that got [`super::Answer::Pending`] at first.
    Answered { ticket: Ticket, outcome: Result<Answer, CommandError> },
    /// Something a user may want to see.
    Event(Event),
    /// Everybody was told of the leave, or a second went by: the shell may end.
    Left,
}

/// Records to be written together.
#[derive(Debug)]
pub struct PersistBatch {
    pub number: u64,
    pub records: Vec<Record>,
}

/// One thing to remember across restarts. Batches are written in order, each one whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A block of any branch, checked. It may be one that the disk had before, and lost.
    Block(Arc<Block>),
    /// The best chain ends in this block from now on; it is among the records or on the disk already.
    Tip { height: Height, hash: BlockHash },
    /// A transaction that is valid and on no block of the best chain yet. Rows rise, and are never used again.
    PoolInsert { row: u64, transaction: Arc<HashedTransaction> },
    /// The transaction in this row is on the best chain now, or can't be counted any more.
    PoolRemove { row: u64 },
    /// All good neighbours: replaces the earlier list.
    Neighbours(Vec<SocketAddr>),
}

/// What a node remembers at its start: all that was persisted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Blocks of all branches, in any order, without their bodies.
    pub blocks: Vec<StoredBlock>,
    /// The end of the best chain; `None` before the first block.
    pub tip: Option<BlockHash>,
    /// The pool by its rows, in any order.
    pub pool: Vec<(u64, HashedTransaction)>,
    pub neighbours: Vec<SocketAddr>,
}

/// A block to be read from the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadJob {
    pub number: u64,
    pub height: Height,
    pub hash: BlockHash,
}

/// Why a [`LoadJob`] gave no block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadFailure {
    /// The disk does not have it any more, or not whole; it may still know what the block did.
    Lost { reason: String, summary: Option<Box<BlockSummary>> },
    /// The disk gives nothing for now.
    Refused { reason: String },
}

/// Transactions whose signatures are to be checked by [`HashedTransaction::check_signatures`], each on its own.
#[derive(Debug)]
pub struct VerifyJob {
    pub number: u64,
    /// Says who the registrars are.
    pub election: Arc<Election>,
    pub transactions: Vec<Arc<HashedTransaction>>,
}

/// A header without its nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MineJob {
    pub number: u64,
    pub header: Header,
    pub transactions: usize,
}

/// News for a user; the peer goes on the same whether anybody listens or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A block joined the best chain.
    Block {
        tip: Tip,
        transactions: usize,
        mined_here: bool,
    },
    /// The best chain changed to another branch: `returned` transactions went back to the pool.
    Reorganisation {
        from: Tip,
        to: Tip,
        disconnected: usize,
        connected: usize,
        returned: usize,
        /// Blocks among the disconnected whose transactions the disk has lost.
        lost: usize,
    },
    /// A valid transaction entered the pool.
    Transaction {
        id: TransactionId,
        voter: VoterId,
        kind: TransactionKind,
    },
    /// A transaction in the pool can't be counted any more, since the chain holds another of the same voter, or has
    /// all the voters that it takes.
    Superseded {
        id: TransactionId,
        voter: VoterId,
        kind: TransactionKind,
        by: Option<TransactionId>,
    },
    NeighbourJoined {
        address: SocketAddr,
    },
    NeighbourLeft {
        address: SocketAddr,
        reason: LeaveReason,
    },
    /// The tracker lists this peer.
    Registered {
        tracker: SocketAddr,
        seen_as: SocketAddr,
        peers: usize,
    },
    /// The tracker does not answer; said once until it does.
    TrackerSilent {
        tracker: SocketAddr,
    },
    /// The tracker serves another election: it is not used.
    TrackerRefused {
        tracker: SocketAddr,
        expected: ElectionId,
        found_prefix: [u8; 8],
    },
    /// A neighbour's clock differs from ours by more than 30 s: one of the two is wrong.
    ClockDiffers {
        address: SocketAddr,
        offset_ms: i64,
    },
    /// Blocks are fetched up to this height.
    Syncing {
        from: Height,
        to: Height,
    },
    /// All blocks that are known of are here.
    Synced {
        tip: Tip,
    },
    /// A neighbour sent what breaks a rule.
    Misbehaviour {
        address: SocketAddr,
        reason: String,
    },
    /// The disk takes nothing, so that no vote is accepted; said once until it does.
    DiskRefuses {
        reason: String,
    },
    /// The disk takes what waited, and all else.
    DiskRecovered,
    /// The disk does not give a block any more; it is fetched again from neighbours.
    BlockLost {
        height: Height,
        hash: BlockHash,
        reason: String,
    },
    /// This laboratory sent a block to its neighbours: one that breaks a rule, or else one that competes with the tip.
    Experiment {
        block: Tip,
        rule: Option<AuditRule>,
        neighbours: usize,
    },
    /// A block that came too early waits until its time has come.
    EarlyBlock {
        address: SocketAddr,
        height: Height,
        hash: BlockHash,
        ahead: Duration,
    },
    /// A block whose header had work breaks a rule of the chain.
    InvalidBlock {
        hash: BlockHash,
        height: Height,
        reason: String,
    },
}

/// Why a neighbour is one no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveReason {
    /// It said so.
    Left,
    /// It missed this many heartbeats in a row.
    Missed(u8),
    /// It broke rules; it is ignored for this long.
    Banned(Duration),
}
