//! The state of bodies that are being fetched: which blocks to fetch, from which neighbour, and the
//! pieces that have arrived. It must only ever hold pieces that were asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::units::{BlockHash, Height};

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
    /// The number of pieces, once it is known.
    pub(super) pieces: Option<u32>,
    next_to_ask: u32,
    lost: BTreeSet<u32>,
    received: BTreeMap<u32, Vec<u8>>,
    progress_at: Instant,
}

impl Fetch {
    pub(super) fn new(height: Height, neighbour: SocketAddr, now: Instant) -> Self {
        Self {
            height,
            neighbour,
            pieces: None,
            next_to_ask: 0,
            lost: BTreeSet::new(),
            received: BTreeMap::new(),
            progress_at: now,
        }
    }

    /// The next pieces to ask for, at most `most`, as the first piece and their number.
    pub(super) fn next_pieces(&mut self, most: u32) -> Option<(u32, u32)> {
        if let Some(lost) = self.lost.pop_first() {
            return Some((lost, 1));
        }
        // Until the number of pieces is known, a single request for the first ones is enough to
        // learn it.
        let count = match self.pieces {
            Some(pieces) => pieces.saturating_sub(self.next_to_ask).min(most),
            None => u32::from(self.next_to_ask == 0),
        };
        let first = self.next_to_ask;
        self.next_to_ask += count;
        (count > 0).then_some((first, count))
    }

    /// Adds a piece. Returns the whole body once all pieces are here.
    pub(super) fn add_piece(
        &mut self,
        piece: u32,
        bytes: Vec<u8>,
        now: Instant,
    ) -> Option<Vec<u8>> {
        let pieces = self.pieces?;
        if piece >= pieces {
            return None;
        }
        self.lost.remove(&piece);
        self.received.insert(piece, bytes);
        self.progress_at = now;
        let is_whole = self.received.len() == pieces as usize;
        is_whole.then(|| std::mem::take(&mut self.received).into_values().flatten().collect())
    }
}

#[derive(Debug, Default)]
pub(super) struct Bodies {
    /// Blocks to fetch, the lowest first.
    pub(super) plan: BTreeSet<(Height, BlockHash)>,
    /// Everything that the plan has contained since it began. A block of an earlier plan is no
    /// longer fetched.
    planned: BTreeMap<BlockHash, Height>,
    /// The header to which the plan leads.
    pub(super) plan_end: Option<BlockHash>,
    pub(super) fetches: BTreeMap<BlockHash, Fetch>,
    /// The blocks that are being fetched or checked, by height. The lowest of them determines how
    /// far ahead to fetch.
    under_way: BTreeSet<(Height, BlockHash)>,
    /// The last body that was examined among those that the disk has lost.
    pub(super) lost_cursor: Option<(Height, BlockHash)>,
    /// Until when which neighbour is not asked for which block.
    avoided: BTreeMap<(BlockHash, SocketAddr), Instant>,
}

impl Bodies {
    pub(super) fn is_busy(&self) -> bool {
        !self.fetches.is_empty() || !self.plan.is_empty()
    }

    /// Starts a new plan without the blocks that are being fetched already.
    pub(super) fn start_plan(&mut self, missing: Vec<(Height, BlockHash)>, end: BlockHash) {
        self.plan_end = Some(end);
        self.planned = missing.iter().map(|(height, hash)| (*hash, *height)).collect();
        self.plan = missing.into_iter().collect();
        self.plan.retain(|(_, hash)| !self.fetches.contains_key(hash));
    }

    /// Adds a new header at the end of the plan, which is the usual case.
    pub(super) fn extend_plan(&mut self, height: Height, hash: BlockHash, previous: BlockHash) {
        if self.plan_end == Some(previous) {
            self.plan.insert((height, hash));
            self.planned.insert(hash, height);
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

    /// The lowest height of what is fetched or being checked.
    pub(super) fn lowest_under_way(&self) -> Option<Height> {
        self.under_way.first().map(|(height, _)| *height)
    }

    /// Notes that a body has arrived and is being checked.
    pub(super) fn start_check(&mut self, height: Height, hash: BlockHash) {
        self.under_way.insert((height, hash));
    }

    /// Notes that a body was checked, whatever the result.
    pub(super) fn end_check(&mut self, height: Height, hash: BlockHash) {
        self.under_way.remove(&(height, hash));
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
        if let Some(height) = self.planned.get(hash) {
            self.plan.insert((*height, *hash));
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
        bodies.start_plan(missing, hash(3));
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
}
