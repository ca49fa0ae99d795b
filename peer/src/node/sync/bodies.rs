//! Body sync: which blocks to fetch, from whom, and their pieces until a body is whole.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::block;
use protocol::datagram::{BLOCK_PIECE_BYTES, Wanted};
use protocol::units::{BlockHash, Height, Now};

use super::Subject;
use crate::node::Node;

/// Blocks in flight per neighbour.
const BLOCKS_PER_NEIGHBOUR_MAX: usize = 16;
/// Blocks above the lowest one that is under way: bodies that come early wait in memory.
const BLOCKS_AHEAD_MAX: u64 = 1_024;
/// Most bytes of bodies being put together.
const REASSEMBLY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Pieces in one request.
const PIECES_PER_REQUEST: u32 = 16;
/// Most pairs of a block and a neighbour that does not have it; more mean a new plan.
const LACKING_MAX: usize = 8_192;

/// One body on its way.
#[derive(Debug)]
struct Fetch {
    neighbour: SocketAddr,
    /// How many pieces there are, once told.
    pieces: Option<u32>,
    next_to_ask: u32,
    lost: BTreeSet<u32>,
    received: BTreeMap<u32, Vec<u8>>,
    progress_at: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Bodies {
    /// Blocks to fetch, upwards.
    plan: VecDeque<BlockHash>,
    /// All that the plan held from its beginning: a block of an earlier plan is not fetched again.
    planned: BTreeSet<BlockHash>,
    /// The header that the plan leads to.
    plan_end: Option<BlockHash>,
    fetches: BTreeMap<BlockHash, Fetch>,
    /// Blocks that are fetched or being checked, by height: the lowest one ties down how far ahead to fetch.
    under_way: BTreeSet<(Height, BlockHash)>,
    /// Who does not have which block.
    lacking: BTreeSet<(BlockHash, SocketAddr)>,
}

impl Bodies {
    pub(super) fn is_busy(&self) -> bool {
        !self.fetches.is_empty() || !self.plan.is_empty()
    }

    /// Takes in that a header was added: the usual case, at the end of the plan.
    pub(super) fn extend_plan(&mut self, hash: BlockHash, previous: BlockHash) {
        if self.plan_end == Some(previous) {
            self.plan.push_back(hash);
            self.planned.insert(hash);
            self.plan_end = Some(hash);
        }
    }

    pub(super) fn lose_pieces(&mut self, hash: &BlockHash, neighbour: SocketAddr, pieces: &[u32]) {
        if let Some(fetch) = self.fetches.get_mut(hash).filter(|fetch| fetch.neighbour == neighbour)
        {
            let missing = pieces.iter().filter(|piece| !fetch.received.contains_key(piece));
            fetch.lost.extend(missing);
        }
    }

    pub(super) fn forget_neighbour(&mut self, address: &SocketAddr) {
        let theirs: Vec<_> = self
            .fetches
            .iter()
            .filter(|(_, fetch)| fetch.neighbour == *address)
            .map(|(hash, _)| *hash)
            .collect();
        theirs.iter().for_each(|hash| self.plan_again(hash));
        self.lacking.retain(|(_, neighbour)| neighbour != address);
    }

    /// Takes back the blocks that did not progress.
    pub(super) fn take_stalled(
        &mut self,
        now: Instant,
        patience: Duration,
    ) -> Vec<(BlockHash, SocketAddr)> {
        let stalled: Vec<_> = self
            .fetches
            .iter()
            .filter(|(_, fetch)| now >= fetch.progress_at + patience)
            .map(|(hash, fetch)| (*hash, fetch.neighbour))
            .collect();
        for (hash, neighbour) in &stalled {
            self.note_lacking(*hash, *neighbour);
            self.plan_again(hash);
        }
        stalled
    }

    /// A block needs no fetching any more: it is checked, or invalid.
    pub(in crate::node) fn settle(&mut self, height: Height, hash: BlockHash) {
        self.under_way.remove(&(height, hash));
    }

    fn plan_again(&mut self, hash: &BlockHash) {
        self.fetches.remove(hash);
        self.under_way.retain(|(_, other)| other != hash);
        if self.planned.contains(hash) {
            self.plan.push_front(*hash);
        }
    }

