//! Headers that wait for their bodies: their number is bounded, and nobody is kept out by it.

use protocol::units::MerkleRoot;

use super::*;

/// Headers on the genesis or on each other, over bodies that nobody has.
fn bodiless(parent: &Header, salt: u64) -> Header {
    let header = Header { merkle_root: MerkleRoot([7; 32]), ..unworked(parent, &[]) };
    worked(header, salt)
}

#[test]
fn pruning_spares_the_parent_of_what_is_added() {
    let mut chain = chain();
    let genesis = Header::genesis(&election());
    let siblings: Vec<_> =
        (0..HEADERS_WITHOUT_BODY_MAX as u64).map(|salt| bodiless(&genesis, salt)).collect();
    for header in &siblings {
        chain.insert_header(*header, NOW).expect("there is room");
    }
    let best = chain.best_header().hash;
    let parent = siblings.iter().find(|header| header.hash() != best).expect("there are many");
    let child = bodiless(parent, 0);
    assert_eq!(chain.insert_header(child, NOW), Ok(child.hash()));
    assert_eq!(chain.best_header().hash, child.hash());
}

#[test]
fn a_block_with_its_body_finds_room_beside_any_number_of_headers() {
    let mut chain = chain();
    let genesis = Header::genesis(&election());
    let late = UnixMillis(u64::MAX / 2);
    let mut tip = genesis;
    let refused = loop {
        tip = bodiless(&tip, 0);
        if let Err(error) = chain.insert_header(tip, late) {
            break error;
        }
    };
    assert_eq!(refused, HeaderError::TooManyHeaders { headers: HEADERS_WITHOUT_BODY_MAX });
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
