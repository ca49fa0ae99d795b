//! The chain of votes: what a valid block is, which branch of blocks is the best one, and what its votes amount to.
//!
//! - [`Chain`] is what a running peer uses: it keeps every branch it hears of and the state at the end of the best one.
//! - [`Audit`] is what a stranger uses to check a finished chain from its genesis block upwards.
//! - [`finality`] is what validators may sign about blocks, and what it amounts to.
//! - [`Forgery`] makes blocks that break one rule each, to show that they are refused.
//!
//! A block enters a [`Chain`] in three steps: its header ([`Chain::insert_header`]), its body ([`Chain::insert_body`]),
//! and the news that the signatures in its body hold ([`Chain::accept_signatures`]), so that slow checks can run
//! elsewhere. [`Chain::advance`] then moves to the best branch.
//!
//! This crate never touches a network, a disk, a clock or a source of randomness; the time comes in as an argument.
//!
//! # Build a small chain and audit it
//!
//! ```
//! use std::sync::Arc;
//!
//! use chain::{Audit, CheckedBlock};
//! use protocol::admission::AdmissionRule;
//! use protocol::block::Block;
//! use protocol::election::{Election, Question};
//! use protocol::keys::VoterKey;
//! use protocol::proof_of_work::find_stamp;
//! use protocol::transaction::{HashedTransaction, Transaction, Vote};
//! use protocol::units::{Difficulty, UnixMillis};
//!
//! let election = Arc::new(Election {
//!     id: [1; 16],
//!     title: "Board".into(),
//!     created: UnixMillis(1_700_000_000_000),
//!     difficulty_bits: 4,
//!     admission: AdmissionRule::Open { registration_bits: 4, max_voters: None },
//!     block_bytes_max: 64 * 1024,
//!     questions: vec![Question {
//!         title: "Chair".into(),
//!         options: vec!["Ada".into(), "Grace".into()],
//!         choices_min: 1,
//!         choices_max: 1,
//!     }],
//!     block_interval_s: None,
//!     times: None,
//! });
//! let (id, now) = (election.election_id(), UnixMillis(1_700_000_060_000));
//!
//! // A voter registers by a small proof of work, and votes for Grace.
//! let key = VoterKey::from_secret_bytes(&[7; 32])?;
//! let stamp = find_stamp(&id, &key.public().0, Difficulty::from_bits(4), 0);
//! let registration = Transaction::open_registration(&id, &key, stamp);
//! let voter = key.public().voter();
//! let vote = Vote { voter, choices: vec![vec![1]], nonce: [0; 8], cast_at: now };
//! let vote = Transaction::vote(&id, &key, vote);
//!
//! // Each of the two transactions is mined into a block, and each block is checked.
//! let mut audit = Audit::new(Arc::clone(&election));
//! for transaction in [registration, vote] {
//!     let transactions = vec![Arc::new(HashedTransaction::new(transaction, &id))];
//!     let mut header = audit.past().next_header(&transactions, now);
//!     while !header.has_work() {
//!         header.nonce += 1;
//!     }
//!     let block = Arc::new(Block { header, transactions });
//!     audit.extend(&CheckedBlock::new(block, &election, &id), now)?;
//! }
//! assert_eq!(audit.tally().options, [[0, 1]]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(missing_docs)]

mod advance;
mod audit;
mod body_cache;
mod branch;
mod check;
mod closing;
mod due;
mod error;
mod final_tally;
pub mod finality;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
mod forgery;
mod fork_choice;
mod insert;
mod invariants;
mod locations;
mod odds;
mod paths;
mod restore;
pub mod rules;
mod settled;
mod summary;
mod template;
#[cfg(test)]
mod tests;
mod time;
mod tree;

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::block::{Block, Header};
use protocol::election::Election;
use protocol::finality::BlockReference;
use protocol::transaction::HashedTransaction;
use protocol::units::{BlockHash, ElectionId, Height, TransactionId, VoterId, Work};

use crate::rules::{Rule, Rules};
pub use advance::{Advance, BlockFailure, TipChange};
pub use audit::{
    Audit, AuditError, AuditFailure, AuditRule, CertificateRule, CertifyError, CheckedBlock,
    check_certificate,
};
use body_cache::BodyCache;
use branch::Branch;
pub use branch::{AdmissionCounts, RegistrarCount, Tally, VoterRecord};
pub use check::{CAST_AT_DISTANCE_MAX, check_cast_at};
use due::Due;
pub use error::{BlockError, BodyError, HeaderError, TransactionError};
use final_tally::FinalTally;
pub use forgery::{Forgery, ForgeryError};
pub use fork_choice::{Candidate, Standing};
pub use locations::TransactionLocation;
pub use odds::attacker_share;
pub use restore::StoredBlock;
pub use settled::FinalError;
use settled::Settled;
pub use summary::{BlankVotes, BlockEffects, OptionVotes, RegistrarSignings, TransactionSummary};
use time::Timing;
pub use time::{Past, Phase, TIME_AHEAD_MAX, time_ahead_max};
use tree::{Body, Entry, Tree};

