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
