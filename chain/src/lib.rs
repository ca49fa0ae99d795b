//! The chain of votes: the tree of blocks, the rules, the choice between branches and the count.
//!
//! A block comes in three steps: its header ([`Chain::insert_header`]), its body ([`Chain::insert_body`]),
//! and word that the body's signatures hold ([`Chain::accept_signatures`]). [`Chain::advance`] then moves to
//! the best branch. Nothing here talks to a network, a disk or a clock.

mod advance;
mod audit;
mod body_cache;
mod branch;
mod check;
mod error;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
mod forgery;
mod fork_choice;
mod locations;
mod paths;
mod restore;
pub mod rules;
mod summary;
mod template;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::block::{Block, Header};
use protocol::election::Election;
use protocol::transaction::{HashedTransaction, TransactionKind};
use protocol::units::{BlockHash, ElectionId, Height, TransactionId, UnixMillis, VoterId, Work};

use crate::rules::{Rule, Rules};
pub use advance::{Advance, BlockFailure, TipChange};
pub use audit::{Audit, AuditError, AuditFailure, AuditRule, CheckedBlock};
use body_cache::BodyCache;
use branch::Branch;
pub use branch::{AdmissionCounts, RegistrarCount, Tally, VoterRecord};
pub use check::{CAST_AT_DISTANCE_MAX, TIME_AHEAD_MAX, check_cast_at};
pub use error::{BlockError, BodyError, HeaderError, TransactionError};
pub use forgery::{Forgery, ForgeryError};
pub use fork_choice::Candidate;
pub use locations::TransactionLocation;
pub use restore::StoredBlock;
pub use summary::{
    BlankVotes, BlockSummary, IdPrefix, OptionVotes, RegistrarSignings, TransactionSummary,
};
pub use template::next_header;
use tree::{Body, Entry, Tree};

/// Most headers that wait for their bodies: about 20 MB. Headers of low difficulty are cheap to make, so
/// their number is bounded; a longer chain is fetched as its bodies arrive.
pub const HEADERS_WITHOUT_BODY_MAX: usize = 100_000;

/// Blocks of all branches, and the state at the end of the best one.
#[derive(Debug)]
pub struct Chain {
    election: Arc<Election>,
    election_id: ElectionId,
    rules: Rules,
    tree: Tree,
    /// Hashes of the best chain, by height.
    best: Vec<BlockHash>,
    branch: Branch,
    /// Ends of complete branches that fork choice prefers to the tip.
    candidates: BTreeSet<Candidate>,
    body_cache: BodyCache,
    best_header: Candidate,
    headers_since_pruning: usize,
}

impl Chain {
    /// The chain of an election that nobody has voted in. Bodies that the disk has as well stay in memory up
    /// to about `resident_bytes_max` bytes of their encoding; they take about twice as much there.
    #[must_use]
    pub fn new(election: Arc<Election>, rules: Rules, resident_bytes_max: usize) -> Self {
        let genesis = Header::genesis(&election);
        let hash = genesis.hash();
        Self {
            election_id: election.election_id(),
            rules,
            tree: Tree::new(genesis),
            best: vec![hash],
            branch: Branch::new(&election, rules),
            candidates: BTreeSet::new(),
            body_cache: BodyCache::new(resident_bytes_max),
            best_header: Candidate { work: Work(0), hash },
            headers_since_pruning: 0,
            election,
        }
    }

    #[must_use]
    pub fn election(&self) -> &Arc<Election> {
        &self.election
    }

    #[must_use]
    pub fn election_id(&self) -> &ElectionId {
        &self.election_id
    }

    #[must_use]
    pub fn tip(&self) -> Candidate {
        let hash = *self.best.last().expect("the genesis is always there");
        self.candidate(hash)
    }

    #[must_use]
    pub fn tip_header(&self) -> &Header {
        &self.entry(&self.tip().hash).header
    }

    /// The preferred end of a branch of headers, with or without bodies.
    #[must_use]
    pub fn best_header(&self) -> Candidate {
        self.best_header
    }

    #[must_use]
    pub fn header(&self, hash: &BlockHash) -> Option<&Header> {
        self.tree.get(hash).map(|entry| &entry.header)
    }

    /// Work of the chain up to a known block.
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

    /// Whether a block's body was checked and is on the disk alone.
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

