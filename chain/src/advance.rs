//! Moving to the best branch, and dealing with blocks that turn out to be invalid on the way there.

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::block::Block;
use protocol::units::{BlockHash, Height};

use super::Chain;
use super::branch::Placed;
use super::error::BlockError;
use super::fork_choice::Candidate;
use super::summary::BlockEffects;
use super::tree::{Body, Entry};

/// How many blocks whose time has not come leave the best chain at a time, where their bodies have to be read for it:
/// a clock that was set back may make a long chain early, and no more memory is to be taken than a move needs.
const LEFT_AT_A_TIME: usize = 64;

/// The outcome of [`Chain::advance`].
#[derive(Debug, Default)]
pub struct Advance {
    /// The change of the tip; `None` if the tip stayed.
    pub change: Option<TipChange>,
    /// Bodies that are only on the disk and that must be in memory before the chain can move to a better branch (see
    /// [`Chain::load_body`] and [`Chain::mark_refused`]). Meanwhile the chain may have moved to a branch that is all
    /// here. If none are wanted for that, these are the ones that are missing to count what is final.
    pub wanted: Vec<BlockHash>,
    /// The height of the lowest block whose body the disk has lost among those that the move to a better branch would
    /// remove from the best chain. That move waits for this body and the lost ones above it, because their
    /// transactions have to go back to the pool, until [`Chain::advance_without_lost`] is called. Meanwhile the chain
    /// may have moved to a branch that keeps them.
    pub awaits_lost: Option<Height>,
    /// Blocks that turned out to break a rule. Everything that follows them is invalid too.
    pub invalid: Vec<BlockFailure>,
}

/// A change of the tip.
#[derive(Debug)]
pub struct TipChange {
    /// The blocks that left the best chain, from the old tip downwards, as far as their bodies are
    /// in memory.
    pub disconnected: Vec<Arc<Block>>,
    /// The number of blocks that left the best chain although the disk has lost their bodies.
    /// Nobody knows which of their transactions should go back to the pool.
    pub disconnected_lost: usize,
    /// The blocks that joined the best chain, upwards to the new tip. There are none if blocks left it because their
    /// time has not come, or because they conflict with the final block, and no other branch is better than what
    /// remains.
    pub connected: Vec<Arc<Block>>,
}

impl TipChange {
    /// This change and the one after it as one. This one only left blocks.
    fn and_then(mut self, next: Self) -> Self {
        self.disconnected.extend(next.disconnected);
        self.disconnected_lost += next.disconnected_lost;
        self.connected = next.connected;
        self
    }
}

/// A block that breaks a rule of its branch.
#[derive(Debug)]
pub struct BlockFailure {
    /// The block.
    pub hash: BlockHash,
    /// The rule that it breaks.
    pub error: BlockError,
}

impl Advance {
    /// Adds a change to those before it.
    fn follow(&mut self, next: TipChange) {
        self.change = Some(match self.change.take() {
            Some(before) => before.and_then(next),
            None => next,
        });
    }
}

/// What a move to a branch waits for.
enum Readiness {
    /// For nothing.
    Ready,
    /// For these bodies, which the disk has.
    Stored(Vec<BlockHash>),
    /// For bodies of the branch that would be left, which the disk has lost: the height of the lowest one.
    LosesOwn(Height),
    /// For bodies of the branch that would be left, which the disk refuses to read.
    OwnRefused,
    /// For the time of a block of the branch itself, or for its body, which the disk has lost or refuses to read: the
    /// index of the lowest one.
    Unavailable(usize),
}

impl Chain {
    /// Notes that all signatures in a block's body are valid. Returns the blocks that became complete: nothing is
    /// missing of their branches any more.
    pub fn accept_signatures(&mut self, hash: &BlockHash) -> Vec<BlockHash> {
        let Some(Entry { body: Body::Unchecked(block), .. }) = self.tree.get(hash) else {
            return Vec::new();
        };
        let block = Arc::clone(block);
        self.tree.set_body(hash, Body::Checked(block));
        let completed = self.tree.complete_from(*hash);
        for hash in &completed {
            self.candidates.insert(self.candidate(*hash));
        }
        completed
    }

