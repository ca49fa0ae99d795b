//! What holds exactly up to a limit, and what comes back exactly as it was: the edges that no random chain touches.

use protocol::block::BODY_OVERHEAD_BYTES;

use super::*;

#[test]
fn a_body_may_have_exactly_the_bytes_of_the_ballots_limit() {
    let genesis = Header::genesis(&election());
    let block = mine(&genesis, &[registration(0), vote(0, vec![vec![1]])], 0);
    let bytes: usize = block.transactions.iter().map(|each| each.bytes()).sum();
    assert_eq!(block.body_bytes().len(), bytes + BODY_OVERHEAD_BYTES);
    let limit = bytes + BODY_OVERHEAD_BYTES;
    let check = |block_bytes_max: usize| {
        let block_bytes_max = u32::try_from(block_bytes_max).expect("small");
        check::body(&block, &Election { block_bytes_max, ..election() }, &id())
    };
    assert_eq!(check(limit), Ok(()));
    let one_less = limit - 1;
    assert_eq!(check(one_less), Err(BlockError::TooLarge { found: limit, limit: one_less }));
}

#[test]
fn the_newest_vote_is_found_again_after_its_branch_lost() {
    let mut chain = chain();
    let genesis = Header::genesis(&election());
    assert_eq!(chain.blocks_since_newest_vote(), 0);
    let first = mine(&genesis, &[registration(0), vote(0, vec![vec![1]])], 0);
    let lost = mine(&first.header, &[registration(1), vote(1, vec![vec![1]])], 0);
    for block in [&first, &lost] {
        add(&mut chain, block).expect("good");
        chain.advance();
        assert_eq!(chain.blocks_since_newest_vote(), 1);
    }
    let second = mine(&first.header, &[], 1);
    let third = mine(&second.header, &[], 0);
    for block in [&second, &third] {
        add(&mut chain, block).expect("good");
        chain.advance();
    }
    assert_eq!(chain.tip().hash, third.header.hash());
    assert_eq!(chain.blocks_since_newest_vote(), 3, "the vote of the first block");
    // Nor does a branch without any vote remember one.
    let without: Vec<_> = (0..4).fold(vec![genesis], |mut headers, _| {
        let block = mine(headers.last().expect("never empty"), &[], 2);
        add(&mut chain, &block).expect("good");
        headers.push(block.header);
        headers
    });
    chain.advance();
    assert_eq!(chain.tip().hash, without[4].hash());
    assert_eq!(chain.blocks_since_newest_vote(), 0);
}

/// Their times were checked when they came. A clock that was set back since then must not cost a peer its chain.
#[test]
fn a_clock_that_was_set_back_loses_no_block_at_a_restart() {
    let genesis = Header::genesis(&election());
    let later = Header { time: NOW, ..unworked(&genesis, &[registration(0)]) };
    let header = worked(later, 0);
    let first = Block { header, transactions: vec![registration(0)] };
    let second = mine(&first.header, &[], 0);
    let stored = |block: &Block| StoredBlock {
        header: block.header,
        summary: BlockEffects::of(block),
        has_body: true,
    };
    let created = election().created;
    for now in [UnixMillis(0), created, NOW] {
        let mut chain = chain();
        let blocks = [&first, &second].map(stored).to_vec();
        assert_eq!(chain.restore(blocks, Some(second.header.hash()), now), 0, "at {now:?}");
        assert_eq!(chain.tip().hash, second.header.hash(), "at {now:?}");
        // What is new is measured by the clock all the same.
        let third = worked(unworked(&second.header, &[]), 1);
        let is_too_early =
            matches!(chain.insert_header(third, now), Err(HeaderError::TooEarly { .. }));
        assert_eq!(is_too_early, now == UnixMillis(0), "at {now:?}");
    }
}

/// A vote in block 1, and above it blocks of which the first is `ahead_ms` ahead of [`NOW`], each a second later.
fn early_branch(parent: &Header, ahead_ms: &[u64], salt: u64) -> Vec<Block> {
    let mut previous = *parent;
    let blocks = ahead_ms.iter().map(|ahead_ms| {
        let time = UnixMillis(NOW.0 + ahead_ms);
        let header = worked(Header { time, ..unworked(&previous, &[]) }, salt);
        previous = header;
        Block { header, transactions: Vec::new() }
    });
    blocks.collect()
}

#[test]
fn blocks_whose_time_has_not_come_leave_wait_and_come_back() {
    let genesis = Header::genesis(&election());
    let mut chain = chain();
    let first = mine(&genesis, &[registration(0), vote(0, vec![vec![1]])], 0);
    let early = early_branch(&first.header, &[200_000, 201_000, 202_000], 0);
    let fast = UnixMillis(NOW.0 + 200_000);
    chain.set_time(fast);
    for block in [&first].into_iter().chain(&early) {
        chain.insert_header(block.header, fast).expect("in time by a fast clock");
        add(&mut chain, block).expect("good");
    }
    chain.advance();
    assert_eq!(chain.tip().hash, early[2].header.hash());
    assert!(chain.set_time(NOW), "the clock is mended");
    let change = chain.advance().change.expect("they leave");
    assert_eq!((change.disconnected.len(), change.connected.len()), (3, 0));
    assert_eq!(chain.tip().hash, first.header.hash());
    assert_eq!(chain.best_header().hash, first.header.hash());
    assert_eq!(chain.waiting_for_their_time().count(), 3);
    chain.check_invariants();
    // What is lighter, and in time, is followed meanwhile.
    let second = mine(&first.header, &[registration(1)], 0);
    add(&mut chain, &second).expect("good");
    chain.advance();
    assert_eq!(chain.tip().hash, second.header.hash());
    assert!(!chain.set_time(UnixMillis(NOW.0 + 79_999)));
    assert!(chain.set_time(UnixMillis(NOW.0 + 81_000)), "two of them are due");
    chain.check_invariants();
    let change = chain.advance().change.expect("they are heavier than one");
    assert_eq!(change.disconnected[0].header.hash(), second.header.hash());
    assert_eq!(chain.tip().hash, early[1].header.hash());
    assert_eq!(chain.waiting_for_their_time().next(), Some(early[2].header.time));
    assert!(chain.set_time(UnixMillis(NOW.0 + 82_000)));
    chain.advance();
    assert_eq!(chain.tip().hash, early[2].header.hash());
    chain.check_invariants();
}

#[test]
fn a_chain_that_is_left_for_its_time_makes_room_for_the_best_of_the_others() {
    let genesis = Header::genesis(&election());
    let mut chain = chain();
    let fast = UnixMillis(NOW.0 + 500_000);
    let early = early_branch(&genesis, &[300_000, 300_001, 300_002], 0);
    let partly = early_branch(&genesis, &[1_000, 2_000, 400_000], 1);
    let other = early_branch(&genesis, &[3_000], 2);
    for block in early.iter().chain(&partly).chain(&other) {
        chain.insert_header(block.header, fast).expect("in time by a fast clock");
        add(&mut chain, block).expect("good");
    }
    chain.advance();
    assert_eq!(chain.tip_header().height.0, 3);
    chain.set_time(NOW);
    chain.advance();
    assert_eq!(chain.tip().hash, partly[1].header.hash(), "the part whose time has come");
    chain.check_invariants();
}