    fn note_lacking(&mut self, hash: BlockHash, neighbour: SocketAddr) {
        if self.lacking.len() >= LACKING_MAX {
            self.lacking.clear();
        }
        self.lacking.insert((hash, neighbour));
    }
}

impl Node {
    /// Makes the plan lead to the goal.
    pub(super) fn plan_bodies(&mut self) {
        let goal = self.sync_goal().hash;
        if self.sync.bodies.plan_end == Some(goal) {
            return;
        }
        let bodies = &mut self.sync.bodies;
        bodies.plan_end = Some(goal);
        bodies.plan = self.chain.missing_bodies(goal).into();
        bodies.planned = bodies.plan.iter().copied().collect();
        bodies.plan.retain(|hash| !bodies.fetches.contains_key(hash));
        bodies.lacking.clear();
    }

    /// Makes the next plan start afresh: the tree changed in another way than by growing.
    pub(in crate::node) fn forget_plan(&mut self) {
        self.sync.bodies.plan_end = None;
    }

    /// Takes note that a body is here, from wherever, and no longer to be fetched.
    pub(in crate::node) fn body_arrived(&mut self, height: Height, hash: BlockHash) {
        if let Some(fetch) = self.sync.bodies.fetches.remove(&hash) {
            self.settle_block_requests(&hash, fetch.neighbour);
        }
        self.sync.bodies.under_way.insert((height, hash));
    }

    /// Takes note that a body was checked, for better or worse.
    pub(in crate::node) fn body_settled(&mut self, height: Height, hash: BlockHash) {
        self.sync.bodies.settle(height, hash);
    }

    /// Asks for pieces as far as the neighbours' windows have room.
    pub(super) fn request_bodies(&mut self, now: Now) {
        let fetching: Vec<BlockHash> = self.sync.bodies.fetches.keys().copied().collect();
        for hash in fetching {
            self.request_body_pieces(&hash, now);
        }
        let block_bytes_max = self.chain.election().block_bytes_max as usize;
        let fetches_max = (REASSEMBLY_BYTES_MAX / block_bytes_max).max(1);
        let mut postponed = Vec::new();
        while self.sync.bodies.fetches.len() < fetches_max {
            let Some(hash) = self.sync.bodies.plan.pop_front() else { break };
            if !self.chain.lacks_body(&hash) {
                continue;
            }
            let Some(header) = self.chain.header(&hash) else { continue };
            let height = header.height;
            let lowest = self.sync.bodies.under_way.first().map_or(height, |(lowest, _)| *lowest);
            let too_far = height.0 > lowest.0.saturating_add(BLOCKS_AHEAD_MAX);
            if too_far || self.is_being_completed(&hash) {
                postponed.push(hash);
                if too_far {
                    break;
                }
                continue;
            }
            let Some(neighbour) = self.choose_server(&hash) else {
                postponed.push(hash);
                break;
            };
            let fetch = Fetch {
                neighbour,
                pieces: None,
                next_to_ask: 0,
                lost: BTreeSet::new(),
                received: BTreeMap::new(),
                progress_at: now.instant,
            };
            self.sync.bodies.fetches.insert(hash, fetch);
            self.sync.bodies.under_way.insert((height, hash));
            self.request_body_pieces(&hash, now);
        }
        for hash in postponed.into_iter().rev() {
            self.sync.bodies.plan.push_front(hash);
        }
    }

    pub(in crate::node) fn on_chain_block(
        &mut self,
        from: SocketAddr,
        (number, piece, pieces): (u32, u32, u32),
        bytes: Vec<u8>,
        now: Now,
    ) {
        let Some(Subject::Block(hash)) = self.take_piece(from, number, piece, pieces, now) else {
            return;
        };
        let block_bytes_max = self.chain.election().block_bytes_max;
        let pieces_max = block_bytes_max.div_ceil(BLOCK_PIECE_BYTES as u32);
        if pieces > pieces_max {
            self.fault(
                from,
                format!("offers block {hash} in {pieces} pieces, over {pieces_max}"),
                now,
            );
            self.give_up_fetch(&hash, from);
        } else if pieces == 0 {
            self.give_up_fetch(&hash, from);
        } else {
            self.take_body_piece(from, hash, (piece, pieces), bytes, now);
        }
        self.continue_sync(now);
    }

