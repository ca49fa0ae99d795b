//! What a user, program or page may ask of a node, and the answers.
//!
//! The node never sees a secret key: votes arrive here signed.

use std::net::SocketAddr;
use std::sync::Arc;

use protocol::block::Block;
use protocol::receipt::Receipt;
use protocol::transaction::Transaction;
use protocol::units::{BlockHash, Height, TransactionId, UnixMillis, VoterId};

use super::config::NEIGHBOURS_BY_HAND_MAX;
use super::counters::Counters;
use super::views::{
    BlockSummary, BlockView, NeighbourView, PoolPage, Results, Status, TransactionAnswer, VoterView,
};
use crate::ledger::pool::Arrival;
use chain::{Forgery, ForgeryError, TransactionError};

/// The most block summaries in one [`Answer::Chain`], which is many times what a screen can show.
pub const CHAIN_LIMIT_MAX: u32 = 1_000;
/// The most transactions in one [`Answer::Pool`]. They take about 200 kB, and are copied while the
/// node does nothing else.
pub const POOL_LIMIT_MAX: u32 = 1_000;

/// One question or order to the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// → [`Answer::Status`]
    Status,
    /// → [`Answer::Results`]
    Results,
    /// Up to `limit` blocks of the best chain, from `from` (or from the tip if it is `None`)
    /// downwards. → [`Answer::Chain`]
    Chain {
        /// The height of the first block.
        from: Option<Height>,
        /// The most blocks to return.
        limit: u32,
    },
    /// → [`Answer::Block`]
    Block(BlockSelector),
    /// The same block in its encoded form, to be passed on. → [`Answer::RawBlock`]
    RawBlock(BlockSelector),
    /// Up to `limit` (at most [`POOL_LIMIT_MAX`]) transactions of the pool that arrived after the
    /// arrival number `after`, or from the oldest on if it is `None`. → [`Answer::Pool`]
    Pool {
        /// The arrival number of the last transaction that the asker already has.
        after: Option<Arrival>,
        /// The most transactions to return.
        limit: u32,
    },
    /// A transaction of the pool or of the best chain. → [`Answer::Transaction`]
    Transaction(TransactionId),
    /// What is known about a voter. → [`Answer::Voter`]
    Voter(VoterId),
    /// The proof that a block of the best chain contains a voter's vote. → [`Answer::Receipt`]
    Receipt(VoterId),
    /// → [`Answer::Peers`]
    Peers,
    /// → [`Answer::Counters`]
    Counters,
    /// A signed transaction from this peer's own user. A transaction that is known already is
    /// recognised by its id, so whoever lost the answer may send it again. → [`Answer::Accepted`],
    /// once it is durable.
    Submit(Box<Transaction>),
    /// The same from somebody else, whom this peer serves over its API.
    SubmitForOther(Box<Transaction>),
    /// Mine one block now, even an empty one. → [`Answer::Mining`]
    Mine,
    /// Ask all neighbours now for everything that this peer lacks. → [`Answer::Syncing`]
    Sync,
    /// Try an address for as long as this peer runs, as if it had been given at the start. →
    /// [`Answer::NeighbourAdded`]
    AddNeighbour(SocketAddr),
    /// An experiment, which only a laboratory carries out. → [`Answer::Experiment`]
    Experiment(Experiment),
    /// Leave the tracker and the neighbours. → [`Answer::Leaving`], and later
    /// [`super::Output::Left`].
    Leave,
}

impl Command {
    /// Whether the command may change something, so that it is no question.
    pub(crate) fn is_order(&self) -> bool {
        match self {
            Self::Submit(_)
            | Self::SubmitForOther(_)
            | Self::Mine
            | Self::Sync
            | Self::AddNeighbour(_)
            | Self::Experiment(_)
            | Self::Leave => true,
            Self::Status
            | Self::Results
            | Self::Chain { .. }
            | Self::Block(_)
            | Self::RawBlock(_)
            | Self::Pool { .. }
            | Self::Transaction(_)
            | Self::Voter(_)
            | Self::Receipt(_)
            | Self::Counters
            | Self::Peers => false,
        }
    }
}

