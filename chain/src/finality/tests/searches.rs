//! What the searches find: no conflict with all rules, and one without any of them.

use super::blocks::Blocks;
use super::search::{CONFLICT, FINAL, Outcome, Rule, STUCK, Search, TWINS, UNCOUNTED};
use protocol::roster::quorum_min;

/// Every block has two children, up to height 3.
const ALL_FORKS: [u8; 14] = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6];

/// Two branches of three blocks each, which is enough to show what goes wrong.
const TWO_BRANCHES: [u8; 6] = [0, 0, 1, 2, 3, 4];

/// What tells people how much was searched.
const DOCUMENT: &str = include_str!("../../../../docs/FINALITY.md");

/// Two branches of two blocks each.
const TWO_SHORT_BRANCHES: [u8; 4] = [0, 0, 1, 2];

fn over(parents: &[u8]) -> Search {
    Search::over(Blocks::above_genesis(parents))
}

/// A search that reached so many states, in some of which a block at the greatest height is final, and otherwise found
/// nothing. The number is asserted, since a search that suddenly reaches fewer states may have lost a way to fail.
fn assert_holds(outcome: &Outcome, states: usize) {
    assert_eq!(outcome.found, [FINAL], "{outcome:?}");
    assert_eq!(outcome.states, states);
    let (thousands, rest) = (states / 1_000, states % 1_000);
    let number = format!("| {thousands},{rest:03} |");
    assert!(DOCUMENT.contains(&number), "docs/FINALITY.md does not say {number}");
}

#[test]
fn nothing_conflicts_and_nothing_is_stuck() {
    assert_holds(&over(&ALL_FORKS).exhaust(), 367_487);
}

#[test]
fn nothing_conflicts_if_all_are_honest() {
    let search = Search { honest: 4, dishonest: 0, ..over(&TWO_BRANCHES) };
    assert_holds(&search.exhaust(), 259_821);
}

#[test]
fn nothing_conflicts_with_two_of_seven_dishonest() {
    let search = Search {
        honest: 5,
        dishonest: 2,
        quorum: quorum_min(7, false),
        ..over(&TWO_SHORT_BRANCHES)
    };
    assert_holds(&search.exhaust(), 27_048);
}

#[test]
fn a_higher_quorum_is_as_safe() {
    assert_holds(&Search { quorum: 4, ..over(&TWO_BRANCHES) }.exhaust(), 6_633);
}

#[test]
fn a_majority_is_a_quorum_if_nobody_is_dishonest() {
    let search = Search { honest: 3, dishonest: 0, quorum: 2, ..over(&TWO_BRANCHES) };
    assert_holds(&search.exhaust(), 38_565);
    let search = Search { honest: 2, dishonest: 1, quorum: 2, ..over(&TWO_BRANCHES) };
    assert!(search.finds(CONFLICT));
}

#[test]
fn a_lower_quorum_ends_in_conflict() {
    assert!(Search { quorum: quorum_min(4, false) - 1, ..over(&TWO_BRANCHES) }.finds(CONFLICT));
}

#[test]
fn one_more_dishonest_validator_ends_in_conflict() {
    assert!(Search { honest: 2, dishonest: 2, ..over(&TWO_BRANCHES) }.finds(CONFLICT));
}

#[test]
fn a_validator_that_forgets_ends_in_conflict() {
    assert!(Search { may_forget: true, ..over(&TWO_BRANCHES) }.finds(CONFLICT));
}

fn assert_conflict_without(rules: &[Rule]) {
    assert!(over(&TWO_BRANCHES).without(rules).finds(CONFLICT), "without {rules:?}");
}

#[test]
fn without_rising_heights_of_prepares_there_is_a_conflict() {
    assert_conflict_without(&[Rule::PrepareHeightNotLower]);
}

#[test]
fn without_sources_before_their_targets_there_is_a_conflict() {
    assert_conflict_without(&[Rule::PrepareSourceAncestor]);
}

#[test]
fn without_locks_there_is_a_conflict() {
    assert_conflict_without(&[Rule::PrepareLock]);
}

#[test]
fn without_justified_commits_there_is_a_conflict() {
    assert_conflict_without(&[Rule::CommitJustified]);
}

#[test]
fn without_locks_that_never_go_down_there_is_a_conflict() {
    assert_conflict_without(&[Rule::CommitNotBelowLock]);
}

#[test]
fn without_commits_above_prepares_alone_there_is_a_conflict() {
    assert_conflict_without(&[Rule::CommitNotBelowPrepare]);
}

#[test]
fn without_one_vote_per_height_there_is_a_conflict() {
    assert_conflict_without(&[Rule::PrepareHeightNotSame, Rule::CommitHeightNotSame]);
}

/// COMMITs keep twins from becoming final, but nothing leads on from two locks at one height.
#[test]
fn without_one_prepare_per_height_validators_are_stuck() {
    let outcome = over(&TWO_BRANCHES).without(&[Rule::PrepareHeightNotSame]).exhaust();
    assert!(!outcome.found.contains(&CONFLICT), "{outcome:?}");
    assert!(outcome.found.contains(&TWINS), "{outcome:?}");
    assert!(outcome.found.contains(&STUCK), "{outcome:?}");
}

/// As long as no two blocks of one height are justified, there is no second block to commit: nothing changes at all.
#[test]
fn one_commit_per_height_follows_from_one_prepare_per_height() {
    let all_rules = over(&TWO_BRANCHES).exhaust();
    let outcome = over(&TWO_BRANCHES).without(&[Rule::CommitHeightNotSame]).exhaust();
    assert_holds(&outcome, all_rules.states);
}

#[test]
fn without_justified_sources_there_is_a_conflict() {
    assert_conflict_without(&[Rule::PrepareSourceJustified, Rule::CountSourceJustified]);
}

/// Nobody counts such a PREPARE, so it does no harm; it is signed in vain.
#[test]
fn a_validator_that_does_not_ask_whether_sources_are_justified_signs_in_vain() {
    let outcome = over(&TWO_BRANCHES).without(&[Rule::PrepareSourceJustified]).exhaust();
    assert!(!outcome.found.contains(&CONFLICT), "{outcome:?}");
    assert!(outcome.found.contains(&UNCOUNTED), "{outcome:?}");
}

/// Honest validators name no other sources, and no quorum is without them: nothing changes at all.
#[test]
fn sources_of_others_need_no_check_as_long_as_honest_ones_check_their_own() {
    let all_rules = over(&TWO_BRANCHES).exhaust();
    let outcome = over(&TWO_BRANCHES).without(&[Rule::CountSourceJustified]).exhaust();
    assert_holds(&outcome, all_rules.states);
}

/// That a lock is left for a higher source is not for safety: without it, one validator's lock on a block that never
/// becomes final would keep it from following the others.
#[test]
fn if_locks_were_never_left_validators_would_be_stuck() {
    let outcome = Search { locks_are_left: false, ..over(&TWO_BRANCHES) }.exhaust();
    assert!(!outcome.found.contains(&CONFLICT), "{outcome:?}");
    assert!(outcome.found.contains(&STUCK), "{outcome:?}");
}
