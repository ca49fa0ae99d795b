//! Fork choice: which of two branches a peer follows. Every choice between branches goes through [`Candidate`], so that
//! another criterion (finality, above all) needs to be added in this file alone. What compares bare work elsewhere does
//! not choose a branch: it estimates how far a neighbour's chain reaches, to know what can be asked of it.

use std::cmp::Ordering;

use protocol::units::{BlockHash, Work};

use crate::rules::{Rule, Rules};

/// The last block of a branch, with what fork choice has to know of that branch.
///
/// The greater candidate is the better one: see [`Candidate::cmp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The work of all blocks from the genesis block up to this one.
    pub work: Work,
    /// The hash of the branch's last block.
    pub hash: BlockHash,
}

/// Follows `docs/PROTOCOL.md`, "Fork choice": more work wins, and among branches of equal work the one whose last block
/// has the smaller hash. The second criterion lets peers agree on one of two equally heavy branches without waiting for
/// another block. It makes the order total, so no two branches are ever equally good.
///
/// What happens without the second criterion is shown by `sabotage::without_the_tie_break_equal_forks_stay` in the
/// worlds (`cargo test -p tests --test worlds`).
impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.work.cmp(&other.work).then_with(|| other.hash.cmp(&self.hash))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Candidate {
    /// Whether a peer that follows `other` should follow this branch instead.
    ///
    /// Without [`Rule::TieBreak`], which only tests can switch off, branches of equal work do not displace each other.
    #[must_use]
    pub fn is_better_than(&self, other: &Self, rules: Rules) -> bool {
        self > other && (rules.enforces(Rule::TieBreak) || self.work != other.work)
    }
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
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a.cmp(&b) == Ordering::Equal, a == b);
            prop_assert_eq!(a.partial_cmp(&b), Some(a.cmp(&b)));
            prop_assert_eq!(a.is_better_than(&b, Rules::ALL), a > b);
            if a >= b && b >= c {
                prop_assert!(a >= c);
            }
        }
    }

    #[test]
    fn work_decides_before_the_hash() {
        let heavy = Candidate { work: Work(2), hash: BlockHash([9; 32]) };
        let light = Candidate { work: Work(1), hash: BlockHash([0; 32]) };
        assert!(heavy > light);
        let twin = Candidate { work: Work(2), hash: BlockHash([1; 32]) };
        assert!(twin > heavy);
    }

    #[test]
    fn without_the_tie_break_equal_work_displaces_nothing() {
        let rules = Rules::without(Rule::TieBreak);
        let light = Candidate { work: Work(1), hash: BlockHash([0; 32]) };
        let heavy = Candidate { work: Work(2), hash: BlockHash([9; 32]) };
        let twin = Candidate { work: Work(2), hash: BlockHash([1; 32]) };
        assert!(heavy.is_better_than(&light, rules));
        assert!(!twin.is_better_than(&heavy, rules) && !heavy.is_better_than(&twin, rules));
    }
}
