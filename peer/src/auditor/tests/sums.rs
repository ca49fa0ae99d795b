//! What an audit says adds up, whatever the voters did.

use proptest::prelude::*;
use protocol::election::{Election, Question};
use protocol::keys::VoterKey;
use protocol::proof_of_work;
use protocol::transaction::{Transaction, Vote};

use super::*;
use crate::auditor::Undone;
use crate::auditor::sums::{Sum, Sums, SumsError};
use crate::render::Style;
use crate::schema::{AuditReport, Reply};
use chain::fixtures::{NOW, admission, admitted_vote, election_by_registrars, key, withdrawal};
use chain::{Audit, CheckedBlock};

/// Two questions, of which the second takes up to three choices.
fn wide_election() -> Election {
    let options = ["A", "B", "C", "D"].map(str::to_owned).to_vec();
    let wide = Question { title: "Days".into(), options, choices_min: 0, choices_max: 3 };
    let questions = election().questions.into_iter().chain([wide]).collect();
    Election { questions, block_bytes_max: 64 * 1024, ..election() }
}

fn audited_as(election: &Election, blocks: Vec<Vec<Arc<HashedTransaction>>>) -> AuditReport {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.archive");
    let mut writer = ArchiveWriter::create(&path, election, false).expect("begun");
    let mut parent = Header::genesis(election);
    for transactions in blocks {
        let block = mined(&parent, transactions);
        parent = block.header;
        writer.append(&block).expect("written");
    }
    writer.finish().expect("finished");
    let outcome = audited(&path).expect("it can be read");
    assert_eq!(outcome.failure, None);
    outcome.report
}

/// Every sum that the text shows, and that its two sides are the same.
fn assert_adds_up(report: &AuditReport) {
    let sums = &report.sums;
    assert_eq!(report.registrations + report.withdrawals + report.votes, report.transactions);
    assert_eq!(report.registrations - sums.withdrawn, report.registered_voters);
    assert_eq!(report.votes + sums.not_voted, report.registered_voters);
    for (sum, tally) in sums.questions.iter().zip(&report.tally) {
        let of_options: u64 = tally.options.iter().map(|option| option.votes).sum();
        let max = u64::from(sum.choices_max);
        assert_eq!((of_options, tally.blank), (sum.chosen, sum.blank), "{report:?}");
        assert_eq!(sum.chosen + sum.not_chosen + sum.blank * max, report.votes * max, "{report:?}");
    }
    let text = Style::Human { color: false }.answer(&Reply::Audit(Box::new(report.clone())));
    let (_, shown) = text.split_once("\nSums\n").expect("they are shown");
    let mut shown: Vec<_> = shown.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(shown.len(), 3 + 2 * report.tally.len(), "{text}");
    for line in shown.drain(..) {
        let line = line.split_once(": ").map_or(line, |(_, sum)| sum);
        let (left, right) = line.split_once(" = ").expect("a sum");
        assert_eq!(evaluated(left), evaluated(right), "{line}");
    }
}

/// The value of `4 registrations - 1 withdrawn`, or `3 votes x 2`.
fn evaluated(side: &str) -> i64 {
    let number = |word: &str| word.parse::<i64>().ok();
    let (mut total, mut sign) = (0, 1);
    for term in side.replace(" - ", " + -").split(" + ") {
        let (term, of_term) = term.strip_prefix('-').map_or((term, 1), |term| (term, -1));
        let numbers = term.split(' ').filter_map(number);
        total += sign * of_term * numbers.product::<i64>();
        sign = 1;
    }
    total
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_sums_of_an_audit_add_up(
        votes in proptest::collection::vec(proptest::option::of((0u16..3, 0u8..16)), 1..8),
        cut in 0usize..8,
    ) {
        let election = wide_election();
        let id = election.election_id();
        let difficulty = election.admission.stamp_difficulty().expect("it is open");
        let hashed = |transaction| Arc::new(HashedTransaction::new(transaction, &id));
        let mut transactions = Vec::new();
        for (number, vote) in (0u8..).zip(&votes) {
            let key: VoterKey = key(number);
            let stamp = proof_of_work::find_stamp(&id, &key.public().0, difficulty, 0);
            transactions.push(hashed(Transaction::open_registration(&id, &key, stamp)));
            let Some((chair, days)) = vote else { continue };
            let chair: Vec<u16> = (*chair < 2).then_some(*chair).into_iter().collect();
            let days: Vec<u16> = (0..4).filter(|day| days >> day & 1 == 1).take(3).collect();
            let voter = key.public().voter();
            let choices = vec![chair, days];
            let vote = Vote { voter, choices, nonce: [number; 8], cast_at: NOW };
            transactions.push(hashed(Transaction::vote(&id, &key, vote)));
        }
        let rest = transactions.split_off(cut.min(transactions.len()));
        let report = audited_as(&election, vec![transactions, rest]);
        prop_assert_eq!(report.registrations, votes.len() as u64);
        assert_adds_up(&report);
    }
}

