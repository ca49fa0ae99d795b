//! Fetches bodies: several blocks at a time from several neighbours, but each block from only one
//! neighbour at a time.
//!
//! What is ahead of the best chain is limited in bytes and in blocks, since each body takes memory
//! until those below it have arrived. The size of a block is not known until its first piece tells
//! it, so that is all that is asked for before. Room for one block is kept for the lowest one on the way whose body is
//! not here, since all others wait for it: whether it never came, or the disk has lost it.

use std::net::SocketAddr;
use std::sync::Arc;

use protocol::block::{self, Block, HEADER_BYTES};
use protocol::datagram::{BLOCK_PIECE_BYTES, ChainRequest};
use protocol::election::Election;
use protocol::transaction::HashedTransaction;
use protocol::units::{BlockHash, Height, Now};

use super::Subject;
use super::bodies::{AVOID_LACKING, AVOID_WRONG, Fetch, reserved_bytes};
use crate::Node;

/// The most blocks in flight per neighbour.
const BLOCKS_PER_NEIGHBOUR_MAX: usize = 16;
/// How many blocks above the lowest one that is missing or being checked may be fetched. Bodies that
/// arrive early have to wait.
const BLOCKS_AHEAD_MAX: u64 = 1_024;
/// The most blocks that may be skipped at a time because nobody can be asked for them just now.
const PASSED_OVER_MAX: usize = 64;

/// The neighbour to ask for a block.
pub(super) enum Server {
    Neighbour(SocketAddr),
    /// Everyone who may have the block was asked in vain a moment ago.
    Later,
    /// No neighbour has room in its window.
    Busy,
}

/// What came of a block of the plan.
enum Attempt {
    /// It is being fetched, or its body is here.
    Settled,
    /// It stays in the plan, and those above it get their turn.
    Later,
    /// It stays in the plan, and so do those above it: memory, the window, or the neighbours have no room.
    NoRoom,
}

impl Node {
    /// Makes the plan lead to the best header.
    pub(super) fn plan_bodies(&mut self) {
        let end = self.chain.best_header().hash;
        if self.sync.bodies.plan_end != Some(end) {
            let way = self.chain.way_from_best_chain(end);
            let chain = &self.chain;
            let (lacks_body, is_lost) =
                (|hash: &BlockHash| chain.lacks_body(hash), |hash: &BlockHash| chain.is_lost(hash));
            let ended = self.sync.bodies.start_plan(way, end, lacks_body, is_lost);
            for (hash, neighbour) in ended {
                self.settle_block_requests(&hash, neighbour);
            }
        }
    }

    /// Makes the next plan start afresh, because the way to the best header changed in another way than by growing.
    pub(crate) fn forget_plan(&mut self) {
        self.sync.bodies.plan_end = None;
    }

    /// Notes that the disk has lost a body: if it lies on the way, it is to be fetched like a missing one.
    pub(crate) fn body_lost(&mut self, hash: &BlockHash) {
        if self.sync.bodies.is_planned(hash) {
            self.forget_plan();
        }
    }

    /// The lowest block on the way to the best header whose body is missing or lost.
    pub(super) fn lowest_missing(&self) -> Option<(Height, BlockHash)> {
        let bodies = &self.sync.bodies;
        let is_missing = |hash: &BlockHash| self.chain.lacks_body(hash);
        let planned = bodies.plan.iter().find(|(_, hash)| is_missing(hash));
        bodies.lowest_fetch(is_missing).into_iter().chain(planned.copied()).min()
    }

    /// Notes that a body has arrived, from wherever, and need not be fetched any more.
    pub(crate) fn body_arrived(&mut self, block: &Block, from: Option<SocketAddr>) {
        let (height, hash) = (block.header.height, block.header.hash());
        if self.chain.is_on_best_chain(&hash) {
            self.disk.loading.lost_wait.restart(height);
        }
        if let Some(fetch) = self.sync.bodies.end_fetch(&hash) {
            self.settle_block_requests(&hash, fetch.neighbour);
        }
        self.sync.announcements.forget(&hash);
        self.sync.goal.forget(&hash);
        // Nobody else can make the number of this node's own blocks grow.
        if from.is_some() {
            self.sync.bodies.start_check(height, hash, body_bytes(&block.transactions));
        }
    }

