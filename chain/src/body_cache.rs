//! The cache of block bodies: which bodies are kept in memory although the disk has them too. The newest are kept, up
//! to a limit in bytes; the others are read from the disk by whoever needs them.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use protocol::block::{Block, HEADER_BYTES};
use protocol::units::{BlockHash, Height};

use super::Chain;
use super::summary::BlockEffects;
use super::tree::{Body, Tree};

#[derive(Debug)]
pub(super) struct BodyCache {
    bytes_max: usize,
    /// The total encoded size of all bodies in `order`, in bytes.
    bytes: usize,
    /// The bodies in the order in which they will be evicted.
    order: VecDeque<(BlockHash, usize)>,
    /// Bodies that the disk has lost.
    lost: BTreeSet<(Height, BlockHash)>,
    /// Bodies on the disk that it does not read at present.
    refused: BTreeSet<BlockHash>,
}

impl BodyCache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            bytes: 0,
            order: VecDeque::new(),
            lost: BTreeSet::new(),
            refused: BTreeSet::new(),
        }
    }

    /// Checks that the bytes are those of the bodies, within the limit, and that lost and refused bodies are those of
    /// the tree.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self, tree: &Tree) {
        let bytes: usize = self.order.iter().map(|(_, bytes)| bytes).sum();
        assert_eq!(self.bytes, bytes, "bytes of cached bodies");
        let lost = tree.iter().filter(|(_, entry)| matches!(entry.body, Body::Lost(_)));
        let lost: BTreeSet<_> = lost.map(|(hash, entry)| (entry.header.height, *hash)).collect();
        assert_eq!(self.lost, lost, "lost bodies");
        let is_stored =
            |hash| tree.get(hash).is_some_and(|entry| matches!(entry.body, Body::Stored));
        assert!(self.refused.iter().all(is_stored), "a body is refused that is not on the disk");
    }
}

impl Chain {
    /// Notes that a block is on the disk, so that its body may be evicted from memory.
    pub fn mark_stored(&mut self, hash: &BlockHash) {
        let Some(block) = self.block(hash).map(Arc::clone) else { return };
        self.add_evictable(*hash, &block);
        self.evict_bodies();
    }

    /// Puts a body back that was read from the disk; it stays at least until the next block is stored. Does nothing for
    /// a body that is in memory already, or that the chain does not expect to be on the disk.
    pub fn load_body(&mut self, block: Arc<Block>) {
        let hash = block.header.hash();
        if self.is_stored(&hash) {
            self.body_cache.refused.remove(&hash);
            self.add_evictable(hash, &block);
            self.tree.set_body(&hash, Body::Checked(block));
        }
    }

    /// Notes that the disk has lost a body, and what it still knows of what the body did. The block stays part of its
    /// branch; its body has to be fetched again, so that it can be served to others.
    pub fn mark_lost(&mut self, hash: &BlockHash, summary: Option<BlockEffects>) {
        let summary = summary.filter(|summary| summary.fits(&self.election)).map(Arc::new);
        if self.is_stored(hash) {
            let height = self.entry(hash).header.height;
            self.tree.set_body(hash, Body::Lost(summary));
            self.body_cache.lost.insert((height, *hash));
            self.body_cache.refused.remove(hash);
        }
    }

    /// Notes that the disk does not read a body at present. Until [`forget_refused`](Self::forget_refused) the chain
    /// asks for no branch that needs it, so that the other branches get their turn.
    pub fn mark_refused(&mut self, hash: &BlockHash) {
        if self.is_stored(hash) {
            self.body_cache.refused.insert(*hash);
        }
    }

    /// Notes that the disk may read again what it refused to read.
    pub fn forget_refused(&mut self) {
        self.body_cache.refused.clear();
    }

    /// Whether the disk does not read this body at present.
    pub(super) fn is_refused(&self, hash: &BlockHash) -> bool {
        self.body_cache.refused.contains(hash)
    }

    /// Bodies that the disk has lost, the lowest first.
    pub fn lost_bodies(&self) -> impl Iterator<Item = (Height, BlockHash)> {
        self.body_cache.lost.iter().copied()
    }

    /// The bodies that the disk has lost, after `place` in the order of their heights and hashes.
    pub fn lost_bodies_after(
        &self,
        place: Option<(Height, BlockHash)>,
    ) -> impl Iterator<Item = (Height, BlockHash)> {
        let from = place.map_or(Bound::Unbounded, Bound::Excluded);
        self.body_cache.lost.range((from, Bound::Unbounded)).copied()
    }

    /// The bodies of the best chain that the disk has lost, from this height on.
    pub fn lost_on_best_chain(&self, from: Height) -> impl Iterator<Item = (Height, BlockHash)> {
        let lost = self.body_cache.lost.range((from, BlockHash([0; 32]))..).copied();
        lost.filter(|(_, hash)| self.is_on_best_chain(hash))
    }

    /// Forgets the lost and refused bodies of blocks that turned out to be invalid, since nobody needs them.
    pub(super) fn forget_invalid_bodies(&mut self) {
        let tree = &self.tree;
        let is_invalid = |hash: &BlockHash| {
            tree.get(hash).is_none_or(|entry| matches!(entry.body, Body::Invalid))
        };
        self.body_cache.lost.retain(|(_, hash)| !is_invalid(hash));
        self.body_cache.refused.retain(|hash| !is_invalid(hash));
    }

    pub(super) fn restore_lost_body(&mut self, hash: &BlockHash, block: &Arc<Block>) {
        self.body_cache.lost.remove(&(block.header.height, *hash));
        self.tree.set_body(hash, Body::Checked(Arc::clone(block)));
    }

    fn add_evictable(&mut self, hash: BlockHash, block: &Block) {
        // The header is counted too, so that blocks without transactions cannot fill the memory.
        let body: usize = block.transactions.iter().map(|transaction| transaction.bytes()).sum();
        let bytes = HEADER_BYTES + body;
        self.body_cache.order.push_back((hash, bytes));
        self.body_cache.bytes += bytes;
    }

    fn evict_bodies(&mut self) {
        // The newest body stays, however large it is, because it is the one that others ask for.
        while self.body_cache.bytes > self.body_cache.bytes_max && self.body_cache.order.len() > 1 {
            let (hash, bytes) = self.body_cache.order.pop_front().expect("there are several");
            self.body_cache.bytes -= bytes;
            if self.block(&hash).is_some() {
                self.tree.set_body(&hash, Body::Stored);
            }
        }
    }
}