/// The most headers that wait for their bodies; they take about 20 MB. Headers of low difficulty
/// are cheap to make, so their number has to be limited. A longer chain is fetched as its bodies
/// arrive.
pub const HEADERS_WITHOUT_BODY_MAX: usize = 100_000;

/// The blocks of all branches, and the state at the end of the best one.
#[derive(Debug)]
pub struct Chain {
    election: Arc<Election>,
    election_id: ElectionId,
    rules: Rules,
    timing: Timing,
    tree: Tree,
    /// The hashes of the best chain, by height.
    best: Vec<BlockHash>,
    /// The first block of the best chain that is empty because the election has closed.
    closing: Option<BlockReference>,
    branch: Branch,
    /// The ends of complete branches that fork choice prefers to the tip, or that nobody has compared with it yet.
    candidates: BTreeSet<Candidate>,
    body_cache: BodyCache,
    /// The most headers that wait for their bodies.
    headers_without_body_max: usize,
    best_header: Candidate,
    headers_since_pruning: usize,
    due: Due,
    settled: Settled,
    final_tally: FinalTally,
}

impl Chain {
    /// Creates the chain of an election in which nobody has voted yet. Bodies that are also on the
    /// disk stay in memory up to about `resident_bytes_max` bytes of their encoding; in memory they
    /// take about twice as much.
    #[must_use]
    pub fn new(election: Arc<Election>, rules: Rules, resident_bytes_max: usize) -> Self {
        let genesis = Header::genesis(&election);
        let hash = genesis.hash();
        Self {
            election_id: election.election_id(),
            rules,
            timing: Timing::of(&election),
            tree: Tree::new(genesis),
            best: vec![hash],
            closing: None,
            branch: Branch::new(&election, rules),
            candidates: BTreeSet::new(),
            body_cache: BodyCache::new(resident_bytes_max),
            best_header: Candidate { standing: Standing::Justified, work: Work(0), hash },
            headers_without_body_max: HEADERS_WITHOUT_BODY_MAX,
            headers_since_pruning: 0,
            due: Due::new(),
            settled: Settled::new(hash),
            final_tally: FinalTally::new(&election),
            election,
        }
    }

    /// The same chain with room for another number of headers that wait for their bodies than
    /// [`HEADERS_WITHOUT_BODY_MAX`].
    #[must_use]
    pub fn with_headers_max(mut self, headers_without_body_max: usize) -> Self {
        self.headers_without_body_max = headers_without_body_max;
        self
    }

    /// The election that this chain belongs to.
    #[must_use]
    pub fn election(&self) -> &Arc<Election> {
        &self.election
    }

    /// The id of that election.
    #[must_use]
    pub fn election_id(&self) -> &ElectionId {
        &self.election_id
    }

    /// The last block of the best chain.
    #[must_use]
    pub fn tip(&self) -> Candidate {
        let hash = *self.best.last().expect("the genesis is always there");
        self.candidate(hash)
    }

    /// The header of that block.
    #[must_use]
    pub fn tip_header(&self) -> &Header {
        &self.entry(&self.tip().hash).header
    }

    /// The end of the branch of headers that fork choice prefers, whether its bodies are here or
    /// not.
    #[must_use]
    pub fn best_header(&self) -> Candidate {
        self.best_header
    }

    /// The header of a block of any branch.
    #[must_use]
    pub fn header(&self, hash: &BlockHash) -> Option<&Header> {
        self.tree.get(hash).map(|entry| &entry.header)
    }

    /// The work of the chain up to a known block.
    #[must_use]
    pub fn work(&self, hash: &BlockHash) -> Option<Work> {
        self.tree.get(hash).map(|entry| entry.work)
    }

    /// A block of any branch whose body was checked and is in memory.
    #[must_use]
    pub fn block(&self, hash: &BlockHash) -> Option<&Arc<Block>> {
        match &self.tree.get(hash)?.body {
            Body::Checked(block) => Some(block),
            Body::Missing | Body::Unchecked(_) | Body::Stored | Body::Lost(_) | Body::Invalid => {
                None
            }
        }
    }

    /// Whether a block's body was checked and is only on the disk.
    #[must_use]
    pub fn is_stored(&self, hash: &BlockHash) -> bool {
        self.tree.get(hash).is_some_and(|entry| matches!(entry.body, Body::Stored))
    }

    /// Whether a block's body was checked, wherever it is now.
    #[must_use]
    pub fn has_checked_body(&self, hash: &BlockHash) -> bool {
        self.tree.get(hash).is_some_and(|entry| entry.body.is_checked())
    }

    /// Whether the disk has lost the body of a block that was checked.
    #[must_use]
    pub fn is_lost(&self, hash: &BlockHash) -> bool {
        self.tree.get(hash).is_some_and(|entry| matches!(entry.body, Body::Lost(_)))
    }

