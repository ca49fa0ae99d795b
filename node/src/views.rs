//! What answers to questions hold: the node's state as its users see it, copied at one moment. Nothing here may refer
//! to the node's inside.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::admission::AdmissionRule;
use protocol::block::Header;
use protocol::election::{Election, Question};
use protocol::peer_name::PeerName;
use protocol::receipt::Receipt;
use protocol::transaction::{Choices, HashedTransaction, Transaction, TransactionKind};
use protocol::units::{BlockHash, Height, TransactionId, UnixMillis, VoterId, Work};

use super::config::Role;
use super::finality::views::{Fate, FinalityView};
use crate::ledger::pool::Arrival;
use chain::{AdmissionCounts, RegistrarCount, Tally};

/// A tip or other block, by height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// The block's height.
    pub height: Height,
    /// The block's hash.
    pub hash: BlockHash,
}

/// How many neighbours have something that this node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBy {
    /// The number of neighbours that told or showed that they have it. Several addresses of one count once.
    pub neighbours: usize,
    /// The number of all neighbours. One counts twice while it says at one address that it has it, and not at another.
    pub of: usize,
}

/// A summary of the node's state.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The purpose of the node.
    pub role: Role,
    /// What the node is called among its neighbours.
    pub name: Option<PeerName>,
    /// Whether the node is a laboratory that currently handles nothing but POKEs.
    pub partitioned: bool,
    /// The end of the best chain.
    pub tip: Tip,
    /// The work in the best chain.
    pub work: Work,
    /// The number of transactions that are valid and not on the best chain yet.
    pub pool: usize,
    /// The number of transactions that wait for others, such as votes that wait for their voter's
    /// registration.
    pub held: usize,
    /// The number of neighbours, of which one may have several addresses.
    pub neighbours: usize,
    /// The neighbours whose chains contain the tip.
    pub tip_held_by: HeldBy,
    /// What keeps this node from speaking for the network; empty if nothing does.
    pub unready: Vec<Unready>,
    /// The number of keys registered on the best chain.
    pub registered_voters: u64,
    /// The right by which those keys are registered.
    pub admitted: Admitted,
    /// The number of votes counted on the best chain.
    pub votes: u64,
    /// The trackers, in the order in which they were given.
    pub trackers: Vec<TrackerView>,
    /// How this machine's clock compares with those of others.
    pub clock: ClockView,
    /// How far a timed election has come, and how final its count is.
    pub finality: Option<Box<FinalityView>>,
    /// The blocks that wait for their time.
    pub waiting: WaitingBlocks,
    /// Whether this peer mines when there is something to mine.
    pub mines: bool,
    /// Whether this peer mines at the moment.
    pub mining: bool,
    /// The height of the best header, which is above the tip's height while blocks are being
    /// fetched.
    pub sync_target: Height,
    /// Dropped datagrams, counted by reason. Only reasons that occurred are listed.
    pub dropped: Vec<(&'static str, u64)>,
}

/// A reason why what this node says need not be true of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unready {
    /// This machine's clock differs by more than 30 s from most others.
    ClockOff {
        /// By how many milliseconds it is ahead of their median (positive) or behind it (negative).
        offset_ms: i64,
        /// The number of clocks from which it differs.
        disagreeing: usize,
        /// The number of clocks that it was compared with.
        compared: usize,
    },
    /// This machine has the address no more at which the peer listens.
    AddressGone {
        /// The address.
        address: SocketAddr,
    },
    /// A tracker, or addresses of neighbours, were given, and nobody answers.
    NoContact {
        /// The number of others that the tracker lists, or whose addresses were given by hand.
        others: usize,
    },
    /// Others have more blocks, which are being fetched.
    Behind {
        /// The tip's height.
        height: Height,
        /// The height of the best header, or the height that others claim of theirs until that was looked into.
        target: Height,
    },
    /// Most neighbours count blocks whose time has not come by this machine's clock.
    BlocksWait {
        /// Their number, as far as they are known.
        blocks: usize,
        /// When the time of the next one comes.
        next_in: Duration,
    },
}

