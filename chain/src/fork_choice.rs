//! The choice between branches, in one place.

use std::cmp::Ordering;

use protocol::units::{BlockHash, Work};

use crate::rules::{Rule, Rules};

/// The end of a branch, as fork choice sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub work: Work,
    pub hash: BlockHash,
}

/// `Greater` when `left` is to be preferred: more work, then the smaller tip hash, so that peers with equally
/// heavy branches agree without another block. Without a roster no block is justified or final, so the two
/// criteria that would come first (see Finality in the design) never decide.
#[must_use]
pub fn compare(left: Candidate, right: Candidate, rules: Rules) -> Ordering {
    let by_hash = || match rules.enforces(Rule::TieBreak) {
        true => right.hash.cmp(&left.hash),
        false => Ordering::Equal,
    };
    left.work.cmp(&right.work).then_with(by_hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate() -> impl Strategy<Value = Candidate> {
        (0u128..3, 0u8..3)
            .prop_map(|(work, hash)| Candidate { work: Work(work), hash: BlockHash([hash; 32]) })
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in candidate(), b in candidate(), c in candidate()) {
            let compare = |left, right| compare(left, right, Rules::ALL);
            prop_assert_eq!(compare(a, b), compare(b, a).reverse());
            prop_assert_eq!(compare(a, b) == Ordering::Equal, a == b);
            if compare(a, b).is_ge() && compare(b, c).is_ge() {
                prop_assert!(compare(a, c).is_ge());
            }
        }
    }

    #[test]
    fn work_decides_before_the_hash() {
        let heavy = Candidate { work: Work(2), hash: BlockHash([9; 32]) };
        let light = Candidate { work: Work(1), hash: BlockHash([0; 32]) };
        assert_eq!(compare(heavy, light, Rules::ALL), Ordering::Greater);
        let twin = Candidate { work: Work(2), hash: BlockHash([1; 32]) };
        assert_eq!(compare(twin, heavy, Rules::ALL), Ordering::Greater);
    }
}