/// An experiment that a class may want to see. Only a laboratory carries it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Experiment {
    /// Handle and answer nothing but POKEs, or take part again.
    Partition(bool),
    /// Mine a block that breaks a rule on top of the tip, and send it to all neighbours without
    /// storing it.
    BadBlock(Box<Forgery>),
    /// Mine a block with the same transactions that competes with this one, which is the tip, and
    /// send it to all neighbours.
    Race(Arc<Block>),
    /// Have this peer's validator sign a second PREPARE for the height that it prepared last, and send it to all
    /// neighbours.
    SignTwice,
}

/// A block, selected by its height on the best chain or by its hash on any branch.
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
    Status(Box<Status>),
    /// → [`Command::Results`]
    Results(Results),
    /// → [`Command::Chain`], from the highest block downwards.
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
    Voter(Box<VoterView>),
    /// → [`Command::Receipt`]
    Receipt(Box<Receipt>),
    /// → [`Command::Peers`], in the order of their addresses.
    Peers(Vec<NeighbourView>),
    /// → [`Command::Counters`]
    Counters(Box<Counters>),
    /// The transaction is durable and is being announced to the neighbours.
    Accepted {
        /// Its id.
        id: TransactionId,
        /// Whether it came after the time until which votes are sure to be counted.
        is_late: bool,
    },
    /// The height that the block will have.
    Mining(Height),
    /// All neighbours were asked.
    Syncing {
        /// The number of neighbours that were asked.
        neighbours: usize,
    },
    /// The address is being probed from now on.
    NeighbourAdded,
    /// The experiment has begun.
    Experiment {
        /// The height of the block that is mined for it, if one is.
        height: Option<Height>,
    },
    /// The node has started to leave.
    Leaving,
    /// The answer will come later, as [`super::Output::Answered`] with this ticket.
    Pending(Ticket),
}

