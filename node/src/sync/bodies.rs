//! The state of bodies that are being fetched: which blocks to fetch, from which neighbour, and the
//! pieces that have arrived. It must only ever hold pieces that were asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::block::HEADER_BYTES;
use protocol::datagram::BLOCK_PIECE_BYTES;
use protocol::units::{BlockHash, Height};

use super::ahead::Ahead;
use super::pieces::Pieces;
use chain::Chain;

/// How long a neighbour that let a block stall is not asked for it again, so that others get their
/// turn first.
pub(super) const AVOID_STALLED: Duration = Duration::from_secs(1);
/// How long a neighbour that said it does not have a block is not asked for it again.
pub(super) const AVOID_LACKING: Duration = Duration::from_secs(5);
/// How long a neighbour whose copy of a block was wrong is not asked for it again.
pub(super) const AVOID_WRONG: Duration = Duration::from_secs(60);
/// The most pairs of a block and a neighbour that is not asked for it. If there are more, some
/// neighbours are merely asked earlier than they should be.
const AVOIDED_MAX: usize = 8_192;

/// One body that is being fetched.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) height: Height,
    pub(super) neighbour: SocketAddr,
    pub(super) pieces: Pieces,
    /// The number of pieces for which there is room in memory.
    pub(super) reserved: u32,
    received: BTreeMap<u32, Vec<u8>>,
    progress_at: Instant,
}

impl Fetch {
    pub(super) fn new(height: Height, neighbour: SocketAddr, reserved: u32, now: Instant) -> Self {
        Self {
            height,
            neighbour,
            pieces: Pieces::default(),
            reserved,
            received: BTreeMap::new(),
            progress_at: now,
        }
    }

    /// Adds a piece. Returns the whole body once all pieces are here.
    pub(super) fn add_piece(
        &mut self,
        piece: u32,
        bytes: Vec<u8>,
        now: Instant,
    ) -> Option<Vec<u8>> {
        let pieces = self.pieces.count?;
        if piece >= pieces {
            return None;
        }
        self.pieces.arrive(piece);
        self.received.insert(piece, bytes);
        self.progress_at = now;
        let is_whole = self.received.len() == pieces as usize;
        is_whole.then(|| std::mem::take(&mut self.received).into_values().flatten().collect())
    }
}

/// A block on the way to the best header.
#[derive(Debug)]
struct Planned {
    height: Height,
    /// The number of its pieces, if a neighbour told it and there was no room for them.
    pieces: Option<u32>,
}

#[derive(Debug, Default)]
pub(super) struct Bodies {
    /// Blocks to fetch, the lowest first.
    pub(super) plan: BTreeSet<(Height, BlockHash)>,
    /// All blocks above the best chain on the way to the plan's end, also those whose bodies are
    /// here.
    planned: BTreeMap<BlockHash, Planned>,
    /// The header to which the plan leads.
    pub(super) plan_end: Option<BlockHash>,
    pub(super) fetches: BTreeMap<BlockHash, Fetch>,
    /// The blocks that are being fetched or checked, by height. The lowest of them on the way determines how far ahead
    /// to fetch.
    under_way: BTreeSet<(Height, BlockHash)>,
    ahead: Ahead,
    /// The last body that was examined among those that the disk has lost.
    pub(super) lost_cursor: Option<(Height, BlockHash)>,
    /// The height from which on to examine those that a move to a better branch waits for.
    pub(super) awaited_cursor: Option<Height>,
    /// Until when which neighbour is not asked for which block.
    avoided: BTreeMap<(BlockHash, SocketAddr), Instant>,
}

