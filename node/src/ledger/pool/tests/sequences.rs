//! Whatever comes in whatever order, on whatever branch: what is to be mined next is a valid body, and nothing that
//! was accepted is gone without a word.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use protocol::admission::AdmissionRule;
use protocol::block::Block;
use protocol::election::Election;
use protocol::units::BlockHash;

use super::*;
use chain::fixtures::election_by_registrars;

const VOTERS: u8 = 4;

#[derive(Debug, Clone)]
enum Step {
    /// A transaction comes from a user or a neighbour.
    Come(Index),
    /// This peer mines what its pool holds.
    MineOwn,
    /// A block of others on any known block, with those of these transactions that are valid there.
    MineOn(Index, Vec<Index>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<Index>().prop_map(Step::Come),
        1 => Just(Step::MineOwn),
        3 => (any::<Index>(), prop::collection::vec(any::<Index>(), 0..6))
            .prop_map(|(parent, papers)| Step::MineOn(parent, papers)),
    ]
}

/// A second, naive count of a branch.
#[derive(Debug, Default)]
struct Count {
    /// Who is registered, and whether they voted.
    registered: BTreeMap<VoterId, bool>,
    withdrawn: BTreeSet<VoterId>,
}

impl Count {
    /// Takes a transaction, if it may follow.
    fn takes(&mut self, transaction: &HashedTransaction, most: Option<u32>) -> bool {
        let voter = transaction.voter();
        if self.withdrawn.contains(&voter) {
            return false;
        }
        match transaction.kind() {
            TransactionKind::Registration => {
                let has_room = most.is_none_or(|most| self.registered.len() < most as usize);
                let is_taken = has_room && !self.registered.contains_key(&voter);
                if is_taken {
                    self.registered.insert(voter, false);
                }
                is_taken
            }
            TransactionKind::Vote => match self.registered.get_mut(&voter) {
                Some(voted) => !std::mem::replace(voted, true),
                None => false,
            },
            TransactionKind::Withdrawal if self.registered.get(&voter) == Some(&true) => false,
            TransactionKind::Withdrawal => {
                self.registered.remove(&voter);
                self.withdrawn.insert(voter)
            }
        }
    }
}

struct World {
    chain: Chain,
    pool: Pool,
    papers: Vec<Arc<HashedTransaction>>,
    blocks: Vec<Block>,
    /// Votes and withdrawals that were accepted, and not told to be superseded since.
    owed: BTreeMap<TransactionId, Arc<HashedTransaction>>,
}