/// How this machine's clock compares with those of the neighbours and the trackers. All of one network count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockView {
    /// The number of clocks that were measured.
    pub compared: usize,
    /// By how many milliseconds this machine's clock is ahead of their median (positive) or behind it (negative);
    /// `None` if they are too few to tell.
    pub offset_ms: Option<i64>,
    /// By how many milliseconds it is ahead of the only other clock (positive) or behind it (negative), if they differ
    /// by more than 30 s: one of them is wrong, and nobody can tell which.
    pub apart_ms: Option<i64>,
    /// The number of clocks from which it differs by more than 30 s, in the same direction as from the median.
    pub disagreeing: usize,
    /// Whether it differs by more than 30 s from most of them, and from most of those that the user named, if any of
    /// these was measured, unless others found it right before and it was not set since.
    pub is_off: bool,
}

/// The blocks whose time is too far ahead of this machine's clock, so that they count for nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingBlocks {
    /// Their number, as far as they are known.
    pub blocks: usize,
    /// When the time of the next one comes; `None` if there is none.
    pub next_in: Option<Duration>,
}

/// The link to the tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerView {
    /// The name and port, if it was given by name.
    pub name: Option<Arc<str>>,
    /// The address that is tried, or at which it answers; `None` while its name can't be looked up.
    pub address: Option<SocketAddr>,
    /// Whether the tracker lists this peer, as far as is known.
    pub registered: bool,
    /// This peer's address as the tracker sees it.
    pub seen_as: Option<SocketAddr>,
    /// Whether another election is served wherever it answered.
    pub refuses: bool,
}

/// The count over the best chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// The end of the best chain.
    pub tip: Tip,
    /// The number of votes counted, including blank ones.
    pub votes: u64,
    /// The number of keys registered on the best chain.
    pub registered_voters: u64,
    /// The right by which those keys are registered.
    pub admitted: Admitted,
    /// The number of blocks from the newest block that contains a vote up to the tip, both
    /// included; 0 if there are no votes.
    pub blocks_deep: u64,
    /// The votes for each option of each question, in the ballot's order.
    pub tally: Vec<QuestionTally>,
    /// The neighbours whose chains contain the tip.
    pub tip_held_by: HeldBy,
    /// What keeps this node from speaking for the network; empty if nothing does.
    pub unready: Vec<Unready>,
    /// The blocks that wait for their time.
    pub waiting: WaitingBlocks,
    /// How far a timed election has come, and how final its count is.
    pub finality: Option<Box<FinalityView>>,
}

/// The right by which the voters on the best chain are registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// Anybody could register any number of keys.
    Openly,
    /// What each registrar signed, by name in the ballot's order.
    ByRegistrars {
        /// Voters who were withdrawn.
        withdrawn: u64,
        /// What each registrar signed, by name.
        signed: Vec<(String, RegistrarCount)>,
    },
}

