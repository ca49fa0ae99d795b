//! What a chain says about its blocks, its voters and the memory that it takes.

use protocol::admission::AdmissionRule;
use protocol::block::HEADER_BYTES;
use protocol::units::Height;

use super::*;
use crate::fixtures::{admission, admitted_vote, election_by_registrars, withdrawal};
use crate::paths::BRANCH_WALK_MAX;

#[test]
fn what_a_chain_says_of_a_block_follows_its_body() {
    let genesis = Header::genesis(&election());
    let body = [registration(0), registration(1), vote(0, vec![vec![1]])];
    let block = mine(&genesis, &body, 0);
    let (hash, stranger) = (block.header.hash(), BlockHash([9; 32]));
    let child = mine(&block.header, &[], 0);
    let mut chain = Chain::new(Arc::new(election()), Rules::ALL, 0);
    let said = |chain: &Chain, hash: &BlockHash| {
        let checked = chain.has_checked_body(hash);
        (chain.lacks_body(hash), checked, chain.is_stored(hash), chain.is_lost(hash))
    };

    chain.insert_header(block.header, NOW).expect("it keeps the rules");
    assert_eq!(said(&chain, &hash), (true, false, false, false));
    assert_eq!(said(&chain, &stranger), (false, false, false, false));
    assert_eq!(chain.work(&hash), Some(Work(0).plus(genesis.difficulty)));
    assert_eq!((chain.work(&genesis.hash()), chain.work(&stranger)), (Some(Work(0)), None));
    assert_eq!(chain.transaction_counts(&hash), Some((0, 0)));
    chain.insert_body(&hash, block.transactions.clone()).expect("it is the header's");
    assert_eq!(said(&chain, &hash), (false, false, false, false));
    assert_eq!(chain.transaction_counts(&hash), Some((2, 1)));
    assert_eq!(chain.transaction_counts(&stranger), None);
    chain.accept_signatures(&hash);
    assert_eq!(said(&chain, &hash), (false, true, false, false));
    add(&mut chain, &child).expect("it follows the rules");
    chain.advance();
    chain.mark_stored(&hash);
    chain.mark_stored(&child.header.hash());
    assert_eq!(said(&chain, &hash), (false, true, true, false));
    chain.mark_lost(&hash, None);
    assert_eq!(said(&chain, &hash), (true, true, false, true));
    assert!(!chain.is_invalid(&hash) && !chain.is_invalid(&stranger));
}

#[test]
fn lost_bodies_are_listed_from_any_place_and_forgotten_with_an_invalid_branch() {
    let first = mine(&Header::genesis(&election()), &[], 0);
    let second = mine(&first.header, &[], 0);
    let third = mine(&second.header, &[], 0);
    let mut chain = Chain::new(Arc::new(election()), Rules::ALL, 0);
    for block in [&first, &second, &third] {
        let hash = add(&mut chain, block).expect("it keeps the rules");
        chain.mark_stored(&hash);
    }
    for block in [&first, &second] {
        chain.mark_lost(&block.header.hash(), None);
    }
    let places = [(Height(1), first.header.hash()), (Height(2), second.header.hash())];
    let after = |chain: &Chain, place| chain.lost_bodies_after(place).collect::<Vec<_>>();
    assert_eq!(after(&chain, None), places);
    assert_eq!(after(&chain, Some(places[0])), places[1..]);
    assert_eq!(after(&chain, Some(places[1])), []);
    chain.invalidate(&second.header.hash());
    assert_eq!(after(&chain, None), places[..1]);
}

