//! Random runs of networks that are too large to search: each honest validator knows the votes that reached it, and
//! judges by them alone; a third of the validators sign anything.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{
    Link, Signed, Statement, is_final, is_justified, may_commit, may_prepare, offence, quorum,
};
use super::blocks::{Block, BlockSet, Blocks, GENESIS};

/// The most blocks above the genesis block. Few enough that validators meet on some of them.
const BLOCKS_MAX: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vote {
    Prepare { target: Block, source: Block },
    Commit { block: Block },
}

/// What happens next; each validator, block and choice is taken modulo how many there are.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A validator prepares a block, an honest one from the highest source that it knows.
    Prepare { validator: u16, target: Block, source: Block },
    /// A validator commits a block.
    Commit { validator: u16, block: Block },
    /// A validator hears all that another one has signed so far.
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
            quorum: quorum(validators),
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

    /// Lets an honest validator prepare a block if it may; says whether it did.
    fn prepare(&mut self, validator: usize, target: Block) -> bool {
        let justified = self.justified(&self.known(validator));
        let before = justified.iter().filter(|block| *block != target);
        let sources = before.filter(|block| self.blocks.descends(target, *block));
        let source = sources.max_by_key(|block| self.blocks.height(*block)).unwrap_or(GENESIS);
        let who = &self.honest[validator];
        let link = Link {
            source_is_justified: true,
            source_is_proper_ancestor: true,
            source_descends_from_lock: self.blocks.descends(source, who.lock),
        };
        let target_height = self.blocks.height(target);
        let source_height = self.blocks.height(source);
        let is_allowed = may_prepare(&who.signed, target_height, source_height, link).is_ok();
        if is_allowed {
            self.honest[validator].signed = who.signed.after_prepare(target_height);
            self.votes[validator].push(Vote::Prepare { target, source });
        }
        is_allowed
    }

    /// Lets an honest validator commit a block if it may; says whether it did.
    fn commit(&mut self, validator: usize, block: Block) -> bool {
        let is_justified = self.justified(&self.known(validator)).contains(block);
        let (who, height) = (&mut self.honest[validator], self.blocks.height(block));
        let is_allowed = may_commit(&who.signed, height, is_justified).is_ok();
        if is_allowed {
            who.signed = who.signed.after_commit(height);
            who.lock = block;
            self.votes[validator].push(Vote::Commit { block });
        }
        is_allowed
    }

    fn happen(&mut self, event: Event) {
        let of = |validator: u16| usize::from(validator) % self.votes.len();
        let block = |block| block % self.blocks.count();
        match event {
            Event::Prepare { validator, target, source } => {
                let (validator, target, source) = (of(validator), block(target), block(source));
                if validator < self.honest.len() {
                    self.prepare(validator, target);
                } else {
                    self.votes[validator].push(Vote::Prepare { target, source });
                }
            }
            Event::Commit { validator, block: committed } => {
                let (validator, block) = (of(validator), block(committed));
                if validator < self.honest.len() {
                    self.commit(validator, block);
                } else {
                    self.votes[validator].push(Vote::Commit { block });
                }
            }
            Event::Hear { validator, from } => {
                let (validator, from) = (of(validator), of(from));
                if let Some(who) = self.honest.get_mut(validator) {
                    who.heard[from] = self.votes[from].len();
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

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (any::<u16>(), any::<Block>(), any::<Block>())
            .prop_map(|(validator, target, source)| Event::Prepare { validator, target, source }),
        2 => (any::<u16>(), any::<Block>())
            .prop_map(|(validator, block)| Event::Commit { validator, block }),
        6 => (any::<u16>(), any::<u16>())
            .prop_map(|(validator, from)| Event::Hear { validator, from }),
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
        faulty in 1usize..4,
        parents in parents(),
        events in vec(event(), 0..400),
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
                prop_assert_eq!(offence(&one, &other), None);
            }
        }

        network.heal();
        let justified = network.justified(&votes);
        let highest = justified.iter().max_by_key(|block| network.blocks.height(*block));
        let highest = highest.expect("the genesis block is justified");
        let (blocks, end) = with_chain_above(&parents, &network.blocks, highest);
        network.blocks = blocks;
        for validator in 0..network.honest.len() {
            prop_assert!(network.prepare(validator, end));
        }
        network.heal();
        for validator in 0..network.honest.len() {
            prop_assert!(network.commit(validator, end));
        }
        prop_assert!(network.finals(&network.all()).contains(end));
        for block in finals.iter() {
            prop_assert!(network.blocks.descends(end, block), "what was final stays");
        }
    }
}
