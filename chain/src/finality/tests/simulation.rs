//! Random runs of networks that are too large to search: each honest validator knows the votes that reached it, and
//! judges by them alone; a third of the validators sign anything.

use proptest::collection::vec;
use proptest::prelude::*;

use protocol::roster::quorum_min;

use super::super::{Link, Signed, is_final, is_justified, may_commit, may_prepare};
use super::blocks::{Block, BlockSet, Blocks, GENESIS};
use protocol::finality::{Offence, Statement};

/// The most blocks above the genesis block. Few enough that validators meet on some of them.
const BLOCKS_MAX: usize = 12;

/// Among how many blocks an honest validator chooses at most.
const CHOICES_MAX: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vote {
    Prepare { target: Block, source: Block },
    Commit { block: Block },
}

/// What happens next; validators and choices are taken modulo how many there are.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A validator prepares a block: an honest one any of the lowest that it may, from the highest source that it
    /// knows; another one whatever it likes.
    Prepare { validator: u16, choice: u8, source: Option<u8> },
    /// A validator commits a block: an honest one any that it may.
    Commit { validator: u16, choice: u8 },
    /// A validator hears all that some have signed so far: those whose bits are set.
    Hear { validator: u16, from: u16 },
}

#[derive(Debug)]
struct Validator {
    signed: Signed,
    lock: Block,
    /// How many of each other's votes it has heard.
    heard: Vec<usize>,
}

/// The honest validators are the first ones.
#[derive(Debug)]
struct Network {
    blocks: Blocks,
    quorum: usize,
    honest: Vec<Validator>,
    /// What each validator has signed, the dishonest ones too.
    votes: Vec<Vec<Vote>>,
}

impl Network {
    fn new(blocks: Blocks, faulty: usize) -> Self {
        let validators = 3 * faulty + 1;
        let honest = (0..validators - faulty).map(|_| Validator {
            signed: Signed::default(),
            lock: GENESIS,
            heard: vec![0; validators],
        });
        Self {
            blocks,
            quorum: quorum_min(validators, false),
            honest: honest.collect(),
            votes: vec![Vec::new(); validators],
        }
    }

    /// The votes that a validator knows, with who signed them: what it heard, and its own.
    fn known(&self, validator: usize) -> Vec<(u16, Vote)> {
        let heard = &self.honest[validator].heard;
        let count = |of: usize| if of == validator { self.votes[of].len() } else { heard[of] };
        let known = (0..).zip(self.votes.iter().enumerate());
        let known = known.map(|(index, (of, votes))| (index, &votes[..count(of)]));
        known.flat_map(|(index, votes)| votes.iter().map(move |vote| (index, *vote))).collect()
    }

    fn all(&self) -> Vec<(u16, Vote)> {
        let all = (0..).zip(&self.votes);
        all.flat_map(|(index, votes)| votes.iter().map(move |vote| (index, *vote))).collect()
    }

    fn justified(&self, votes: &[(u16, Vote)]) -> BlockSet {
        let mut justified = BlockSet::of(GENESIS);
        loop {
            let found = self.blocks.above().find(|block| {
                let prepares = votes.iter().filter_map(|(validator, vote)| match vote {
                    Vote::Prepare { target, source } if target == block => {
                        Some((*validator, justified.contains(*source)))
                    }
                    Vote::Prepare { .. } | Vote::Commit { .. } => None,
                });
                !justified.contains(*block) && is_justified(prepares, self.quorum)
            });
            let Some(block) = found else { return justified };
            justified = justified.with(block);
        }
    }

    fn finals(&self, votes: &[(u16, Vote)]) -> BlockSet {
        let has_quorum = |of: &Block| {
            let commits = votes.iter().filter(|(_, vote)| *vote == Vote::Commit { block: *of });
            is_final(commits.map(|(validator, _)| *validator), self.quorum)
        };
        self.blocks.above().filter(has_quorum).collect()
    }

    fn statement(&self, vote: Vote) -> Statement<Block> {
        let height = |block| self.blocks.height(block);
        match vote {
            Vote::Prepare { target, source } => {
                Statement::Prepare { target: (height(target), target), source: height(source) }
            }
            Vote::Commit { block } => Statement::Commit { block: (height(block), block) },
        }
    }

    /// The highest source that an honest validator knows for a target, if it may prepare that.
    fn source(&self, validator: usize, target: Block, justified: BlockSet) -> Option<Block> {
        let before = justified.iter().filter(|block| *block != target);
        let sources = before.filter(|block| self.blocks.descends(target, *block));
        let source = sources.max_by_key(|block| self.blocks.height(*block))?;
        let who = &self.honest[validator];
        let link = Link {
            source_is_justified: true,
            source_is_proper_ancestor: true,
            source_descends_from_lock: self.blocks.descends(source, who.lock),
        };
        let (of_target, of_source) = (self.blocks.height(target), self.blocks.height(source));
        may_prepare(&who.signed, of_target, of_source, link).is_ok().then_some(source)
    }

    /// The PREPAREs that an honest validator may sign, lower ones first.
    fn prepares(&self, validator: usize) -> Vec<(Block, Block)> {
        let justified = self.justified(&self.known(validator));
        let source = |target| Some((target, self.source(validator, target, justified)?));
        let mut allowed: Vec<_> = self.blocks.above().filter_map(source).collect();
        allowed.sort_by_key(|(target, _)| self.blocks.height(*target));
        allowed
    }

    /// The blocks that an honest validator may commit.
    fn commits(&self, validator: usize) -> Vec<Block> {
        let justified = self.justified(&self.known(validator));
        let signed = &self.honest[validator].signed;
        let is_allowed =
            |block: &Block| may_commit(signed, self.blocks.height(*block), true).is_ok();
        justified.iter().filter(is_allowed).collect()
    }

