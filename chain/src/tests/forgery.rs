//! Every forgery that a laboratory offers breaks the rule that it names, and no other before it.

use std::collections::BTreeSet;

use super::*;

/// Elections between which every offered rule can be broken.
fn elections() -> [Election; 2] {
    let mut wide = election();
    wide.questions[0].options.push("Hedy".into());
    wide.questions[0].choices_min = 1;
    wide.questions[0].choices_max = 2;
    [election(), Election { block_bytes_max: 5_000, difficulty_bits: 4, ..wide }]
}

/// The rule that a chain names which is given the block as its first.
fn broken(block: Block, election: &Election) -> AuditRule {
    let election = Arc::new(election.clone());
    let checked = CheckedBlock::new(Arc::new(block), &election, &election.election_id());
    let outcome = Audit::new(Arc::clone(&election)).extend(&checked, NOW);
    outcome.expect_err("it is forged").error.rule()
}

#[test]
fn each_offered_forgery_breaks_its_rule_alone() {
    let mut broken_rules = BTreeSet::new();
    for election in elections() {
        let genesis = Header::genesis(&election);
        for (rule, _) in Forgery::OFFERED {
            let forgery = match Forgery::new(rule, &election, [7; 32], NOW) {
                Ok(forgery) => forgery,
                Err(error) => {
                    assert_eq!(error.kind(), "rule_not_breakable", "{error}");
                    continue;
                }
            };
            assert_eq!(forgery.rule(), rule);
            let mut block = forgery.block(&genesis, NOW);
            if forgery.needs_work() {
                block.header = worked(block.header, 0);
            }
            assert_eq!(broken(block, &election), rule);
            broken_rules.insert(rule.name());
        }
    }
    let offered: BTreeSet<_> = Forgery::OFFERED.iter().map(|(rule, _)| rule.name()).collect();
    assert_eq!(broken_rules, offered);
    assert_eq!(offered.len(), Forgery::OFFERED.len());
}

#[test]
fn other_voters_are_made_up_each_time() {
    let voters = |seed| {
        let forgery = Forgery::new(AuditRule::Height, &election(), [seed; 32], NOW);
        let block = forgery.expect("offered").block(&Header::genesis(&election()), NOW);
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
    let lazy = Election { difficulty_bits: 0, ..election() };
    let error = Forgery::new(AuditRule::NoWork, &lazy, [7; 32], NOW).expect_err("no work is asked");
    assert_eq!(
        error.to_string(),
        "nothing breaks the rule no_work in this election: every block shows enough work"
    );
}
