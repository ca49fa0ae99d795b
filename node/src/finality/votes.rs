//! The votes of validators that were checked: the newest of each, whether their blocks are known here or not.
//!
//! A validator can crowd out its own votes alone. Among these may be one that made a block justified elsewhere.

use std::collections::BTreeMap;

use protocol::finality::{
    BlockReference, Certificate, Commit, Evidence, FinalityVote, Offence, Prepare, Statement,
};
use protocol::units::{BlockHash, Height};

/// The most votes of one phase that are kept of one validator, those for the highest blocks. While
/// nothing becomes final, whoever was away has to learn what was justified since; 16 validators take 2 MB.
pub(super) const VOTES_OF_VALIDATOR_MAX: usize = 256;

/// The least and the greatest reference, between which all others are.
const FIRST: BlockReference = BlockReference { height: Height(0), hash: BlockHash([0; 32]) };
const LAST: BlockReference =
    BlockReference { height: Height(u64::MAX), hash: BlockHash([0xff; 32]) };

/// Whether a vote is worth checking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Novelty {
    New,
    Known,
    /// It is for a block so low that it is not kept.
    Old,
}

#[derive(Debug, Default)]
struct OfValidator {
    /// By target and source.
    prepares: BTreeMap<(BlockReference, BlockReference), Prepare>,
    commits: BTreeMap<BlockReference, Commit>,
}

#[derive(Debug)]
pub(super) struct Votes {
    of_validators: Vec<OfValidator>,
}

impl Votes {
    pub(super) fn new(validators: usize) -> Self {
        Self { of_validators: (0..validators).map(|_| OfValidator::default()).collect() }
    }

    /// Whether a vote of a validator of the roster is worth checking.
    pub(super) fn novelty(&self, vote: &FinalityVote) -> Novelty {
        let Some(of) = self.of_validators.get(usize::from(vote.validator())) else {
            return Novelty::Old;
        };
        let (is_known, len, lowest) = match vote {
            FinalityVote::Prepare(prepare) => (
                of.prepares.contains_key(&(prepare.target, prepare.source)),
                of.prepares.len(),
                of.prepares.first_key_value().map(|((target, _), _)| *target),
            ),
            FinalityVote::Commit(commit) => (
                of.commits.contains_key(&commit.block),
                of.commits.len(),
                of.commits.first_key_value().map(|(block, _)| *block),
            ),
        };
        match lowest {
            _ if is_known => Novelty::Known,
            Some(lowest) if len >= VOTES_OF_VALIDATOR_MAX && vote.block() < lowest => Novelty::Old,
            Some(_) | None => Novelty::New,
        }
    }

    /// Keeps a vote that is new and was checked. The vote for the lowest block makes room.
    pub(super) fn insert(&mut self, vote: FinalityVote) {
        let Some(of) = self.of_validators.get_mut(usize::from(vote.validator())) else { return };
        match vote {
            FinalityVote::Prepare(prepare) => {
                of.prepares.insert((prepare.target, prepare.source), prepare);
                if of.prepares.len() > VOTES_OF_VALIDATOR_MAX {
                    of.prepares.pop_first();
                }
            }
            FinalityVote::Commit(commit) => {
                of.commits.insert(commit.block, commit);
                if of.commits.len() > VOTES_OF_VALIDATOR_MAX {
                    of.commits.pop_first();
                }
            }
        }
    }

    /// What this vote shows together with one that is kept, if no honest validator signs both.
    pub(super) fn offence(&self, vote: &FinalityVote) -> Option<(Evidence, Offence)> {
        let of = self.of_validators.get(usize::from(vote.validator()))?;
        let said = vote.statement();
        let pair = |block: &BlockReference| (block.height, block.hash);
        // Only what is found is copied: each new vote is compared with all that are kept.
        let prepares = of.prepares.values().find_map(|each| {
            let first =
                Statement::Prepare { target: pair(&each.target), source: each.source.height };
            let offence = Offence::between(&first, &said)?;
            Some((FinalityVote::Prepare(each.clone()), offence))
        });
        let commits = || {
            of.commits.values().find_map(|each| {
                let first = Statement::Commit { block: pair(&each.block) };
                let offence = Offence::between(&first, &said)?;
                Some((FinalityVote::Commit(each.clone()), offence))
            })
        };
        let (first, offence) = prepares.or_else(commits)?;
        Some((Evidence { first, second: vote.clone() }, offence))
    }

    /// The PREPAREs for a block.
    pub(super) fn prepares_of(&self, target: &BlockReference) -> impl Iterator<Item = &Prepare> {
        let range = (*target, FIRST)..=(*target, LAST);
        self.of_validators
            .iter()
            .flat_map(move |of| of.prepares.range(range.clone()).map(|(_, each)| each))
    }

    /// The blocks above a height that have PREPAREs, in ascending order.
    pub(super) fn targets_above(&self, height: Height) -> Vec<BlockReference> {
        let all = self.of_validators.iter().flat_map(|of| of.prepares.keys());
        let mut targets: Vec<_> =
            all.map(|(target, _)| *target).filter(|target| target.height > height).collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    }

    /// Whether a vote names this block.
    pub(super) fn name(&self, block: &BlockReference) -> bool {
        let commits = |of: &OfValidator| of.commits.contains_key(block);
        self.prepares_of(block).next().is_some() || self.of_validators.iter().any(commits)
    }

    /// The COMMITs for a block, in the order of the validators, as a certificate bears them.
    pub(super) fn commits_of(&self, block: &BlockReference) -> Certificate {
        let commits = self.of_validators.iter().filter_map(|of| of.commits.get(block));
        let signatures = commits.map(|commit| (commit.validator, commit.signature)).collect();
        Certificate { block: *block, signatures }
    }

    /// The newest vote of each phase of a validator.
    pub(super) fn newest(&self, validator: usize) -> (Option<&Prepare>, Option<&Commit>) {
        let Some(of) = self.of_validators.get(validator) else { return (None, None) };
        (of.prepares.values().next_back(), of.commits.values().next_back())
    }

    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        for (validator, of) in self.of_validators.iter().enumerate() {
            assert!(of.prepares.len() <= VOTES_OF_VALIDATOR_MAX, "PREPAREs of {validator}");
            assert!(of.commits.len() <= VOTES_OF_VALIDATOR_MAX, "COMMITs of {validator}");
            let is_own = |place: u16| usize::from(place) == validator;
            assert!(of.prepares.values().all(|prepare| is_own(prepare.validator)));
            assert!(of.commits.values().all(|commit| is_own(commit.validator)));
        }
    }
}