    fn sign_prepare(&mut self, validator: usize, target: Block, source: Block) {
        let height = self.blocks.height(target);
        if let Some(who) = self.honest.get_mut(validator) {
            who.signed = who.signed.after_prepare(height);
        }
        self.votes[validator].push(Vote::Prepare { target, source });
    }

    fn sign_commit(&mut self, validator: usize, block: Block) {
        let height = self.blocks.height(block);
        if let Some(who) = self.honest.get_mut(validator) {
            who.signed = who.signed.after_commit(height);
            who.lock = block;
        }
        self.votes[validator].push(Vote::Commit { block });
    }

    fn happen(&mut self, event: Event) {
        let of = |validator: u16| usize::from(validator) % self.votes.len();
        let block = |choice: u8| choice % self.blocks.count();
        match event {
            Event::Prepare { validator, choice, source } => {
                let validator = of(validator);
                if validator >= self.honest.len() {
                    self.sign_prepare(validator, block(choice), source.map_or(GENESIS, block));
                } else if let Some((target, source)) = pick(&self.prepares(validator), choice) {
                    self.sign_prepare(validator, target, source);
                }
            }
            Event::Commit { validator, choice } => {
                let validator = of(validator);
                if validator >= self.honest.len() {
                    self.sign_commit(validator, block(choice));
                } else if let Some(block) = pick(&self.commits(validator), choice) {
                    self.sign_commit(validator, block);
                }
            }
            Event::Hear { validator, from } => {
                if let Some(who) = self.honest.get_mut(of(validator)) {
                    let hears = |index: &usize| from >> index & 1 == 1;
                    for index in (0..self.votes.len()).filter(hears) {
                        who.heard[index] = self.votes[index].len();
                    }
                }
            }
        }
    }

    /// Lets every honest validator hear everything.
    fn heal(&mut self) {
        let counts: Vec<_> = self.votes.iter().map(Vec::len).collect();
        for validator in &mut self.honest {
            validator.heard.clone_from(&counts);
        }
    }
}

/// One of the first few, so that validators often do the same.
fn pick<T: Copy>(choices: &[T], choice: u8) -> Option<T> {
    let few = choices.len().min(CHOICES_MAX);
    (few > 0).then(|| choices[usize::from(choice) % few])
}

fn event() -> impl Strategy<Value = Event> {
    let prepare = (any::<u16>(), any::<u8>(), any::<Option<u8>>());
    let commit = (any::<u16>(), any::<u8>());
    let hear = (any::<u16>(), any::<u16>());
    prop_oneof![
        2 => prepare
            .prop_map(|(validator, choice, source)| Event::Prepare { validator, choice, source }),
        1 => commit.prop_map(|(validator, choice)| Event::Commit { validator, choice }),
        4 => hear.prop_map(|(validator, from)| Event::Hear { validator, from }),
    ]
}

/// For each block its parent, modulo the blocks before it; most stand on one of the newest three.
fn parents() -> impl Strategy<Value = Vec<Block>> {
    vec(0u8..3, 1..=BLOCKS_MAX).prop_map(|steps| {
        (0u8..).zip(steps).map(|(newest, step)| newest.saturating_sub(step)).collect()
    })
}

/// The same blocks, and above one of them a chain to a height that no other block has; its end comes with it.
fn with_chain_above(parents: &[Block], blocks: &Blocks, block: Block) -> (Blocks, Block) {
    let mut parents = parents.to_vec();
    let greatest = blocks.above().map(|block| blocks.height(block)).max().unwrap_or_default();
    let mut end = block;
    for _ in blocks.height(block).0..=greatest.0 {
        parents.push(end);
        end = Block::try_from(parents.len()).expect("there are few blocks");
    }
    (Blocks::above_genesis(&parents), end)
}

proptest! {
    /// Whatever happens, no two final blocks are in conflict, no honest validator can be accused, and what happened
    /// does not keep the next block from becoming final once all honest validators hear each other, also if no others
    /// vote for it.
    #[test]
    fn runs_are_safe_and_go_on(
        faulty in 1usize..=3,
        parents in parents(),
        events in vec(event(), 0..500),
    ) {
        let mut network = Network::new(Blocks::above_genesis(&parents), faulty);
        for event in events {
            network.happen(event);
        }
        let votes = network.all();
        let finals = network.finals(&votes);
        prop_assert!(!finals.has_pair(|one, other| network.blocks.are_in_conflict(one, other)));
        for votes in &network.votes[..network.honest.len()] {
            for (one, other) in votes.iter().flat_map(|one| votes.iter().map(move |other| (one, other))) {
                let (one, other) = (network.statement(*one), network.statement(*other));
                prop_assert_eq!(Offence::between(&one, &other), None);
            }
        }

        network.heal();
        let justified = network.justified(&votes);
        let highest = justified.iter().max_by_key(|block| network.blocks.height(*block));
        let highest = highest.expect("the genesis block is justified");
        let (blocks, end) = with_chain_above(&parents, &network.blocks, highest);
        network.blocks = blocks;
        for validator in 0..network.honest.len() {
            let source = network.source(validator, end, justified);
            prop_assert_eq!(source, Some(highest));
            network.sign_prepare(validator, end, highest);
        }
        network.heal();
        for validator in 0..network.honest.len() {
            prop_assert!(network.commits(validator).contains(&end));
            network.sign_commit(validator, end);
        }
        prop_assert!(network.finals(&network.all()).contains(end));
        for block in finals.iter() {
            prop_assert!(network.blocks.descends(end, block), "what was final stays");
        }
    }
}
