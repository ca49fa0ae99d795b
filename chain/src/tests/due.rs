//! Blocks on the disk alone whose time has not come, because the clock was set back.

use super::disk::{stored, without_memory};
use super::*;

/// What returns to the pool has to be read first.
#[test]
fn a_block_whose_time_has_not_come_leaves_once_its_body_was_read() {
    let genesis = Header::genesis(&election());
    let own = mine(&genesis, &[registration(1)], 0);
    let mut late = unworked(&own.header, &[registration(2)]);
    late.time = UnixMillis(NOW.0 + 200_000);
    let late = Block { header: worked(late, 0), transactions: vec![registration(2)] };
    let hash = late.header.hash();
    let mut chain = without_memory();
    let fast = UnixMillis(NOW.0 + 200_000);
    chain.set_time(fast);
    chain.restore(vec![stored(&own), stored(&late)], Some(hash), fast);
    assert!(chain.set_time(NOW), "the clock is mended");
    let moved = chain.advance();
    assert_eq!((moved.wanted.as_slice(), moved.change.is_none()), ([hash].as_slice(), true));
    chain.load_body(Arc::new(late));
    let change = chain.advance().change.expect("it leaves");
    assert_eq!((change.disconnected.len(), change.connected.len()), (1, 0));
    assert_eq!(chain.tip().hash, own.header.hash());
}

/// A clock that is set back may make a whole chain early, and it need not fit into the memory.
#[test]
fn a_long_chain_whose_time_has_not_come_is_read_and_left_in_pieces() {
    let (length, fast) = (150, UnixMillis(NOW.0 + 500_000));
    let mut previous = Header::genesis(&election());
    let late: Vec<Block> = (0..length)
        .map(|number| {
            let mut header = unworked(&previous, &[]);
            header.time = UnixMillis(NOW.0 + 300_000 + number);
            previous = worked(header, 0);
            Block { header: previous, transactions: Vec::new() }
        })
        .collect();
    let mut chain = without_memory();
    chain.set_time(fast);
    chain.restore(late.iter().map(stored).collect(), Some(previous.hash()), fast);
    assert_eq!(chain.tip_header().height.0, length);
    assert!(chain.set_time(NOW), "the clock is mended");
    let (mut left, mut pieces) = (0, vec![]);
    loop {
        let moved = chain.advance();
        left += moved.change.map_or(0, |change| change.disconnected.len());
        if moved.wanted.is_empty() {
            break;
        }
        pieces.push(moved.wanted.len());
        for block in late.iter().filter(|block| moved.wanted.contains(&block.header.hash())) {
            chain.load_body(Arc::new(block.clone()));
        }
    }
    assert_eq!(pieces, [64, 64, 22]);
    assert_eq!((left, chain.tip_header().height.0), (150, 0));
    chain.check_invariants();
    chain.set_time(fast);
    chain.advance();
    assert_eq!(chain.best_header().hash, previous.hash(), "they come back");
}