#[test]
fn withdrawals_have_their_line_and_the_sums_add_up() {
    let blocks = vec![
        vec![admission(0), admission(1), admission(2)],
        // One who was admitted, and one who was not.
        vec![withdrawal(1), withdrawal(9), admitted_vote(0, vec![vec![1]])],
    ];
    let report = audited_as(&election_by_registrars(), blocks);
    assert_eq!((report.registrations, report.withdrawals), (3, 2));
    assert_eq!((report.registered_voters, report.sums.withdrawn), (2, 1));
    assert_adds_up(&report);
    let text = Style::Human { color: false }.answer(&Reply::Audit(Box::new(report)));
    for line in [
        "withdrawals           2  each signed by 2 of 2 registrars, one per key, before any vote",
        "  3 registrations + 2 withdrawals + 1 vote = 6 transactions",
        "  3 registrations - 1 withdrawn = 2 registered voters",
        "  1 vote + 1 without a vote = 2 registered voters",
        "  question 1: 0 + 1 = 1 choice",
        "  question 1: 1 choice + 0 blank = 1 vote",
        "1 of 2 registered voters voted (50.0 %)",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

/// No record makes the two counts differ, whatever stands in it: both are taken from the same blocks. So one of them is
/// taken from others here.
#[test]
fn sums_that_are_not_what_the_rules_counted_are_told_by_the_program() {
    let election = Arc::new(election());
    let id = election.election_id();
    let mut audit = Audit::new(Arc::clone(&election));
    let first = mined(&Header::genesis(&election), vec![registration(0), registration(1)]);
    let second = mined(&first.header, vec![vote(0, vec![vec![1]])]);
    for block in [&first, &second] {
        let checked = CheckedBlock::new(Arc::new(block.clone()), &election, &id);
        audit.extend(&checked, clock::unix_now()).expect("they are good");
    }
    let summed = |transactions: Vec<Arc<HashedTransaction>>| {
        let mut sums = Sums::new(&election);
        sums.add(&first);
        sums.add(&Block { transactions, ..second.clone() });
        sums
    };
    assert_eq!(summed(vec![vote(0, vec![vec![1]])]).check(&audit), Ok(()));
    let differ = |sum, counted, held| Err(SumsError { sum, counted, held });
    for (transactions, expected) in [
        (vec![], differ(Sum::Transactions, 3, 2)),
        (vec![registration(2)], differ(Sum::RegisteredVoters, 2, 3)),
        (vec![vote(0, vec![vec![0]])], differ(Sum::Option { question: 1, option: 1 }, 0, 1)),
        (vec![vote(0, vec![vec![]])], differ(Sum::Option { question: 1, option: 2 }, 1, 0)),
    ] {
        assert_eq!(summed(transactions).check(&audit), expected);
    }

    // A block whose time has not come does not hide that the sums differ.
    for (choice, is_unjudged) in [(1, true), (0, false)] {
        let error = AuditError::Header(HeaderError::TooEarly { ahead: Duration::from_secs(60) });
        let failure = AuditFailure { height: Height(3), hash: second.header.hash(), error };
        let stopped =
            Some(crate::auditor::report::Stopped::Block(failure, Arc::new(second.clone())));
        let sums = summed(vec![vote(0, vec![vec![choice]])]);
        let outcome = AuditOutcome::new(&audit, &sums, None, stopped);
        assert_eq!(outcome.unjudged(Path::new("a.archive")).is_some(), is_unjudged);
        assert!(!outcome.report.passed);
    }

    let outcome = AuditOutcome::new(&audit, &summed(vec![vote(0, vec![vec![0]])]), None, None);
    assert!(!outcome.report.passed);
    let error = outcome.report.error.clone().expect("they differ");
    assert_eq!(error.kind, "sums_differ");
    let told = "question 1, votes for option 1: the rules counted 0, and the blocks hold 1";
    assert!(error.message.contains(told), "{error:?}");
    let reply = Reply::Audit(Box::new(outcome.report.clone()));
    let text = Style::Human { color: false }.answer(&reply);
    assert!(text.contains("\nTHE SUMS DON'T AGREE: ") && !text.contains("all holds"), "{text}");
    let refused = outcome.whole(Path::new("a.archive"), Undone::Export).expect_err("they differ");
    assert!(refused.is_refusal(), "{refused}");
    assert!(refused.to_string().ends_with("; nothing was exported"), "{refused}");
}
