//! Elections that open and close: what waits for its time, and what no block takes any more.

use std::time::Duration;

use super::*;
use chain::Phase;
use chain::fixtures::{Timed, election_by_registrars};
use protocol::block;

const OPENS_MS: u64 = 50_000;
const CLOSES_MS: u64 = 90_000;

/// Mines the pool's template so many milliseconds after the election's creation, on the tip.
fn mine_at(chain: &mut Chain, pool: &mut Pool, after_ms: u64) -> (usize, PoolChange) {
    let transactions = pool.template(chain);
    let time = chain.election().created.plus(Duration::from_millis(after_ms));
    let header = chain.next_header(&transactions, time);
    assert_eq!(header.merkle_root, block::merkle_root(&transactions));
    let headers = (0..).map(|nonce| Header { nonce, ..header });
    let header = headers.into_iter().find(Header::has_work).expect("the difficulty is low");
    let hash = chain.insert_header(header, NOW).expect("the header keeps the rules");
    chain.insert_body(&hash, transactions.clone()).expect("a matching body");
    chain.accept_signatures(&hash);
    let moved = chain.advance();
    assert!(moved.invalid.is_empty(), "{:?}", moved.invalid);
    let change = pool.follow(chain, &moved.change.expect("it moved"), Rules::ALL);
    pool.check_invariants(chain);
    (transactions.len(), change)
}

#[test]
fn votes_wait_for_the_opening_and_withdrawals_end_with_it() {
    let timed = Timed::new(election_by_registrars(), OPENS_MS, CLOSES_MS);
    let mut chain = Chain::new(Arc::clone(&timed.election), Rules::ALL, usize::MAX);
    let mut pool = pool();
    for voter in 0..3 {
        pool.insert(timed.registration(voter), &chain).expect("registrations stand before");
    }
    pool.insert(timed.vote(0, 1), &chain).expect("a vote is kept until its time comes");
    pool.insert(timed.withdrawal(1), &chain).expect("withdrawals stand before");
    let (mined, change) = mine_at(&mut chain, &mut pool, 10_000);
    assert_eq!((mined, pool.len(), change.superseded.len()), (4, 1, 0));
    assert!(pool.vote(&key(0).public().voter()).is_some());

    // A withdrawal that is late for the last block before the opening is told of, and its voter may vote.
    pool.insert(timed.withdrawal(2), &chain).expect("it is not open yet");
    let empty = Pool::new(1 << 20, 10);
    let (mined, change) = {
        let kept = std::mem::replace(&mut pool, empty);
        mine_at(&mut chain, &mut pool, OPENS_MS);
        mine_at(&mut chain, &mut pool, OPENS_MS + 10_000);
        pool = kept;
        assert_eq!(chain.phase(), Phase::Open);
        mine_at(&mut chain, &mut pool, OPENS_MS + 20_000)
    };
    let ended: Vec<_> = change.superseded.iter().map(|each| each.transaction.id()).collect();
    assert_eq!((mined, ended), (1, vec![timed.withdrawal(2).id()]));
    assert_eq!(chain.tally().votes, 1);
    pool.insert(timed.vote(2, 0), &chain).expect("the withdrawal is gone");
    let late = pool.insert(timed.withdrawal(0), &chain).err();
    let is_late =
        |error| matches!(error, PoolError::Context(TransactionError::WithdrawalAfterVote { .. }));
    assert!(late.is_some_and(is_late));
}

#[test]
fn nothing_is_chosen_after_the_closing_and_nothing_more_is_taken() {
    let timed = Timed::new(election(), OPENS_MS, CLOSES_MS);
    let mut chain = Chain::new(Arc::clone(&timed.election), Rules::ALL, usize::MAX);
    let mut pool = pool();
    pool.insert(timed.registration(0), &chain).expect("registrations stand before");
    pool.insert(timed.vote(0, 1), &chain).expect("a vote is kept until its time comes");
    assert_eq!(mine_at(&mut chain, &mut pool, 10_000).0, 1);
    let times = [CLOSES_MS, CLOSES_MS + 1, CLOSES_MS + 2].into_iter();
    let mined: Vec<_> = times.map(|time| mine_at(&mut chain, &mut pool, time).0).collect();
    // By the median the election never was open: it goes from before the opening to after the closing at once.
    assert_eq!(mined, [0, 0, 0]);
    assert_eq!((chain.phase(), pool.len()), (Phase::Closed, 1));
    assert!(pool.template(&chain).is_empty());
    let closes = timed.election.closes().expect("it closes");
    let median = chain.tip_median_time_past();
    let refused = pool.insert(timed.registration(1), &chain).err();
    assert_eq!(refused, Some(TransactionError::Closed { closes, median }.into()));
    assert_eq!(mine_at(&mut chain, &mut pool, CLOSES_MS + 3).0, 0, "blocks go on, and are empty");
    assert!(chain.closing_block().is_some());
}
