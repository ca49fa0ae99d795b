//! What a user, program or page may ask of a node, and the answers.
//!
//! The node never sees a secret key: votes arrive here signed.

use std::net::SocketAddr;
use std::sync::Arc;

use protocol::block::Block;
use protocol::receipt::Receipt;
use protocol::transaction::Transaction;
use protocol::units::{BlockHash, Height, TransactionId, VoterId};

use super::counters::Counters;
use super::probes::NEIGHBOURS_BY_HAND_MAX;
use super::views::{
    BlockSummary, BlockView, NeighbourView, PoolPage, Results, Status, TransactionAnswer, VoterView,
};
use crate::pool::Arrival;
use chain::{Forgery, TransactionError};

/// Most block summaries in one [`Answer::Chain`]: a screenful many times over.
pub const CHAIN_LIMIT_MAX: u32 = 1_000;
/// Most transactions in one [`Answer::Pool`]: some 200 kB, copied while the node does nothing else.
pub const POOL_LIMIT_MAX: u32 = 1_000;

/// One question or order to the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// → [`Answer::Status`]
    Status,
    /// → [`Answer::Results`]
    Results,
    /// Up to `limit` blocks of the best chain downwards from `from` (the tip if `None`). → [`Answer::Chain`]
    Chain { from: Option<Height>, limit: u32 },
    /// → [`Answer::Block`]
    Block(BlockSelector),
    /// The same as it is, to be passed on. → [`Answer::RawBlock`]
    RawBlock(BlockSelector),
    /// Up to `limit` (at most [`POOL_LIMIT_MAX`]) transactions of the pool that arrived after the one with that
    /// number, from the oldest if `None`. → [`Answer::Pool`]
    Pool { after: Option<Arrival>, limit: u32 },
    /// A transaction of the pool or of the best chain. → [`Answer::Transaction`]
    Transaction(TransactionId),
    /// What is known of a voter. → [`Answer::Voter`]
    Voter(VoterId),
    /// The proof that a block of the best chain holds a voter's vote. → [`Answer::Receipt`]
    Receipt(VoterId),
    /// → [`Answer::Peers`]
    Peers,
    /// → [`Answer::Counters`]
    Counters,
    /// A signed transaction by this peer's own user, or one that is known already, by its id: whoever lost the
    /// answer may send it again. → [`Answer::Accepted`], once it is durable.
    Submit(Box<Transaction>),
    /// Mine one block now, even an empty one. → [`Answer::Mining`]
    Mine,
    /// Ask all neighbours for what this peer lacks, now. → [`Answer::Syncing`]
    Sync,
    /// Try an address for as long as this peer runs, as one that was given at its start. → [`Answer::NeighbourAdded`]
    AddNeighbour(SocketAddr),
    /// What a laboratory alone does. → [`Answer::Experiment`]
    Experiment(Experiment),
    /// Take leave of tracker and neighbours. → [`Answer::Leaving`], and later [`super::Output::Left`].
    Leave,
}

/// What a class may want to see; a laboratory alone does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Experiment {
    /// Hear and answer nothing but POKEs, or take part again.
    Partition(bool),
    /// Mine a block that breaks a rule on top of the tip, and send it to all neighbours without keeping it.
    BadBlock(Box<Forgery>),
    /// Mine a block of the same transactions beside this one, which is the tip, and send it to all neighbours.
    Race(Arc<Block>),
}

/// A block by its place on the best chain, or by its hash on any branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockSelector {
    Height(Height),
    Hash(BlockHash),
}

/// The answer to a [`Command`].
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Status(Status),
    Results(Results),
    Chain(Vec<BlockSummary>),
    Block(BlockView),
    RawBlock(Arc<Block>),
    Pool(PoolPage),
    Transaction(Box<TransactionAnswer>),
    Voter(VoterView),
    Receipt(Box<Receipt>),
    Peers(Vec<NeighbourView>),
    Counters(Box<Counters>),
    /// The transaction is durable and on its way.
    Accepted(TransactionId),
    /// The height that the block will have.
    Mining(Height),
    Syncing {
        neighbours: usize,
    },
    /// The address is probed from now on.
    NeighbourAdded,
    /// It has begun: the height of the block that is mined for it, if one is.
    Experiment {
        height: Option<Height>,
    },
    Leaving,
    /// The answer comes later, as [`super::Output::Answered`] with this ticket.
    Pending(Ticket),
}

