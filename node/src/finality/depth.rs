//! The end of an election without validators, as this node observes it: the closing block lies deep enough. What it saw
//! itself stays, whatever longer branch comes later; and if two branches have closed, each deep enough, both are kept.
//!
//! This is one peer's observation and no proof, so nothing here may be told as more.

use std::collections::BTreeMap;

use protocol::finality::BlockReference;
use protocol::units::{BlockHash, Height, Now, UnixMillis};

use super::records::{FinalityRecord, WitnessedClose};
use super::views::{DepthView, DisputedEnd};
use crate::Node;
use crate::output::Record;
use chain::{Chain, Tally};

/// The most branches of which it is kept that they have closed. Headers alone show that, so they may cost little work.
pub(super) const ENDS_MAX: usize = 8;

#[derive(Debug)]
struct End {
    seen_at: UnixMillis,
    /// The count of this branch, if it was ever the best one.
    tally: Option<Tally>,
}

/// What was seen of the end of an election without validators.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    /// Whether this node ran before the election closed.
    started_in_time: bool,
    /// Whether this node knew what the others knew when the election closed; `None` before that.
    was_there: Option<bool>,
    witnessed: Option<WitnessedClose>,
    /// The closing blocks of all branches that are deep enough.
    ends: BTreeMap<BlockReference, End>,
}

impl Closing {
    pub(crate) fn new(
        closes: Option<UnixMillis>,
        witnessed: Option<WitnessedClose>,
        now: Now,
    ) -> Self {
        let started_in_time = closes.is_some_and(|closes| now.unix < closes);
        let end =
            witnessed.map(|close| (close.closing, End { seen_at: close.seen_at, tally: None }));
        Self { started_in_time, was_there: None, witnessed, ends: end.into_iter().collect() }
    }

    pub(crate) fn witnessed(&self) -> Option<&WitnessedClose> {
        self.witnessed.as_ref()
    }

    /// Whether two branches have closed, each deep enough.
    pub(super) fn is_disputed(&self) -> bool {
        self.ends.len() > 1
    }

    /// Whether the best chain has its end, and no other is known that contradicts it.
    pub(crate) fn looks_for_others(&self) -> bool {
        self.ends.len() == 1
    }

    /// Notes a branch that has closed. The first ones stay.
    fn note(&mut self, closing: BlockReference, tally: Option<&Tally>, seen_at: UnixMillis) {
        let has_room = self.ends.len() < ENDS_MAX;
        match self.ends.get_mut(&closing) {
            Some(end) => end.tally = tally.cloned().or(end.tally.take()),
            None if has_room => {
                self.ends.insert(closing, End { seen_at, tally: tally.cloned() });
            }
            None => {}
        }
    }

    /// # Panics
    /// When an invariant does not hold.
    pub(crate) fn check_invariants(&self) {
        assert!(self.ends.len() <= ENDS_MAX, "{} ends", self.ends.len());
    }
}

impl Node {
    /// Where nobody signs, observes whether the closing block of the best chain is deep enough.
    pub(super) fn watch_closing(&mut self, now: Now) {
        let election = self.chain.election();
        let Some(confirmations) = election.confirmations() else { return };
        let has_closed = election.closes().is_some_and(|closes| now.unix >= closes);
        if has_closed && self.closing.was_there.is_none() {
            self.closing.was_there = Some(self.closing.started_in_time && self.is_in_touch(now));
        }
        let Some(closing) = self.chain.closing_block() else { return };
        if self.chain.tip_header().height.0 - closing.height.0 + 1 < u64::from(confirmations) {
            return;
        }
        // No vote stands above the closing block, so the count is that of the tip.
        self.closing.note(closing, Some(self.chain.tally()), now.unix);
        if self.closing.witnessed.is_none() {
            let is_witnessed = self.closing.was_there == Some(true) && self.is_in_touch(now);
            let close = WitnessedClose { closing, seen_at: now.unix, is_witnessed };
            self.closing.witnessed = Some(close);
            self.persist(Record::Finality(FinalityRecord::WitnessedClose(close)));
            self.pin_witnessed();
        }
    }

