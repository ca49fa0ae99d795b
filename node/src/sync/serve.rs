//! Answers REQUEST_CHAIN with pieces of headers, bodies and transactions.
//!
//! The amount that one request can cause to be sent is bounded, and so is the number of requests
//! that may wait for the disk.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use protocol::block::Block;
use protocol::datagram::{
    BLOCK_PIECE_BYTES, ChainRequest, DATAGRAM_BYTES_MAX, Datagram, ENVELOPE_BYTES,
    HEADERS_PER_PIECE,
};
use protocol::units::{BlockHash, Height, Now};

use crate::Node;
use crate::disk::Waiter;
use crate::dropped::DropReason;
use crate::packing::{for_datagram, pack};

/// The most pieces that one request yields, so that what one datagram can make us send is bounded.
const PIECES_PER_REQUEST_MAX: u32 = 64;
/// The number of encoded bodies that are kept, because a body is usually asked for in several
/// requests.
const BODIES_CACHED: usize = 16;
/// The bytes of CHAIN_TRANSACTIONS before its transactions: variant, three numbers and length.
const TRANSACTIONS_OVERHEAD: usize = ENVELOPE_BYTES + 4 + 12 + 8;

/// The bodies that were served most recently, encoded.
#[derive(Debug, Default)]
pub(super) struct EncodedBodies {
    bodies: VecDeque<(BlockHash, Arc<[u8]>)>,
}

impl Node {
    pub(crate) fn serve_chain(
        &mut self,
        to: SocketAddr,
        request: u32,
        wanted: ChainRequest,
        now: Now,
    ) {
        match wanted {
            ChainRequest::Headers { locator, first, count } => {
                self.serve_headers(to, request, &locator, first, count);
            }
            ChainRequest::Block { hash, first, count } => {
                self.serve_body(to, request, &hash, first, count);
            }
            ChainRequest::Transactions { block, places } => {
                self.serve_transactions(to, request, &block, &places);
            }
            ChainRequest::Certificates { from } => {
                self.serve_certificates(to, request, from, now);
            }
        }
    }

    fn serve_headers(
        &mut self,
        to: SocketAddr,
        request: u32,
        locator: &[BlockHash],
        first: u32,
        count: u32,
    ) {
        let Some(fork) = self.chain.find_fork(locator) else {
            self.counters.dropped.count(DropReason::ForeignLocator);
            return;
        };
        let per_piece = HEADERS_PER_PIECE as u64;
        let behind = self.chain.tip_header().height.0 - fork.0;
        let pieces = u32::try_from(behind.div_ceil(per_piece)).unwrap_or(u32::MAX);
        for piece in served(first, count, pieces) {
            let start = fork.0 + 1 + u64::from(piece) * per_piece;
            let headers = (start..start + per_piece)
                .map_while(|height| self.chain.best_hash(Height(height)))
                .filter_map(|hash| self.chain.header(&hash).copied())
                .collect();
            self.send(to, Datagram::ChainHeaders { request, piece, pieces, headers });
        }
        if pieces == 0 {
            let headers = Vec::new();
            self.send(to, Datagram::ChainHeaders { request, piece: 0, pieces, headers });
        }
    }

    fn serve_body(
        &mut self,
        to: SocketAddr,
        request: u32,
        hash: &BlockHash,
        first: u32,
        count: u32,
    ) {
        let Some(body) = self.encoded_body(hash) else {
            let wanted = ChainRequest::Block { hash: *hash, first, count };
            if self.load_to_serve(to, request, hash, wanted) {
                return;
            }
            let (piece, pieces, bytes) = (0, 0, Vec::new());
            return self.send(to, Datagram::ChainBlock { request, piece, pieces, bytes });
        };
        let pieces = u32::try_from(body.len().div_ceil(BLOCK_PIECE_BYTES)).unwrap_or(u32::MAX);
        for piece in served(first, count, pieces) {
            let chunk = body.chunks(BLOCK_PIECE_BYTES).nth(piece as usize);
            let bytes = chunk.unwrap_or_default().to_vec();
            self.send(to, Datagram::ChainBlock { request, piece, pieces, bytes });
        }
    }

    fn serve_transactions(
        &mut self,
        to: SocketAddr,
        request: u32,
        block: &BlockHash,
        places: &[u16],
    ) {
        if !places.is_sorted_by(|left, right| left < right) {
            return self.counters.dropped.count(DropReason::PlacesOutOfOrder);
        }
        if let Some(block) = self.chain.block(block).map(Arc::clone) {
            return self.send_transactions(to, request, &block, places);
        }
        let wanted = ChainRequest::Transactions { block: *block, places: places.to_vec() };
        if !self.load_to_serve(to, request, block, wanted) {
            let (piece, pieces, transactions) = (0, 0, Vec::new());
            let answer = Datagram::ChainTransactions { request, piece, pieces, transactions };
            self.send(to, answer);
        }
    }

