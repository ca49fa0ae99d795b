//! Every forgery that a laboratory offers breaks the rule that it names, and no other before it.

use std::collections::BTreeSet;
use std::slice;

use protocol::admission::AdmissionRule;

use super::*;
use crate::fixtures::Timed;

/// Elections in which every offered rule can be broken, or all but the order of a vote's options in the first.
fn elections() -> [Election; 3] {
    let mut wide = election();
    wide.questions[0].options.push("Hedy".into());
    wide.questions[0].choices_min = 1;
    wide.questions[0].choices_max = 2;
    let mut free = election();
    free.questions[0].choices_max = 2;
    [election(), Election { block_bytes_max: 5_000, difficulty_bits: 4, ..wide }, free]
}

/// The rule that a chain names which is given the block after `parents`.
fn broken(block: Block, parents: &[Block], election: &Election) -> AuditError {
    let election = Arc::new(election.clone());
    let mut audit = Audit::new(Arc::clone(&election));
    let mut extend = |block: Block| {
        let checked = CheckedBlock::new(Arc::new(block), &election, &election.election_id());
        audit.extend(&checked, NOW)
    };
    for parent in parents {
        extend(parent.clone()).expect("it keeps the rules");
    }
    extend(block).expect_err("it is forged").error
}

fn forged(rule: AuditRule, election: &Election, seed: u8) -> Result<Forgery, String> {
    Forgery::new(rule, election, [seed; 32], NOW).map_err(|error| error.to_string())
}

fn is_of_hours(rule: AuditRule) -> bool {
    matches!(rule, AuditRule::NotOpenYet | AuditRule::TransactionsAfterClose)
}

fn timed(opens_ms: u64, closes_ms: u64) -> Election {
    let election = Election { difficulty_bits: 4, ..election() };
    (*Timed::new(election, opens_ms, closes_ms).election).clone()
}

#[test]
fn each_forgery_breaks_its_rule_in_each_phase_or_says_that_it_does_not() {
    let phases = [
        (Phase::Upcoming, timed(100, 200), vec![AuditRule::AlreadyVoted, AuditRule::TooEarly]),
        (Phase::Open, timed(0, 200), vec![]),
        (
            Phase::Closed,
            timed(0, 0),
            vec![
                AuditRule::AlreadyRegistered,
                AuditRule::NotRegistered,
                AuditRule::AlreadyVoted,
                AuditRule::TooEarly,
            ],
        ),
    ];
    for (phase, election, mut others) in phases {
        let past = Past::genesis(&election);
        assert_eq!(past.phase(), phase);
        let not_now = [
            (AuditRule::NotOpenYet, Phase::Upcoming),
            (AuditRule::TransactionsAfterClose, Phase::Closed),
        ];
        others.extend(not_now.into_iter().filter(|(_, now)| *now != phase).map(|(rule, _)| rule));
        for (rule, _) in Forgery::OFFERED {
            let Ok(forgery) = forged(rule, &election, 7) else {
                assert_eq!(rule, AuditRule::ChoicesNotRising);
                continue;
            };
            match forgery.block(&past, NOW) {
                Err(error) => {
                    assert_eq!(error, ForgeryError::NotNow { rule, phase });
                    assert_eq!(error.kind(), "rule_not_breakable");
                    assert!(others.contains(&rule), "{error}");
                }
                Ok(mut block) => {
                    assert!(!others.contains(&rule), "{rule} can't be broken while {phase:?}");
                    if forgery.needs_work() {
                        block.header = worked(block.header, 0);
                    }
                    assert_eq!(broken(block, &[], &election).rule(), rule);
                }
            }
        }
    }
}