impl Admitted {
    /// Summarises the admissions on a chain.
    pub fn of(election: &Election, admissions: &AdmissionCounts) -> Self {
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

/// The count of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionTally {
    /// The question.
    pub question: Question,
    /// The number of votes for each option, in the ballot's order.
    pub votes: Vec<u64>,
    /// The number of voters who chose no option of this question.
    pub blank: u64,
}

impl QuestionTally {
    /// The count, question by question.
    pub fn of_all(election: &Election, tally: &Tally) -> Vec<Self> {
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

/// A block in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockSummary {
    /// The block's hash.
    pub hash: BlockHash,
    /// The block's header.
    pub header: Header,
    /// The number of registrations in the block.
    pub registrations: u32,
    /// The number of votes in the block.
    pub votes: u32,
}

/// A block with everything it contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockView {
    /// The block's hash.
    pub hash: BlockHash,
    /// The block's header.
    pub header: Header,
    /// Whether the block is on the best chain.
    pub on_best_chain: bool,
    /// The encoded size of the block's body.
    pub body_bytes: usize,
    /// The block's transactions, in its order.
    pub transactions: Vec<TransactionView>,
}

/// A transaction as its users see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionView {
    /// The transaction's id.
    pub id: TransactionId,
    /// The voter whom the transaction concerns.
    pub voter: VoterId,
    /// The kind of the transaction.
    pub kind: TransactionKind,
    /// The choices, if the transaction is a vote.
    pub choices: Option<Choices>,
    /// The time at which the vote was cast by the voter's clock, if the transaction is a vote.
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

/// A transaction, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionAnswer {
    /// What the transaction says.
    pub view: TransactionView,
    /// The transaction itself, as it was signed.
    pub transaction: Arc<HashedTransaction>,
    /// Where the transaction is.
    pub standing: Standing,
    /// The proof that a block of the best chain contains the transaction, if one does.
    pub receipt: Option<Receipt>,
    /// How final that is in a timed election.
    pub fate: Option<Fate>,
}

/// A part of the pool, in the order in which its transactions arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolPage {
    /// The transactions, in the order in which they arrived.
    pub transactions: Vec<PooledTransaction>,
    /// The number of transactions in the whole pool now, without those that are held.
    pub total: usize,
    /// The arrival number of the last transaction here, from which the next page continues; `None`
    /// if there are no more.
    pub next: Option<Arrival>,
}

/// A transaction of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PooledTransaction {
    /// The number of the arrival. Numbers rise, and none is used twice while the peer runs.
    pub arrival: Arrival,
    /// What the transaction says.
    pub view: TransactionView,
}

/// Where a transaction is: in the pool or in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// This peer knows the transaction, but no block of the best chain contains it yet.
    Pool {
        /// The neighbours that sent or acknowledged the transaction.
        held_by: HeldBy,
    },
    /// A block of the best chain contains the transaction. `blocks_deep` is 1 if that block is the
    /// tip.
    Block {
        /// The height of that block.
        height: Height,
        /// The hash of that block.
        hash: BlockHash,
        /// The number of blocks from that one up to the tip, both included.
        blocks_deep: u64,
        /// The neighbours whose chains contain that block.
        held_by: HeldBy,
    },
}

/// What the best chain and the pool say about a voter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoterView {
    /// The voter.
    pub voter: VoterId,
    /// Where the voter's registration is.
    pub registration: Option<Standing>,
    /// How final that is in a timed election.
    pub registration_fate: Option<Fate>,
    /// Where the withdrawal is by which the registrars took back the right to vote.
    pub withdrawal: Option<Standing>,
    /// The vote, and where it is.
    pub vote: Option<VoteView>,
}

/// A vote that counts, or that will count once a block contains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoteView {
    /// Its transaction's id.
    pub transaction: TransactionId,
    /// The choices for each question.
    pub choices: Choices,
    /// The time at which the vote was cast, by the voter's clock.
    pub cast_at: UnixMillis,
    /// Where the vote is.
    pub standing: Standing,
    /// The neighbours that have the vote, in a block or in their pools.
    pub held_by: HeldBy,
    /// How final that is in a timed election.
    pub fate: Option<Fate>,
}

/// A neighbour as it is shown to users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighbourView {
    /// The address at which the neighbour listens.
    pub address: SocketAddr,
    /// What it says that it is called, which proves nothing.
    pub name: Option<PeerName>,
    /// Other addresses of neighbours which say that they are the same peer.
    pub also_at: Vec<SocketAddr>,
    /// The tip that the neighbour reported last.
    pub tip: Option<Tip>,
    /// The smoothed round-trip time, once it has been measured.
    pub round_trip: Option<Duration>,
    /// The number of heartbeats in a row that the neighbour missed.
    pub missed: u8,
    /// By how many milliseconds the neighbour's clock is ahead of ours (positive) or behind it
    /// (negative).
    pub clock_offset_ms: Option<i64>,
}
