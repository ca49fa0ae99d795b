//! Headers that wait for their bodies: their number is bounded, and nobody is kept out by it.

use protocol::units::MerkleRoot;

use super::*;

/// Headers on the genesis or on each other, over bodies that nobody has.
fn bodiless(parent: &Header, salt: u64) -> Header {
    let header = Header { merkle_root: MerkleRoot([7; 32]), ..unworked(parent, &[]) };
    worked(header, salt)
}

const HEADERS_MAX: usize = 100;

fn small_chain() -> Chain {
    chain().with_headers_max(HEADERS_MAX)
}

/// Fills a chain with siblings that have no bodies.
fn full_chain() -> (Chain, Vec<Header>) {
    let mut chain = small_chain();
    let genesis = Header::genesis(&election());
    let siblings: Vec<_> = (0..HEADERS_MAX as u64).map(|salt| bodiless(&genesis, salt)).collect();
    for header in &siblings {
        chain.insert_header(*header, NOW).expect("there is room");
    }
    (chain, siblings)
}

#[test]
fn pruning_spares_the_parent_of_what_is_added() {
    let (mut chain, siblings) = full_chain();
    let best = chain.best_header().hash;
    let parent = siblings.iter().find(|header| header.hash() != best).expect("there are many");
    let child = bodiless(parent, 0);
    assert_eq!(chain.insert_header(child, NOW), Ok(child.hash()));
    assert_eq!(chain.best_header().hash, child.hash());
    chain.check_invariants();
}

#[test]
fn pruning_spares_the_best_branch_and_every_body_with_what_leads_to_it() {
    let mut chain = small_chain();
    let genesis = Header::genesis(&election());
    let first = mine(&genesis, &[registration(0)], 0);
    let second = mine(&first.header, &[vote(0, vec![vec![1]])], 0);
    let other = mine(&genesis, &[], 1);
    let above_other = mine(&other.header, &[registration(1)], 0);
    for header in [first.header, second.header, other.header, above_other.header] {
        chain.insert_header(header, NOW).expect("there is room");
    }
    // The lower body of this branch has not arrived yet, but the upper one is here.
    chain.insert_body(&above_other.header.hash(), above_other.transactions).expect("it matches");
    add(&mut chain, &first).expect("it matches too");
    let best = bodiless(&second.header, 0);
    chain.insert_header(best, NOW).expect("there is room");
    let kept = [first.header, second.header, other.header, above_other.header, best];
    // Branches of two headers, whose ends may only go together with what is below them.
    let mut loose = Vec::new();
    while chain.tree.without_body() < HEADERS_MAX {
        let lower = bodiless(&genesis, 100 + loose.len() as u64);
        loose.push(lower);
        chain.insert_header(lower, NOW).expect("there is room");
        if chain.tree.without_body() < HEADERS_MAX {
            loose.push(bodiless(&lower, 0));
            chain.insert_header(bodiless(&lower, 0), NOW).expect("there is room");
        }
    }

    let newest = bodiless(&genesis, 99);
    assert_eq!(chain.insert_header(newest, NOW), Ok(newest.hash()));
    for header in kept.iter().chain([&newest]) {
        assert!(chain.header(&header.hash()).is_some(), "{header:?}");
    }
    for header in loose {
        assert_eq!(chain.header(&header.hash()), None);
    }
    // The second block, the best header, the lower body that is missing, and the newest header.
    assert_eq!(chain.tree.without_body(), 4);
    let children = &chain.entry(&genesis.hash()).children;
    assert_eq!(children.len(), 3, "the first block, the other one and the newest header");
}

#[test]
fn pruning_waits_for_many_new_headers_since_it_walks_the_whole_tree() {
    let mut chain = small_chain();
    let genesis = Header::genesis(&election());
    let mut branch = vec![genesis];
    for _ in 0..HEADERS_MAX {
        let header = bodiless(branch.last().expect("never empty"), 0);
        chain.insert_header(header, NOW).expect("there is room");
        branch.push(header);
    }
    let refused = Err(HeaderError::TooManyHeaders { headers: HEADERS_MAX });
    let mut newcomers = (1..).map(|salt| bodiless(&genesis, salt));
    let mut insert = |chain: &mut Chain| {
        let header = newcomers.next().expect("endless");
        chain.insert_header(header, NOW).map(|_| ())
    };
    // All headers are on the best branch, so pruning finds nothing.
    assert_eq!(insert(&mut chain), refused);
    chain.set_withheld(&branch[1].hash(), true);
    for _ in 0..HEADERS_MAX / 10 {
        assert_eq!(insert(&mut chain), refused);
    }
    assert_eq!(insert(&mut chain), Ok(()));
    assert_eq!(chain.tree.without_body(), 1);
}

#[test]
fn a_block_with_its_body_finds_room_beside_any_number_of_headers() {
    let mut chain = small_chain();
    let genesis = Header::genesis(&election());
    let late = UnixMillis(u64::MAX / 2);
    let mut tip = genesis;
    let refused = loop {
        tip = bodiless(&tip, 0);
        if let Err(error) = chain.insert_header(tip, late) {
            break error;
        }
    };
    assert_eq!(tip.height.0, HEADERS_MAX as u64 + 1);
    assert_eq!(refused, HeaderError::TooManyHeaders { headers: HEADERS_MAX });
    let own = mine(&genesis, &[], 9);
    assert_eq!(chain.insert_header_with_body(own.header, NOW), Ok(own.header.hash()));
}