/// Names one command until its answer is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("there is no block {selector} here; the tip is at height {tip}")]
    NoSuchBlock { selector: String, tip: Height },
    #[error("there is no transaction {id} here, neither in the pool nor on the best chain")]
    NoSuchTransaction { id: TransactionId },
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    #[error("the pool is full with {transactions} transactions: try again when a block was mined")]
    PoolFull { transactions: usize },
    #[error("no block holds a vote of this voter yet: ask again when one does")]
    NoReceipt,
    #[error("this peer does not mine: start it without --no-mining")]
    MiningOff,
    #[error("there is no neighbour to ask yet")]
    NoNeighbours,
    #[error(
        "this peer only observes, it neither votes nor mines: ask one that runs without --observe"
    )]
    Observer,
    #[error("this peer is no laboratory: start it with --lab")]
    NotALab,
    #[error("this peer is partitioned from the others: write `lab partition off` first")]
    Partitioned,
    #[error("there is no block yet to race against: vote, or write `mine`, first")]
    NothingToRace,
    #[error("another block has become the tip meanwhile: race again")]
    TipMoved,
    /// The vote may have spread and may yet be counted, but it is not safe on this peer's disk.
    #[error("the disk does not take it ({reason}): make room, then ask `myvote`")]
    NotDurable { reason: String },
    #[error(
        "the newest block's time is {seconds} s ahead of this peer's clock: set the clock right, or wait"
    )]
    ClockBehind { seconds: u64 },
    #[error("the block is damaged on this peer's disk, and being fetched again: ask again soon")]
    BlockLost,
    #[error("the disk does not give the block ({reason}): ask again later")]
    NotRead { reason: String },
    #[error("too many questions wait for the disk: ask again soon")]
    Busy,
    #[error("{address} is no peer's address: give the IP and the UDP port that it listens on")]
    UnusableAddress { address: SocketAddr },
    #[error("{address} is this peer's own address: give another peer's")]
    OwnAddress { address: SocketAddr },
    #[error("{address} is this peer's tracker: give a peer's address")]
    OwnTracker { address: SocketAddr },
    #[error("{address} is a neighbour already")]
    AlreadyNeighbour { address: SocketAddr },
    #[error(
        "{NEIGHBOURS_BY_HAND_MAX} addresses were given by hand already: they tell of others themselves"
    )]
    TooManyNeighbours,
    #[error("this peer is leaving")]
    Leaving,
}

/// A question whose answer may need a body that is on the disk alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    Block(BlockSelector),
    RawBlock(BlockSelector),
    Transaction(TransactionId),
    Voter(VoterId),
    Receipt(VoterId),
}

impl CommandError {
    /// A stable word for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoSuchBlock { .. } => "no_such_block",
            Self::NoSuchTransaction { .. } => "no_such_transaction",
            Self::Transaction(error) => error.kind(),
            Self::PoolFull { .. } => "pool_full",
            Self::NoReceipt => "no_receipt",
            Self::MiningOff => "mining_off",
            Self::NoNeighbours => "no_neighbours",
            Self::Observer => "observer",
            Self::NotALab => "not_a_lab",
            Self::Partitioned => "partitioned",
            Self::NothingToRace => "nothing_to_race",
            Self::TipMoved => "tip_moved",
            Self::NotDurable { .. } => "not_durable",
            Self::ClockBehind { .. } => "clock_behind",
            Self::BlockLost => "block_lost",
            Self::NotRead { .. } => "not_read",
            Self::Busy => "busy",
            Self::UnusableAddress { .. } => "unusable_address",
            Self::OwnAddress { .. } => "own_address",
            Self::OwnTracker { .. } => "own_tracker",
            Self::AlreadyNeighbour { .. } => "already_neighbour",
            Self::TooManyNeighbours => "too_many_neighbours",
            Self::Leaving => "leaving",
        }
    }
}
