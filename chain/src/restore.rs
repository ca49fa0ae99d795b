//! Rebuilding a chain from what the disk remembers, without reading a single body.

use std::collections::{BTreeMap, BTreeSet};

use protocol::block::Header;
use protocol::election::Election;
use protocol::transaction::TransactionKind;
use protocol::units::{BlockHash, UnixMillis};

use super::Chain;
use super::branch::Placed;
use super::fork_choice::Candidate;
use super::summary::BlockEffects;
use super::tree::Body;

/// What the disk remembers about a block, besides its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlock {
    /// The block's header.
    pub header: Header,
    /// What the block does to the count.
    pub summary: BlockEffects,
    /// Whether the disk has the body, as far as it knows.
    pub has_body: bool,
}

impl Chain {
    /// Adds blocks that were checked before they were written to disk, and moves to the chain that
    /// was the best one then. The rules that depend on the branch are checked again; signatures and
    /// bodies are not. Returns how many blocks can't be used because their parent is missing or
    /// because they break a rule.
    ///
    /// Call this once, on a new chain. [`Chain::advance`] then moves to a better branch if there is
    /// one.
    pub fn restore(
        &mut self,
        mut blocks: Vec<StoredBlock>,
        tip: Option<BlockHash>,
        now: UnixMillis,
    ) -> usize {
        blocks.sort_by_key(|block| block.header.height);
        let mut summaries = BTreeMap::new();
        let mut unusable = 0;
        for block in blocks {
            // Blocks must not be lost because the clock was set back: their time was checked when
            // they arrived.
            let clock = now.max(block.header.time);
            match self.insert_header_with_body(block.header, clock) {
                Ok(hash) if block.summary.fits(&self.election) => {
                    self.restore_body(&hash, &block);
                    summaries.insert(hash, block.summary);
                }
                Ok(_) | Err(_) => unusable += 1,
            }
        }
        let known_tip =
            tip.and_then(|hash| self.tree.get(&hash).filter(|entry| entry.complete).map(|_| hash));
        self.candidates = match known_tip {
            Some(hash) => BTreeSet::from([self.candidate(hash)]),
            None => self.ends_of_branches(),
        };
        unusable += self.advance_by(&mut summaries);
        self.candidates = self.ends_of_branches();
        unusable
    }

    /// The ends of all complete branches, and how far the branch of the final block is complete.
    pub(super) fn ends_of_branches(&self) -> BTreeSet<Candidate> {
        let is_complete =
            |hash: &BlockHash| self.tree.get(hash).is_some_and(|entry| entry.complete);
        let complete = self.tree.iter().filter(|(_, entry)| entry.complete);
        complete
            .filter(|(_, entry)| !entry.children.iter().any(is_complete))
            .map(|(hash, _)| *hash)
            .chain([self.highest_complete_below_final()])
            .map(|hash| self.candidate(hash))
            .collect()
    }

    fn restore_body(&mut self, hash: &BlockHash, block: &StoredBlock) {
        let count = |kind| block.summary.count(kind);
        let registrations = count(TransactionKind::Registration);
        self.tree.set_counts(hash, registrations, count(TransactionKind::Vote));
        self.tree.set_body(hash, Body::Stored);
        if !block.has_body {
            self.mark_lost(hash, Some(block.summary.clone()));
        }
        self.tree.complete_from(*hash);
    }

    /// Moves from the genesis to the best candidate; returns how many blocks broke a rule.
    fn advance_by(&mut self, summaries: &mut BTreeMap<BlockHash, BlockEffects>) -> usize {
        let mut invalid = 0;
        while let Some(candidate) = self.candidates.pop_last() {
            if !candidate.is_better_than(&self.tip(), self.rules) {
                break;
            }
            let (above, _) = self.path_from_best_chain(candidate.hash);
            let mut path = Vec::with_capacity(above.len());
            for hash in &above {
                let effects = summaries.remove(hash).expect("complete blocks have one");
                let (height, period) = (self.entry(hash).header.height, self.period_of(hash));
                path.push(Placed { height, period, effects });
            }
            match self.branch.replace_blocks(&[], &path) {
                Ok(()) => {
                    self.best.extend(above);
                    self.find_closing_block();
                    break;
                }
                Err((index, error)) => {
                    let hash = above[index];
                    tracing::warn!(%hash, %error, "a block on the disk breaks a rule");
                    invalid += 1;
                    self.reject_block(&hash);
                    summaries
                        .extend(above.into_iter().zip(path.into_iter().map(|each| each.effects)));
                }
            }
        }
        invalid
    }
}

/// More transactions than a block can hold: even a body of 1 MiB holds fewer.
const TRANSACTIONS_MAX: usize = 1 << 16;

impl BlockEffects {
    /// Whether all options and registrars are on the ballot, and all places can be told, so that the count has room
    /// for them.
    pub(super) fn fits(&self, election: &Election) -> bool {
        let options = |question: u16| {
            election.questions.get(usize::from(question)).map_or(0, |known| known.options.len())
        };
        self.transactions.len() <= TRANSACTIONS_MAX
            && self
                .chosen
                .iter()
                .all(|chosen| usize::from(chosen.option) < options(chosen.question))
            && self.blank.iter().all(|blank| usize::from(blank.question) < election.questions.len())
            && self
                .signed
                .iter()
                .all(|signed| usize::from(signed.registrar) < election.admission.registrars().len())
    }
}
