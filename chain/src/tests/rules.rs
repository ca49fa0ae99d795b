//! Each rule broken once, with the error that names it.

use super::*;
use protocol::admission::RegistrarSignatures;
use protocol::election::ChoiceError;
use protocol::keys::{PublicKey, Signature};
use protocol::transaction::TRANSACTION_BYTES_MAX;
use protocol::units::{Difficulty, Height, VoterId};

fn refused_header(change: impl Fn(&mut Header)) -> HeaderError {
    let genesis = Header::genesis(&election());
    let mut header = unworked(&genesis, &[]);
    change(&mut header);
    chain().insert_header(worked(header, 0), NOW).expect_err("the header breaks a rule")
}

#[test]
fn headers_have_to_link() {
    let previous = BlockHash([9; 32]);
    assert_eq!(
        refused_header(|header| header.previous = previous),
        HeaderError::UnknownParent { previous }
    );
    assert_eq!(
        refused_header(|header| header.height = Height(2)),
        HeaderError::Height { found: Height(2), expected: Height(1) }
    );
}

#[test]
fn a_foreign_genesis_has_no_children_here() {
    let foreign = Header::genesis(&Election { id: [2; 16], ..election() });
    let block = mine(&foreign, &[], 0);
    let previous = foreign.hash();
    let refused = chain().insert_header(block.header, NOW);
    assert_eq!(refused, Err(HeaderError::UnknownParent { previous }));
}

#[test]
fn headers_have_to_show_the_work_of_the_election() {
    let genesis = Header::genesis(&election());
    let header = unworked(&genesis, &[]);
    let lazy = (0..).map(|nonce| Header { nonce, ..header }).find(|header| !header.has_work());
    let lazy = lazy.expect("half of all headers lack the work");
    let (hash, difficulty) = (lazy.hash(), lazy.difficulty);
    let refused = chain().insert_header(lazy, NOW);
    assert_eq!(refused, Err(HeaderError::NoWork { hash, difficulty }));

    let (found, expected) = (Difficulty::from_bits(0), genesis.difficulty);
    assert_eq!(
        refused_header(|header| header.difficulty = found),
        HeaderError::Difficulty { found, expected }
    );
}

#[test]
fn headers_move_on_in_time_but_not_ahead_of_the_clock() {
    let parent = election().created;
    assert_eq!(
        refused_header(|header| header.time = parent),
        HeaderError::NotAfterParent { found: parent, parent }
    );
    let latest = NOW.plus(TIME_AHEAD_MAX);
    let ahead = TIME_AHEAD_MAX + Duration::from_millis(1);
    let early = latest.plus(Duration::from_millis(1));
    assert_eq!(refused_header(|header| header.time = early), HeaderError::TooEarly { ahead });

    let mut header = unworked(&Header::genesis(&election()), &[]);
    header.time = latest;
    assert!(chain().insert_header(worked(header, 0), NOW).is_ok());
}

#[test]
fn a_body_that_is_not_its_headers_blames_the_sender_only() {
    let mut chain = chain();
    let block = mine(&Header::genesis(&election()), &[registration(0)], 0);
    let hash = chain.insert_header(block.header, NOW).expect("the header keeps the rules");
    let swapped = chain.insert_body(&hash, vec![registration(1)]);
    assert!(matches!(swapped, Err(BodyError::MerkleRoot { .. })), "{swapped:?}");
    assert_eq!(add(&mut chain, &block), Ok(hash));
    chain.advance();
    assert_eq!(chain.tip().hash, hash);
    assert_eq!(chain.insert_body(&hash, vec![]).err(), Some(BodyError::AlreadyKnown { hash }));
}

#[test]
fn what_follows_an_invalid_block_is_invalid() {
    let mut chain = chain();
    let block = mine(&Header::genesis(&election()), &[vote(0, vec![vec![2]])], 0);
    let child = mine(&block.header, &[], 0);
    chain.insert_header(block.header, NOW).expect("the header keeps the rules");
    let child_hash = chain.insert_header(child.header, NOW).expect("so does its child's");
    assert_eq!(chain.best_header().hash, child_hash);
    assert!(add(&mut chain, &block).is_err());
    assert!(chain.is_invalid(&child_hash));
    assert_eq!(chain.best_header().hash, Header::genesis(&election()).hash());
    let previous = child_hash;
    let grandchild = mine(&child.header, &[], 0);
    let refused = chain.insert_header(grandchild.header, NOW);
    assert_eq!(refused, Err(HeaderError::InvalidParent { previous }));
}

#[test]
fn a_body_keeps_within_the_ballots_limit() {
    let transactions: Vec<_> = (0..20).map(registration).collect();
    let block = mine(&Header::genesis(&election()), &transactions, 0);
    let refused = add(&mut chain(), &block);
    let Err(BodyError::Invalid(BlockError::TooLarge { found, limit: 2_048 })) = refused else {
        panic!("{refused:?}")
    };
    assert!(found > 2_048);
}