/// Identifies one command until its answer is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// The reason why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No block with this height or hash has ever been checked here.
    #[error("there is no block {selector} here; the tip is at height {tip}")]
    NoSuchBlock {
        /// The height or hash that was asked for.
        selector: String,
        /// The height of the best chain.
        tip: Height,
    },
    /// Neither the pool nor the best chain contains the transaction.
    #[error("there is no transaction {id} here, neither in the pool nor on the best chain")]
    NoSuchTransaction {
        /// The id that was asked for.
        id: TransactionId,
    },
    /// The transaction breaks a rule.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// The pool has no room for another transaction.
    #[error("the pool is full with {transactions} transactions: try again when a block was mined")]
    PoolFull {
        /// The number of transactions in it.
        transactions: usize,
    },
    /// No block contains a vote of this voter.
    #[error("no block holds a vote of this voter yet: ask again when one does")]
    NoReceipt,
    /// This node was started without mining.
    #[error("this peer does not mine: start it without --no-mining")]
    MiningOff,
    /// The election has not opened yet.
    #[error("the election opens at {}: vote then", opens.rfc_3339())]
    NotOpen {
        /// When it opens.
        opens: UnixMillis,
    },
    /// The election has closed.
    #[error("the election closed at {}", closes.rfc_3339())]
    Closed {
        /// When it closed.
        closes: UnixMillis,
    },
    /// There is no neighbour to ask or to send to.
    #[error("there is no neighbour to ask yet")]
    NoNeighbours,
    /// An observer does not mine.
    #[error(
        "this peer only observes, it neither votes nor mines: ask one that runs without --observe"
    )]
    Observer,
    /// Only a laboratory carries out experiments.
    #[error("this peer is no laboratory: start it with --lab")]
    NotALab,
    /// A laboratory that is cut off cannot send bad blocks.
    #[error("this peer is partitioned from the others: write `lab partition off` first")]
    Partitioned,
    /// The next block can't break this rule now.
    #[error(transparent)]
    Forgery(#[from] ForgeryError),
    /// The tip is the genesis block.
    #[error("there is no block yet to race against: vote, or write `mine`, first")]
    NothingToRace,
    /// The block to race against is no longer the tip.
    #[error("another block has become the tip meanwhile: race again")]
    TipMoved,
    /// Only a validator signs anything about blocks.
    #[error("this peer is no validator: start it with --validator")]
    NotAValidator,
    /// There is no first PREPARE that a second could contradict.
    #[error(
        "this validator has signed no PREPARE in this run yet: vote, or wait for the next block"
    )]
    NothingSigned,
    /// The vote may have reached others and may yet be counted, but it is not safe on this peer's
    /// disk.
    #[error("the disk does not take it ({reason}): make room, then ask `myvote`")]
    NotDurable {
        /// The error that the disk reported.
        reason: String,
    },
    /// Others would refuse a block with the time of this machine's clock.
    #[error(
        "the newest block's time is {seconds} s ahead of this peer's clock: set the clock right, or wait"
    )]
    ClockBehind {
        /// How far the tip's time is ahead of the clock.
        seconds: u64,
    },
    /// This machine's clock differs by more than 30 s from most others, so a block would bear a wrong time.
    #[error(
        "this machine's clock is {} s {} {disagreeing} of {compared} others: set it, and mine then",
        offset_ms.unsigned_abs() / 1_000,
        if *offset_ms < 0 { "behind" } else { "ahead of" }
    )]
    ClockOff {
        /// By how many milliseconds it is ahead of their median (positive) or behind it (negative).
        offset_ms: i64,
        /// The number of clocks from which it differs.
        disagreeing: usize,
        /// The number of clocks that it was compared with.
        compared: usize,
    },
    /// The disk has lost the body, which is being fetched again.
    #[error("the block is damaged on this peer's disk, and being fetched again: ask again soon")]
    BlockLost,
    /// The disk cannot be read for now.
    #[error("the disk does not give the block ({reason}): ask again later")]
    NotRead {
        /// The error that the disk reported.
        reason: String,
    },
    /// Too many questions are already waiting for the disk.
    #[error("too many questions wait for the disk: ask again soon")]
    Busy,
    /// No peer can have this address.
    #[error("{address} is no peer's address: give the IP and the UDP port that it listens on")]
    UnusableAddress {
        /// The address that was given.
        address: SocketAddr,
    },
    /// The address is one of this node's own.
    #[error("{address} is this peer's own address: give another peer's")]
    OwnAddress {
        /// The address that was given.
        address: SocketAddr,
    },
    /// The address is the tracker's.
    #[error("{address} is this peer's tracker: give a peer's address")]
    OwnTracker {
        /// The address that was given.
        address: SocketAddr,
    },
    /// There already is a neighbour at this address.
    #[error("{address} is a neighbour already")]
    AlreadyNeighbour {
        /// The address that was given.
        address: SocketAddr,
    },
    /// The most addresses that may be given by hand have been given already.
    #[error(
        "{NEIGHBOURS_BY_HAND_MAX} addresses were given by hand already: they tell of others themselves"
    )]
    TooManyNeighbours,
    /// The node is leaving, and does nothing else.
    #[error("this peer is leaving")]
    Leaving,
}

/// A question whose answer may need a body that is only on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    Block(BlockSelector),
    RawBlock(BlockSelector),
    Transaction(TransactionId),
    Voter(VoterId),
    Receipt(VoterId),
}

impl CommandError {
    /// A word for programs that never changes.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoSuchBlock { .. } => "no_such_block",
            Self::NoSuchTransaction { .. } => "no_such_transaction",
            Self::Transaction(error) => error.kind(),
            Self::PoolFull { .. } => "pool_full",
            Self::NoReceipt => "no_receipt",
            Self::MiningOff => "mining_off",
            Self::NotOpen { .. } => "not_open",
            Self::Closed { .. } => "closed",
            Self::NoNeighbours => "no_neighbours",
            Self::Observer => "observer",
            Self::NotALab => "not_a_lab",
            Self::Partitioned => "partitioned",
            Self::Forgery(error) => error.kind(),
            Self::NothingToRace => "nothing_to_race",
            Self::TipMoved => "tip_moved",
            Self::NotAValidator => "not_a_validator",
            Self::NothingSigned => "nothing_signed",
            Self::NotDurable { .. } => "not_durable",
            Self::ClockBehind { .. } => "clock_behind",
            Self::ClockOff { .. } => "clock_off",
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