    /// Notes that a block breaks a rule. From now on it and all blocks above it are invalid.
    pub fn invalidate(&mut self, hash: &BlockHash) {
        self.tree.invalidate(hash);
        self.forget_invalid_bodies();
        let tree = &self.tree;
        self.candidates.retain(|each| tree.get(&each.hash).is_some_and(|entry| entry.complete));
        if self.is_invalid(&self.best_header.hash) {
            self.find_best_header();
        }
    }

    /// Notes whether a block's body is withheld, which means that nobody can be expected to provide
    /// it. While it is, neither the block nor any block above it can be the [best
    /// header](Self::best_header).
    pub fn set_withheld(&mut self, hash: &BlockHash, withheld: bool) {
        if self.tree.set_withheld(hash, withheld) {
            self.find_best_header();
        }
    }

    /// The blocks whose own bodies are withheld, whether their headers are still known or not.
    #[must_use]
    pub fn withheld_blocks(&self) -> &BTreeSet<BlockHash> {
        self.tree.withheld()
    }

    /// Whether the body of this block, or of one below it on its branch, is withheld.
    #[must_use]
    pub fn is_withheld(&self, hash: &BlockHash) -> bool {
        self.tree.get(hash).is_some_and(|entry| entry.withheld)
    }

    /// Moves to the best complete branch, which may be lighter than the one before if more of it is final or justified.
    /// While bodies below the final block are missing, it moves to what is known of that block's branch: it never stays
    /// where something conflicts with what is final.
    ///
    /// If a block on the way breaks a rule, it is reported and the next best branch is tried. So is the next best one
    /// while a body on the way is lost or still on the disk; the better branch gets its turn when that body is here.
    /// Blocks whose time has not come are passed over, and leave the best chain if they are on it (see
    /// [`Chain::set_time`]).
    pub fn advance(&mut self) -> Advance {
        self.advance_with(None)
    }

    /// Does the same as [`advance`](Self::advance), but also leaves blocks of our own branch whose
    /// bodies the disk has lost, if they are at this height or above it. Their summaries are enough to undo the blocks,
    /// although their transactions cannot go back to the pool.
    pub fn advance_without_lost(&mut self, from: Height) -> Advance {
        self.advance_with(Some(from))
    }

    fn advance_with(&mut self, passes_lost_from: Option<Height>) -> Advance {
        let mut advance = self.move_to_best(passes_lost_from);
        let to_count = self.count_final();
        if advance.wanted.is_empty() {
            advance.wanted = to_count;
        }
        advance
    }