#[test]
fn bodies_stay_in_memory_up_to_the_limit_and_each_that_leaves_makes_room() {
    let voted = mine(&Header::genesis(&election()), &[registration(0)], 0);
    let large = HEADER_BYTES + voted.transactions[0].bytes();
    for (bytes_max, kept) in [
        (0, 1),
        (2 * HEADER_BYTES - 1, 1),
        (2 * HEADER_BYTES, 2),
        (3 * HEADER_BYTES, 3),
        (large + HEADER_BYTES, 1 + large / HEADER_BYTES),
    ] {
        let mut chain = Chain::new(Arc::new(election()), Rules::ALL, bytes_max);
        let mut blocks = vec![voted.clone()];
        for _ in 0..12 {
            let parent = blocks.last().expect("never empty").header;
            blocks.push(mine(&parent, &[], 0));
        }
        for block in &blocks {
            let hash = add(&mut chain, block).expect("it keeps the rules");
            chain.mark_stored(&hash);
        }
        let in_memory = blocks.iter().map(|block| chain.block(&block.header.hash()).is_some());
        let expected = (0..blocks.len()).map(|index| index + kept >= blocks.len());
        assert!(in_memory.eq(expected), "{bytes_max} bytes keep {kept} bodies");
    }
    // A body counts beside its header: two such blocks fit, or one alone.
    for (bytes_max, is_kept) in [(large + HEADER_BYTES, true), (large + HEADER_BYTES - 1, false)] {
        let mut chain = Chain::new(Arc::new(election()), Rules::ALL, bytes_max);
        for block in [&voted, &mine(&voted.header, &[], 0)] {
            let hash = add(&mut chain, block).expect("it keeps the rules");
            chain.mark_stored(&hash);
        }
        assert_eq!(chain.block(&voted.header.hash()).is_some(), is_kept);
    }
}

#[test]
fn votes_are_counted_back_to_the_newest_and_undone_with_their_blocks() {
    let genesis = Header::genesis(&election());
    let voted = mine(&genesis, &[registration(0), vote(0, vec![vec![1]])], 0);
    let mut blocks = vec![voted];
    for _ in 0..3 {
        blocks.push(mine(&blocks[blocks.len() - 1].header, &[], 0));
    }
    let (mut chain, mut audit) = (chain(), Audit::new(Arc::new(election())));
    assert_eq!((chain.blocks_since_newest_vote(), audit.blocks_since_newest_vote()), (0, 0));
    for (deep, block) in (1..).zip(&blocks) {
        add(&mut chain, block).expect("it keeps the rules");
        chain.advance();
        let checked = CheckedBlock::new(Arc::new(block.clone()), &election(), &id());
        assert_eq!(checked.verdict(), Ok(&BlockEffects::of(block)));
        audit.extend(&checked, NOW).expect("it keeps the rules");
        assert_eq!(
            (chain.blocks_since_newest_vote(), audit.blocks_since_newest_vote()),
            (deep, deep)
        );
    }
    let id = blocks[0].transactions[1].id();
    let place = chain.locations_of(&id).next().expect("it is on the chain");
    assert_eq!(chain.transaction(place).map(|found| found.id()), Some(id));
    assert!(chain.transaction(TransactionLocation { index: 2, ..place }).is_none());

    // A heavier branch without votes takes the best chain back to none.
    let mut parent = genesis;
    for salt in 5..10 {
        let block = mine(&parent, &[], salt);
        add(&mut chain, &block).expect("it keeps the rules");
        parent = block.header;
    }
    let change = chain.advance().change.expect("the other branch is heavier");
    assert_eq!((change.disconnected.len(), change.disconnected_lost), (4, 0));
    assert_eq!((chain.blocks_since_newest_vote(), chain.tally().votes), (0, 0));
}

