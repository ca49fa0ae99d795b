//! What a user, program or page may ask of a node, and the answers.
//!
//! The node never sees a secret key: votes arrive here signed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::admission::AdmissionRule;
use protocol::block::{Block, Header};
use protocol::election::{Election, Question};
use protocol::receipt::Receipt;
use protocol::transaction::{Choices, HashedTransaction, Transaction, TransactionKind};
use protocol::units::{BlockHash, Height, TransactionId, UnixMillis, VoterId, Work};

use super::config::Role;
use super::counters::Counters;
use super::probes::NEIGHBOURS_BY_HAND_MAX;
use crate::chain::{Admissions, Forgery, RegistrarCount, Tally, TransactionError};
use crate::pool::Arrival;

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

/// A tip or other block, by height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    pub height: Height,
    pub hash: BlockHash,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub role: Role,
    /// Whether a laboratory hears nothing but POKEs just now.
    pub partitioned: bool,
    pub tip: Tip,
    pub work: Work,
    /// Transactions that are valid and not on the best chain yet.
    pub pool: usize,
    /// Transactions that wait for others, such as votes before their registration.
    pub held: usize,
    pub neighbours: usize,
    pub registered_voters: u64,
    pub admitted: Admitted,
    pub votes: u64,
    /// Whether the tracker listed this peer and has been heard of lately; `None` without a tracker.
    pub tracker: Option<TrackerView>,
    /// Whether this peer mines at the moment.
    pub mining: bool,
    /// Height of the best header, above the tip's while blocks are fetched.
    pub sync_target: Height,
    /// Datagrams counted by why they were dropped; those reasons alone that occurred.
    pub dropped: Vec<(&'static str, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackerView {
    pub address: SocketAddr,
    pub registered: bool,
    /// This peer's address as the tracker sees it.
    pub seen_as: Option<SocketAddr>,
}

/// The count over the best chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    pub tip: Tip,
    /// Votes counted, blank ones included.
    pub votes: u64,
    pub registered_voters: u64,
    pub admitted: Admitted,
    /// Blocks from the newest block that holds a vote up to the tip, both included; 0 without votes.
    pub blocks_deep: u64,
    /// Question by question, the votes per option in the ballot's order.
    pub tally: Vec<QuestionTally>,
}

/// By what right the voters on the best chain are registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// Anybody could register any number of keys.
    Openly,
    /// What each registrar signed, by name in the ballot's order.
    ByRegistrars { withdrawn: u64, signed: Vec<(String, RegistrarCount)> },
}

impl Admitted {
    pub(crate) fn of(election: &Election, admissions: &Admissions) -> Self {
        match &election.admission {
            AdmissionRule::Open { .. } => Self::Openly,
            AdmissionRule::Registrars { registrars, .. } => {
                let names = registrars.iter().map(|registrar| registrar.name.clone());
                let signed = names.zip(admissions.by_registrar.iter().copied()).collect();
                Self::ByRegistrars { withdrawn: admissions.withdrawn, signed }
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionTally {
    pub question: Question,
    pub votes: Vec<u64>,
    /// Voters who chose nothing here.
    pub blank: u64,
}

impl QuestionTally {
    /// The count, question by question.
    pub(crate) fn of_all(election: &Election, tally: &Tally) -> Vec<Self> {
        let counts = tally.options.iter().zip(&tally.blank);
        let questions = election.questions.iter().cloned().zip(counts);
        questions
            .map(|(question, (votes, blank))| Self {
                question,
                votes: votes.clone(),
                blank: *blank,
            })
            .collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockSummary {
    pub hash: BlockHash,
    pub header: Header,
    pub registrations: u32,
    pub votes: u32,
}

/// A block with all it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockView {
    pub hash: BlockHash,
    pub header: Header,
    pub on_best_chain: bool,
    /// Length of the body's encoding.
    pub body_bytes: usize,
    pub transactions: Vec<TransactionView>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionView {
    pub id: TransactionId,
    pub voter: VoterId,
    pub kind: TransactionKind,
    /// A vote's choices.
    pub choices: Option<Choices>,
    /// When a vote was cast, by its voter's clock.
    pub cast_at: Option<UnixMillis>,
}

impl TransactionView {
    pub(super) fn of(transaction: &HashedTransaction) -> Self {
        let vote = match transaction.transaction() {
            Transaction::Vote { vote, .. } => Some(vote),
            Transaction::Registration { .. } | Transaction::Withdrawal { .. } => None,
        };
        Self {
            id: transaction.id(),
            voter: transaction.voter(),
            kind: transaction.kind(),
            choices: vote.map(|vote| vote.choices.clone()),
            cast_at: vote.map(|vote| vote.cast_at),
        }
    }
}

/// A transaction, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionAnswer {
    pub view: TransactionView,
    pub transaction: Arc<HashedTransaction>,
    pub standing: Standing,
    /// The proof that a block of the best chain holds it, if one does.
    pub receipt: Option<Receipt>,
}

/// A piece of the pool, in the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolPage {
    pub transactions: Vec<PooledTransaction>,
    /// Transactions in the whole pool now, held ones not included.
    pub total: usize,
    /// Where to go on, if there are more: the arrival of the last one here.
    pub next: Option<Arrival>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PooledTransaction {
    /// Rises, and is never used again while the peer runs.
    pub arrival: Arrival,
    pub view: TransactionView,
}

/// Where one of a voter's transactions stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Known to this peer, in no block of the best chain yet.
    Pool,
    /// On the best chain; `blocks_deep` is 1 in the tip itself.
    Block { height: Height, hash: BlockHash, blocks_deep: u64 },
}

/// What the best chain and the pool say of a voter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoterView {
    pub voter: VoterId,
    pub registration: Option<Standing>,
    /// Where the registrars took the right to vote back.
    pub withdrawal: Option<Standing>,
    pub vote: Option<VoteView>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoteView {
    pub transaction: TransactionId,
    pub choices: Choices,
    pub cast_at: UnixMillis,
    pub standing: Standing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighbourView {
    pub address: SocketAddr,
    /// What it said last of its tip.
    pub tip: Option<Tip>,
    /// Smoothed round trip, once measured.
    pub round_trip: Option<Duration>,
    /// Heartbeats in a row that it missed.
    pub missed: u8,
    /// By how much its clock is ahead of (positive) or behind (negative) ours, in milliseconds.
    pub clock_offset_ms: Option<i64>,
}