    fn move_to_best(&mut self, passes_lost_from: Option<Height>) -> Advance {
        let mut advance = Advance::default();
        let kept = self.due_on_best_chain();
        if kept < self.best.len() {
            self.leave_early_blocks(kept, passes_lost_from, &mut advance);
            if kept < self.best.len() {
                return advance;
            }
            // What was worse than the tip may be better than what remains.
            self.candidates = self.ends_of_branches();
        }
        let from = self.tip();
        // Branches that have to wait for bodies. What is above a block that waits waits too, so that each block is
        // looked at once, however many candidates there are.
        let (mut waiting, mut passed_over) = (BTreeSet::new(), BTreeSet::new());
        while let Some(candidate) = self.candidates.pop_last() {
            if !candidate.is_better_than(&from, self.rules) {
                break;
            }
            let path = self.path_of_candidate(candidate.hash, kept, &passed_over);
            let Some((above, kept)) = path else {
                waiting.insert(candidate);
                continue;
            };
            match self.readiness(&above, kept, passes_lost_from) {
                Readiness::Ready => match self.switch_to(&above, kept) {
                    Ok(change) => {
                        advance.follow(change);
                        break;
                    }
                    Err(invalid) => {
                        self.reject_block(&invalid.hash);
                        advance.invalid.push(invalid);
                    }
                },
                Readiness::Stored(wanted) => {
                    let place = above.iter().position(|hash| wanted.first() == Some(hash));
                    passed_over.extend(&above[place.unwrap_or(0)..]);
                    // One branch is read at a time, so that no more memory is taken than one move needs.
                    if advance.wanted.is_empty() {
                        advance.wanted = wanted;
                    }
                    waiting.insert(candidate);
                }
                Readiness::LosesOwn(lowest) => {
                    advance.awaits_lost.get_or_insert(lowest);
                    waiting.insert(candidate);
                    passed_over.extend(above);
                }
                Readiness::OwnRefused => {
                    waiting.insert(candidate);
                    passed_over.extend(above);
                }
                Readiness::Unavailable(index) => {
                    waiting.insert(candidate);
                    self.candidates
                        .insert(self.candidate(self.entry(&above[index]).header.previous));
                    passed_over.extend(&above[index..]);
                }
            }
        }
        let (tip, rules) = (self.tip(), self.rules);
        waiting.retain(|each| self.entry(&each.hash).complete && each.is_better_than(&tip, rules));
        self.candidates = waiting;
        advance
    }

    /// Takes the blocks off the best chain whose time has not come, from the tip downwards, as far as their bodies are
    /// in memory, and asks for the next ones.
    fn leave_early_blocks(
        &mut self,
        kept: usize,
        passes_lost_from: Option<Height>,
        advance: &mut Advance,
    ) {
        match self.readiness(&[], kept, passes_lost_from) {
            Readiness::LosesOwn(lowest) => return advance.awaits_lost = Some(lowest),
            Readiness::OwnRefused | Readiness::Unavailable(_) => return,
            Readiness::Ready | Readiness::Stored(_) => {}
        }
        while kept < self.best.len() {
            let piece = kept.max(self.best.len().saturating_sub(LEFT_AT_A_TIME));
            if let Readiness::Stored(wanted) = self.readiness(&[], piece, passes_lost_from) {
                return advance.wanted = wanted;
            }
            match self.switch_to(&[], piece) {
                Ok(change) => advance.follow(change),
                Err(_) => return,
            }
        }
    }

    /// The blocks between the best chain's first `kept` blocks and a candidate, in ascending order, and how many blocks
    /// of the best chain lie below them; `None` if one of them was passed over already.
    fn path_of_candidate(
        &self,
        end: BlockHash,
        kept: usize,
        passed_over: &BTreeSet<BlockHash>,
    ) -> Option<(Vec<BlockHash>, usize)> {
        let mut above = Vec::new();
        let mut hash = end;
        let is_kept = |hash: &BlockHash| {
            self.is_on_best_chain(hash) && self.entry(hash).header.height.0 < kept as u64
        };
        while !is_kept(&hash) {
            if passed_over.contains(&hash) {
                return None;
            }
            above.push(hash);
            hash = self.entry(&hash).header.previous;
        }
        above.reverse();
        let fork = self.entry(&hash).header.height;
        Some((above, usize::try_from(fork.0).expect("it indexes memory") + 1))
    }

