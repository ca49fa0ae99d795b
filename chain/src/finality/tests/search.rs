//! The model that is searched: what honest validators may have signed, over a small tree of blocks.
//!
//! Every order is searched in which honest validators may sign anything that the rules allow, over all blocks of the
//! tree at once: a validator may sign at any time, or never. So it is as if messages were lost, late and in any order,
//! and as if a validator saw whatever branch it likes. Dishonest validators are stronger than real ones: their votes
//! count for every block at any time, seen by whom it suits. No rule asks that something is *not* justified, so a
//! validator that does not know of a vote yet is one that waits. What honest ones can't be brought to do here, no
//! schedule and no dishonest minority brings them to.
//!
//! States that can't differ in what follows are one:
//!
//! - Validators are sorted, since their names do not matter.
//! - A PREPARE is forgotten once its target is justified, and a COMMIT once its block is final; what the rules remember
//!   of them is in [`Signed`]. A PREPARE's source is forgotten once it is justified.
//! - Of two equal subtrees in which nothing has happened, nothing happens in the second one first.

use protocol::units::Height;
use stateright::{Checker, HasDiscoveries, Model, Property};

use protocol::roster::quorum_min;

use super::super::{
    CommitRefused, Link, PrepareRefused, Signed, commit_refusals, is_final, is_justified,
    prepare_refusals,
};
use super::blocks::{Block, BlockSet, Blocks, GENESIS};

/// A rule that a search can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    PrepareHeightNotLower,
    PrepareHeightNotSame,
    PrepareSourceJustified,
    PrepareSourceAncestor,
    PrepareLock,
    CommitJustified,
    CommitNotBelowLock,
    CommitHeightNotSame,
    CommitNotBelowPrepare,
    /// PREPAREs count only if their source is justified.
    CountSourceJustified,
}

impl From<PrepareRefused> for Rule {
    fn from(refused: PrepareRefused) -> Self {
        match refused {
            PrepareRefused::LowerHeight { .. } => Self::PrepareHeightNotLower,
            PrepareRefused::SameHeight { .. } => Self::PrepareHeightNotSame,
            PrepareRefused::SourceNotJustified { .. } => Self::PrepareSourceJustified,
            PrepareRefused::SourceNotAncestor { .. } => Self::PrepareSourceAncestor,
            PrepareRefused::Locked { .. } => Self::PrepareLock,
        }
    }
}

impl From<CommitRefused> for Rule {
    fn from(refused: CommitRefused) -> Self {
        match refused {
            CommitRefused::NotJustified { .. } => Self::CommitJustified,
            CommitRefused::BelowLock { .. } => Self::CommitNotBelowLock,
            CommitRefused::SameHeight { .. } => Self::CommitHeightNotSame,
            CommitRefused::BelowPrepare { .. } => Self::CommitNotBelowPrepare,
        }
    }
}

pub(super) const CONFLICT: &str = "no two final blocks are in conflict";
pub(super) const TWINS: &str = "no two blocks of one height are justified";
pub(super) const STUCK: &str = "honest validators can go on together";
pub(super) const FINAL: &str = "a block at the greatest height becomes final";
pub(super) const UNCOUNTED: &str = "a vote is signed that does not count";

/// What is searched.
#[derive(Debug, Clone)]
pub(super) struct Search {
    pub(super) blocks: Blocks,
    pub(super) honest: u16,
    pub(super) dishonest: u16,
    pub(super) quorum: usize,
    pub(super) removed: Vec<Rule>,
    /// Whether an honest validator may forget all that it signed.
    pub(super) may_forget: bool,
    /// Whether a lock is left for a source that is higher, as the rules allow.
    pub(super) locks_are_left: bool,
}

/// What a search found.
#[derive(Debug)]
pub(super) struct Outcome {
    /// How many different states it reached.
    pub(super) states: usize,
    /// The properties that do not hold, and [`FINAL`] or [`UNCOUNTED`] if that happens.
    pub(super) found: Vec<&'static str>,
}

impl Search {
    /// Four validators, one of them dishonest, by all rules.
    pub(super) fn over(blocks: Blocks) -> Self {
        Self {
            blocks,
            honest: 3,
            dishonest: 1,
            quorum: quorum_min(4, false),
            removed: Vec::new(),
            may_forget: false,
            locks_are_left: true,
        }
    }

    pub(super) fn without(mut self, rules: &[Rule]) -> Self {
        self.removed = rules.to_vec();
        self
    }