    /// Registrations and votes of a block whose body was here.
    #[must_use]
    pub fn transaction_counts(&self, hash: &BlockHash) -> Option<(u32, u32)> {
        self.tree.get(hash).map(|entry| (entry.registrations, entry.votes))
    }

    /// Whether this block or one before it is known to break a rule.
    #[must_use]
    pub fn is_invalid(&self, hash: &BlockHash) -> bool {
        self.tree.get(hash).is_some_and(|entry| matches!(entry.body, Body::Invalid))
    }

    /// The best chain's block at a height.
    #[must_use]
    pub fn best_hash(&self, height: Height) -> Option<BlockHash> {
        self.best.get(usize::try_from(height.0).ok()?).copied()
    }

    #[must_use]
    pub fn is_on_best_chain(&self, hash: &BlockHash) -> bool {
        self.header(hash).is_some_and(|header| self.best_hash(header.height) == Some(*hash))
    }

    /// What the best chain says of a voter.
    #[must_use]
    pub fn voter(&self, voter: &VoterId) -> Option<VoterRecord> {
        self.branch.voter(voter)
    }

    /// Where the best chain withdraws a voter.
    #[must_use]
    pub fn withdrawal(&self, voter: &VoterId) -> Option<TransactionLocation> {
        self.branch.withdrawal(voter)
    }

    /// Where the best chain may hold a transaction, upwards: a body there decides it, by the whole id. Nearly
    /// always one place or none; where there is none, the chain does not hold it.
    pub fn locations_of(&self, id: &TransactionId) -> impl Iterator<Item = TransactionLocation> {
        self.branch.locations_of(id)
    }

    #[must_use]
    pub fn registered_voters(&self) -> usize {
        self.branch.registered_voters()
    }

    /// Voters that the best chain has room for.
    #[must_use]
    pub fn remaining_voter_capacity(&self) -> usize {
        self.branch.remaining_voter_capacity()
    }

    /// Whether there is room for one more voter beside some that are about to be registered.
    ///
    /// # Errors
    /// [`TransactionError::VotersFull`] when there is not.
    pub fn check_voter_capacity(&self, others: usize) -> Result<(), TransactionError> {
        self.branch.check_voter_capacity(others)
    }

    /// What registrars did on the best chain.
    #[must_use]
    pub fn admissions(&self) -> AdmissionCounts {
        self.branch.admissions()
    }

    #[must_use]
    pub fn tally(&self) -> &Tally {
        self.branch.tally()
    }

    /// The best chain's transaction at a place, if its block is in memory.
    #[must_use]
    pub fn transaction(&self, location: TransactionLocation) -> Option<&Arc<HashedTransaction>> {
        let block = self.block(&self.best_hash(location.height)?)?;
        block.transactions.get(usize::try_from(location.index).ok()?)
    }

    /// Blocks from the newest one that holds a vote up to the tip, both included; 0 without votes.
    #[must_use]
    pub fn blocks_since_newest_vote(&self) -> u64 {
        let above = |newest: Height| self.tip_header().height.0 - newest.0 + 1;
        self.branch.newest_vote().map_or(0, above)
    }

    /// The rules of a transaction that need neither signatures nor the branch.
    ///
    /// # Errors
    /// The first rule that it breaks; such a transaction is bad on every branch.
    pub fn check_structure(&self, transaction: &HashedTransaction) -> Result<(), TransactionError> {
        check::transaction(transaction, &self.election, &self.election_id)
    }

    /// Whether the next block may hold the transaction, as far as the best chain decides it.
    ///
    /// # Errors
    /// The rule that it breaks now; another branch may decide otherwise.
    pub fn check_context(&self, transaction: &HashedTransaction) -> Result<(), TransactionError> {
        self.branch.check(transaction.kind(), transaction.voter())
    }

    /// Adds a header to the tree. A header that is here already is no error.
    ///
    /// # Errors
    /// The first rule that it breaks, or that its parent is not here, or that too many wait for their bodies.
    pub fn insert_header(
        &mut self,
        header: Header,
        now: UnixMillis,
    ) -> Result<BlockHash, HeaderError> {
        let hash = header.hash();
        if self.tree.get(&hash).is_none() {
            self.check_header(&header, now)?;
            self.ensure_header_capacity(header.previous)?;
            self.add_header(hash, header);
        }
        Ok(hash)
    }