    /// Notes that a body was checked, whatever the result.
    pub(crate) fn body_settled(&mut self, height: Height, hash: BlockHash) {
        self.sync.bodies.end_check(height, hash);
        if self.chain.is_complete(&hash) {
            self.sync.bodies.end_wait(&hash);
        }
    }

    /// Notes that nothing is missing of these blocks' branches any more, so that their bodies wait for nothing.
    pub(crate) fn bodies_completed(&mut self, blocks: &[BlockHash]) {
        blocks.iter().for_each(|hash| self.sync.bodies.end_wait(hash));
    }

    /// Notes that blocks are on the best chain, and so not on the way any more.
    pub(crate) fn bodies_connected(&mut self, blocks: &[Arc<Block>]) {
        blocks.iter().for_each(|block| self.sync.bodies.leave_way(&block.header.hash()));
    }

    /// Asks for pieces, as far as the windows of the neighbours have room. The lowest block on the way comes first,
    /// since all others there wait for it, and then the lost bodies that a move to a better branch waits for.
    pub(super) fn request_bodies(&mut self, now: Now) {
        let fetching: Vec<BlockHash> = self.sync.bodies.fetches.keys().copied().collect();
        for hash in fetching {
            self.request_body_pieces(&hash, now);
        }
        if !self.disk.durability.has_room() {
            return self.disk.loading.lost_wait.pause(now.instant);
        }
        if let Some(from) = self.disk.loading.lost_wait.from() {
            self.fetch_planned(0, now);
            if !self.fetch_awaited_lost(from, now) {
                return;
            }
        }
        if self.fetch_planned(BLOCKS_AHEAD_MAX, now) {
            self.fetch_lost(now);
        }
    }

    /// Starts to fetch blocks of the plan, up to `ahead_max` above the lowest one that is awaited. Returns false when
    /// there is no room for more.
    fn fetch_planned(&mut self, ahead_max: u64, now: Now) -> bool {
        let lowest = self.lowest_awaited();
        let window_end = lowest.map(|(lowest, _)| lowest.0.saturating_add(ahead_max));
        let mut passed_over = Vec::new();
        let mut has_room = true;
        while has_room
            && passed_over.len() < PASSED_OVER_MAX
            && let Some(place) = self.sync.bodies.plan.pop_first()
        {
            let is_beyond = window_end.is_some_and(|end| place.0.0 > end);
            match self.fetch_planned_body(place, is_beyond, lowest, now) {
                Attempt::Settled => {}
                Attempt::Later => passed_over.push(place),
                Attempt::NoRoom => {
                    passed_over.push(place);
                    has_room = false;
                }
            }
        }
        self.sync.bodies.plan.extend(passed_over);
        has_room
    }

    /// Starts to fetch a block that was taken from the plan, unless it lies beyond the window.
    fn fetch_planned_body(
        &mut self,
        (height, hash): (Height, BlockHash),
        is_beyond: bool,
        lowest: Option<(Height, BlockHash)>,
        now: Now,
    ) -> Attempt {
        if !self.chain.lacks_body(&hash) {
            return Attempt::Settled;
        }
        if self.sync.announcements.contains(&hash) {
            return Attempt::Later;
        }
        let pieces = self.sync.bodies.pieces_to_reserve(&hash);
        if is_beyond || !self.has_room_ahead(&hash, pieces, lowest) {
            return Attempt::NoRoom;
        }
        match self.choose_server(hash, now) {
            Server::Neighbour(neighbour) => {
                let fetch = Fetch::new(height, neighbour, pieces, now.instant);
                self.sync.bodies.start_fetch(hash, fetch);
                self.request_body_pieces(&hash, now);
                Attempt::Settled
            }
            Server::Later => Attempt::Later,
            Server::Busy => Attempt::NoRoom,
        }
    }

    /// The lowest block on the way that is missing or being checked. The blocks above it have to wait for it.
    fn lowest_awaited(&self) -> Option<(Height, BlockHash)> {
        self.sync.bodies.lowest_under_way().into_iter().chain(self.lowest_missing()).min()
    }