    /// Searches all states.
    pub(super) fn exhaust(self) -> Outcome {
        self.run(HasDiscoveries::All)
    }

    /// Searches until one thing is found.
    pub(super) fn finds(self, name: &'static str) -> bool {
        self.run(HasDiscoveries::AnyOf([name].into())).found.contains(&name)
    }

    fn run(self, until: HasDiscoveries) -> Outcome {
        let checker = self.checker().finish_when(until).threads(1).spawn_bfs().join();
        Outcome {
            states: checker.unique_state_count(),
            found: checker.discoveries().into_keys().collect(),
        }
    }

    fn holds(&self, rule: Rule) -> bool {
        !self.removed.contains(&rule)
    }

    fn allows<R: Into<Rule>>(&self, mut refusals: impl Iterator<Item = R>) -> bool {
        refusals.all(|refusal| !self.holds(refusal.into()))
    }

    fn may_prepare(
        &self,
        state: &State,
        validator: &Validator,
        target: Block,
        source: Block,
    ) -> bool {
        let source_descends_from_lock = self.blocks.descends(source, validator.lock);
        let link = Link {
            source_is_justified: state.justified.contains(source),
            source_is_proper_ancestor: source != target && self.blocks.descends(target, source),
            source_descends_from_lock,
        };
        let (target, source) = (self.blocks.height(target), self.blocks.height(source));
        self.allows(prepare_refusals(&validator.signed, target, source, link))
            && (self.locks_are_left || source_descends_from_lock)
    }

    fn may_commit(&self, state: &State, validator: &Validator, block: Block) -> bool {
        let is_justified = state.justified.contains(block);
        self.allows(commit_refusals(&validator.signed, self.blocks.height(block), is_justified))
    }

    /// The sources for which a validator may prepare a target. Those that are justified make no difference to what
    /// follows, so the genesis block stands for all of them.
    fn sources(
        &self,
        state: &State,
        validator: &Validator,
        target: Block,
    ) -> impl Iterator<Item = Block> {
        let sources = std::iter::once(GENESIS).chain(self.blocks.above());
        let allowed: BlockSet = sources
            .filter(|source| self.may_prepare(state, validator, target, *source))
            .map(|source| self.as_counted(state, source))
            .collect();
        allowed.iter()
    }

    /// A source as it is remembered: whether it is justified is all that counts.
    fn as_counted(&self, state: &State, source: Block) -> Block {
        let counts = state.justified.contains(source) || !self.holds(Rule::CountSourceJustified);
        if counts { GENESIS } else { source }
    }

    fn dishonest_validators(&self) -> impl Iterator<Item = u16> + use<> {
        self.honest..self.honest + self.dishonest
    }

    /// Finds what is justified and final now, forgets what does not matter any more, and sorts.
    fn settle(&self, state: &mut State) {
        while let Some(target) =
            state.targets().iter().find(|target| self.justifies(state, *target))
        {
            state.justified = state.justified.with(target);
            for validator in &mut state.validators {
                validator.prepares.retain(|(other, _)| *other != target);
                for (_, source) in &mut validator.prepares {
                    if *source == target {
                        *source = GENESIS;
                    }
                }
                validator.prepares.sort_unstable();
                validator.prepares.dedup();
            }
        }
        for block in state.committed().iter() {
            let honest = (0..).zip(&state.validators);
            let commits = honest.filter(|(_, validator)| validator.commits.contains(block));
            let commits = commits.map(|(index, _)| index).chain(self.dishonest_validators());
            if is_final(commits, self.quorum) {
                state.is_final = state.is_final.with(block);
                for validator in &mut state.validators {
                    validator.commits = validator.commits.without(block);
                }
            }
        }
        state.validators.sort_unstable();
    }

    fn justifies(&self, state: &State, target: Block) -> bool {
        let honest = (0..).zip(&state.validators).flat_map(|(index, validator)| {
            let prepares = validator.prepares.iter().filter(|(of, _)| *of == target);
            prepares.map(move |(_, source)| (index, state.justified.contains(*source)))
        });
        let dishonest = self.dishonest_validators().map(|index| (index, true));
        is_justified(honest.chain(dishonest), self.quorum)
    }