#[test]
fn voters_find_room_up_to_the_most_and_again_after_an_undo() {
    let most = AdmissionRule::Open { registration_bits: 2, max_voters: Some(3) };
    let election = Arc::new(Election { admission: most, ..election() });
    let mut chain = Chain::new(election, Rules::ALL, usize::MAX);
    assert_eq!(chain.remaining_voter_capacity(), 3);
    let block = mine(&Header::genesis(&chain.election), &[registration(0)], 0);
    let effects = BlockEffects::of(&block);
    chain.branch.apply(Height(1), Period::ALWAYS, &effects).expect("there is room");
    assert_eq!(chain.remaining_voter_capacity(), 2);
    assert_eq!(chain.check_voter_capacity(1), Ok(()));
    assert_eq!(chain.check_voter_capacity(2), Err(TransactionError::VotersFull { max: 3 }));
    let voter = key(0).public().voter();
    let again = Err(TransactionError::AlreadyRegistered { voter });
    assert_eq!(chain.check_context(&registration(0)), again);
    chain.branch.undo(Height(1), &effects);
    assert_eq!((chain.remaining_voter_capacity(), chain.voter(&voter)), (3, None));
    let refused = chain.check_structure(&vote(0, vec![vec![2]]));
    assert!(matches!(refused, Err(TransactionError::Choice(_))), "{refused:?}");
}

#[test]
fn each_block_that_is_undone_leaves_the_state_before_it() {
    let election = election_by_registrars();
    let blocks: Vec<_> = [
        vec![admission(0), admission(1)],
        vec![admitted_vote(0, vec![vec![1]]), admission(2)],
        vec![],
        vec![withdrawal(1), withdrawal(3), admitted_vote(2, vec![vec![]])],
    ]
    .map(|transactions| mine(&Header::genesis(&election), &transactions, 0))
    .iter()
    .map(BlockEffects::of)
    .collect();
    let mut branch = Branch::new(&election, Rules::ALL);
    // `Debug` shows every map, list and counter of a branch.
    let mut states = vec![format!("{branch:?}")];
    for (height, block) in (1..).map(Height).zip(&blocks) {
        branch.apply(height, Period::ALWAYS, block).expect("it keeps the rules");
        states.push(format!("{branch:?}"));
    }
    let voter = |number| key(number).public().voter();
    let place = |height, index| Some(TransactionLocation { height: Height(height), index });
    assert_eq!(branch.withdrawal(&voter(1)), place(4, 0));
    assert_eq!(branch.voter(&voter(0)).and_then(|record| record.vote), place(2, 0));
    assert_eq!(branch.newest_vote(), Some(Height(4)));
    assert_eq!((branch.admissions().withdrawn, branch.tally().votes), (2, 2));

    // What breaks a rule in the last place changes nothing either.
    let wrong = mine(&Header::genesis(&election), &[admission(4), withdrawal(1)], 0);
    branch
        .apply(Height(5), Period::ALWAYS, &BlockEffects::of(&wrong))
        .expect_err("withdrawn twice");
    assert_eq!(format!("{branch:?}"), states[4]);
    for (height, block) in (1..).map(Height).zip(&blocks).collect::<Vec<_>>().into_iter().rev() {
        branch.undo(height, block);
        let before = usize::try_from(height.0).expect("it is small") - 1;
        assert_eq!(format!("{branch:?}"), states[before], "after block {height} was undone");
    }
}

#[test]
fn a_chain_tells_what_registrars_did_on_its_best_branch() {
    let election = election_by_registrars();
    let genesis = Header::genesis(&election);
    let blocks = [vec![admission(0), admission(1)], vec![withdrawal(1)]];
    let mut chain = Chain::new(Arc::new(election), Rules::ALL, usize::MAX);
    let voter = key(1).public().voter();
    let mut parent = genesis;
    let mut said = Vec::new();
    for transactions in &blocks {
        let block = mine(&parent, transactions, 0);
        add(&mut chain, &block).expect("it keeps the rules");
        chain.advance();
        said.push((chain.admissions(), chain.withdrawal(&voter)));
        parent = block.header;
    }
    let counts = |withdrawals| {
        let each = RegistrarCount { admissions: 2, withdrawals };
        AdmissionCounts { withdrawn: withdrawals, by_registrar: vec![each; 2] }
    };
    let place = TransactionLocation { height: Height(2), index: 0 };
    assert_eq!(said, [(counts(0), None), (counts(1), Some(place))]);
}

