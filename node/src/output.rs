//! The effects that a node asks its shell for, and what it remembers across restarts.
//!
//! Records are what lies on the disk: a shell must write each batch whole or not at all, and in order.

use std::net::SocketAddr;
use std::sync::Arc;

use protocol::block::{Block, Header};
use protocol::election::Election;
use protocol::transaction::HashedTransaction;
use protocol::units::{BlockHash, ElectionId, Height};

use super::command::{Answer, CommandError, Ticket};
use super::event::Event;
use super::finality::records::{FinalityRecord, RestoredFinality, ToSign};
use super::given::Named;
use chain::{BlockEffects, StoredBlock};

/// One effect. The shell must drain all effects with [`super::Node::poll_output`] after every
/// `handle_*` call.
#[derive(Debug)]
pub enum Output {
    /// Send one datagram.
    Transmit {
        /// The address of the receiver.
        to: SocketAddr,
        /// The whole UDP payload.
        bytes: Vec<u8>,
    },
    /// Send one datagram to the multicast group, on all interfaces.
    Announce {
        /// The whole UDP payload.
        bytes: Vec<u8>,
    },
    /// Write records durably, and then call [`super::Node::handle_persisted`] with the number of
    /// the batch. Batches are numbered in ascending order, and one call may confirm all batches up
    /// to a number.
    Persist(PersistBatch),
    /// Read a block, and then call [`super::Node::handle_loaded`]. The block was confirmed by
    /// [`super::Node::handle_persisted`], or was among what was restored at the start.
    Load(LoadJob),
    /// Check signatures, and then call [`super::Node::handle_verified`].
    Verify(VerifyJob),
    /// Search for a nonce, instead of any earlier search, and then call
    /// [`super::Node::handle_mined`].
    Mine(MineJob),
    /// Stop the search for a nonce.
    StopMining,
    /// Sign this with the validator's key, and then call [`super::Node::handle_signed`].
    Sign(ToSign),
    /// The answer to a command that was first answered with [`super::Answer::Pending`].
    Answered {
        /// The ticket of the command.
        ticket: Ticket,
        /// The answer.
        outcome: Result<Answer, CommandError>,
    },
    /// Look up the addresses of this name and port, and then call [`super::Node::handle_looked_up`]. A name is asked
    /// for again only after that.
    LookUp(Arc<str>),
    /// Whoever answers serves another election, as this tracker does, and nobody of this one was met since the start:
    /// the shell must say so, and have the node leave.
    Refused {
        /// The tracker.
        tracker: Named,
        /// The election of this node.
        expected: ElectionId,
        /// The first bytes of the tracker's election.
        found_prefix: [u8; 8],
    },
    /// Something that a user may want to see.
    Event(Event),
    /// Everybody has acknowledged the leave, or a second has passed, so the shell may end.
    Left,
}

/// Records that must be written together.
#[derive(Debug)]
pub struct PersistBatch {
    /// The number by which the batch is confirmed.
    pub number: u64,
    /// The records, in their order.
    pub records: Vec<Record>,
}

/// One fact to remember across restarts. Batches are written in order, and each one as a whole or
/// not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A block of any branch, which has been checked. It may be one that the disk had before and
    /// lost.
    Block(Arc<Block>),
    /// From now on the best chain ends in this block, which is among the records or already on the
    /// disk.
    Tip {
        /// The height of the best chain.
        height: Height,
        /// The hash of its last block.
        hash: BlockHash,
    },
    /// A transaction that is valid and not in any block of the best chain yet. Row numbers rise,
    /// and none is ever used again.
    PoolInsert {
        /// The number of the row.
        row: u64,
        /// The content of the row.
        transaction: Arc<HashedTransaction>,
    },
    /// The transaction in this row is on the best chain now, or cannot be counted any more.
    PoolRemove {
        /// The number of the row.
        row: u64,
    },
    /// All good neighbours. This replaces the previous list.
    Neighbours(Vec<SocketAddr>),
    /// What is known of finality.
    Finality(FinalityRecord),
}

/// Everything that a node remembers when it starts, which is everything that was persisted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The blocks of all branches, in any order, without their bodies.
    pub blocks: Vec<StoredBlock>,
    /// The end of the best chain; `None` before the first block.
    pub tip: Option<BlockHash>,
    /// The pool by its rows, in any order.
    pub pool: Vec<(u64, HashedTransaction)>,
    /// Addresses that answered in an earlier run.
    pub neighbours: Vec<SocketAddr>,
    /// What is known of finality.
    pub finality: RestoredFinality,
}

/// A block to be read from the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadJob {
    /// The number by which the job is answered.
    pub number: u64,
    /// The block's height.
    pub height: Height,
    /// The block's hash.
    pub hash: BlockHash,
}

/// The reason why a [`LoadJob`] gave no block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadFailure {
    /// The disk no longer has the block, or not all of it. It may still know what the block did to
    /// the count.
    Lost {
        /// The reason, in words.
        reason: String,
        /// What the disk still knows of the block.
        summary: Option<Box<BlockEffects>>,
    },
    /// The disk cannot be read for now.
    Refused {
        /// The reason, in words.
        reason: String,
    },
}

/// Transactions whose signatures have to be checked with [`HashedTransaction::check_signatures`],
/// each independently of the others.
#[derive(Debug)]
pub struct VerifyJob {
    /// The number by which the job is answered.
    pub number: u64,
    /// The election, which says who the registrars are.
    pub election: Arc<Election>,
    /// The transactions to check. The verdicts must be in the same order.
    pub transactions: Vec<Arc<HashedTransaction>>,
}

/// A header without its nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MineJob {
    /// The number by which the job is answered.
    pub number: u64,
    /// The header, whose nonce is 0.
    pub header: Header,
    /// The number of transactions in the block, for display.
    pub transactions: usize,
}