    /// Whether all honest validators may prepare, and then commit, one block above all others.
    fn can_go_on(&self, state: &State) -> bool {
        let target = self.greatest_height().next();
        state.justified.iter().any(|source| {
            state.validators.iter().all(|validator| {
                let source_descends_from_lock = self.blocks.descends(source, validator.lock);
                let link = Link {
                    source_is_justified: true,
                    source_is_proper_ancestor: true,
                    source_descends_from_lock,
                };
                let height = self.blocks.height(source);
                let prepared = validator.signed.after_prepare(target);
                self.allows(prepare_refusals(&validator.signed, target, height, link))
                    && self.allows(commit_refusals(&prepared, target, true))
                    && (self.locks_are_left || source_descends_from_lock)
            })
        })
    }

    fn greatest_height(&self) -> Height {
        let heights = self.blocks.above().map(|block| self.blocks.height(block));
        heights.max().unwrap_or_default()
    }
}

/// What an honest validator has signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Validator {
    signed: Signed,
    lock: Block,
    /// Its PREPAREs for blocks that are not justified, as targets and sources. A source that is justified is written as
    /// the genesis block.
    prepares: Vec<(Block, Block)>,
    /// Its COMMITs for blocks that are not final.
    commits: BlockSet,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    justified: BlockSet,
    is_final: BlockSet,
    validators: Vec<Validator>,
}

impl State {
    fn targets(&self) -> BlockSet {
        let prepares = self.validators.iter().flat_map(|validator| &validator.prepares);
        prepares.map(|(target, _)| *target).collect()
    }

    /// All blocks that somebody has to do with.
    fn touched(&self) -> BlockSet {
        let prepares = self.validators.iter().flat_map(|validator| &validator.prepares);
        let sources = prepares.map(|(_, source)| *source);
        let locks = self.validators.iter().map(|validator| validator.lock);
        let blocks: BlockSet = sources.chain(locks).collect();
        let voted = blocks.union(self.targets()).union(self.committed());
        voted.union(self.justified).union(self.is_final)
    }

    fn committed(&self) -> BlockSet {
        self.validators.iter().flat_map(|validator| validator.commits.iter()).collect()
    }
}

/// What an honest validator does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Prepare { validator: usize, target: Block, source: Block },
    Commit { validator: usize, block: Block },
    Forget { validator: usize },
}

impl Model for Search {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let genesis = BlockSet::of(GENESIS);
        let validators = vec![Validator::default(); usize::from(self.honest)];
        vec![State { justified: genesis, is_final: genesis, validators }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let copies = self.blocks.copies(state.touched());
        let blocks: BlockSet =
            self.blocks.above().filter(|block| !copies.contains(*block)).collect();
        for (validator, who) in state.validators.iter().enumerate() {
            if validator > 0 && state.validators[validator - 1] == *who {
                continue;
            }
            for target in blocks.iter() {
                let sources = self.sources(state, who, target);
                actions.extend(sources.map(|source| Action::Prepare { validator, target, source }));
            }
            let committed = blocks.iter().filter(|block| self.may_commit(state, who, *block));
            actions.extend(committed.map(|block| Action::Commit { validator, block }));
            if self.may_forget {
                actions.push(Action::Forget { validator });
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Prepare { validator, target, source } => {
                let who = &mut next.validators[validator];
                who.signed = who.signed.after_prepare(self.blocks.height(target));
                if !state.justified.contains(target) {
                    who.prepares.push((target, source));
                    who.prepares.sort_unstable();
                    who.prepares.dedup();
                }
            }
            Action::Commit { validator, block } => {
                let who = &mut next.validators[validator];
                who.signed = who.signed.after_commit(self.blocks.height(block));
                who.lock = block;
                if !state.is_final.contains(block) {
                    who.commits = who.commits.with(block);
                }
            }
            Action::Forget { validator } => {
                let who = &mut next.validators[validator];
                (who.signed, who.lock) = (Signed::default(), GENESIS);
            }
        }
        self.settle(&mut next);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(CONFLICT, |search: &Self, state: &State| {
                !state.is_final.has_pair(|one, other| search.blocks.are_in_conflict(one, other))
            }),
            Property::always(TWINS, |search: &Self, state: &State| {
                let height = |block| search.blocks.height(block);
                !state.justified.has_pair(|one, other| height(one) == height(other))
            }),
            Property::always(STUCK, |search: &Self, state: &State| search.can_go_on(state)),
            Property::sometimes(FINAL, |search: &Self, state: &State| {
                let greatest = search.greatest_height();
                state.is_final.iter().any(|block| search.blocks.height(block) == greatest)
            }),
            Property::sometimes(UNCOUNTED, |_: &Self, state: &State| {
                let mut prepares = state.validators.iter().flat_map(|who| &who.prepares);
                prepares.any(|(_, source)| *source != GENESIS)
            }),
        ]
    }
}
