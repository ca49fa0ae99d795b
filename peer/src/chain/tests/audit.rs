//! An audit of a good chain, and of chains with each rule broken once, mined and linked anew as somebody who
//! wants to deceive would do it.

use std::collections::BTreeSet;

use super::*;
use protocol::election::Question;
use protocol::keys::{PublicKey, Signature};
use protocol::transaction::{Admission, Choices, Vote};
use protocol::units::Difficulty;

/// Registered in the first block, where the voters of even numbers vote as well.
const VOTERS: u8 = 3;

/// Where the forged block stands.
const FORGED_AT: Height = Height(2);

/// What is wrong with a block.
enum Forgery {
    Header(fn(&mut Header)),
    /// The header is as it should be, but for its work.
    WithoutWork,
    /// The header commits to what it should not hold.
    Transactions(Vec<Transaction>),
    /// The header commits to something else.
    OtherBody,
}

/// One question where the order of choices can be wrong.
fn ballot() -> Election {
    let chair = election().questions;
    let days = Question {
        title: "Days".into(),
        options: vec!["Monday".into(), "Tuesday".into(), "Friday".into()],
        choices_min: 0,
        choices_max: 2,
    };
    Election { questions: chair.into_iter().chain([days]).collect(), ..election() }
}

fn ballot_id() -> ElectionId {
    ballot().election_id()
}

fn registration_with(number: u8, is_stamp: impl Fn(u64) -> bool) -> Transaction {
    let stamp = (0..).find(|stamp| is_stamp(*stamp)).expect("one in four");
    Transaction::open_registration(&ballot_id(), &key(number), stamp)
}

fn is_stamp(key: &PublicKey, stamp: u64) -> bool {
    let hash = proof_of_work::stamp_hash(&ballot_id(), &key.0, stamp);
    proof_of_work::is_met(&hash, ballot().registration_difficulty())
}

fn registers(number: u8) -> Transaction {
    registration_with(number, |stamp| is_stamp(&key(number).public(), stamp))
}

fn votes(number: u8, choices: Choices) -> Transaction {
    let voter = key(number).public().voter();
    let vote = Vote { voter, choices, nonce: [number; 8], cast_at: NOW };
    Transaction::vote(&ballot_id(), &key(number), vote)
}

/// A vote that is good but for its signature.
fn votes_signed(change: fn(&mut Signature)) -> Transaction {
    let mut vote = votes(1, vec![vec![0], vec![]]);
    if let Transaction::Vote { signature, .. } = &mut vote {
        change(signature);
    }
    vote
}

fn admitted(signatures: usize) -> Transaction {
    Transaction::Registration {
        voter_key: key(7).public(),
        admission: Admission::Signed { signatures: vec![Signature([0; 65]); signatures] },
        signature: Signature([0; 65]),
    }
}

/// How to break a rule. Whoever adds a rule has to say it here.
fn forgery(rule: AuditRule) -> Forgery {
    let one = |transaction| Forgery::Transactions(vec![transaction]);
    match rule {
        AuditRule::UnknownParent => Forgery::Header(|header| header.previous = BlockHash([9; 32])),
        AuditRule::Height => Forgery::Header(|header| header.height = Height(3)),
        AuditRule::Difficulty => {
            Forgery::Header(|header| header.difficulty = Difficulty::from_bits(0))
        }
        AuditRule::NoWork => Forgery::WithoutWork,
        AuditRule::NotAfterParent => Forgery::Header(|header| header.time = ballot().created),
        AuditRule::TooEarly => Forgery::Header(|header| {
            header.time = NOW.plus(TIME_AHEAD_MAX + Duration::from_millis(1));
        }),
        AuditRule::MerkleRoot => Forgery::OtherBody,
        AuditRule::BlockTooLarge => Forgery::Transactions((3..23).map(registers).collect()),
        AuditRule::TransactionTooLarge => one(admitted(16)),
        AuditRule::QuestionCount => one(votes(1, vec![vec![0]])),
        AuditRule::ChoiceCount => one(votes(1, vec![vec![0, 1], vec![]])),
        AuditRule::NoSuchOption => one(votes(1, vec![vec![2], vec![]])),
        AuditRule::ChoicesNotRising => one(votes(1, vec![vec![0], vec![2, 1]])),
        AuditRule::Stamp => one(registration_with(7, |stamp| !is_stamp(&key(7).public(), stamp))),
        AuditRule::NoRegistrars => one(admitted(1)),
        AuditRule::NoWithdrawals => {
            one(Transaction::Withdrawal { voter: key(1).public().voter(), signatures: vec![] })
        }
        AuditRule::BadKey => {
            let voter_key = PublicKey([5; 33]);
            let stamp = (0..).find(|stamp| is_stamp(&voter_key, *stamp)).expect("one in four");
            let admission = Admission::Open { stamp };
            one(Transaction::Registration { voter_key, admission, signature: Signature([1; 65]) })
        }
        AuditRule::SignatureOutOfRange => one(votes_signed(|signature| signature.0[..32].fill(0))),
        AuditRule::HighS => one(votes_signed(|signature| signature.0[32] = 0x80)),
        AuditRule::BadRecoveryBit => one(votes_signed(|signature| signature.0[64] = 2)),
        AuditRule::WrongRecoveryBit => one(votes_signed(|signature| signature.0[64] ^= 1)),
        AuditRule::WrongSigner => {
            let Transaction::Vote { signature, .. } = votes(2, vec![vec![0], vec![]]) else {
                unreachable!("it is a vote")
            };
            let Transaction::Vote { vote, .. } = votes(1, vec![vec![0], vec![]]) else {
                unreachable!("it is a vote")
            };
            one(Transaction::Vote { vote, signature })
        }
        AuditRule::AlreadyRegistered => one(registers(1)),
        AuditRule::NotRegistered => one(votes(7, vec![vec![0], vec![]])),
        AuditRule::AlreadyVoted => one(votes(0, vec![vec![1], vec![]])),
    }
}

