//! What the pool takes in, gives out for a block, and does when the chain changes branch.

mod hours;
mod registrars;
mod sequences;

use protocol::block::{BODY_OVERHEAD_BYTES, Header};
use protocol::transaction::{Transaction, Vote};

use super::*;
use crate::limits::Limits;
use chain::fixtures::{NOW, election, hashed, key, registration};

/// A vote for one option.
fn vote(voter: u8, option: u16) -> Arc<HashedTransaction> {
    chain::fixtures::vote(voter, vec![vec![option]])
}

fn chain() -> Chain {
    Chain::new(Arc::new(election()), Rules::ALL, usize::MAX)
}

fn pool() -> Pool {
    let limits = Limits::default();
    Pool::new(limits.pool_bytes_max, limits.held_max)
}

/// Mines a block on `parent` and moves chain and pool to the best branch.
fn mine(
    chain: &mut Chain,
    pool: &mut Pool,
    parent: &Header,
    transactions: &[Arc<HashedTransaction>],
) -> (Header, PoolChange) {
    let header = Header {
        previous: parent.hash(),
        merkle_root: protocol::block::merkle_root(transactions),
        height: parent.height.next(),
        time: parent.time.plus(std::time::Duration::from_millis(1)),
        difficulty: parent.difficulty,
        nonce: 0,
    };
    let headers = (pool.arrivals << 32..).map(|nonce| Header { nonce, ..header });
    let header = headers.into_iter().find(Header::has_work).expect("the difficulty is low");
    let hash = chain.insert_header(header, NOW).expect("the header keeps the rules");
    chain.insert_body(&hash, transactions.to_vec()).expect("a matching body");
    chain.accept_signatures(&hash);
    let change = chain.advance().change;
    let change = change.map(|moved| pool.follow(chain, &moved, Rules::ALL));
    (header, change.unwrap_or_default())
}

#[test]
fn one_registration_and_one_vote_per_voter() {
    let (chain, mut pool) = (chain(), pool());
    let voter = key(0).public().voter();
    assert_eq!(
        pool.insert(vote(0, 0), &chain).err(),
        Some(TransactionError::NotRegistered { voter }.into())
    );
    assert!(pool.insert(registration(0), &chain).is_ok());
    let id = registration(0).id();
    assert_eq!(pool.insert(registration(0), &chain).err(), Some(PoolError::Known { id }));
    assert!(pool.insert(vote(0, 0), &chain).is_ok());
    assert_eq!(
        pool.insert(vote(0, 1), &chain).err(),
        Some(TransactionError::AlreadyVoted { voter }.into())
    );
    assert_eq!(pool.len(), 2);
}

#[test]
fn a_vote_waits_for_its_registration() {
    let (mut chain, mut pool) = (chain(), pool());
    pool.hold(vote(0, 0));
    pool.hold(vote(1, 0));
    assert!(pool.contains(&vote(0, 0)));
    let released = pool.insert(registration(0), &chain).expect("a registration");
    assert_eq!(released, [vote(0, 0)]);
    let genesis = *chain.tip_header();
    let (_, change) = mine(&mut chain, &mut pool, &genesis, &[registration(1)]);
    assert_eq!(change.released, [vote(1, 0)]);
    assert_eq!(pool.held(), 0);
}

#[test]
fn the_oldest_held_vote_goes_first() {
    let held_max = Limits::default().held_max;
    let mut held = Held::new(held_max);
    for number in 0..=held_max {
        let mut voter = [0; 32];
        voter[..8].copy_from_slice(&number.to_be_bytes());
        let vote =
            Vote { voter: VoterId(voter), choices: vec![vec![]], nonce: [0; 8], cast_at: NOW };
        let signature = protocol::keys::Signature([0; 65]);
        held.insert(hashed(Transaction::Vote { vote, signature }));
    }
    assert_eq!(held.len(), held_max);
    assert!(held.release(&VoterId([0; 32])).is_none());
}

#[test]
fn what_a_lost_branch_held_comes_back() {
    let (mut chain, mut pool) = (chain(), pool());
    let genesis = *chain.tip_header();
    pool.insert(registration(0), &chain).expect("a registration");
    pool.insert(vote(0, 0), &chain).expect("a vote");
    let template = pool.template(&chain);
    mine(&mut chain, &mut pool, &genesis, &template);
    assert!(pool.is_empty());

    // Voter 1's branch is longer, and knows nothing of voter 0.
    let branch = [registration(1), vote(1, 1)];
    let (first, _) = mine(&mut chain, &mut pool, &genesis, &branch);
    let (_, second) = mine(&mut chain, &mut pool, &first, &[]);
    assert_eq!(chain.tip_header().height.0, 2);
    assert_eq!(chain.tally().options, [[0, 1]]);
    let returned: Vec<_> = pool.from_arrival(0).map(|(_, each)| each.id()).collect();
    assert_eq!(returned, [registration(0).id(), vote(0, 0).id()]);
    assert!(second.superseded.is_empty());
}

#[test]
fn a_vote_that_another_one_displaced_is_told() {
    let (mut chain, mut pool) = (chain(), pool());
    let genesis = *chain.tip_header();
    pool.insert(registration(0), &chain).expect("a registration");
    pool.insert(vote(0, 0), &chain).expect("a vote");
    let block = [registration(0), vote(0, 1)];
    let (_, change) = mine(&mut chain, &mut pool, &genesis, &block);
    assert!(pool.is_empty());
    let displaced: Vec<_> =
        change.superseded.iter().map(|each| (each.transaction.id(), each.by)).collect();
    assert_eq!(displaced, [(vote(0, 0).id(), Some(vote(0, 1).id()))]);
}

#[test]
fn a_template_is_a_valid_body_within_the_limit() {
    let (mut chain, mut pool) = (chain(), pool());
    let genesis = *chain.tip_header();
    for voter in 0..20 {
        pool.insert(registration(voter), &chain).expect("a registration");
    }
    for voter in 0..20 {
        pool.insert(vote(voter, 0), &chain).expect("a vote");
    }
    let mut parent = genesis;
    while !pool.is_empty() {
        let template = pool.template(&chain);
        let bytes: usize = template.iter().map(|each| each.bytes()).sum();
        assert!(bytes + BODY_OVERHEAD_BYTES <= 2 * 1024);
        (parent, _) = mine(&mut chain, &mut pool, &parent, &template);
        assert_eq!(chain.tip_header(), &parent);
    }
    assert_eq!(chain.tally().options, [[20, 0]]);
}

/// A registration may come back after the vote that needs it: the template puts it first all the same.
#[test]
fn a_registration_is_mined_before_its_vote() {
    let (mut chain, mut pool) = (chain(), pool());
    let genesis = *chain.tip_header();
    let (registered, _) = mine(&mut chain, &mut pool, &genesis, &[registration(0)]);
    pool.insert(vote(0, 0), &chain).expect("a vote");
    let (first, _) = mine(&mut chain, &mut pool, &genesis, &[registration(1)]);
    mine(&mut chain, &mut pool, &first, &[]);
    assert_ne!(chain.best_hash(protocol::units::Height(1)), Some(registered.hash()));
    let template = pool.template(&chain);
    assert_eq!(template, [registration(0), vote(0, 0)]);
}