#[test]
fn what_is_withheld_is_not_the_best_header_until_its_body_comes() {
    let mut chain = chain();
    let genesis = Header::genesis(&election());
    let block = mine(&genesis, &[registration(0)], 0);
    let hash = chain.insert_header(block.header, NOW).expect("the header keeps the rules");
    let child = mine(&block.header, &[], 0).header;
    chain.insert_header(child, NOW).expect("so does its child's");
    assert_eq!(chain.best_header().hash, child.hash());

    chain.set_withheld(&hash, true);
    assert_eq!(chain.best_header().hash, genesis.hash());
    let grandchild = mine(&child, &[], 0).header;
    chain.insert_header(grandchild, NOW).expect("it is known, but not wanted");
    assert!(chain.is_withheld(&grandchild.hash()));
    assert_eq!(chain.best_header().hash, genesis.hash());

    chain.insert_body(&hash, block.transactions).expect("the body came after all");
    assert_eq!(chain.best_header().hash, grandchild.hash());
}

#[test]
fn one_header_too_many_waits_until_a_body_comes() {
    let mut chain = chain().with_headers_max(3);
    let genesis = Header::genesis(&election());
    let first = mine(&genesis, &[], 0);
    let mut headers = vec![first.header];
    for _ in 0..4 {
        headers.push(bodiless(headers.last().expect("the first"), 0));
    }
    let insert = |chain: &mut Chain, place: usize| chain.insert_header(headers[place], NOW);
    for place in 0..3 {
        assert!(insert(&mut chain, place).is_ok(), "{place}");
    }
    assert_eq!(insert(&mut chain, 3), Err(HeaderError::TooManyHeaders { headers: 3 }));
    assert!(insert(&mut chain, 2).is_ok(), "what is known already takes no room");

    chain.insert_body(&first.header.hash(), first.transactions).expect("a matching body");
    assert!(insert(&mut chain, 3).is_ok());
    assert_eq!(insert(&mut chain, 4), Err(HeaderError::TooManyHeaders { headers: 3 }));
}

/// Each of two blocks of one branch may be withheld, and each be taken up again on its own.
#[test]
fn a_block_that_is_taken_up_again_leaves_others_of_its_branch_withheld() {
    let mut chain = chain();
    let genesis = Header::genesis(&election());
    let blocks = {
        let first = mine(&genesis, &[registration(0)], 0);
        let second = mine(&first.header, &[registration(1)], 0);
        let third = mine(&second.header, &[registration(2)], 0);
        [first, second, third]
    };
    let hashes = blocks.each_ref().map(|block| block.header.hash());
    let is_withheld = |chain: &Chain| hashes.map(|hash| chain.is_withheld(&hash));
    for block in &blocks {
        chain.insert_header(block.header, NOW).expect("the header keeps the rules");
    }
    chain.set_withheld(&hashes[1], true);
    chain.set_withheld(&hashes[0], true);
    chain.set_withheld(&hashes[0], false);
    assert_eq!(is_withheld(&chain), [false, true, true]);
    assert_eq!(chain.best_header().hash, hashes[0]);
    chain.check_invariants();

    chain.set_withheld(&hashes[0], true);
    chain.set_withheld(&hashes[1], false);
    assert_eq!(is_withheld(&chain), [true; 3]);
    chain.insert_body(&hashes[0], blocks[0].transactions.clone()).expect("a matching body");
    assert_eq!(is_withheld(&chain), [false; 3], "nothing of its own holds up the second one");
    assert_eq!(chain.best_header().hash, hashes[2]);
    chain.check_invariants();
}

/// A body may come although one below it is withheld; the branch waits for that one alone then.
#[test]
fn a_body_that_comes_ends_its_own_wait_alone() {
    let mut chain = chain();
    let genesis = Header::genesis(&election());
    let first = mine(&genesis, &[registration(0)], 0);
    let second = mine(&first.header, &[registration(1)], 0);
    let hashes = [&first, &second].map(|block| block.header.hash());
    for block in [&first, &second] {
        chain.insert_header(block.header, NOW).expect("the header keeps the rules");
    }
    chain.set_withheld(&hashes[1], true);
    chain.set_withheld(&hashes[0], true);
    chain.insert_body(&hashes[1], second.transactions).expect("a matching body");
    assert!(chain.is_withheld(&hashes[1]));
    chain.check_invariants();
    chain.set_withheld(&hashes[0], false);
    assert_eq!(chain.best_header().hash, hashes[1]);
    chain.check_invariants();
}

#[test]
fn a_withheld_header_that_was_pruned_is_withheld_when_it_comes_back() {
    let mut chain = small_chain();
    let genesis = Header::genesis(&election());
    let withheld = bodiless(&bodiless(&genesis, 1), 1);
    let parent = bodiless(&genesis, 1);
    for header in [parent, withheld] {
        chain.insert_header(header, NOW).expect("there is room");
    }
    chain.set_withheld(&withheld.hash(), true);
    let mut salt = 2;
    while chain.header(&withheld.hash()).is_some() {
        chain
            .insert_header(bodiless(&genesis, salt), NOW)
            .expect("there is room, or something is pruned");
        salt += 1;
    }
    for header in [parent, withheld] {
        chain.insert_header(header, NOW).expect("there is room");
    }
    assert!(chain.is_withheld(&withheld.hash()) && !chain.is_withheld(&parent.hash()));
    assert_ne!(chain.best_header().hash, withheld.hash());
    chain.set_withheld(&withheld.hash(), false);
    assert_eq!(chain.best_header().hash, withheld.hash());
}
