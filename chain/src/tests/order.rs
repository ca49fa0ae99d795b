//! Whatever the order in which blocks arrive, chains that hold the same blocks agree, and their state is
//! that of a replay.

use proptest::prelude::*;

use protocol::datagram::LOCATOR_MAX;

use super::*;

pub(super) const VOTERS: u8 = 4;

/// Blocks on random earlier ones; each holds what a random voter might say, valid on its branch or not.
pub(super) fn blocks(shape: &[(usize, u8, u8)]) -> Vec<Block> {
    let genesis = Header::genesis(&election());
    let mut headers = vec![genesis];
    let mut blocks = Vec::new();
    for (salt, (parent, voter, kind)) in (0u64..).zip(shape) {
        let parent = headers[parent % headers.len()];
        let voter = voter % VOTERS;
        let transactions = match kind % 4 {
            0 => vec![],
            1 => vec![registration(voter)],
            2 => vec![vote(voter, vec![vec![u16::from(voter % 2)]])],
            _ => vec![registration(voter), vote(voter, vec![vec![]])],
        };
        let block = mine(&parent, &transactions, salt);
        headers.push(block.header);
        blocks.push(block);
    }
    blocks
}

/// Adds headers as soon as their parents are there, and advances after every block.
fn add_in_order(blocks: &[Block], order: &[usize]) -> Chain {
    let mut chain = chain();
    let mut waiting: Vec<&Block> = order.iter().map(|index| &blocks[*index]).collect();
    let mut before = usize::MAX;
    // What waits in the end follows an invalid block.
    while waiting.len() < before {
        before = waiting.len();
        waiting.retain(|block| match chain.insert_header(block.header, NOW) {
            Ok(hash) => {
                chain.insert_body(&hash, block.transactions.clone()).expect("a matching body");
                chain.accept_signatures(&hash);
                chain.advance();
                false
            }
            Err(HeaderError::InvalidParent { .. }) => false,
            Err(error) => {
                assert!(matches!(error, HeaderError::UnknownParent { .. }), "{error}");
                true
            }
        });
        chain.check_invariants();
    }
    chain
}

/// The best tip by definition: among all blocks whose whole branch keeps the rules.
pub(super) fn best_by_definition(blocks: &[Block]) -> Candidate {
    let genesis = Header::genesis(&election());
    let mut best = Candidate { standing: Standing::Justified, work: Work(0), hash: genesis.hash() };
    for block in blocks {
        let mut branch = vec![block];
        while let Some(parent) =
            blocks.iter().find(|other| other.header.hash() == branch[0].header.previous)
        {
            branch.insert(0, parent);
        }
        let mut state = Branch::new(&election(), Rules::ALL);
        let is_valid = branch.iter().all(|block| {
            state.apply(block.header.height, Period::ALWAYS, &BlockEffects::of(block)).is_ok()
        });
        let work = branch.iter().fold(Work(0), |work, block| work.plus(block.header.difficulty));
        let candidate =
            Candidate { standing: Standing::Justified, work, hash: block.header.hash() };
        if is_valid && candidate > best {
            best = candidate;
        }
    }
    best
}

/// Where the best chain holds a transaction, block by block.
fn locations_by_definition(chain: &Chain, id: &TransactionId) -> Vec<TransactionLocation> {
    let heights = (1..=chain.tip_header().height.0).map(Height);
    let places = heights.flat_map(|height| {
        let block = chain.block(&chain.best_hash(height).expect("below the tip"));
        let transactions = &block.expect("in memory").transactions;
        (0..).map(move |index| TransactionLocation { height, index }).zip(transactions)
    });
    places.filter(|(_, transaction)| transaction.id() == *id).map(|(place, _)| place).collect()
}

pub(super) fn replay(chain: &Chain, block: impl Fn(&BlockHash) -> Arc<Block>) -> Branch {
    let mut state = Branch::new(&election(), Rules::ALL);
    for height in 1..=chain.tip_header().height.0 {
        let hash = chain.best_hash(Height(height)).expect("below the tip");
        state
            .apply(Height(height), Period::ALWAYS, &BlockEffects::of(&block(&hash)))
            .expect("valid");
    }
    state
}

proptest! {
    #[test]
    fn chains_with_the_same_blocks_agree(
        shape in prop::collection::vec((0usize..30, any::<u8>(), any::<u8>()), 1..30),
        seed in any::<u64>(),
    ) {
        let blocks = blocks(&shape);
        let forwards: Vec<usize> = (0..blocks.len()).collect();
        let mut shuffled = forwards.clone();
        shuffled.sort_by_key(|index| (*index as u64 + 1).wrapping_mul(seed | 1));
        let expected = best_by_definition(&blocks);
        for order in [forwards, shuffled] {
            let chain = add_in_order(&blocks, &order);
            prop_assert_eq!(chain.tip(), expected);
            prop_assert_eq!(chain.best_header(), expected);
            let in_memory = |hash: &BlockHash| chain.block(hash).map(Arc::clone);
            let state = replay(&chain, |hash| in_memory(hash).expect("on the best chain"));
            prop_assert_eq!(chain.tally(), state.tally());
            prop_assert_eq!(chain.registered_voters(), state.registered_voters());
            prop_assert_eq!(chain.branch.locations(), state.locations());
            for voter in (0..VOTERS).map(|voter| key(voter).public().voter()) {
                prop_assert_eq!(chain.voter(&voter), state.voter(&voter));
            }
            for transaction in blocks.iter().flat_map(|block| &block.transactions) {
                let id = transaction.id();
                let found: Vec<_> = chain.locations_of(&id).collect();
                prop_assert_eq!(found, locations_by_definition(&chain, &id));
            }
        }
    }

    #[test]
    fn a_locator_finds_the_fork(common in 0u64..40, ours in 0u64..40, theirs in 0u64..40) {
        let mut trunk = vec![Header::genesis(&election())];
        let grow = |from: &Header, count: u64, salt: u64| {
            let mut branch = vec![*from];
            for _ in 0..count {
                let parent = branch.last().expect("never empty");
                branch.push(mine(parent, &[], salt).header);
            }
            branch
        };
        trunk = grow(&trunk[0], common, 0);
        let fork = *trunk.last().expect("never empty");
        let build = |branch: &[Header]| {
            let mut chain = chain();
            for header in trunk.iter().chain(branch).filter(|header| header.height.0 > 0) {
                let block = Block { header: *header, transactions: vec![] };
                let _ = add(&mut chain, &block);
            }
            chain.advance();
            chain
        };
        let here = build(&grow(&fork, ours, 1));
        let there = build(&grow(&fork, theirs, 2));
        let locator = here.locator();
        prop_assert!(locator.len() <= LOCATOR_MAX);
        let found = there.find_fork(&locator).expect("the genesis is common");
        prop_assert!(found.0 <= common);
        // Steps double from the tenth on: never further back than twice the way, and ten more.
        prop_assert!(common - found.0 <= ours + 10);
    }
}