#[test]
fn each_offered_forgery_breaks_its_rule_alone() {
    let orderless = "nothing breaks the rule choices_not_rising in this election: \
                     no question takes two choices";
    for (number, election) in elections().into_iter().enumerate() {
        let first = Past::genesis(&election);
        let parent = mine(first.parent(), &[], 0);
        for (rule, _) in Forgery::OFFERED {
            let forgery = match forged(rule, &election, 7) {
                Ok(forgery) => forgery,
                Err(error) => {
                    let expected = if is_of_hours(rule) {
                        format!(
                            "nothing breaks the rule {rule} in this election: it neither opens nor closes"
                        )
                    } else {
                        orderless.to_owned()
                    };
                    assert_eq!(error, expected);
                    assert!(number == 0 || is_of_hours(rule), "{rule} can be broken");
                    continue;
                }
            };
            assert_eq!(forgery.rule(), rule);
            let mut later = first.clone();
            later.add(&parent.header);
            for (past, before) in [(&first, [].as_slice()), (&later, slice::from_ref(&parent))] {
                let mut block = forgery.block(past, NOW).expect("no phase forbids it");
                if forgery.needs_work() {
                    block.header = worked(block.header, 0);
                }
                let error = broken(block, before, &election);
                assert_eq!(error.rule(), rule);
                let AuditError::Body(BodyError::Invalid(BlockError::Transaction { error, .. })) =
                    error
                else {
                    continue;
                };
                // Two of the rules have the word of a wider one where a single transaction is refused.
                let kind = match rule.name() {
                    "bad_recovery_bit" => "wrong_recovery_bit",
                    "signature_out_of_range" => "bad_signature",
                    name => name,
                };
                assert_eq!(error.kind(), kind);
            }
        }
    }
    let offered: BTreeSet<_> = Forgery::OFFERED.iter().map(|(rule, _)| rule.name()).collect();
    assert_eq!(offered.len(), Forgery::OFFERED.len());
}

#[test]
fn a_block_that_is_too_large_has_one_or_two_bytes_too_many_and_votes_of_a_good_length() {
    for block_bytes_max in 5_000..5_150 {
        let election = Election { block_bytes_max, ..election() };
        let forgery = forged(AuditRule::BlockTooLarge, &election, 7).expect("offered");
        let block = forgery.block(&Past::genesis(&election), NOW).expect("it can be");
        let over = block.body_bytes().len() - block_bytes_max as usize;
        assert!((1..=2).contains(&over), "{over} bytes over {block_bytes_max}");
        let longest = block.transactions.iter().map(|each| each.bytes()).max();
        assert!(longest.expect("there are votes") < 500, "{longest:?}");
    }
}

#[test]
fn a_block_without_work_has_none_whatever_its_first_nonce_shows() {
    let election = Election { difficulty_bits: 1, ..election() };
    let without_work = |seed| {
        let forgery = forged(AuditRule::NoWork, &election, seed).expect("offered");
        let header = forgery.block(&Past::genesis(&election), NOW).expect("it can be").header;
        assert!(!header.has_work());
        header.nonce
    };
    assert!((0..32).map(without_work).any(|nonce| nonce > 0), "one first nonce in two shows work");
}

#[test]
fn a_block_that_comes_too_early_comes_a_day_too_early() {
    let forgery = forged(AuditRule::TooEarly, &election(), 7).expect("offered");
    let time = forgery.block(&Past::genesis(&election()), NOW).expect("it can be").header.time;
    assert_eq!(time, NOW.plus(Duration::from_secs(86_400)));
}

#[test]
fn who_registers_twice_hands_in_two_transactions() {
    let forgery = forged(AuditRule::AlreadyRegistered, &election(), 7).expect("offered");
    let block = forgery.block(&Past::genesis(&election()), NOW).expect("it can be");
    let ids: BTreeSet<_> = block.transactions.iter().map(|each| each.id()).collect();
    assert_eq!(ids.len(), 2);
}

#[test]
fn other_voters_are_made_up_each_time() {
    let voters = |seed| {
        let forgery = Forgery::new(AuditRule::Height, &election(), [seed; 32], NOW);
        let block =
            forgery.expect("offered").block(&Past::genesis(&election()), NOW).expect("it can be");
        block.transactions.iter().map(|each| each.voter()).collect::<Vec<_>>()
    };
    assert_eq!(voters(1), voters(1));
    assert_ne!(voters(1), voters(2));
}

#[test]
fn what_nobody_would_see_is_not_offered() {
    let error = Forgery::new(AuditRule::UnknownParent, &election(), [7; 32], NOW);
    let error = error.expect_err("neighbours would ask for the parent");
    assert_eq!(error.kind(), "rule_not_offered");
    let lazy = Election {
        difficulty_bits: 0,
        admission: AdmissionRule::Open { registration_bits: 0, max_voters: None },
        ..election()
    };
    for (rule, reason) in [
        (AuditRule::NoWork, "every block shows enough work"),
        (AuditRule::Difficulty, "no difficulty is easier than the election's"),
        (AuditRule::Stamp, "registering takes no work"),
        (AuditRule::ChoicesNotRising, "no question takes two choices"),
    ] {
        let error = forged(rule, &lazy, 7).expect_err(reason);
        assert_eq!(error, format!("nothing breaks the rule {rule} in this election: {reason}"));
    }
}