impl Bodies {
    /// Checks that what is fetched or checked is under way, that what waits is on the way, and that nothing exceeds its
    /// bound.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self, chain: &Chain) {
        for (height, hash) in &self.plan {
            let planned = self.planned.get(hash).map(|planned| planned.height);
            assert_eq!(planned, Some(*height), "block {hash} was never planned");
            assert!(!self.fetches.contains_key(hash), "block {hash} is planned and fetched");
        }
        for (hash, fetch) in &self.fetches {
            assert!(fetch.received.len() <= fetch.reserved as usize, "{hash} has no room");
            fetch.pieces.check_invariants();
        }
        let fetched = self.fetches.iter().map(|(hash, fetch)| (fetch.height, *hash));
        let mut under_way: BTreeSet<_> = fetched.collect();
        for hash in self.ahead.unchecked() {
            let height = chain.header(hash).expect("what is checked is in the tree").height;
            assert!(under_way.insert((height, *hash)), "block {hash} is fetched and checked");
        }
        assert_eq!(self.under_way, under_way, "what is fetched or checked");
        self.ahead.check_invariants();
        for hash in self.ahead.waiting() {
            assert!(!chain.is_complete(hash), "the body of {hash} waits for nothing");
            assert!(self.planned.contains_key(hash), "the body of {hash} is not on the way");
        }
        assert!(self.avoided.len() <= AVOIDED_MAX, "{} pairs are avoided", self.avoided.len());
    }

    /// Checks a plan that leads to the best header. Costs a walk over the way there.
    ///
    /// # Panics
    /// When the plan is not the way, or a body on it will never be asked for.
    pub(super) fn check_plan(&self, chain: &Chain) {
        if self.plan_end != Some(chain.best_header().hash) {
            return;
        }
        let way = chain.way_from_best_chain(chain.best_header().hash);
        let planned = self.planned.iter().map(|(hash, planned)| (planned.height, *hash));
        assert!(planned.collect::<BTreeSet<_>>().into_iter().eq(way), "what is planned");
        for (hash, planned) in &self.planned {
            let is_to_come =
                self.fetches.contains_key(hash) || self.plan.contains(&(planned.height, *hash));
            assert!(!chain.lacks_body(hash) || is_to_come, "nobody fetches {hash}");
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.fetches.is_empty() || !self.plan.is_empty()
    }

    /// Starts a new plan over all blocks on the way to `end`, of which those whose bodies are not here and not being
    /// fetched already are to be fetched. What is not on the way any more is no longer fetched, unless the disk has
    /// lost it. Returns which fetches were ended, and their neighbours.
    pub(super) fn start_plan(
        &mut self,
        way: Vec<(Height, BlockHash)>,
        end: BlockHash,
        lacks_body: impl Fn(&BlockHash) -> bool,
        is_lost: impl Fn(&BlockHash) -> bool,
    ) -> Vec<(BlockHash, SocketAddr)> {
        self.plan_end = Some(end);
        let planned = |(height, hash): &(Height, BlockHash)| {
            (*hash, Planned { height: *height, pieces: None })
        };
        self.planned = way.iter().map(planned).collect();
        let is_wanted = |hash: &BlockHash| self.planned.contains_key(hash) || is_lost(hash);
        let fetched = self.fetches.iter().filter(|(hash, _)| !is_wanted(hash));
        let ended: Vec<_> = fetched.map(|(hash, fetch)| (*hash, fetch.neighbour)).collect();
        ended.iter().for_each(|(hash, _)| drop(self.end_fetch(hash)));
        let is_to_fetch = |hash: &BlockHash| lacks_body(hash) && !self.fetches.contains_key(hash);
        self.plan = way.into_iter().filter(|(_, hash)| is_to_fetch(hash)).collect();
        self.ahead.retain(|hash| self.planned.contains_key(hash));
        ended
    }

    /// Whether a block is on the way to the end of the plan.
    pub(super) fn is_planned(&self, hash: &BlockHash) -> bool {
        self.planned.contains_key(hash)
    }

    /// Adds a new header at the end of the plan, which is the usual case.
    pub(super) fn extend_plan(&mut self, height: Height, hash: BlockHash, previous: BlockHash) {
        if self.plan_end == Some(previous) {
            self.plan.insert((height, hash));
            self.planned.insert(hash, Planned { height, pieces: None });
            self.plan_end = Some(hash);
        }
    }

    pub(super) fn start_fetch(&mut self, hash: BlockHash, fetch: Fetch) {
        self.under_way.insert((fetch.height, hash));
        self.fetches.insert(hash, fetch);
    }

    pub(super) fn end_fetch(&mut self, hash: &BlockHash) -> Option<Fetch> {
        let fetch = self.fetches.remove(hash)?;
        self.under_way.remove(&(fetch.height, *hash));
        Some(fetch)
    }

    /// The lowest fetch of the plan that satisfies the condition.
    pub(super) fn lowest_fetch(
        &self,
        counts: impl Fn(&BlockHash) -> bool,
    ) -> Option<(Height, BlockHash)> {
        let of_plan =
            self.fetches.iter().filter(|(hash, _)| self.planned.contains_key(hash) && counts(hash));
        of_plan.map(|(hash, fetch)| (fetch.height, *hash)).min()
    }

    /// The lowest block on the way that is fetched or being checked.
    pub(super) fn lowest_under_way(&self) -> Option<(Height, BlockHash)> {
        self.under_way.iter().find(|(_, hash)| self.planned.contains_key(hash)).copied()
    }

    /// Notes that a body has arrived and is being checked.
    pub(super) fn start_check(&mut self, height: Height, hash: BlockHash, bytes: usize) {
        self.under_way.insert((height, hash));
        self.ahead.arrive(hash, bytes);
    }

    /// Notes that a body was checked, whatever the result.
    pub(super) fn end_check(&mut self, height: Height, hash: BlockHash) {
        self.under_way.remove(&(height, hash));
        self.ahead.check(&hash, self.planned.contains_key(&hash));
    }

    /// Notes that a body was checked and waits for none below it.
    pub(super) fn end_wait(&mut self, hash: &BlockHash) {
        self.ahead.remove(hash);
    }

    /// Notes that a block is on the best chain, so that it is not on the way any more.
    pub(super) fn leave_way(&mut self, hash: &BlockHash) {
        if let Some(planned) = self.planned.remove(hash) {
            self.plan.remove(&(planned.height, *hash));
        }
    }

    /// The bytes of all bodies that are fetched, with what is still to come, and of those that arrived and are being
    /// checked or wait for a body below them.
    pub(super) fn bytes_ahead(&self) -> usize {
        let reserved = self.fetches.values().map(|fetch| reserved_bytes(fetch.reserved));
        reserved.sum::<usize>() + self.ahead.bytes()
    }

    /// The number of pieces for which there has to be room before a block is fetched. As long as
    /// nobody told how many there are, only the first one is asked for.
    pub(super) fn pieces_to_reserve(&self, hash: &BlockHash) -> u32 {
        self.planned.get(hash).and_then(|planned| planned.pieces).unwrap_or(1)
    }

    /// Fetches a block again, once there is room for this number of pieces.
    pub(super) fn postpone(&mut self, hash: &BlockHash, pieces: u32) {
        if let Some(planned) = self.planned.get_mut(hash) {
            planned.pieces = Some(pieces);
        }
        self.plan_again(hash);
    }

    pub(super) fn lose_pieces(&mut self, hash: &BlockHash, neighbour: SocketAddr, pieces: &[u32]) {
        if let Some(fetch) = self.fetches.get_mut(hash).filter(|fetch| fetch.neighbour == neighbour)
        {
            let is_missing = |piece: &u32| !fetch.received.contains_key(piece);
            fetch.pieces.lose(pieces.iter().copied().filter(is_missing));
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
        self.avoided.retain(|(_, neighbour), _| neighbour != address);
    }

    /// Removes the fetches that made no progress.
    pub(super) fn remove_stalled(
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
            self.avoid(*hash, *neighbour, now, AVOID_STALLED);
            self.plan_again(hash);
        }
        stalled
    }

    /// Fetches a block again.
    pub(super) fn plan_again(&mut self, hash: &BlockHash) {
        self.end_fetch(hash);
        if let Some(planned) = self.planned.get(hash) {
            self.plan.insert((planned.height, *hash));
        }
    }

    pub(super) fn avoid(
        &mut self,
        hash: BlockHash,
        neighbour: SocketAddr,
        now: Instant,
        duration: Duration,
    ) {
        if self.avoided.len() >= AVOIDED_MAX {
            self.avoided.retain(|_, until| *until > now);
        }
        if self.avoided.len() >= AVOIDED_MAX {
            self.avoided.clear();
        }
        self.avoided.insert((hash, neighbour), now + duration);
    }

    pub(super) fn is_avoided(&self, hash: BlockHash, neighbour: SocketAddr, now: Instant) -> bool {
        self.avoided.get(&(hash, neighbour)).is_some_and(|until| *until > now)
    }

    /// The number of blocks that are being fetched from each neighbour.
    pub(super) fn in_flight(&self) -> BTreeMap<SocketAddr, usize> {
        let mut in_flight = BTreeMap::new();
        for fetch in self.fetches.values() {
            *in_flight.entry(fetch.neighbour).or_default() += 1;
        }
        in_flight
    }
}