    /// Continues an answer for which [`serve_chain`](Self::serve_chain) had to load a block.
    pub(crate) fn serve_loaded(
        &mut self,
        to: SocketAddr,
        request: u32,
        wanted: &ChainRequest,
        block: Option<&Arc<Block>>,
    ) {
        match (wanted, block) {
            (ChainRequest::Block { hash, first, count }, block) => {
                if let Some(block) = block {
                    self.cache_body(*hash, || block.body_bytes());
                }
                self.serve_body(to, request, hash, *first, *count);
            }
            (ChainRequest::Transactions { places, .. }, Some(block)) => {
                self.send_transactions(to, request, block, places);
            }
            (ChainRequest::Transactions { block, places }, None) => {
                self.serve_transactions(to, request, block, places);
            }
            (ChainRequest::Headers { .. } | ChainRequest::Certificates { .. }, _) => {}
        }
    }

    /// Whether a block is only on the disk, so that the answer has to wait for it. If too many
    /// requests wait already, there is no answer at all, and the neighbour will ask again.
    /// Answering that the block is not here would be untrue, and would send the neighbour
    /// elsewhere.
    fn load_to_serve(
        &mut self,
        to: SocketAddr,
        request: u32,
        hash: &BlockHash,
        wanted: ChainRequest,
    ) -> bool {
        let is_stored = self.chain.is_stored(hash);
        if is_stored && !self.load(*hash, Waiter::Neighbour { to, request, wanted }) {
            self.counters.dropped.count(DropReason::DiskBusy);
        }
        is_stored
    }

    fn send_transactions(&mut self, to: SocketAddr, request: u32, block: &Block, places: &[u16]) {
        let wanted = places.iter().filter_map(|place| block.transactions.get(usize::from(*place)));
        let mut groups = pack(wanted, DATAGRAM_BYTES_MAX - TRANSACTIONS_OVERHEAD);
        groups.truncate(PIECES_PER_REQUEST_MAX as usize);
        let pieces = groups.len() as u32;
        for (piece, group) in (0..).zip(groups) {
            let transactions = for_datagram(&group);
            let answer = Datagram::ChainTransactions { request, piece, pieces, transactions };
            self.send(to, answer);
        }
    }

    fn encoded_body(&mut self, hash: &BlockHash) -> Option<Arc<[u8]>> {
        if let Some(body) = self.sync.encoded_bodies.get(hash) {
            return Some(body);
        }
        let forged = || self.laboratory.forged(hash);
        let block = Arc::clone(self.chain.block(hash).or_else(forged)?);
        Some(self.cache_body(*hash, || block.body_bytes()))
    }

    fn cache_body(&mut self, hash: BlockHash, encode: impl FnOnce() -> Vec<u8>) -> Arc<[u8]> {
        let cache = &mut self.sync.encoded_bodies;
        cache.get(&hash).unwrap_or_else(|| cache.insert(hash, encode().into()))
    }
}

impl EncodedBodies {
    /// Checks that no body is kept twice, and that there are not too many.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        assert!(self.bodies.len() <= BODIES_CACHED, "{} encoded bodies", self.bodies.len());
        let hashes: BTreeSet<_> = self.bodies.iter().map(|(hash, _)| hash).collect();
        assert_eq!(hashes.len(), self.bodies.len(), "an encoded body is kept twice");
    }

    fn get(&self, hash: &BlockHash) -> Option<Arc<[u8]>> {
        let cached = self.bodies.iter().find(|(cached, _)| cached == hash);
        cached.map(|(_, body)| Arc::clone(body))
    }

    fn insert(&mut self, hash: BlockHash, body: Arc<[u8]>) -> Arc<[u8]> {
        if self.bodies.len() >= BODIES_CACHED {
            self.bodies.pop_front();
        }
        self.bodies.push_back((hash, Arc::clone(&body)));
        body
    }
}

fn served(first: u32, count: u32, pieces: u32) -> std::ops::Range<u32> {
    let end = first.saturating_add(count.min(PIECES_PER_REQUEST_MAX)).min(pieces);
    first.min(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_brings_64_pieces_at_most() {
        let most = PIECES_PER_REQUEST_MAX;
        assert_eq!(served(0, most, 1_000), 0..most);
        assert_eq!(served(0, most + 1, 1_000), 0..most);
        assert_eq!(served(7, u32::MAX, 1_000), 7..7 + most);
        assert_eq!(served(7, 5, 1_000), 7..12);
        assert_eq!(served(990, most, 1_000), 990..1_000);
        assert!(served(1_000, 1, 1_000).is_empty() && served(u32::MAX, 1, 1_000).is_empty());
    }

    #[test]
    fn the_oldest_of_17_encoded_bodies_is_forgotten() {
        let hash = |number: usize| BlockHash([u8::try_from(number).expect("few"); 32]);
        let mut cache = EncodedBodies::default();
        for number in 0..BODIES_CACHED {
            cache.insert(hash(number), Arc::from([1]));
        }
        assert!((0..BODIES_CACHED).all(|number| cache.get(&hash(number)).is_some()));
        cache.insert(hash(BODIES_CACHED), Arc::from([1]));
        let gone = (0..=BODIES_CACHED).filter(|number| cache.get(&hash(*number)).is_none());
        assert_eq!(gone.collect::<Vec<_>>(), [0]);
    }
}