    /// Whether the body of a known header has not arrived yet, or was lost by the disk.
    #[must_use]
    pub fn lacks_body(&self, hash: &BlockHash) -> bool {
        self.tree.get(hash).is_some_and(|entry| matches!(entry.body, Body::Missing | Body::Lost(_)))
    }

    /// Whether the bodies of a block and of all blocks before it were checked.
    #[must_use]
    pub fn is_complete(&self, hash: &BlockHash) -> bool {
        self.tree.get(hash).is_some_and(|entry| entry.complete)
    }

    /// The numbers of registrations and votes in a block whose body has been here.
    #[must_use]
    pub fn transaction_counts(&self, hash: &BlockHash) -> Option<(u32, u32)> {
        self.tree.get(hash).map(|entry| (entry.registrations, entry.votes))
    }

    /// Whether this block or one before it is known to break a rule.
    #[must_use]
    pub fn is_invalid(&self, hash: &BlockHash) -> bool {
        self.tree.get(hash).is_some_and(|entry| matches!(entry.body, Body::Invalid))
    }

    /// The hash of the best chain's block at a height.
    #[must_use]
    pub fn best_hash(&self, height: Height) -> Option<BlockHash> {
        self.best.get(usize::try_from(height.0).ok()?).copied()
    }

    /// Whether a block is on the best chain.
    #[must_use]
    pub fn is_on_best_chain(&self, hash: &BlockHash) -> bool {
        self.header(hash).is_some_and(|header| self.best_hash(header.height) == Some(*hash))
    }

    /// What the best chain says about a voter.
    #[must_use]
    pub fn voter(&self, voter: &VoterId) -> Option<VoterRecord> {
        self.branch.voter(voter)
    }

    /// Where the best chain withdraws a voter.
    #[must_use]
    pub fn withdrawal(&self, voter: &VoterId) -> Option<TransactionLocation> {
        self.branch.withdrawal(voter)
    }

    /// The places where the best chain may hold a transaction, in ascending order. The body at such
    /// a place shows by the whole id whether it does. There is nearly always one place or none; if
    /// there is none, the chain does not hold the transaction.
    pub fn locations_of(&self, id: &TransactionId) -> impl Iterator<Item = TransactionLocation> {
        self.branch.locations_of(id)
    }

    /// The number of voters who are registered on the best chain and were not withdrawn.
    #[must_use]
    pub fn registered_voters(&self) -> usize {
        self.branch.registered_voters()
    }

    /// How many more voters the best chain has room for.
    #[must_use]
    pub fn remaining_voter_capacity(&self) -> usize {
        self.branch.remaining_voter_capacity()
    }

    /// Whether there is room for one more voter, in addition to some that are about to be
    /// registered.
    ///
    /// # Errors
    /// [`TransactionError::VotersFull`] when there is none.
    pub fn check_voter_capacity(&self, others: usize) -> Result<(), TransactionError> {
        self.branch.check_voter_capacity(others)
    }

    /// What the registrars did on the best chain.
    #[must_use]
    pub fn admissions(&self) -> AdmissionCounts {
        self.branch.admissions()
    }

    /// The count at the end of the best chain.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        self.branch.tally()
    }

    /// The transaction at a place of the best chain, if its block is in memory.
    #[must_use]
    pub fn transaction(&self, location: TransactionLocation) -> Option<&Arc<HashedTransaction>> {
        let block = self.block(&self.best_hash(location.height)?)?;
        block.transactions.get(usize::try_from(location.index).ok()?)
    }

    /// The number of blocks from the newest one that contains a vote up to the tip, both included;
    /// 0 if there are no votes.
    #[must_use]
    pub fn blocks_since_newest_vote(&self) -> u64 {
        let above = |newest: Height| self.tip_header().height.0 - newest.0 + 1;
        self.branch.newest_vote().map_or(0, above)
    }

    /// Checks the rules for a transaction that need neither signatures nor the state of a branch.
    ///
    /// # Errors
    /// The first rule that it breaks. Such a transaction is invalid on every branch.
    pub fn check_structure(&self, transaction: &HashedTransaction) -> Result<(), TransactionError> {
        check::transaction(transaction, &self.election, &self.election_id)
    }

    /// Checks whether the next block may contain the transaction, as far as this depends on the
    /// best chain.
    ///
    /// # Errors
    /// The rule that it breaks at the moment. On another branch it may be valid.
    pub fn check_context(&self, transaction: &HashedTransaction) -> Result<(), TransactionError> {
        self.branch.check(transaction.kind(), transaction.voter(), self.next_period())
    }

    /// A block of the tree, considered as the end of a branch.
    fn candidate(&self, hash: BlockHash) -> Candidate {
        let entry = self.entry(&hash);
        let is_ignored = !self.rules.enforces(Rule::FinalBlock);
        let standing = if is_ignored { Standing::Justified } else { entry.standing };
        Candidate { standing, work: entry.work, hash }
    }

    fn entry(&self, hash: &BlockHash) -> &Entry {
        self.tree
            .get(hash)
            .expect("entries that are on the best chain or complete are never pruned")
    }
}