    /// Whether there is memory for so many pieces of a block. Room for a whole block is kept for the `lowest` one. A
    /// block that waits for no other one finds room when nothing else takes any, however small the limit is.
    pub(super) fn has_room_ahead(
        &self,
        hash: &BlockHash,
        pieces: u32,
        lowest: Option<(Height, BlockHash)>,
    ) -> bool {
        let bodies = &self.sync.bodies;
        let is_lowest = lowest.is_some_and(|(_, lowest)| lowest == *hash);
        let waits = bodies.is_planned(hash) && !is_lowest;
        let own = bodies.fetches.get(hash).map_or(0, |fetch| reserved_bytes(fetch.reserved));
        let others = bodies.bytes_ahead() - own;
        let kept = if is_lowest { 0 } else { block_bytes_max(self.chain.election()) };
        others + reserved_bytes(pieces) + kept <= self.limits.ahead_bytes_max
            || others == 0 && !waits
    }

    /// Whether there is memory for the body of an announced block. One that waits for no other body is checked and on
    /// the disk in a moment, so that what waits for others can't keep it out.
    pub(super) fn has_room_announced(&self, previous: &BlockHash, bytes: usize) -> bool {
        let block = block_bytes_max(self.chain.election());
        let most = match self.chain.is_complete(previous) {
            true => ahead_bytes_most(self.limits.ahead_bytes_max, self.chain.election()),
            false => self.limits.ahead_bytes_max.saturating_sub(block),
        };
        self.sync.bodies.bytes_ahead() + bytes <= most
    }

    pub(crate) fn handle_chain_block(
        &mut self,
        from: SocketAddr,
        (number, piece, pieces): (u32, u32, u32),
        bytes: Vec<u8>,
        now: Now,
    ) {
        let Some(Subject::Block(hash)) = self.settle_piece(from, number, piece, pieces, now) else {
            return;
        };
        let pieces_max = pieces_max(self.chain.election());
        let fetch = self.sync.bodies.fetches.get_mut(&hash);
        let Some(fetch) = fetch.filter(|fetch| fetch.neighbour == from) else { return };
        if pieces == 0 {
            self.settle_block_requests(&hash, from);
            self.sync.bodies.avoid(hash, from, now.instant, AVOID_LACKING);
            self.sync.bodies.plan_again(&hash);
        } else if pieces > pieces_max || fetch.pieces.count.is_some_and(|told| told != pieces) {
            self.settle_block_requests(&hash, from);
            let reason =
                format!("offers {pieces} pieces of block {hash}, which has at most {pieces_max}");
            self.refuse_copy(hash, from, reason, now);
        } else if !self.reserve_pieces(&hash, pieces) {
            self.settle_block_requests(&hash, from);
            self.sync.bodies.postpone(&hash, pieces);
        } else if let Some(fetch) = self.sync.bodies.fetches.get_mut(&hash) {
            fetch.pieces.count = Some(pieces);
            self.sync.piece_at = Some(now.instant);
            if let Some(body) = fetch.add_piece(piece, bytes, now.instant) {
                self.handle_whole_body(from, hash, &body, now);
            }
        }
        self.continue_sync(now);
    }

    /// Makes room for all pieces of a block that is being fetched. Returns false if there is none.
    fn reserve_pieces(&mut self, hash: &BlockHash, pieces: u32) -> bool {
        let reserved = self.sync.bodies.fetches.get(hash).map_or(0, |fetch| fetch.reserved);
        if pieces > reserved && !self.has_room_ahead(hash, pieces, self.lowest_awaited()) {
            return false;
        }
        if let Some(fetch) = self.sync.bodies.fetches.get_mut(hash) {
            fetch.reserved = pieces;
        }
        true
    }

    /// Handles a wrong copy of a block: the neighbour that sent it is to blame, and another one is
    /// asked.
    pub(crate) fn refuse_copy(
        &mut self,
        hash: BlockHash,
        from: SocketAddr,
        reason: String,
        now: Now,
    ) {
        self.sync.bodies.avoid(hash, from, now.instant, AVOID_WRONG);
        self.sync.bodies.plan_again(&hash);
        self.record_fault(from, reason, now);
    }

