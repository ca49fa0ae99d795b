//! Bodies that are on the disk, and that it does not read for now: each keeps the chain from its own branch alone.

use super::disk::{stored, without_memory};
use super::*;

/// A branch of this many blocks without transactions.
fn branch(parent: &Header, length: usize, salt: u64) -> Vec<Block> {
    let mut blocks = vec![mine(parent, &[], salt)];
    while blocks.len() < length {
        let parent = blocks.last().expect("one").header;
        blocks.push(mine(&parent, &[], 0));
    }
    blocks
}

fn end(branch: &[Block]) -> BlockHash {
    branch.last().expect("a block").header.hash()
}

fn hashes(blocks: &[Block]) -> Vec<BlockHash> {
    blocks.iter().map(|block| block.header.hash()).collect()
}

/// A chain on the first branch, which has all of them on its disk alone.
fn on_the_disk(branches: &[&[Block]]) -> Chain {
    let mut chain = without_memory();
    let blocks = branches.iter().copied().flatten().map(stored).collect();
    chain.restore(blocks, Some(end(branches[0])), NOW);
    chain
}

fn load(chain: &mut Chain, blocks: &[Block]) {
    blocks.iter().for_each(|block| chain.load_body(Arc::new(block.clone())));
}

#[test]
fn a_body_that_is_being_read_does_not_hold_up_what_the_own_tip_gets() {
    let genesis = Header::genesis(&election());
    let (own, better) = (branch(&genesis, 1, 0), branch(&genesis, 4, 1));
    let mut chain = on_the_disk(&[&own, &better]);
    let wanted = [hashes(&own), hashes(&better)].concat();
    assert_eq!(chain.advance().wanted, wanted);
    let mut parent = own[0].header;
    for height in 2..=3 {
        let next = mine(&parent, &[], 0);
        add(&mut chain, &next).expect("good");
        let advance = chain.advance();
        assert!(advance.change.is_some());
        assert_eq!(chain.tip().hash, next.header.hash(), "height {height}");
        assert_eq!(advance.wanted, wanted, "the better branch is still to be read");
        parent = next.header;
    }
    load(&mut chain, &[own, better.clone()].concat());
    let change = chain.advance().change.expect("all is here");
    assert_eq!((change.disconnected.len(), change.connected.len()), (3, 4));
    assert_eq!(chain.tip().hash, end(&better));
    chain.check_invariants();
}

/// A branch that shares blocks with the one that is read needs none of the bodies that it waits for.
#[test]
fn a_body_that_is_being_read_does_not_hold_up_a_branch_beside_it() {
    let genesis = Header::genesis(&election());
    let own = mine(&genesis, &[], 0);
    let shared = mine(&own.header, &[registration(1)], 1);
    let better = branch(&shared.header, 3, 0);
    let beside = branch(&shared.header, 2, 1);
    let mut chain =
        on_the_disk(&[std::slice::from_ref(&own), std::slice::from_ref(&shared), &better]);
    load(&mut chain, std::slice::from_ref(&shared));
    beside.iter().for_each(|block| {
        add(&mut chain, block).expect("good");
    });
    let advance = chain.advance();
    assert_eq!(advance.wanted, hashes(&better));
    assert_eq!(chain.tip().hash, end(&beside));
}

#[test]
fn what_the_disk_refuses_to_read_keeps_the_chain_from_its_own_branch_alone() {
    let genesis = Header::genesis(&election());
    let own = branch(&genesis, 1, 0);
    let (best, second, third) =
        (branch(&own[0].header, 4, 1), branch(&own[0].header, 3, 2), branch(&own[0].header, 2, 3));
    let mut chain = on_the_disk(&[&own, &best, &second, &third]);
    assert_eq!(chain.advance().wanted, hashes(&best));

    // What lies below the refused body is the next best branch.
    chain.mark_refused(&best[3].header.hash());
    chain.check_invariants();
    let below = &best[..3];
    let by_hash = if end(below) < end(&second) { below } else { &second };
    assert_eq!(chain.advance().wanted, hashes(by_hash));
    chain.mark_refused(&best[0].header.hash());
    assert_eq!(chain.advance().wanted, hashes(&second));
    chain.mark_refused(&second[1].header.hash());
    assert_eq!(chain.advance().wanted, hashes(&third));
    load(&mut chain, &third);
    assert!(chain.advance().change.is_some());
    assert_eq!(chain.tip().hash, end(&third));
    let again = chain.advance();
    assert!(again.wanted.is_empty() && again.change.is_none(), "nothing is left to read");

    chain.forget_refused();
    let wanted = chain.advance().wanted;
    assert!(hashes(&best).iter().all(|hash| wanted.contains(hash)), "the best is tried again");
}

/// A move that would leave a block which the disk refuses waits, and one that keeps the block does not.
#[test]
fn a_refused_body_of_the_own_branch_holds_up_no_move_that_keeps_it() {
    let genesis = Header::genesis(&election());
    let (own, rival) = (branch(&genesis, 1, 0), branch(&genesis, 4, 1));
    let longer = branch(&own[0].header, 2, 2);
    let mut chain = on_the_disk(&[&own, &rival, &longer]);
    assert_eq!(chain.advance().wanted, [hashes(&own), hashes(&rival)].concat());
    chain.mark_refused(&own[0].header.hash());
    let advance = chain.advance();
    assert_eq!((advance.wanted, advance.awaits_lost), (hashes(&longer), None));
    load(&mut chain, &longer);
    chain.advance();
    assert_eq!(chain.tip().hash, end(&longer));
    // A body that is here is refused no longer.
    load(&mut chain, &[own, rival.clone()].concat());
    chain.advance();
    assert_eq!(chain.tip().hash, end(&rival));
}

/// A refused body may turn out to be lost, or its branch to be invalid.
#[test]
fn a_body_that_is_not_on_the_disk_any_more_is_not_refused() {
    let genesis = Header::genesis(&election());
    let (own, better) = (branch(&genesis, 1, 0), branch(&genesis, 3, 1));
    for lose in [true, false] {
        let mut chain = on_the_disk(&[&own, &better]);
        better.iter().for_each(|block| chain.mark_refused(&block.header.hash()));
        match lose {
            true => chain.mark_lost(&better[1].header.hash(), None),
            false => chain.invalidate(&better[1].header.hash()),
        }
        chain.check_invariants();
        chain.mark_refused(&better[1].header.hash());
        chain.mark_refused(&BlockHash([7; 32]));
        chain.check_invariants();
    }
}