fn refused_in_block(transaction: Arc<HashedTransaction>) -> TransactionError {
    let mut chain = chain();
    let block = mine(&Header::genesis(&election()), &[registration(0), transaction], 0);
    let error = match add(&mut chain, &block) {
        Err(BodyError::Invalid(error)) => error,
        Ok(_) => chain.advance().invalid.remove(0).error,
        Err(error) => panic!("{error}"),
    };
    let BlockError::Transaction { index: 1, error } = error else { panic!("{error}") };
    assert_eq!(chain.tip().hash, Header::genesis(&election()).hash());
    error
}

#[test]
fn transactions_keep_the_rules_that_need_no_history() {
    assert_eq!(
        refused_in_block(vote(0, vec![vec![2]])),
        ChoiceError::NoSuchOption { question: 1, option: 3, options: 2 }.into()
    );
    let difficulty = election().admission.stamp_difficulty().expect("it is open");
    let worthless = |stamp: &u64| {
        let hash = proof_of_work::stamp_hash(&id(), &key(1).public().0, *stamp);
        !proof_of_work::is_met(&hash, difficulty)
    };
    let stamp = (0..).find(worthless).expect("three stamps in four are worthless");
    let lazy = Transaction::open_registration(&id(), &key(1), stamp);
    assert_eq!(refused_in_block(hashed(lazy)), TransactionError::Stamp { stamp });
    let nobody = RegistrarSignatures::new(&id(), Vec::new());
    let signed = Transaction::admission(key(1).public(), nobody.clone());
    assert_eq!(
        refused_in_block(hashed(signed)),
        TransactionError::SignedAdmissionWithoutRegistrars
    );
    let withdrawal =
        Transaction::Withdrawal { voter: VoterId([0; 32]), signatures: nobody.clone() };
    assert_eq!(refused_in_block(hashed(withdrawal)), TransactionError::WithdrawalWithoutRegistrars);
    let signatures = RegistrarSignatures { signatures: vec![Signature([0; 65]); 17], ..nobody };
    let large = Transaction::admission(PublicKey([0; 33]), signatures);
    assert!(matches!(refused_in_block(hashed(large)), TransactionError::TooLarge { .. }));
}

/// A vote takes an odd number of bytes, so none has exactly as many as a transaction may have.
#[test]
fn the_longest_transaction_has_1100_bytes_at_the_most() {
    let shortest = vote(0, vec![vec![]]).bytes();
    let checked = |bytes: usize| {
        let vote = vote(0, vec![vec![0; (bytes - shortest) / 2]]);
        assert_eq!(vote.bytes(), bytes);
        check::transaction(&vote, &election(), &id())
    };
    let found = TRANSACTION_BYTES_MAX - 1;
    assert!(matches!(checked(found), Err(TransactionError::Choice(ChoiceError::Count { .. }))));
    let found = TRANSACTION_BYTES_MAX + 1;
    assert_eq!(checked(found), Err(TransactionError::TooLarge { found }));
}

#[test]
fn one_registration_and_one_vote_per_voter() {
    let voter = key(0).public().voter();
    assert_eq!(refused_in_block(registration(0)), TransactionError::AlreadyRegistered { voter });
    let stranger = key(1).public().voter();
    assert_eq!(
        refused_in_block(vote(1, vec![vec![0]])),
        TransactionError::NotRegistered { voter: stranger }
    );

    let mut chain = chain();
    let first = mine(&Header::genesis(&election()), &[registration(0), vote(0, vec![vec![0]])], 0);
    let second = mine(&first.header, &[vote(0, vec![vec![1]])], 0);
    add(&mut chain, &first).expect("the first vote counts");
    add(&mut chain, &second).expect("only the branch tells that it is the second");
    let invalid = chain.advance().invalid.remove(0);
    let error = TransactionError::AlreadyVoted { voter };
    assert_eq!(invalid.error, BlockError::Transaction { index: 0, error });
    assert_eq!(chain.tip().hash, first.header.hash());
    assert_eq!(chain.tally().options, [[1, 0]]);
}

#[test]
fn votes_are_handed_in_about_when_they_were_cast() {
    let vote = vote(0, vec![vec![0]]);
    let late = NOW.plus(CAST_AT_DISTANCE_MAX + Duration::from_millis(1));
    assert!(check_cast_at(vote.transaction(), NOW.plus(CAST_AT_DISTANCE_MAX)).is_ok());
    assert!(matches!(
        check_cast_at(vote.transaction(), late),
        Err(TransactionError::CastAt { .. })
    ));
}
