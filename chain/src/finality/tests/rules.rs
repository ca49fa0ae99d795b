//! Each rule, at its edge.

use protocol::units::Height;

use super::super::{
    CommitRefused, Link, PrepareRefused, Signed, commit_refusals, is_final, is_justified,
    may_commit, may_prepare, prepare_refusals,
};

const GOOD: Link = Link {
    source_is_justified: true,
    source_is_proper_ancestor: true,
    source_descends_from_lock: true,
};

/// What was signed by a validator that prepared up to one height, and is locked at another.
fn signed(prepared: u64, lock: u64) -> Signed {
    Signed { prepared: (prepared > 0).then_some(Height(prepared)), lock: Height(lock) }
}

fn prepare(signed: Signed, target: u64, source: u64, link: Link) -> Result<(), PrepareRefused> {
    may_prepare(&signed, Height(target), Height(source), link)
}

#[test]
fn heights_of_prepares_rise() {
    assert_eq!(prepare(Signed::default(), 1, 0, GOOD), Ok(()));
    assert_eq!(prepare(signed(4, 0), 5, 0, GOOD), Ok(()));
    let again = PrepareRefused::SameHeight { target: Height(4) };
    assert_eq!(prepare(signed(4, 0), 4, 0, GOOD), Err(again));
    let lower = PrepareRefused::LowerHeight { target: Height(3), prepared: Height(4) };
    assert_eq!(prepare(signed(4, 0), 3, 0, GOOD), Err(lower));
}

#[test]
fn a_source_is_justified_and_before_its_target() {
    let unjustified = Link { source_is_justified: false, ..GOOD };
    let refused = PrepareRefused::SourceNotJustified { source_height: Height(2) };
    assert_eq!(prepare(signed(2, 0), 5, 2, unjustified), Err(refused));
    let elsewhere = Link { source_is_proper_ancestor: false, ..GOOD };
    let refused = PrepareRefused::SourceNotAncestor { source_height: Height(2), target: Height(5) };
    assert_eq!(prepare(signed(2, 0), 5, 2, elsewhere), Err(refused));
}

#[test]
fn a_lock_is_left_for_a_higher_source_alone() {
    let other_branch = Link { source_descends_from_lock: false, ..GOOD };
    for source in [1, 2] {
        let refused = PrepareRefused::Locked { source_height: Height(source), lock: Height(2) };
        assert_eq!(prepare(signed(3, 2), 5, source, other_branch), Err(refused));
    }
    assert_eq!(prepare(signed(3, 2), 5, 3, other_branch), Ok(()));
    assert_eq!(prepare(signed(3, 2), 5, 2, GOOD), Ok(()));
}

#[test]
fn a_commit_is_for_a_justified_block_above_the_lock_and_not_below_a_prepare() {
    let commit = |signed, block, justified| may_commit(&signed, Height(block), justified);
    assert_eq!(commit(Signed::default(), 1, true), Ok(()));
    assert_eq!(commit(signed(3, 2), 3, true), Ok(()));
    assert_eq!(commit(signed(3, 2), 9, true), Ok(()));
    let refused = CommitRefused::NotJustified { block: Height(3) };
    assert_eq!(commit(signed(3, 2), 3, false), Err(refused));
    let refused = CommitRefused::BelowPrepare { block: Height(3), prepared: Height(4) };
    assert_eq!(commit(signed(4, 2), 3, true), Err(refused));
    let refused = CommitRefused::SameHeight { block: Height(5) };
    assert_eq!(commit(signed(4, 5), 5, true), Err(refused));
    let refused = CommitRefused::BelowLock { block: Height(4), lock: Height(5) };
    assert_eq!(commit(signed(4, 5), 4, true), Err(refused));
    assert!(commit(Signed::default(), 0, true).is_err(), "the genesis block needs none");
}

#[test]
fn every_broken_rule_is_named() {
    let bad = Link {
        source_is_justified: false,
        source_is_proper_ancestor: false,
        source_descends_from_lock: false,
    };
    let refusals = prepare_refusals(&signed(5, 4), Height(5), Height(3), bad);
    let texts: Vec<_> = refusals.map(|refusal| refusal.to_string()).collect();
    assert_eq!(
        texts,
        [
            "a block at height 5 was prepared already",
            "the source at height 3 is not justified",
            "the source at height 3 is no ancestor of the target at 5",
            "the source at height 3 neither descends from the lock at 4 nor is higher",
        ]
    );
    let refusals = commit_refusals(&signed(5, 4), Height(3), false);
    let texts: Vec<_> = refusals.map(|refusal| refusal.to_string()).collect();
    assert_eq!(
        texts,
        [
            "the block at height 3 is not justified",
            "the lock is at height 4, so no block at 3, below it, is committed",
            "a block at height 5 was prepared, so none at 3, below it, is committed",
        ]
    );
}

#[test]
fn what_was_signed_follows_the_votes() {
    let signed = Signed::default().after_prepare(Height(2)).after_commit(Height(1));
    assert_eq!(signed, Signed { prepared: Some(Height(2)), lock: Height(1) });
    let signed = signed.after_commit(Height(3)).after_prepare(Height(4));
    assert_eq!(signed, Signed { prepared: Some(Height(4)), lock: Height(3) });
}

#[test]
fn a_quorum_is_of_different_validators() {
    assert!(is_justified([(0, true), (1, true), (2, true)], 3));
    assert!(!is_justified([(0, true), (1, true), (1, true)], 3), "one counts twice");
    assert!(!is_justified([(0, true), (1, true), (2, false)], 3), "a source is not justified");
    assert!(is_justified([(0, true), (1, false), (1, true), (2, true)], 3), "one signed two");
    assert!(is_final([3, 1, 0], 3));
    assert!(!is_final([3, 1, 3, 1], 3));
    assert!(!is_final([], 1));
}
