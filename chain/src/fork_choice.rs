//! Fork choice: which of two branches a peer follows. Every choice between branches goes through [`Candidate`], so that
//! another criterion needs to be added in this file alone. What compares bare work elsewhere does not choose a branch:
//! it estimates how far a neighbour's chain reaches, to know what can be asked of it.

use std::cmp::Ordering;

use protocol::units::{BlockHash, Work};

use crate::rules::{Rule, Rules};

/// How a block stands to the last final block and to the highest justified one, from the worst to the best.
///
/// The justified block always descends from the final one, or is it, so that these are all the cases there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It can't be on one branch with the final block.
    Conflicts,
    /// It is an ancestor of the final block. A branch that ends here holds nothing that conflicts with what is final,
    /// and is left as soon as the bodies of the blocks above are here.
    Below,
    /// It is the final block or descends from it.
    Final,
    /// It is the justified block or descends from it.
    Justified,
}

impl Standing {
    /// The standing of a block that is neither final nor justified itself and not an ancestor of the final block: all
    /// that counts is what it is built on.
    #[must_use]
    pub(super) fn of_child(self) -> Self {
        match self {
            Self::Conflicts | Self::Below => Self::Conflicts,
            Self::Final => Self::Final,
            Self::Justified => Self::Justified,
        }
    }
}

/// The last block of a branch, with what fork choice has to know of that branch.
///
/// The greater candidate is the better one: see [`Candidate::cmp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// How the branch's last block stands to what is final and justified.
    pub standing: Standing,
    /// The work of all blocks from the genesis block up to this one.
    pub work: Work,
    /// The hash of the branch's last block.
    pub hash: BlockHash,
}

/// Follows `docs/PROTOCOL.md`, "Fork choice": a branch that contains the last final block wins, then one that contains
/// the highest justified block, then more work, and among branches of equal work the one whose last block has the
/// smaller hash. The last criterion lets peers agree on one of two equally heavy branches without waiting for another
/// block. It makes the order total, so no two branches are ever equally good.
///
/// What happens without the second criterion is shown by `sabotage::without_the_tie_break_equal_forks_stay` in the
/// worlds (`cargo test -p tests --test worlds`).
impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        let (ours, theirs) = ((self.standing, self.work), (other.standing, other.work));
        ours.cmp(&theirs).then_with(|| other.hash.cmp(&self.hash))
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
        let is_tie = (self.standing, self.work) == (other.standing, other.work);
        self > other && (rules.enforces(Rule::TieBreak) || !is_tie)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STANDINGS: [Standing; 4] =
        [Standing::Conflicts, Standing::Below, Standing::Final, Standing::Justified];

    fn candidate() -> impl Strategy<Value = Candidate> {
        (prop::sample::select(&STANDINGS), 0u128..3, 0u8..3)
            .prop_map(|(standing, work, hash)| made(standing, work, hash))
    }

    fn made(standing: Standing, work: u128, hash: u8) -> Candidate {
        Candidate { standing, work: Work(work), hash: BlockHash([hash; 32]) }
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
        let heavy = made(Standing::Final, 2, 9);
        let light = made(Standing::Final, 1, 0);
        assert!(heavy > light);
        let twin = made(Standing::Final, 2, 1);
        assert!(twin > heavy);
    }

    #[test]
    fn what_is_final_decides_before_what_is_justified_and_that_before_work() {
        let rising = (1..).zip(STANDINGS).map(|(place, each)| made(each, 10 - place, 9));
        assert!(rising.is_sorted(), "however heavy the others are");
        let children = STANDINGS.map(Standing::of_child);
        let [conflicts, _, on_final, justified] = STANDINGS;
        assert_eq!(children, [conflicts, conflicts, on_final, justified]);
    }

    #[test]
    fn without_the_tie_break_equal_work_displaces_nothing() {
        let rules = Rules::without(Rule::TieBreak);
        let light = made(Standing::Final, 1, 0);
        let heavy = made(Standing::Final, 2, 9);
        let twin = made(Standing::Final, 2, 1);
        assert!(heavy.is_better_than(&light, rules));
        assert!(made(Standing::Justified, 2, 1).is_better_than(&heavy, rules));
        assert!(!twin.is_better_than(&heavy, rules) && !heavy.is_better_than(&twin, rules));
    }
}