/// The bytes that a body of so many pieces takes at most, as they are counted once it has arrived.
pub(super) fn reserved_bytes(pieces: u32) -> usize {
    HEADER_BYTES + pieces as usize * BLOCK_PIECE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A branch is given up by its lowest missing block, so that one has to stay the same one while blocks
    /// above it come and go.
    #[test]
    fn what_is_planned_again_goes_back_to_its_place() {
        let hash = |number: u8| BlockHash([number; 32]);
        let mut bodies = Bodies::default();
        let missing = (1..=3).map(|number| (Height(number.into()), hash(number))).collect();
        bodies.start_plan(missing, hash(3), |_| true, |_| false);
        bodies.extend_plan(Height(4), hash(4), hash(3));
        bodies.plan.pop_first();
        bodies.plan.pop_first();
        for number in [2, 1] {
            bodies.plan_again(&hash(number));
        }
        bodies.plan_again(&hash(9));
        let order: Vec<u64> = bodies.plan.iter().map(|(height, _)| height.0).collect();
        assert_eq!(order, [1, 2, 3, 4]);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
    fn whom_not_to_ask_is_forgotten_when_there_are_too_many() {
        let now = Instant::now();
        let later = now + AVOID_STALLED;
        let neighbour = SocketAddr::from(([10, 0, 0, 1], 1));
        let hash = |number: usize| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&(number as u64).to_be_bytes());
            BlockHash(hash)
        };
        let avoided = |bodies: &Bodies, count: usize| {
            (0..count).filter(|number| bodies.is_avoided(hash(*number), neighbour, now)).count()
        };
        // Half of them are over after a second, all others later.
        let half = AVOIDED_MAX / 2;
        let full = || {
            let mut bodies = Bodies::default();
            for number in 0..AVOIDED_MAX {
                let span = if number < half { AVOID_STALLED } else { AVOID_WRONG };
                bodies.avoid(hash(number), neighbour, now, span);
            }
            bodies
        };
        assert_eq!(avoided(&full(), AVOIDED_MAX), AVOIDED_MAX);

        let mut bodies = full();
        bodies.avoid(hash(AVOIDED_MAX), neighbour, later, AVOID_WRONG);
        assert_eq!(avoided(&bodies, AVOIDED_MAX + 1), AVOIDED_MAX - half + 1);
        assert!(!bodies.is_avoided(hash(half - 1), neighbour, now));

        let mut bodies = full();
        bodies.avoid(hash(AVOIDED_MAX), neighbour, now, AVOID_WRONG);
        assert_eq!(avoided(&bodies, AVOIDED_MAX + 1), 1);
        assert!(bodies.is_avoided(hash(AVOIDED_MAX), neighbour, now));
    }
}