    /// What this peer saw close stays, whatever longer branch comes later.
    pub(crate) fn pin_witnessed(&mut self) {
        let Some(close) = self.closing.witnessed.filter(|close| close.is_witnessed) else { return };
        if let Err(error) = self.chain.set_final(close.closing) {
            tracing::warn!(%error, "the closing block is not the one that this peer saw");
        }
    }

    /// A header joined the tree: its branch may have closed, too, and deep enough.
    pub(super) fn look_at_branch(&mut self, tip: BlockHash, now: Now) {
        let election = self.chain.election();
        let Some((confirmations, closes)) = election.confirmations().zip(election.closes()) else {
            return;
        };
        if self.chain.header(&tip).is_none_or(|header| header.time < closes) {
            return;
        }
        let Some(closing) = closing_of(&self.chain, tip, confirmations) else { return };
        if Some(closing) != self.chain.closing_block() {
            self.closing.note(closing, None, now.unix);
            self.follow_state(now);
        }
    }

    /// Whether this node is in contact with others and knows what they know.
    fn is_in_touch(&self, now: Now) -> bool {
        self.membership.distinct_count() > 0 && self.unready(now).is_empty()
    }

    pub(super) fn depth_view(&self, confirmations: u32) -> DepthView {
        let tip = self.chain.tip_header().height;
        let above = |closing: BlockReference| tip.0 - closing.height.0 + 1;
        let ends = self.closing.ends.iter().filter(|_| self.closing.is_disputed());
        let disputed = ends.map(|(closing, end)| DisputedEnd {
            closing: *closing,
            tally: end.tally.clone(),
            seen_at: end.seen_at,
        });
        DepthView {
            confirmations,
            blocks: self.chain.closing_block().map_or(0, above),
            is_witnessed: self.closing.witnessed().map(|close| close.is_witnessed),
            disputed: disputed.collect(),
        }
    }
}

/// The closing block of the branch that ends in a known header, if it is so deep with that header.
fn closing_of(chain: &Chain, tip: BlockHash, confirmations: u32) -> Option<BlockReference> {
    let closes = chain.election().closes()?;
    let height = chain.header(&tip)?.height.0;
    // Whoever follows a block by whose time it is closed is the closing block, or above it.
    let closed = |block: &BlockReference| {
        chain.median_time_past(&block.hash).is_some_and(|median| median >= closes)
    };
    let parent = Height(height.checked_sub(u64::from(confirmations))?);
    let parent = BlockReference { height: parent, hash: chain.ancestor_at(&tip, parent)? };
    if !closed(&parent) {
        return None;
    }
    let below = |block: &BlockReference| {
        let hash = chain.header(&block.hash)?.previous;
        Some(BlockReference { height: Height(block.height.0.checked_sub(1)?), hash })
    };
    let way = std::iter::successors(Some(parent), below);
    let last = way.take_while(closed).last()?;
    let above = last.height.next();
    Some(BlockReference { height: above, hash: chain.ancestor_at(&tip, above)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_8_ends_are_kept() {
        let end = |height| BlockReference { height: Height(height), hash: BlockHash([1; 32]) };
        let mut closing = Closing::default();
        (0..=ENDS_MAX as u64).for_each(|height| closing.note(end(height), None, UnixMillis(1)));
        closing.check_invariants();
        let kept: Vec<_> = closing.ends.keys().map(|end| end.height.0).collect();
        assert!(kept.into_iter().eq(0..ENDS_MAX as u64));
        closing.note(end(0), None, UnixMillis(2));
        assert_eq!(closing.ends[&end(0)].seen_at, UnixMillis(1), "it keeps when it was first seen");
    }
}