    fn take_body_piece(
        &mut self,
        from: SocketAddr,
        hash: BlockHash,
        (piece, pieces): (u32, u32),
        bytes: Vec<u8>,
        now: Now,
    ) {
        let Some(fetch) =
            self.sync.bodies.fetches.get_mut(&hash).filter(|fetch| fetch.neighbour == from)
        else {
            return;
        };
        fetch.pieces = Some(pieces);
        fetch.lost.remove(&piece);
        fetch.lost.retain(|lost| *lost < pieces);
        fetch.received.insert(piece, bytes);
        fetch.progress_at = now.instant;
        self.sync.progress_at = Some(now.instant);
        let is_whole = (0..pieces).all(|piece| fetch.received.contains_key(&piece));
        if !is_whole {
            return;
        }
        let mut fetch = self.sync.bodies.fetches.remove(&hash).expect("found above");
        self.settle_block_requests(&hash, from);
        let body: Vec<u8> =
            (0..pieces).filter_map(|piece| fetch.received.remove(&piece)).flatten().collect();
        match block::decode_body(&body, self.chain.election_id()) {
            Ok(transactions) => self.take_fetched_body(hash, transactions, from, now),
            Err(error) => {
                self.fault(
                    from,
                    format!("sent a body of {hash} that does not decode: {error}"),
                    now,
                );
                self.fetch_elsewhere(hash, from);
            }
        }
    }

    /// A neighbour's copy of a block is no good: ask another one.
    pub(in crate::node) fn fetch_elsewhere(&mut self, hash: BlockHash, from: SocketAddr) {
        self.sync.bodies.note_lacking(hash, from);
        self.sync.bodies.plan_again(&hash);
    }

    fn give_up_fetch(&mut self, hash: &BlockHash, from: SocketAddr) {
        let fetch = self.sync.bodies.fetches.get(hash);
        if fetch.is_some_and(|fetch| fetch.neighbour == from) {
            self.settle_block_requests(hash, from);
            self.fetch_elsewhere(*hash, from);
        }
    }

    /// Forgets what was asked of a neighbour for one block, and makes its room in the window free again.
    pub(super) fn settle_block_requests(&mut self, hash: &BlockHash, address: SocketAddr) {
        let settled = self.sync.requests.forget_block(hash, &address);
        if let Some(neighbour) = self.neighbours.get_mut(&address) {
            neighbour.window.settled(settled);
        }
    }

    fn request_body_pieces(&mut self, hash: &BlockHash, now: Now) {
        while let Some((neighbour, first, count)) = self.next_body_pieces(hash) {
            let wanted = Wanted::Block { hash: *hash, first, count };
            self.request_pieces(
                neighbour,
                Subject::Block(*hash),
                first..first + count,
                wanted,
                now,
            );
        }
    }

    fn next_body_pieces(&mut self, hash: &BlockHash) -> Option<(SocketAddr, u32, u32)> {
        let fetch = self.sync.bodies.fetches.get_mut(hash)?;
        let room = self.neighbours.get(&fetch.neighbour)?.window.room();
        if room == 0 {
            return None;
        }
        if let Some(lost) = fetch.lost.pop_first() {
            return Some((fetch.neighbour, lost, 1));
        }
        // Until the number of pieces is told, one request for the first is enough to learn it.
        let count = match fetch.pieces {
            Some(pieces) => pieces.saturating_sub(fetch.next_to_ask).min(PIECES_PER_REQUEST),
            None if fetch.next_to_ask == 0 => 1,
            None => 0,
        };
        let count = count.min(room);
        if count == 0 {
            return None;
        }
        let first = fetch.next_to_ask;
        fetch.next_to_ask += count;
        Some((fetch.neighbour, first, count))
    }

    /// The neighbour with the most room among those whose chain may hold the block.
    fn choose_server(&mut self, hash: &BlockHash) -> Option<SocketAddr> {
        let work = self.chain.work(hash)?;
        let mut in_flight: BTreeMap<SocketAddr, usize> = BTreeMap::new();
        for fetch in self.sync.bodies.fetches.values() {
            *in_flight.entry(fetch.neighbour).or_default() += 1;
        }
        let able = self.neighbours.iter().filter(|(_, neighbour)| {
            neighbour.status.is_some_and(|status| status.work >= work)
                && neighbour.window.room() > 0
        });
        let mut free: Vec<(SocketAddr, u32)> = able
            .filter(|(address, _)| {
                in_flight.get(address).copied().unwrap_or(0) < BLOCKS_PER_NEIGHBOUR_MAX
            })
            .map(|(address, neighbour)| (*address, neighbour.window.room()))
            .collect();
        let lacking = &mut self.sync.bodies.lacking;
        if !free.is_empty() && free.iter().all(|(address, _)| lacking.contains(&(*hash, *address)))
        {
            // Everybody failed once: all are asked again, when the next plan or stall comes around.
            if self.neighbours.iter().all(|(address, _)| lacking.contains(&(*hash, *address))) {
                lacking.retain(|(other, _)| other != hash);
            }
            return None;
        }
        free.retain(|(address, _)| !lacking.contains(&(*hash, *address)));
        free.into_iter().max_by_key(|(_, room)| *room).map(|(address, _)| address)
    }
}