impl World {
    fn new(election: Election, papers: Vec<Arc<HashedTransaction>>) -> Self {
        let chain = Chain::new(Arc::new(election), Rules::ALL, usize::MAX);
        let genesis = Block { header: *chain.tip_header(), transactions: Vec::new() };
        let (pool, owed) = (pool(), BTreeMap::new());
        Self { chain, pool, papers, blocks: vec![genesis], owed }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Come(index) => {
                let paper = Arc::clone(index.get(&self.papers));
                self.come(paper);
            }
            Step::MineOwn => {
                let (parent, template) =
                    (*self.chain.tip_header(), self.pool.template(&self.chain));
                let header = self.mine(parent, template);
                assert_eq!(self.chain.tip_header(), &header, "an own block is the tip");
            }
            Step::MineOn(parent, papers) => {
                let parent = parent.get(&self.blocks).header;
                let (mut count, most) = (self.count(&parent), self.most());
                let papers = papers.iter().map(|index| Arc::clone(index.get(&self.papers)));
                let valid = papers.filter(|paper| count.takes(paper, most)).collect();
                self.mine(parent, valid);
            }
        }
    }

    /// As a node does with what a neighbour sent.
    fn come(&mut self, paper: Arc<HashedTransaction>) {
        match self.pool.insert(Arc::clone(&paper), &self.chain) {
            Ok(released) => {
                self.owe(&paper);
                released.into_iter().for_each(|vote| self.come(vote));
            }
            Err(PoolError::Context(TransactionError::NotRegistered { .. })) => {
                self.pool.hold(paper);
            }
            Err(_) => {}
        }
    }

    fn owe(&mut self, paper: &Arc<HashedTransaction>) {
        if paper.kind() != TransactionKind::Registration {
            self.owed.insert(paper.id(), Arc::clone(paper));
        }
    }

    fn mine(&mut self, parent: Header, transactions: Vec<Arc<HashedTransaction>>) -> Header {
        let number = self.blocks.len() as u64;
        let header = Header {
            previous: parent.hash(),
            merkle_root: protocol::block::merkle_root(&transactions),
            height: parent.height.next(),
            // No two blocks are the same.
            time: parent.time.plus(std::time::Duration::from_millis(number)),
            difficulty: parent.difficulty,
            nonce: 0,
        };
        let headers = (0..).map(|nonce| Header { nonce, ..header });
        let header = headers.into_iter().find(Header::has_work).expect("the difficulty is low");
        let hash = self.chain.insert_header(header, NOW).expect("the header keeps the rules");
        self.blocks.push(Block { header, transactions: transactions.clone() });
        self.chain.insert_body(&hash, transactions).expect("a matching body");
        self.chain.accept_signatures(&hash);
        let advance = self.chain.advance();
        assert!(advance.invalid.is_empty(), "{:?}", advance.invalid);
        if let Some(moved) = advance.change {
            self.follow(&moved);
        }
        header
    }

    fn follow(&mut self, moved: &TipChange) {
        let change = self.pool.follow(&self.chain, moved, Rules::ALL);
        for paper in moved.connected.iter().flat_map(|block| &block.transactions) {
            self.owe(paper);
        }
        for superseded in &change.superseded {
            self.owed.remove(&superseded.transaction.id());
        }
        change.released.into_iter().for_each(|vote| self.come(vote));
    }

    fn most(&self) -> Option<u32> {
        self.chain.election().admission.max_voters()
    }

    /// The blocks from one down to the first.
    fn branch(&self, tip: BlockHash) -> Vec<&Block> {
        let mut branch = Vec::new();
        let mut next = tip;
        while let Some(block) = self.blocks.iter().find(|block| block.header.hash() == next) {
            next = block.header.previous;
            branch.push(block);
        }
        branch
    }

    fn count(&self, tip: &Header) -> Count {
        let mut count = Count::default();
        for block in self.branch(tip.hash()).iter().rev() {
            for paper in &block.transactions {
                assert!(count.takes(paper, self.most()), "a block holds {paper:?}");
            }
        }
        count
    }

    fn check(&self) {
        self.chain.check_invariants();
        self.pool.check_invariants(&self.chain);
        let tip = self.chain.tip_header();
        let mut count = self.count(tip);
        assert_eq!(self.chain.registered_voters(), count.registered.len());
        assert_eq!(self.chain.admissions().withdrawn, count.withdrawn.len() as u64);
        let votes = count.registered.values().filter(|voted| **voted).count();
        assert_eq!(self.chain.tally().votes, votes as u64);
        for paper in self.pool.template(&self.chain) {
            assert!(count.takes(&paper, self.most()), "the template holds {paper:?}");
        }
        let mined: BTreeSet<_> = self
            .branch(tip.hash())
            .iter()
            .flat_map(|block| block.transactions.iter().map(|paper| paper.id()))
            .collect();
        for (id, paper) in &self.owed {
            let is_kept = mined.contains(id) || self.pool.get(id).is_some();
            assert!(is_kept, "it is gone without a word: {paper:?}");
        }
    }

    fn run(&mut self, steps: &[Step]) {
        for step in steps {
            self.take(step);
            self.check();
        }
    }
}

fn by_registrars() -> World {
    use chain::fixtures::{admission, admitted_vote, withdrawal};
    let papers = (0..VOTERS).flat_map(|voter| {
        [admission(voter), admitted_vote(voter, vec![vec![0]]), withdrawal(voter)]
    });
    World::new(election_by_registrars(), papers.collect())
}

/// Room for two voters, of whom each may come by either of two stamps.
fn with_little_room() -> World {
    let admission = AdmissionRule::Open { registration_bits: 0, max_voters: Some(2) };
    let election = Election { admission, ..election() };
    let id = election.election_id();
    let papers = (0..VOTERS).flat_map(|voter| {
        let register = |stamp| Transaction::open_registration(&id, &key(voter), stamp);
        let vote = Vote {
            voter: key(voter).public().voter(),
            choices: vec![vec![0]],
            nonce: [0; 8],
            cast_at: NOW,
        };
        [register(0), register(1), Transaction::vote(&id, &key(voter), vote)]
    });
    let papers = papers.map(|paper| Arc::new(HashedTransaction::new(paper, &id))).collect();
    World::new(election, papers)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn where_registrars_admit(steps in prop::collection::vec(step(), 1..40)) {
        by_registrars().run(&steps);
    }

    #[test]
    fn where_there_is_little_room(steps in prop::collection::vec(step(), 1..40)) {
        with_little_room().run(&steps);
    }
}