fn hashed_here(transactions: Vec<Transaction>) -> Vec<Arc<HashedTransaction>> {
    let id = ballot_id();
    transactions.into_iter().map(|each| Arc::new(HashedTransaction::new(each, &id))).collect()
}

fn first_block() -> Block {
    let registrations = (0..VOTERS).map(registers);
    let votes = [votes(0, vec![vec![0], vec![]]), votes(2, vec![vec![], vec![0, 2]])];
    mine(&Header::genesis(&ballot()), &hashed_here(registrations.chain(votes).collect()), 0)
}

/// A good block before the forged one, and a good one after it.
fn forged_chain(forgery: Forgery) -> [Block; 3] {
    let first = first_block();
    let good = hashed_here(vec![votes(1, vec![vec![0], vec![]])]);
    let header = unworked(&first.header, &good);
    let forged = match forgery {
        Forgery::Header(change) => {
            let mut header = header;
            change(&mut header);
            Block { header: worked(header, 0), transactions: good }
        }
        Forgery::WithoutWork => {
            let headers = (0..).map(|nonce| Header { nonce, ..header });
            let header = headers.into_iter().find(|header| !header.has_work()).expect("one in two");
            Block { header, transactions: good }
        }
        Forgery::Transactions(transactions) => mine(&first.header, &hashed_here(transactions), 0),
        Forgery::OtherBody => {
            let other = hashed_here(vec![votes(1, vec![vec![1], vec![]])]);
            Block { header: worked(header, 0), transactions: other }
        }
    };
    let last = mine(&forged.header, &[], 0);
    [first, forged, last]
}

fn audit(blocks: &[Block]) -> (Audit, Result<(), AuditFailure>) {
    let election = Arc::new(ballot());
    let mut audit = Audit::new(Arc::clone(&election));
    let outcome = blocks.iter().try_for_each(|block| {
        let block = Arc::new(block.clone());
        let checked = CheckedBlock::new(block, &election, &election.election_id());
        audit.extend(&checked, NOW)
    });
    (audit, outcome)
}

#[test]
fn a_good_chain_passes_and_is_counted() {
    let first = first_block();
    let second = mine(&first.header, &hashed_here(vec![votes(1, vec![vec![0], vec![1]])]), 0);
    let third = mine(&second.header, &[], 0);
    let (audit, outcome) = audit(&[first, second, third.clone()]);
    assert_eq!(outcome, Ok(()));
    assert_eq!(audit.tip(), (Height(3), third.header.hash()));
    assert_eq!(audit.work(), Work(6));
    assert_eq!((audit.signatures(), audit.registered_voters()), (6, 3));
    assert_eq!(audit.blocks_since_newest_vote(), 2);
    let tally = Tally { votes: 3, options: vec![vec![2, 0], vec![1, 1, 1]], blank: vec![1, 1] };
    assert_eq!(*audit.tally(), tally);
}

#[test]
fn each_rule_broken_once_is_named_where_it_is_broken() {
    for &rule in AuditRule::ALL {
        let blocks = forged_chain(forgery(rule));
        let (audit, outcome) = audit(&blocks);
        let failure = outcome.expect_err(rule.word());
        assert_eq!(failure.error.rule(), rule, "{failure}");
        assert_eq!(failure.height, FORGED_AT, "{failure}");
        assert_eq!(failure.hash, blocks[1].header.hash(), "{failure}");
        assert!(failure.to_string().contains(rule.word()), "{failure}");
        // What was good before it stays counted, and nothing of the block is.
        assert_eq!(audit.tip(), (Height(1), blocks[0].header.hash()), "{failure}");
        assert_eq!((audit.tally().votes, audit.signatures()), (2, 5), "{failure}");
    }
}

#[test]
fn each_rule_has_a_word_of_its_own() {
    let words: BTreeSet<_> = AuditRule::ALL.iter().map(|rule| rule.word()).collect();
    assert_eq!(words.len(), AuditRule::ALL.len());
}

#[test]
fn a_chain_of_another_election_does_not_follow_this_genesis() {
    let foreign = Header::genesis(&Election { id: [2; 16], ..ballot() });
    let (_, outcome) = audit(&[mine(&foreign, &[], 0)]);
    let failure = outcome.expect_err("another genesis");
    assert_eq!(failure.error, HeaderError::UnknownParent { previous: foreign.hash() }.into());
    assert_eq!(failure.height, Height(1));
}

#[test]
fn a_block_that_is_left_out_breaks_the_link() {
    let first = first_block();
    let second = mine(&first.header, &[], 0);
    let third = mine(&second.header, &[], 0);
    let (_, outcome) = audit(&[first, third]);
    let failure = outcome.expect_err("the second block is missing");
    assert_eq!((failure.error.rule(), failure.height), (AuditRule::UnknownParent, Height(2)));
}
