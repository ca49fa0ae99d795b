//! The chain, its blocks and their transactions, as they are shown to users.

use protocol::election::Election;
use protocol::transaction::{self, HashedTransaction};
use protocol::units::{BlockHash, MerkleRoot, TransactionId, UnixMillis, VoterId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Hash, choice_names};

/// Blocks of the best chain, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Chain {
    pub(crate) blocks: Vec<BlockSummary>,
    /// Height of the next older block; `null` once the genesis block is here.
    pub(crate) next: Option<u64>,
}

/// A block without what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct BlockSummary {
    pub(crate) height: u64,
    #[schema(value_type = Hash)]
    pub(crate) hash: BlockHash,
    pub(crate) time_ms: u64,
    pub(crate) registrations: u32,
    pub(crate) votes: u32,
}

/// A block with all it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Block {
    pub(crate) height: u64,
    #[schema(value_type = Hash)]
    pub(crate) hash: BlockHash,
    #[schema(value_type = Hash)]
    pub(crate) previous: BlockHash,
    #[schema(value_type = Hash)]
    pub(crate) merkle_root: MerkleRoot,
    pub(crate) time_ms: u64,
    /// Attempts that finding the block was expected to take.
    pub(crate) difficulty: u64,
    /// All 64 bits count, so it is no JSON number; the digits are those of the header's bytes.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    pub(crate) nonce: String,
    pub(crate) on_best_chain: bool,
    /// Length of the body's encoding.
    pub(crate) body_bytes: usize,
    pub(crate) transactions: Vec<Transaction>,
}

/// A registration or a vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Transaction {
    #[schema(value_type = Hash)]
    pub(crate) transaction: TransactionId,
    pub(crate) kind: TransactionKind,
    #[schema(value_type = Hash)]
    pub(crate) voter: VoterId,
    /// A vote's choices by name, question by question.
    pub(crate) choices: Option<Vec<Vec<String>>>,
    /// When a vote was cast, by its voter's clock.
    pub(crate) cast_at_ms: Option<u64>,
}

/// What a transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TransactionKind {
    Registration,
    Vote,
    Withdrawal,
}

impl Chain {
    pub(crate) fn of(blocks: &[node::BlockSummary]) -> Self {
        let oldest = blocks.last().map(|block| block.header.height.0);
        Self {
            blocks: blocks.iter().map(BlockSummary::of).collect(),
            next: oldest.and_then(|height| height.checked_sub(1)),
        }
    }
}

impl BlockSummary {
    fn of(block: &node::BlockSummary) -> Self {
        Self {
            height: block.header.height.0,
            hash: block.hash,
            time_ms: block.header.time.0,
            registrations: block.registrations,
            votes: block.votes,
        }
    }
}

impl Block {
    pub(crate) fn of(view: &node::BlockView, election: &Election) -> Self {
        let header = &view.header;
        let transactions = view.transactions.iter();
        Self {
            height: header.height.0,
            hash: view.hash,
            previous: header.previous,
            merkle_root: header.merkle_root,
            time_ms: header.time.0,
            difficulty: header.difficulty.attempts(),
            nonce: format!("{:016x}", header.nonce),
            on_best_chain: view.on_best_chain,
            body_bytes: view.body_bytes,
            transactions: transactions.map(|each| Transaction::of(each, election)).collect(),
        }
    }
}

impl Transaction {
    pub(crate) fn of(view: &node::TransactionView, election: &Election) -> Self {
        Self {
            transaction: view.id,
            kind: view.kind.into(),
            voter: view.voter,
            choices: view.choices.as_ref().map(|choices| choice_names(choices, election)),
            cast_at_ms: view.cast_at.map(|UnixMillis(at)| at),
        }
    }
}

impl Transaction {
    /// The same of a transaction that no node was asked for.
    pub(crate) fn read(hashed: &HashedTransaction, election: &Election) -> Self {
        let vote = match hashed.transaction() {
            transaction::Transaction::Vote { vote, .. } => Some(vote),
            transaction::Transaction::Registration { .. }
            | transaction::Transaction::Withdrawal { .. } => None,
        };
        Self {
            transaction: hashed.id(),
            kind: hashed.kind().into(),
            voter: hashed.voter(),
            choices: vote.map(|vote| choice_names(&vote.choices, election)),
            cast_at_ms: vote.map(|vote| vote.cast_at.0),
        }
    }
}

impl From<transaction::TransactionKind> for TransactionKind {
    fn from(kind: transaction::TransactionKind) -> Self {
        match kind {
            transaction::TransactionKind::Registration => Self::Registration,
            transaction::TransactionKind::Vote => Self::Vote,
            transaction::TransactionKind::Withdrawal => Self::Withdrawal,
        }
    }
}
