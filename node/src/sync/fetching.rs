//! Fetching bodies: several blocks in flight over several neighbours, each from one at a time.
//!
//! Bodies that are put together are bounded in number and in how far they may be ahead, since each takes memory until
//! the ones below it are here.

use std::net::SocketAddr;

use protocol::block;
use protocol::datagram::{BLOCK_PIECE_BYTES, ChainRequest};
use protocol::units::{BlockHash, Height, Now};

use super::Subject;
use super::bodies::{AVOID_LACKING, AVOID_WRONG, Fetch};
use crate::Node;

/// Blocks in flight per neighbour.
const BLOCKS_PER_NEIGHBOUR_MAX: usize = 16;
/// Blocks above the lowest one that is under way: bodies that come early wait in memory.
const BLOCKS_AHEAD_MAX: u64 = 1_024;
/// Most bytes of bodies being put together.
const REASSEMBLY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Pieces in one request.
const PIECES_PER_REQUEST: u32 = 16;
/// Blocks that may be passed over at a time because nobody can be asked for them just now.
const PASSED_OVER_MAX: usize = 64;
/// Lost bodies that are looked at each time: there may be many, and for some nobody to ask.
const LOST_AT_A_TIME_MAX: usize = 16;

/// Whom to ask for a block.
enum Server {
    Neighbour(SocketAddr),
    /// Whoever may have it was asked in vain a moment ago.
    Later,
    /// Nobody has room in its window.
    Busy,
}

impl Node {
    /// Makes the plan lead to the best header.
    pub(super) fn plan_bodies(&mut self) {
        let end = self.chain.best_header().hash;
        if self.sync.bodies.plan_end != Some(end) {
            let missing = self.chain.missing_bodies(end);
            self.sync.bodies.start_plan(missing, end);
        }
    }

    /// Makes the next plan start afresh: the tree changed in another way than by growing.
    pub(crate) fn forget_plan(&mut self) {
        self.sync.bodies.plan_end = None;
    }

    /// The lowest block on the way to the best header whose body is missing.
    pub(super) fn lowest_missing(&self) -> Option<BlockHash> {
        let bodies = &self.sync.bodies;
        // What the disk has lost holds nothing up.
        let is_on_the_way =
            |hash: &BlockHash| self.chain.lacks_body(hash) && !self.chain.is_lost(hash);
        let mut planned = bodies.plan.iter().filter(|(_, hash)| is_on_the_way(hash));
        let fetched = bodies.lowest_fetch(is_on_the_way);
        fetched.into_iter().chain(planned.next().copied()).min().map(|(_, hash)| hash)
    }

    /// Takes note that a body is here, from wherever, and no longer to be fetched.
    pub(crate) fn body_arrived(&mut self, height: Height, hash: BlockHash) {
        if let Some(fetch) = self.sync.bodies.end_fetch(&hash) {
            self.settle_block_requests(&hash, fetch.neighbour);
        }
        self.sync.bodies.start_check(height, hash);
    }

    /// Takes note that a body was checked, for better or worse.
    pub(crate) fn body_settled(&mut self, height: Height, hash: BlockHash) {
        self.sync.bodies.end_check(height, hash);
    }

    /// Asks for pieces as far as the neighbours' windows have room.
    pub(super) fn request_bodies(&mut self, now: Now) {
        let fetching: Vec<BlockHash> = self.sync.bodies.fetches.keys().copied().collect();
        for hash in fetching {
            self.request_body_pieces(&hash, now);
        }
        if self.disk.durability.has_room() && self.fetch_planned(now) {
            self.fetch_lost(now);
        }
    }

