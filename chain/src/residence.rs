//! Which bodies are in memory although the disk has them too: the newest, up to a limit. The others are read
//! from the disk by whoever needs them.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use protocol::block::{Block, HEADER_BYTES};
use protocol::units::{BlockHash, Height};

use super::Chain;
use super::summary::Summary;
use super::tree::Body;

#[derive(Debug)]
pub(super) struct Residence {
    bytes_max: usize,
    /// Bytes of the encodings of all bodies in `order`.
    bytes: usize,
    /// In the order in which they leave.
    order: VecDeque<(BlockHash, usize)>,
    /// Bodies that the disk has lost.
    lost: BTreeSet<(Height, BlockHash)>,
}

impl Residence {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, order: VecDeque::new(), lost: BTreeSet::new() }
    }
}

impl Chain {
    /// Word that a block is on the disk: its body may leave the memory from now on.
    pub fn note_stored(&mut self, hash: &BlockHash) {
        let Some(block) = self.block(hash).map(Arc::clone) else { return };
        self.let_leave(*hash, &block);
        self.make_bodies_leave();
    }

    /// A body that was read from the disk; it stays until the next block is stored. Anything but a body that
    /// is on the disk alone is left as it is.
    pub fn put_back(&mut self, block: Arc<Block>) {
        let hash = block.header.hash();
        if self.is_stored(&hash) {
            self.let_leave(hash, &block);
            self.tree.set_body(&hash, Body::Checked(block));
        }
    }

    /// Word that the disk has lost a body, and what it still knows of what the body did. That stands; the body
    /// is fetched again, to be served.
    pub fn note_lost(&mut self, hash: &BlockHash, summary: Option<Summary>) {
        let summary = summary.filter(|summary| summary.fits(&self.election)).map(Arc::new);
        if self.is_stored(hash) {
            let height = self.entry(hash).header.height;
            self.tree.set_body(hash, Body::Lost(summary));
            self.residence.lost.insert((height, *hash));
        }
    }

    /// Bodies that the disk has lost, the lowest first.
    pub fn lost_bodies(&self) -> impl Iterator<Item = (Height, BlockHash)> {
        self.residence.lost.iter().copied()
    }

    /// The same, above a place in their order.
    pub fn lost_bodies_after(
        &self,
        place: Option<(Height, BlockHash)>,
    ) -> impl Iterator<Item = (Height, BlockHash)> {
        let from = place.map_or(Bound::Unbounded, Bound::Excluded);
        self.residence.lost.range((from, Bound::Unbounded)).copied()
    }

    /// Nobody needs the bodies of blocks that turned out to be invalid.
    pub(super) fn forget_invalid_lost(&mut self) {
        let tree = &self.tree;
        let is_lost = |hash: &BlockHash| {
            tree.get(hash).is_some_and(|entry| matches!(entry.body, Body::Lost(_)))
        };
        self.residence.lost.retain(|(_, hash)| is_lost(hash));
    }

    pub(super) fn find_again(&mut self, hash: &BlockHash, block: &Arc<Block>) {
        self.residence.lost.remove(&(block.header.height, *hash));
        self.tree.set_body(hash, Body::Checked(Arc::clone(block)));
    }

    fn let_leave(&mut self, hash: BlockHash, block: &Block) {
        // Blocks without transactions take room, too.
        let body: usize = block.transactions.iter().map(|transaction| transaction.bytes()).sum();
        let bytes = HEADER_BYTES + body;
        self.residence.order.push_back((hash, bytes));
        self.residence.bytes += bytes;
    }

    fn make_bodies_leave(&mut self) {
        // The newest stays, whatever its size: it is the one that others ask for.
        while self.residence.bytes > self.residence.bytes_max && self.residence.order.len() > 1 {
            let (hash, bytes) = self.residence.order.pop_front().expect("there are several");
            self.residence.bytes -= bytes;
            if self.block(&hash).is_some() {
                self.tree.set_body(&hash, Body::Stored);
            }
        }
    }
}