#[test]
fn a_locator_names_the_newest_ten_then_doubles_its_steps() {
    let mut headers = vec![Header::genesis(&election())];
    let mut chain = chain();
    for _ in 0..40 {
        let header = mine(&headers[headers.len() - 1], &[], 0).header;
        chain.insert_header(header, NOW).expect("it keeps the rules");
        headers.push(header);
    }
    let heights = (31..=40).rev().chain([29, 25, 17, 1, 0]);
    let expected: Vec<_> = heights.map(|height: usize| headers[height].hash()).collect();
    assert_eq!(chain.locator(), expected);
}

#[test]
fn a_branch_has_the_blocks_of_the_best_chain_up_to_its_fork() {
    let genesis = Header::genesis(&election());
    let mut chain = chain();
    let (mut best, mut parent) = (vec![genesis], genesis);
    for _ in 0..4 {
        let block = mine(&parent, &[], 0);
        add(&mut chain, &block).expect("it follows the rules");
        (parent, _) = (block.header, best.push(block.header));
    }
    // A branch that leaves at height 2, whose headers alone are here.
    let rival = mine(&best[2], &[], 1).header;
    chain.insert_header(rival, NOW).expect("it keeps the rules");
    chain.advance();
    let has = |end: BlockHash| {
        (0..=5)
            .map(|height| chain.fork_with(&end).is_some_and(|fork| fork >= Height(height)))
            .collect::<Vec<_>>()
    };
    assert_eq!(has(best[4].hash()), [true, true, true, true, true, false]);
    assert_eq!(has(best[2].hash()), [true, true, true, false, false, false]);
    assert_eq!(has(rival.hash()), [true, true, true, false, false, false]);
    assert_eq!(has(genesis.hash()), [true, false, false, false, false, false]);
    assert_eq!(has(BlockHash([9; 32])), [false; 6], "nobody knows where it leads");
}

#[test]
fn a_block_is_complete_with_all_below_it_and_withheld_while_it_is_said_to_be() {
    let genesis = Header::genesis(&election());
    let below = mine(&genesis, &[], 0);
    let above = mine(&below.header, &[], 0);
    let (below_hash, above_hash) = (below.header.hash(), above.header.hash());
    let mut chain = chain();
    for block in [&below, &above] {
        chain.insert_header(block.header, NOW).expect("it keeps the rules");
    }
    let complete = |chain: &Chain| [&below_hash, &above_hash].map(|hash| chain.is_complete(hash));
    chain.set_withheld(&below_hash, true);
    assert!(chain.withheld_blocks().iter().eq([&below_hash]));
    assert!(chain.is_withheld(&above_hash), "it follows one that is");
    chain.insert_body(&above_hash, vec![]).expect("it is the header's");
    chain.accept_signatures(&above_hash);
    assert_eq!(complete(&chain), [false, false], "one below it is missing");
    chain.set_withheld(&below_hash, false);
    assert!(chain.withheld_blocks().is_empty());
    chain.insert_body(&below_hash, vec![]).expect("it is the header's");
    chain.accept_signatures(&below_hash);
    assert_eq!(complete(&chain), [true, true]);
    assert!(!chain.is_complete(&BlockHash([9; 32])));
}

#[test]
fn a_branch_is_followed_so_far_and_no_further() {
    let genesis = Header::genesis(&election());
    let mut chain = chain();
    let mut branch = vec![genesis];
    for _ in 0..=BRANCH_WALK_MAX {
        let parent = branch.last().expect("it begins with the genesis block");
        let header = mine(parent, &[], 0).header;
        chain.insert_header(header, NOW).expect("it keeps the rules");
        branch.push(header);
    }
    let has_genesis = |length: usize| chain.fork_with(&branch[length].hash()).is_some();
    assert!(has_genesis(BRANCH_WALK_MAX));
    assert!(!has_genesis(BRANCH_WALK_MAX + 1), "nobody looks that far");
}