    /// Begins to fetch blocks of the plan; false when there is no room for more.
    fn fetch_planned(&mut self, now: Now) -> bool {
        let mut passed_over = Vec::new();
        let mut has_room = self.may_fetch_more();
        while has_room && passed_over.len() < PASSED_OVER_MAX {
            let Some((height, hash)) = self.sync.bodies.plan.pop_first() else { break };
            if !self.chain.lacks_body(&hash) || self.chain.is_lost(&hash) {
                continue;
            }
            let lowest = self.sync.bodies.lowest_under_way().unwrap_or(height);
            if height.0 > lowest.0.saturating_add(BLOCKS_AHEAD_MAX) {
                passed_over.push((height, hash));
                break;
            }
            if self.is_being_completed(&hash) {
                passed_over.push((height, hash));
                continue;
            }
            match self.choose_server(hash, now) {
                Server::Neighbour(neighbour) => {
                    let fetch = Fetch::new(height, neighbour, now.instant);
                    self.sync.bodies.start_fetch(hash, fetch);
                    self.request_body_pieces(&hash, now);
                    has_room = self.may_fetch_more();
                }
                Server::Later => passed_over.push((height, hash)),
                Server::Busy => {
                    passed_over.push((height, hash));
                    has_room = false;
                }
            }
        }
        self.sync.bodies.plan.extend(passed_over);
        has_room
    }

    /// Begins to fetch bodies that the disk has lost. They come after the plan and outside its window, since
    /// some may be gone everywhere: those must hold up neither the sync nor the others.
    fn fetch_lost(&mut self, now: Now) {
        let cursor = self.sync.bodies.lost_cursor.take();
        let lost: Vec<_> = self.chain.lost_bodies_after(cursor).take(LOST_AT_A_TIME_MAX).collect();
        let is_end = lost.len() < LOST_AT_A_TIME_MAX;
        for (height, hash) in &lost {
            if self.sync.bodies.fetches.contains_key(hash) || self.is_being_completed(hash) {
                continue;
            }
            if !self.may_fetch_more() {
                break;
            }
            if let Server::Neighbour(neighbour) = self.choose_server(*hash, now) {
                let fetch = Fetch::new(*height, neighbour, now.instant);
                self.sync.bodies.fetches.insert(*hash, fetch);
                self.request_body_pieces(hash, now);
            }
        }
        self.sync.bodies.lost_cursor = lost.last().copied().filter(|_| !is_end);
    }

    /// Whether memory has room for one more body that is put together.
    fn may_fetch_more(&self) -> bool {
        let block_bytes_max = self.chain.election().block_bytes_max as usize;
        let fetches_max = (REASSEMBLY_BYTES_MAX / block_bytes_max).max(1);
        self.sync.bodies.fetches.len() < fetches_max
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
        let pieces_max = self.chain.election().block_bytes_max.div_ceil(BLOCK_PIECE_BYTES as u32);
        let fetch = self.sync.bodies.fetches.get_mut(&hash);
        let Some(fetch) = fetch.filter(|fetch| fetch.neighbour == from) else { return };
        if pieces == 0 {
            self.settle_block_requests(&hash, from);
            self.sync.bodies.avoid(hash, from, now.instant, AVOID_LACKING);
            self.sync.bodies.plan_again(&hash);
        } else if pieces > pieces_max || fetch.pieces.is_some_and(|told| told != pieces) {
            self.settle_block_requests(&hash, from);
            let reason =
                format!("offers {pieces} pieces of block {hash}, which has at most {pieces_max}");
            self.refuse_copy(hash, from, reason, now);
        } else {
            fetch.pieces = Some(pieces);
            self.sync.piece_at = Some(now.instant);
            if let Some(body) = fetch.add_piece(piece, bytes, now.instant) {
                self.handle_whole_body(from, hash, &body, now);
            }
        }
        self.continue_sync(now);
    }

    /// A neighbour's copy of a block is no good: the neighbour is to blame, and another one is asked.
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

    /// Forgets what was asked of a neighbour for one block, and makes its room in the window free again.
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

    fn request_body_pieces(&mut self, hash: &BlockHash, now: Now) {
        while let Some(fetch) = self.sync.bodies.fetches.get_mut(hash) {
            let neighbour = fetch.neighbour;
            let room = self.sync.sources.get(&neighbour).map_or(0, |known| known.window.room());
            if room == 0 {
                return;
            }
            let Some((first, count)) = fetch.next_pieces(room.min(PIECES_PER_REQUEST)) else {
                return;
            };
            let wanted = ChainRequest::Block { hash: *hash, first, count };
            let pieces = first..first + count;
            self.request_pieces(neighbour, Subject::Block(*hash), pieces, wanted, now);
        }
    }

    /// The neighbour with the most room among those whose chain may hold the block.
    fn choose_server(&self, hash: BlockHash, now: Now) -> Server {
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
            // Who let blocks stall gets fewer at a time, until it delivers one.
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