    /// Whether all bodies are in memory that a move from the best chain's first `kept` blocks to `above` needs.
    fn readiness(
        &self,
        above: &[BlockHash],
        kept: usize,
        passes_lost_from: Option<Height>,
    ) -> Readiness {
        if let Some(index) = above.iter().position(|hash| !self.is_due(hash)) {
            return Readiness::Unavailable(index);
        }
        let own = &self.best[kept..];
        let is_passed = |hash: &BlockHash| {
            passes_lost_from.is_some_and(|from| self.entry(hash).header.height >= from)
                && self.lost_summary(hash).is_some()
        };
        if let Some(lowest) = own.iter().find(|hash| self.is_lost(hash) && !is_passed(hash)) {
            return Readiness::LosesOwn(self.entry(lowest).header.height);
        }
        if own.iter().any(|hash| self.is_refused(hash)) {
            return Readiness::OwnRefused;
        }
        let is_unavailable = |hash: &BlockHash| self.is_lost(hash) || self.is_refused(hash);
        if let Some(index) = above.iter().position(is_unavailable) {
            return Readiness::Unavailable(index);
        }
        let stored = own.iter().chain(above).filter(|hash| self.is_stored(hash));
        let stored: Vec<_> = stored.copied().collect();
        if stored.is_empty() { Readiness::Ready } else { Readiness::Stored(stored) }
    }

    /// Invalidates a complete block and everything that follows it. The blocks before it may still
    /// be the best branch.
    pub(super) fn reject_block(&mut self, hash: &BlockHash) {
        let parent = self.entry(hash).header.previous;
        self.invalidate(hash);
        self.candidates.insert(self.candidate(parent));
    }

    fn switch_to(&mut self, above: &[BlockHash], kept: usize) -> Result<TipChange, BlockFailure> {
        let own: Vec<BlockHash> = self.best[kept..].iter().rev().copied().collect();
        let off: Vec<_> = own.iter().map(|hash| self.placed(hash)).collect();
        let on: Vec<_> = above.iter().map(|hash| self.placed(hash)).collect();
        let moved = self.branch.replace_blocks(&off, &on);
        moved.map_err(|(index, error)| BlockFailure { hash: above[index], error })?;
        self.final_tally.leave(&off);
        let here = |hash: &BlockHash| self.block(hash).map(Arc::clone);
        let disconnected: Vec<_> = own.iter().filter_map(here).collect();
        let connected = above.iter().filter_map(here).collect();
        self.best.truncate(kept);
        self.best.extend(above);
        self.find_closing_block();
        let disconnected_lost = own.len() - disconnected.len();
        Ok(TipChange { disconnected, disconnected_lost, connected })
    }

    /// What a block does, by its body or else by what the disk knows of it.
    fn placed(&self, hash: &BlockHash) -> Placed {
        let effects = match self.block(hash) {
            Some(block) => BlockEffects::of(block),
            None => self.lost_summary(hash).cloned().expect("the caller looked"),
        };
        let (height, period) = (self.entry(hash).header.height, self.period_of(hash));
        Placed { height, period, effects }
    }

    pub(super) fn lost_summary(&self, hash: &BlockHash) -> Option<&BlockEffects> {
        match &self.tree.get(hash)?.body {
            Body::Lost(summary) => summary.as_deref(),
            Body::Missing
            | Body::Unchecked(_)
            | Body::Checked(_)
            | Body::Stored
            | Body::Invalid => None,
        }
    }

    /// The best of these blocks that may be the best header.
    pub(super) fn best_header_of<'a>(
        &self,
        blocks: impl Iterator<Item = (BlockHash, &'a Entry)>,
    ) -> Option<Candidate> {
        let to_be_had =
            blocks.filter(|(_, entry)| !entry.withheld && !matches!(entry.body, Body::Invalid));
        let to_be_had = to_be_had.filter(|(_, entry)| self.due.has(entry));
        // While the tie-break holds, no two are equally good. Tests that switch it off get the last one.
        let better = |best: Candidate, next: Candidate| {
            if best.is_better_than(&next, self.rules) { best } else { next }
        };
        to_be_had.map(|(hash, _)| self.candidate(hash)).reduce(better)
    }

    pub(super) fn find_best_header(&mut self) {
        let all = self.tree.iter().map(|(hash, entry)| (*hash, entry));
        self.best_header =
            self.best_header_of(all).expect("the genesis is never withheld or invalid");
    }
}
