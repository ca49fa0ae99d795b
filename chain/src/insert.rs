//! Adding headers and bodies to the tree. What breaks a rule is refused here, and what strangers can make grow by
//! headers alone is bounded here.

use std::sync::Arc;

use protocol::block::{Block, Header};
use protocol::transaction::{HashedTransaction, TransactionKind};
use protocol::units::{BlockHash, UnixMillis};

use super::error::{BodyError, HeaderError};
use super::rules::Rule;
use super::tree::Body;
use super::{Chain, check};

impl Chain {
    /// Adds a header to the tree. Adding a known header again is not an error.
    ///
    /// # Errors
    /// When the header breaks a rule (the first one that it breaks), when its parent is unknown, or
    /// when too many headers wait for their bodies.
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

    /// Adds a header whose body is available. It takes none of the places for headers that wait for
    /// their bodies, so nobody can keep blocks out by sending headers alone.
    ///
    /// # Errors
    /// When the header breaks a rule (the first one that it breaks), or when its parent is unknown.
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

    /// Adds the body of a known header. Its signatures still have to be checked afterwards.
    ///
    /// # Errors
    /// See [`BodyError`]. [`BodyError::Invalid`] makes the block invalid; any other error leaves
    /// the tree unchanged.
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
            // A Merkle root fits only one body, so this is the body that was checked before.
            self.restore_lost_body(hash, &block);
        } else {
            self.tree.set_body(hash, Body::Unchecked(Arc::clone(&block)));
            let count = |kind| block.transactions.iter().filter(|each| each.kind() == kind).count();
            let registrations = count(TransactionKind::Registration) as u32;
            self.tree.set_counts(hash, registrations, count(TransactionKind::Vote) as u32);
        }
        self.set_withheld(hash, false);
        Ok(block)
    }

    fn check_header(&self, header: &Header, now: UnixMillis) -> Result<(), HeaderError> {
        let previous = header.previous;
        let parent = self.tree.get(&previous).ok_or(HeaderError::UnknownParent { previous })?;
        if matches!(parent.body, Body::Invalid) {
            return Err(HeaderError::InvalidParent { previous });
        }
        let expected = || self.difficulty_after(&previous);
        check::header(header, &parent.header, expected, self.rules)?;
        check::not_too_early(header, now, self.timing.ahead_max)
    }

    fn add_header(&mut self, hash: BlockHash, header: Header) {
        self.tree.insert(hash, header);
        self.due.add(header.time, hash);
        let candidate = self.candidate(hash);
        let is_usable = !self.entry(&hash).withheld && self.is_due(&hash);
        if is_usable && candidate.is_better_than(&self.best_header, self.rules) {
            self.best_header = candidate;
        }
    }

    /// Keeps the number of headers without bodies below its limit, and never removes `parent` or what is final or
    /// justified, with all that is below it.
    fn ensure_header_capacity(&mut self, parent: BlockHash) -> Result<(), HeaderError> {
        self.headers_since_pruning += 1;
        let headers = self.tree.without_body();
        if headers < self.headers_without_body_max {
            return Ok(());
        }
        // Pruning walks the whole tree, so it is worth its cost only after many new headers.
        if self.headers_since_pruning > self.headers_without_body_max / 10 {
            self.headers_since_pruning = 0;
            let (above, _) = self.path_from_best_chain(self.best_header.hash);
            let settled = [self.settled.last_final.hash, self.settled.justified.hash];
            self.tree.prune_headers(&above.into_iter().chain(settled).chain([parent]).collect());
            let tree = &self.tree;
            self.due.retain(|hash| tree.get(hash).is_some());
        }
        match self.tree.without_body() {
            headers if headers < self.headers_without_body_max => Ok(()),
            headers => Err(HeaderError::TooManyHeaders { headers }),
        }
    }
}
