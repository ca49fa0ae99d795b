//! What answers to questions hold: the node's state as its users see it, copied at one moment. Nothing here may refer
//! to the node's inside.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::admission::AdmissionRule;
use protocol::block::Header;
use protocol::election::{Election, Question};
use protocol::receipt::Receipt;
use protocol::transaction::{Choices, HashedTransaction, Transaction, TransactionKind};
use protocol::units::{BlockHash, Height, TransactionId, UnixMillis, VoterId, Work};

use super::config::Role;
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

/// A summary of the node.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What it is there for.
    pub role: Role,
    /// Whether a laboratory hears nothing but POKEs just now.
    pub partitioned: bool,
    /// The end of the best chain.
    pub tip: Tip,
    /// The work in the best chain.
    pub work: Work,
    /// Transactions that are valid and not on the best chain yet.
    pub pool: usize,
    /// Transactions that wait for others, such as votes before their registration.
    pub held: usize,
    /// How many there are.
    pub neighbours: usize,
    /// Keys registered on the best chain.
    pub registered_voters: u64,
    /// By what right they are registered.
    pub admitted: Admitted,
    /// Votes counted on the best chain.
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

/// The link to the tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackerView {
    /// Whose address.
    pub address: SocketAddr,
    /// Whether the tracker lists this peer, as far as is known.
    pub registered: bool,
    /// This peer's address as the tracker sees it.
    pub seen_as: Option<SocketAddr>,
}

/// The count over the best chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// The end of the best chain.
    pub tip: Tip,
    /// Votes counted, blank ones included.
    pub votes: u64,
    /// Keys registered on the best chain.
    pub registered_voters: u64,
    /// By what right they are registered.
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
    ByRegistrars {
        /// AdmissionCounts that were withdrawn.
        withdrawn: u64,
        /// What each registrar signed, by name.
        signed: Vec<(String, RegistrarCount)>,
    },
}

impl Admitted {
    /// What the admissions on a chain come to.
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
    /// Votes per option, in the ballot's order.
    pub votes: Vec<u64>,
    /// Voters who chose nothing here.
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
    /// Registrations in it.
    pub registrations: u32,
    /// Votes in it.
    pub votes: u32,
}

/// A block with all it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockView {
    /// The block's hash.
    pub hash: BlockHash,
    /// The block's header.
    pub header: Header,
    /// Whether it is on the best chain.
    pub on_best_chain: bool,
    /// Length of the body's encoding.
    pub body_bytes: usize,
    /// What it holds, in its order.
    pub transactions: Vec<TransactionView>,
}

/// A transaction as its users see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionView {
    /// The transaction's id.
    pub id: TransactionId,
    /// Whose it is.
    pub voter: VoterId,
    /// What it is.
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
    /// What is in it.
    pub view: TransactionView,
    /// As it was signed.
    pub transaction: Arc<HashedTransaction>,
    /// Where it stands.
    pub standing: Standing,
    /// The proof that a block of the best chain holds it, if one does.
    pub receipt: Option<Receipt>,
}

/// A piece of the pool, in the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolPage {
    /// In the order of arrival.
    pub transactions: Vec<PooledTransaction>,
    /// Transactions in the whole pool now, held ones not included.
    pub total: usize,
    /// Where to go on, if there are more: the arrival of the last one here.
    pub next: Option<Arrival>,
}

/// A transaction of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PooledTransaction {
    /// Rises, and is never used again while the peer runs.
    pub arrival: Arrival,
    /// What is in it.
    pub view: TransactionView,
}

/// Where one of a voter's transactions stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Known to this peer, in no block of the best chain yet.
    Pool,
    /// On the best chain; `blocks_deep` is 1 in the tip itself.
    Block {
        /// Of the block that holds it.
        height: Height,
        /// Of the block that holds it.
        hash: BlockHash,
        /// Blocks from that one up to the tip, both included.
        blocks_deep: u64,
    },
}

/// What the best chain and the pool say of a voter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoterView {
    /// Who it is.
    pub voter: VoterId,
    /// Where the registration stands.
    pub registration: Option<Standing>,
    /// Where the registrars took the right to vote back.
    pub withdrawal: Option<Standing>,
    /// The vote, and where it stands.
    pub vote: Option<VoteView>,
}

/// A vote that counts, or is to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoteView {
    /// Its transaction's id.
    pub transaction: TransactionId,
    /// What was chosen, question by question.
    pub choices: Choices,
    /// When it was cast, by the voter's clock.
    pub cast_at: UnixMillis,
    /// Where it stands.
    pub standing: Standing,
}

/// A neighbour as the user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighbourView {
    /// Where it listens.
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