    /// The same for a header whose body is at hand: it takes no place among those that wait, so that nobody
    /// can keep out blocks by headers alone.
    ///
    /// # Errors
    /// The first rule that it breaks, or that its parent is not here.
    pub fn insert_header_with_body(
        &mut self,
        header: Header,
        now: UnixMillis,
    ) -> Result<BlockHash, HeaderError> {
        let hash = header.hash();
        if self.tree.get(&hash).is_none() {
            self.check_header(&header, now)?;
            self.add_header(hash, header);
        }
        Ok(hash)
    }

    /// Adds the body of a known header; its signatures are still to be checked.
    ///
    /// # Errors
    /// See [`BodyError`]: [`BodyError::Invalid`] makes the block invalid, any other leaves the tree as it was.
    pub fn insert_body(
        &mut self,
        hash: &BlockHash,
        transactions: Vec<Arc<HashedTransaction>>,
    ) -> Result<Arc<Block>, BodyError> {
        let entry = self.tree.get(hash).ok_or(BodyError::UnknownHeader { hash: *hash })?;
        let was_lost = match entry.body {
            Body::Missing => false,
            Body::Lost(_) => true,
            Body::Unchecked(_) | Body::Checked(_) | Body::Stored | Body::Invalid => {
                return Err(BodyError::AlreadyKnown { hash: *hash });
            }
        };
        let block = Arc::new(Block { header: entry.header, transactions });
        if self.rules.enforces(Rule::MerkleRoot) {
            check::merkle_root(&block)?;
        }
        if let Err(error) = check::body(&block, &self.election, &self.election_id) {
            self.invalidate(hash);
            return Err(error.into());
        }
        if was_lost {
            // One root, one body: this is the one that was checked before.
            self.restore_lost_body(hash, &block);
            return Ok(block);
        }
        self.tree.set_body(hash, Body::Unchecked(Arc::clone(&block)));
        let count = |kind| block.transactions.iter().filter(|each| each.kind() == kind).count();
        let registrations = count(TransactionKind::Registration) as u32;
        self.tree.set_counts(hash, registrations, count(TransactionKind::Vote) as u32);
        if !self.is_withheld(&block.header.previous) {
            self.set_withheld(hash, false);
        }
        Ok(block)
    }

    /// A block that is in the tree, as the end of a branch.
    fn candidate(&self, hash: BlockHash) -> Candidate {
        Candidate { work: self.entry(&hash).work, hash }
    }

    fn entry(&self, hash: &BlockHash) -> &Entry {
        self.tree
            .get(hash)
            .expect("entries that are on the best chain or complete are never pruned")
    }

    fn check_header(&self, header: &Header, now: UnixMillis) -> Result<(), HeaderError> {
        let previous = header.previous;
        let parent = self.tree.get(&previous).ok_or(HeaderError::UnknownParent { previous })?;
        if matches!(parent.body, Body::Invalid) {
            return Err(HeaderError::InvalidParent { previous });
        }
        check::header(header, &parent.header, now, self.rules)
    }

    fn add_header(&mut self, hash: BlockHash, header: Header) {
        self.tree.insert(hash, header);
        let candidate = self.candidate(hash);
        if !self.entry(&hash).withheld && candidate.is_better_than(&self.best_header, self.rules) {
            self.best_header = candidate;
        }
    }

    /// Keeps the number of headers without bodies below its limit; `parent` stays.
    fn ensure_header_capacity(&mut self, parent: BlockHash) -> Result<(), HeaderError> {
        self.headers_since_pruning += 1;
        let headers = self.tree.without_body();
        if headers < HEADERS_WITHOUT_BODY_MAX {
            return Ok(());
        }
        // Pruning walks the whole tree, so it has to pay: only after many new headers.
        if self.headers_since_pruning > HEADERS_WITHOUT_BODY_MAX / 10 {
            self.headers_since_pruning = 0;
            let (above, _) = self.path_from_best_chain(self.best_header.hash);
            self.tree.prune_headers(&above.into_iter().chain([parent]).collect());
        }
        match self.tree.without_body() {
            headers if headers < HEADERS_WITHOUT_BODY_MAX => Ok(()),
            headers => Err(HeaderError::TooManyHeaders { headers }),
        }
    }
}