    /// Forgets what a neighbour was asked for one block, and frees its room in the window.
    pub(super) fn settle_block_requests(&mut self, hash: &BlockHash, address: SocketAddr) {
        let settled = self.sync.requests.forget_block(hash, &address);
        if let Some(neighbour) = self.sync.sources.get_mut(&address) {
            neighbour.window.settled(settled);
        }
    }

    fn handle_whole_body(&mut self, from: SocketAddr, hash: BlockHash, body: &[u8], now: Now) {
        self.sync.bodies.end_fetch(&hash);
        self.settle_block_requests(&hash, from);
        if let Some(neighbour) = self.sync.sources.get_mut(&from) {
            neighbour.stalls = 0;
        }
        match block::decode_body(body, self.chain.election_id()) {
            Ok(transactions) => {
                self.sync.whole_at = Some(now.instant);
                self.handle_fetched_body(hash, transactions, from, now);
            }
            Err(error) => {
                let reason = format!("sent a body of {hash} that does not decode: {error}");
                self.refuse_copy(hash, from, reason, now);
            }
        }
    }

    pub(super) fn request_body_pieces(&mut self, hash: &BlockHash, now: Now) {
        while let Some(fetch) = self.sync.bodies.fetches.get_mut(hash) {
            let neighbour = fetch.neighbour;
            let room = self.sync.sources.get(&neighbour).map_or(0, |known| known.window.room());
            if room == 0 {
                return;
            }
            let Some((first, count)) = fetch.pieces.take_next(1, u32::MAX, room) else { return };
            let wanted = ChainRequest::Block { hash: *hash, first, count };
            let pieces = first..first + count;
            self.request_pieces(neighbour, Subject::Block(*hash), pieces, wanted, now);
        }
    }

    /// The neighbour with the most room among those whose chain may contain the block.
    pub(super) fn choose_server(&self, hash: BlockHash, now: Now) -> Server {
        let Some(work) = self.chain.work(&hash) else { return Server::Later };
        let in_flight = self.sync.bodies.in_flight();
        let mut is_busy = false;
        let mut best: Option<(u32, SocketAddr)> = None;
        for (address, neighbour) in self.sync.sources.iter() {
            let is_able = neighbour.status.is_some_and(|status| status.work >= work);
            if !is_able || self.sync.bodies.is_avoided(hash, *address, now.instant) {
                continue;
            }
            let room = neighbour.window.room();
            // A neighbour that let blocks stall is asked for fewer at a time, until it delivers
            // one.
            let blocks_max = (BLOCKS_PER_NEIGHBOUR_MAX >> neighbour.stalls.min(4)).max(1);
            if room == 0 || in_flight.get(address).copied().unwrap_or(0) >= blocks_max {
                is_busy = true;
            } else if best.is_none_or(|(most, _)| room > most) {
                best = Some((room, *address));
            }
        }
        match best {
            Some((_, address)) => Server::Neighbour(address),
            None if is_busy => Server::Busy,
            None => Server::Later,
        }
    }
}

/// The most pieces that a block of an election has.
pub(super) fn pieces_max(election: &Election) -> u32 {
    election.block_bytes_max.div_ceil(BLOCK_PIECE_BYTES as u32)
}

/// The most bytes that one block of an election takes of what may be ahead.
fn block_bytes_max(election: &Election) -> usize {
    reserved_bytes(pieces_max(election))
}

/// The most bytes that are ahead with this limit, with the block that is fetched in any case and one that was
/// announced.
pub(super) fn ahead_bytes_most(ahead_bytes_max: usize, election: &Election) -> usize {
    let block = block_bytes_max(election);
    ahead_bytes_max.max(block) + block
}

/// The bytes that a body takes, as they are counted.
pub(super) fn body_bytes(transactions: &[Arc<HashedTransaction>]) -> usize {
    HEADER_BYTES + transactions.iter().map(|transaction| transaction.bytes()).sum::<usize>()
}
