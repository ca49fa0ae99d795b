//! Elections that limit who may vote: registrars who admit and withdraw, and room for so many voters.

use protocol::admission::AdmissionRule;
use protocol::election::Election;

use super::*;
use chain::fixtures::{admission, admitted_vote, election_by_registrars, withdrawal};

fn by_registrars() -> Chain {
    Chain::new(Arc::new(election_by_registrars()), Rules::ALL, usize::MAX)
}

fn vote_for(voter: u8, option: u16) -> Arc<HashedTransaction> {
    admitted_vote(voter, vec![vec![option]])
}

fn ids(transactions: &[Arc<HashedTransaction>]) -> Vec<TransactionId> {
    transactions.iter().map(|each| each.id()).collect()
}

fn superseded(change: &PoolChange) -> Vec<(TransactionId, Option<TransactionId>)> {
    change.superseded.iter().map(|each| (each.transaction.id(), each.by)).collect()
}

#[test]
fn who_comes_first_keeps_vote_or_withdrawal_out() {
    let (chain, mut pool) = (by_registrars(), pool());
    for voter in [0, 1] {
        pool.insert(admission(voter), &chain).expect("an admission");
    }
    let voter = key(0).public().voter();
    pool.insert(vote_for(0, 0), &chain).expect("a vote");
    let late = TransactionError::WithdrawalAfterVote { voter };
    assert_eq!(pool.insert(withdrawal(0), &chain).err(), Some(late.into()));

    let voter = key(1).public().voter();
    pool.insert(withdrawal(1), &chain).expect("a withdrawal");
    let withdrawn = TransactionError::Withdrawn { voter };
    assert_eq!(pool.insert(vote_for(1, 0), &chain).err(), Some(withdrawn.into()));
    let expected = [admission(0), vote_for(0, 0), admission(1), withdrawal(1)];
    let template = pool.template(&chain);
    assert_eq!(ids(&template).len(), 4);
    assert!(expected.iter().all(|each| ids(&template).contains(&each.id())));
}

#[test]
fn a_template_with_admissions_and_withdrawals_is_a_valid_body() {
    let (mut chain, mut pool) = (by_registrars(), pool());
    let genesis = *chain.tip_header();
    for voter in 0..4 {
        pool.insert(admission(voter), &chain).expect("an admission");
    }
    // One who is registered here, and one who never was.
    for voter in [1, 9] {
        pool.insert(withdrawal(voter), &chain).expect("a withdrawal");
    }
    pool.insert(vote_for(2, 1), &chain).expect("a vote");
    let template = pool.template(&chain);
    mine(&mut chain, &mut pool, &genesis, &template);
    assert!(pool.is_empty());
    assert_eq!((chain.registered_voters(), chain.admissions().withdrawn), (3, 2));
    let voter = key(9).public().voter();
    let withdrawn = TransactionError::Withdrawn { voter };
    assert_eq!(pool.insert(admission(9), &chain).err(), Some(withdrawn.into()));
}

#[test]
fn a_withdrawal_on_the_chain_ends_what_waits_of_its_voter() {
    let (mut chain, mut pool) = (by_registrars(), pool());
    let genesis = *chain.tip_header();
    let (first, _) = mine(&mut chain, &mut pool, &genesis, &[admission(0)]);
    pool.insert(vote_for(0, 0), &chain).expect("a vote");
    let (_, change) = mine(&mut chain, &mut pool, &first, &[withdrawal(0)]);
    assert!(pool.is_empty());
    assert_eq!(superseded(&change), [(vote_for(0, 0).id(), Some(withdrawal(0).id()))]);
}

#[test]
fn a_vote_that_lost_its_branch_to_a_withdrawal_is_told() {
    let (mut chain, mut pool) = (by_registrars(), pool());
    let genesis = *chain.tip_header();
    mine(&mut chain, &mut pool, &genesis, &[admission(0), vote_for(0, 0)]);
    assert_eq!(chain.tally().votes, 1);
    // Which of two equal branches is the best is for their hashes to say.
    let (other, tied) = mine(&mut chain, &mut pool, &genesis, &[admission(0), withdrawal(0)]);
    let (_, longer) = mine(&mut chain, &mut pool, &other, &[]);
    assert_eq!(chain.tally().votes, 0);
    assert_eq!(chain.withdrawal(&key(0).public().voter()).map(|place| place.index), Some(1));
    let lost = [superseded(&tied), superseded(&longer)].concat();
    assert!(lost.contains(&(vote_for(0, 0).id(), Some(withdrawal(0).id()))), "{lost:?}");
    assert!(pool.is_empty());
}

#[test]
fn an_election_takes_no_more_voters_than_it_has_room_for() {
    let admission = AdmissionRule::Open { registration_bits: 0, max_voters: Some(2) };
    let election = Arc::new(Election { admission, ..election() });
    let id = election.election_id();
    let register = |voter: u8| {
        let transaction =
            protocol::transaction::Transaction::open_registration(&id, &key(voter), 0);
        Arc::new(HashedTransaction::new(transaction, &id))
    };
    let (mut chain, mut pool) = (Chain::new(election, Rules::ALL, usize::MAX), pool());
    let genesis = *chain.tip_header();
    pool.insert(register(0), &chain).expect("the first");
    pool.insert(register(1), &chain).expect("the second");
    let full = TransactionError::VotersFull { max: 2 };
    assert_eq!(pool.insert(register(2), &chain).err(), Some(full.clone().into()));
    // Another peer took others: those that wait here have no room any more.
    let (first, change) = mine(&mut chain, &mut pool, &genesis, &[register(3), register(4)]);
    let mut told = superseded(&change);
    told.sort();
    let mut expected = vec![(register(0).id(), None), (register(1).id(), None)];
    expected.sort();
    assert_eq!(told, expected);
    assert!(pool.is_empty());
    assert_eq!(pool.insert(register(0), &chain).err(), Some(full.into()));
    assert_eq!(chain.tip_header(), &first);
}
