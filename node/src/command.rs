//! What a user, program or page may ask of a node, and the answers.
//!
//! The node never sees a secret key: votes arrive here signed.

use std::net::SocketAddr;
use std::sync::Arc;

use protocol::block::Block;
use protocol::receipt::Receipt;
use protocol::transaction::Transaction;
use protocol::units::{BlockHash, Height, TransactionId, VoterId};

use super::config::NEIGHBOURS_BY_HAND_MAX;
use super::counters::Counters;
use super::views::{
    BlockSummary, BlockView, NeighbourView, PoolPage, Results, Status, TransactionAnswer, VoterView,
};
use crate::ledger::pool::Arrival;
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
    Chain {
        /// Where to begin.
        from: Option<Height>,
        /// At most so many.
        limit: u32,
    },
    /// → [`Answer::Block`]
    Block(BlockSelector),
    /// The same as it is, to be passed on. → [`Answer::RawBlock`]
    RawBlock(BlockSelector),
    /// Up to `limit` (at most [`POOL_LIMIT_MAX`]) transactions of the pool that arrived after the one with that
    /// number, from the oldest if `None`. → [`Answer::Pool`]
    Pool {
        /// The last one that is known already.
        after: Option<Arrival>,
        /// At most so many.
        limit: u32,
    },
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
    /// By its height on the best chain.
    Height(Height),
    /// By its hash.
    Hash(BlockHash),
}

/// The answer to a [`Command`].
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// → [`Command::Status`]
    Status(Status),
    /// → [`Command::Results`]
    Results(Results),
    /// → [`Command::Chain`], from the highest down.
    Chain(Vec<BlockSummary>),
    /// → [`Command::Block`]
    Block(BlockView),
    /// → [`Command::RawBlock`]
    RawBlock(Arc<Block>),
    /// → [`Command::Pool`]
    Pool(PoolPage),
    /// → [`Command::Transaction`]
    Transaction(Box<TransactionAnswer>),
    /// → [`Command::Voter`]
    Voter(VoterView),
    /// → [`Command::Receipt`]
    Receipt(Box<Receipt>),
    /// → [`Command::Peers`], by address.
    Peers(Vec<NeighbourView>),
    /// → [`Command::Counters`]
    Counters(Box<Counters>),
    /// The transaction is durable and on its way.
    Accepted(TransactionId),
    /// The height that the block will have.
    Mining(Height),
    /// All neighbours were asked.
    Syncing {
        /// How many were asked.
        neighbours: usize,
    },
    /// The address is probed from now on.
    NeighbourAdded,
    /// It has begun: the height of the block that is mined for it, if one is.
    Experiment {
        /// Of the block that is mined.
        height: Option<Height>,
    },
    /// The leave has begun.
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
    /// No block by this height or hash was ever checked here.
    #[error("there is no block {selector} here; the tip is at height {tip}")]
    NoSuchBlock {
        /// What was asked for.
        selector: String,
        /// How high the best chain is.
        tip: Height,
    },
    /// Neither the pool nor the best chain holds it.
    #[error("there is no transaction {id} here, neither in the pool nor on the best chain")]
    NoSuchTransaction {
        /// What was asked for.
        id: TransactionId,
    },
    /// The transaction breaks a rule.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// There is no room for another transaction.
    #[error("the pool is full with {transactions} transactions: try again when a block was mined")]
    PoolFull {
        /// How many there are.
        transactions: usize,
    },
    /// The voter has no vote in a block.
    #[error("no block holds a vote of this voter yet: ask again when one does")]
    NoReceipt,
    /// This node was started without mining.
    #[error("this peer does not mine: start it without --no-mining")]
    MiningOff,
    /// There is nobody to ask or to send to.
    #[error("there is no neighbour to ask yet")]
    NoNeighbours,
    /// An observer does not mine.
    #[error(
        "this peer only observes, it neither votes nor mines: ask one that runs without --observe"
    )]
    Observer,
    /// Only a laboratory makes experiments.
    #[error("this peer is no laboratory: start it with --lab")]
    NotALab,
    /// A laboratory that is cut off sends no bad blocks.
    #[error("this peer is partitioned from the others: write `lab partition off` first")]
    Partitioned,
    /// The tip is the genesis block.
    #[error("there is no block yet to race against: vote, or write `mine`, first")]
    NothingToRace,
    /// The block to race against is not the tip any more.
    #[error("another block has become the tip meanwhile: race again")]
    TipMoved,
    /// The vote may have spread and may yet be counted, but it is not safe on this peer's disk.
    #[error("the disk does not take it ({reason}): make room, then ask `myvote`")]
    NotDurable {
        /// What the disk says.
        reason: String,
    },
    /// Others would refuse a block with the time of this clock.
    #[error(
        "the newest block's time is {seconds} s ahead of this peer's clock: set the clock right, or wait"
    )]
    ClockBehind {
        /// By how much the tip is ahead.
        seconds: u64,
    },
    /// The disk has lost the body; it is fetched again.
    #[error("the block is damaged on this peer's disk, and being fetched again: ask again soon")]
    BlockLost,
    /// The disk does not read for now.
    #[error("the disk does not give the block ({reason}): ask again later")]
    NotRead {
        /// What the disk says.
        reason: String,
    },
    /// Too many wait for the disk already.
    #[error("too many questions wait for the disk: ask again soon")]
    Busy,
    /// Nobody can have this address.
    #[error("{address} is no peer's address: give the IP and the UDP port that it listens on")]
    UnusableAddress {
        /// What was given.
        address: SocketAddr,
    },
    /// This node has this address itself.
    #[error("{address} is this peer's own address: give another peer's")]
    OwnAddress {
        /// What was given.
        address: SocketAddr,
    },
    /// The tracker has this address.
    #[error("{address} is this peer's tracker: give a peer's address")]
    OwnTracker {
        /// What was given.
        address: SocketAddr,
    },
    /// There is a neighbour at this address.
    #[error("{address} is a neighbour already")]
    AlreadyNeighbour {
        /// What was given.
        address: SocketAddr,
    },
    /// As many addresses were given by hand as may be.
    #[error(
        "{NEIGHBOURS_BY_HAND_MAX} addresses were given by hand already: they tell of others themselves"
    )]
    TooManyNeighbours,
    /// The node takes leave, and does nothing else.
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
