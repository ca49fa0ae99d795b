//! The effects that a node asks its shell for, and what it remembers across restarts.
//!
//! Records are what lies on the disk: a shell must write each batch whole or not at all, and in order.

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
    Transmit {
        /// Where to.
        to: SocketAddr,
        /// The whole payload.
        bytes: Vec<u8>,
    },
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
    Answered {
        /// Which command.
        ticket: Ticket,
        /// The answer.
        outcome: Result<Answer, CommandError>,
    },
    /// Something a user may want to see.
    Event(Event),
    /// Everybody was told of the leave, or a second went by: the shell may end.
    Left,
}

/// Records to be written together.
#[derive(Debug)]
pub struct PersistBatch {
    /// To be confirmed by it.
    pub number: u64,
    /// All of them, in their order.
    pub records: Vec<Record>,
}

/// One thing to remember across restarts. Batches are written in order, each one whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A block of any branch, checked. It may be one that the disk had before, and lost.
    Block(Arc<Block>),
    /// The best chain ends in this block from now on; it is among the records or on the disk already.
    Tip {
        /// How high the best chain is.
        height: Height,
        /// Its last block.
        hash: BlockHash,
    },
    /// A transaction that is valid and on no block of the best chain yet. Rows rise, and are never used again.
    PoolInsert {
        /// Which row.
        row: u64,
        /// What to write there.
        transaction: Arc<HashedTransaction>,
    },
    /// The transaction in this row is on the best chain now, or can't be counted any more.
    PoolRemove {
        /// Which row.
        row: u64,
    },
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
    /// Addresses that answered in an earlier run.
    pub neighbours: Vec<SocketAddr>,
}

/// A block to be read from the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadJob {
    /// To be answered by it.
    pub number: u64,
    /// The block's height.
    pub height: Height,
    /// The block's hash.
    pub hash: BlockHash,
}

/// Why a [`LoadJob`] gave no block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadFailure {
    /// The disk does not have it any more, or not whole; it may still know what the block did.
    Lost {
        /// Why, in words.
        reason: String,
        /// What the disk still knows of the block.
        summary: Option<Box<BlockSummary>>,
    },
    /// The disk gives nothing for now.
    Refused {
        /// Why, in words.
        reason: String,
    },
}

/// Transactions whose signatures are to be checked by [`HashedTransaction::check_signatures`], each on its own.
#[derive(Debug)]
pub struct VerifyJob {
    /// To be answered by it.
    pub number: u64,
    /// Says who the registrars are.
    pub election: Arc<Election>,
    /// What to check, in the order of the verdicts.
    pub transactions: Vec<Arc<HashedTransaction>>,
}

/// A header without its nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MineJob {
    /// To be answered by it.
    pub number: u64,
    /// Its nonce is 0.
    pub header: Header,
    /// How many the block holds, for a display.
    pub transactions: usize,
}

/// News for a user; the peer goes on the same whether anybody listens or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A block joined the best chain.
    Block {
        /// The block.
        tip: Tip,
        /// How many it holds.
        transactions: usize,
        /// Whether this node mined it.
        mined_here: bool,
    },
    /// The best chain changed to another branch: `returned` transactions went back to the pool.
    Reorganisation {
        /// The end of the branch that was left.
        from: Tip,
        /// The end of the one that is best now.
        to: Tip,
        /// Blocks that were left.
        disconnected: usize,
        /// Blocks that were joined.
        connected: usize,
        /// Transactions that are in the pool again.
        returned: usize,
        /// Blocks among the disconnected whose transactions the disk has lost.
        lost: usize,
    },
    /// A valid transaction entered the pool.
    Transaction {
        /// The transaction's id.
        id: TransactionId,
        /// Whose it is.
        voter: VoterId,
        /// What it is.
        kind: TransactionKind,
    },
    /// A transaction in the pool can't be counted any more, since the chain holds another of the same voter, or has
    /// all the voters that it takes.
    Superseded {
        /// The transaction's id.
        id: TransactionId,
        /// Whose it is.
        voter: VoterId,
        /// What it is.
        kind: TransactionKind,
        /// What stands in its place, if something does.
        by: Option<TransactionId>,
    },
    /// An address became a neighbour.
    NeighbourJoined {
        /// Whose address.
        address: SocketAddr,
    },
    /// An address is no neighbour any more.
    NeighbourLeft {
        /// Whose address.
        address: SocketAddr,
        /// Why.
        reason: LeaveReason,
    },
    /// The tracker lists this peer.
    Registered {
        /// The tracker's address.
        tracker: SocketAddr,
        /// This peer's address as the tracker sees it.
        seen_as: SocketAddr,
        /// How many peers it told of.
        peers: usize,
    },
    /// The tracker does not answer; said once until it does.
    TrackerSilent {
        /// The tracker's address.
        tracker: SocketAddr,
    },
    /// The tracker serves another election: it is not used.
    TrackerRefused {
        /// The tracker's address.
        tracker: SocketAddr,
        /// The election of this node.
        expected: ElectionId,
        /// The first bytes of the tracker's.
        found_prefix: [u8; 8],
    },
    /// A neighbour's clock differs from ours by more than 30 s: one of the two is wrong.
    ClockDiffers {
        /// Whose address.
        address: SocketAddr,
        /// By how much it is ahead.
        offset_ms: i64,
    },
    /// Blocks are fetched up to this height.
    Syncing {
        /// The tip's height.
        from: Height,
        /// The height to be reached.
        to: Height,
    },
    /// All blocks that are known of are here.
    Synced {
        /// The end of the best chain.
        tip: Tip,
    },
    /// A neighbour sent what breaks a rule.
    Misbehaviour {
        /// Who sent it.
        address: SocketAddr,
        /// Why, in words.
        reason: String,
    },
    /// The disk takes nothing, so that no vote is accepted; said once until it does.
    DiskRefuses {
        /// Why, in words.
        reason: String,
    },
    /// The disk takes what waited, and all else.
    DiskRecovered,
    /// The disk does not give a block any more; it is fetched again from neighbours.
    BlockLost {
        /// The block's height.
        height: Height,
        /// The block's hash.
        hash: BlockHash,
        /// Why, in words.
        reason: String,
    },
    /// This laboratory sent a block to its neighbours: one that breaks a rule, or else one that competes with the tip.
    Experiment {
        /// The block.
        block: Tip,
        /// The rule that it breaks, if it does.
        rule: Option<AuditRule>,
        /// How many it was sent to.
        neighbours: usize,
    },
    /// A block that came too early waits until its time has come.
    EarlyBlock {
        /// Who sent it.
        address: SocketAddr,
        /// The block's height.
        height: Height,
        /// The block's hash.
        hash: BlockHash,
        /// By how much.
        ahead: Duration,
    },
    /// A block whose header had work breaks a rule of the chain.
    InvalidBlock {
        /// The block's hash.
        hash: BlockHash,
        /// The block's height.
        height: Height,
        /// Why, in words.
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
