//! What was acknowledged before a restart: it waits on, or it is told of.

use super::*;

/// A ledger with room for a few transactions and held votes.
fn small_ledger(pool_bytes_max: usize, held_max: usize) -> (Ledger, Chain) {
    let chain = Chain::new(Arc::new(election()), Rules::ALL, usize::MAX);
    let limits = Limits { pool_bytes_max, held_max, ..Limits::default() };
    (Ledger::new(Rules::ALL, limits, [7; 32]), chain)
}

/// Another vote of a voter.
fn second_vote(chain: &Chain, voter: u8) -> Arc<HashedTransaction> {
    let vote = Vote {
        voter: key(voter).public().voter(),
        choices: vec![vec![1]],
        nonce: [9; 8],
        cast_at: NOW.plus(Duration::from_secs(1_000_000)),
    };
    hashed(Transaction::vote(chain.election_id(), &key(voter), vote))
}

/// What can't be counted any more, and what stands in its place.
fn told(outputs: &[Output]) -> Vec<(TransactionId, Option<TransactionId>)> {
    let superseded = outputs.iter().filter_map(|output| match output {
        Output::Superseded(each) => Some((each.transaction.id(), each.by)),
        _ => None,
    });
    superseded.collect()
}

/// All that has a row waits in memory, and the other way round for what is in the pool.
fn assert_rows_agree(ledger: &Ledger) {
    let written = ledger.pool_records().len();
    assert!((ledger.pool().len()..=ledger.pool().len() + ledger.pool().held()).contains(&written));
    for (_, transaction) in ledger.pool().from_arrival(0) {
        assert!(ledger.row(&transaction.id()).is_some(), "{:?}", transaction.id());
    }
}

/// What was acknowledged comes back, however full the pool is by then.
#[test]
fn a_restart_with_a_full_pool_loses_nothing() {
    let papers: Vec<_> =
        (1..=20).flat_map(|voter| [vote(voter, choices()), registration(voter)]).collect();
    let bytes: usize = papers.iter().map(|each| each.bytes()).sum();
    for bytes_max in [bytes, bytes / 2, 1] {
        let (mut ledger, chain) = small_ledger(bytes_max, 2);
        // Each vote comes before its registration, and rows come in any order.
        let mut pooled: Vec<_> = (1..).zip(&papers).map(|(at, each)| row(at, each)).collect();
        pooled.reverse();
        ledger.restore(pooled, &chain, time(0));
        assert_eq!((ledger.pool().len(), ledger.pool().held()), (40, 0), "of {bytes_max} bytes");
        assert_eq!(ledger.pool_records().len(), 40);
        let done = outputs(&mut ledger, &chain, time(0));
        assert!(rows_removed(&done).is_empty() && rows_written(&done).is_empty());
        let first = ledger.pool().from_arrival(0).next().map(|(_, each)| each.id());
        assert_eq!(first, Some(registration(1).id()), "the order is that of the rows");
        let full = ledger.add_submitted(registration(99), Submitter::OwnUser, &chain, time(0));
        assert!(matches!(full, Err(PoolError::Full { .. })), "{full:?}");
        assert_rows_agree(&ledger);
    }
}

/// Votes that lost their registration with a branch are more than strangers could make wait.
#[test]
fn held_votes_that_were_acknowledged_survive_a_restart_and_strangers() {
    let (mut ledger, mut chain) = small_ledger(1, 2);
    let pooled = (1..=5).map(|voter| row(voter.into(), &vote(voter, choices()))).collect();
    ledger.restore(pooled, &chain, time(0));
    for voter in 50..60 {
        let vote = vec![vote(voter, choices()).transaction().clone()];
        ledger.handle_transactions(neighbour(1), vote, &chain, time(0));
    }
    // A second vote of a voter does not take the place of the one that was acknowledged.
    let again = vec![vote(1, vec![vec![1]]).transaction().clone()];
    ledger.handle_transactions(neighbour(1), again, &chain, time(0));
    let done = outputs(&mut ledger, &chain, time(0));
    assert!(rows_removed(&done).is_empty() && rows_written(&done).is_empty());
    assert_eq!((ledger.pool().len(), ledger.pool().held()), (0, 7), "two of strangers");
    let again = ledger.pool_records();
    assert_eq!(again.len(), 5, "a mended disk gets them again: {again:?}");

    // Their registrations come with a block, and the pool has no room for what nobody was promised.
    let genesis = *chain.tip_header();
    let registrations: Vec<_> = [1, 2, 3, 50, 59].map(registration).to_vec();
    let (_, change) = mine(&mut chain, &genesis, &registrations, 0);
    ledger.follow(&change.expect("a better chain"), &chain, time(10));
    for voter in 1..=3 {
        let held = ledger.pool().vote(&key(voter).public().voter()).map(|each| each.id());
        assert_eq!(held, Some(vote(voter, choices()).id()), "the vote of voter {voter}");
    }
    assert!(ledger.pool().vote(&key(59).public().voter()).is_none());
    assert_eq!(ledger.pool().held(), 3, "two that were acknowledged, and one of strangers");
    assert!(rows_removed(&outputs(&mut ledger, &chain, time(10))).is_empty());
    assert_rows_agree(&ledger);
}

/// A mended store may bring rows of what the chain holds, what can't be counted any more, and what it has twice.
#[test]
fn rows_of_what_does_not_wait_any_more_end_at_the_restart() {
    let (mut ledger, mut chain) = small_ledger(usize::MAX, 2);
    let genesis = *chain.tip_header();
    let mined = [registration(1), vote(1, choices()), registration(2)];
    mine(&mut chain, &genesis, &mined, 0);
    let second = |voter| second_vote(&chain, voter);
    let pooled = vec![
        row(1, &vote(1, choices())),
        row(2, &second(1)),
        row(3, &registration(2)),
        row(4, &second(2)),
        row(5, &second(2)),
        row(6, &vote(2, choices())),
        row(7, &vote(3, choices())),
        row(8, &second(3)),
    ];
    ledger.restore(pooled, &chain, time(0));
    let done = outputs(&mut ledger, &chain, time(0));
    assert_eq!(rows_removed(&done), [1, 2, 3, 5, 6, 8]);
    let expected = [
        (second(1).id(), Some(vote(1, choices()).id())),
        (vote(2, choices()).id(), Some(second(2).id())),
        (second(3).id(), Some(vote(3, choices()).id())),
    ];
    assert_eq!(told(&done), expected);
    assert_eq!((ledger.pool().len(), ledger.pool().held()), (1, 1), "also a vote of another clock");
    assert_eq!(ledger.pool_records().len(), 2);
    ledger.add_submitted(registration(9), Submitter::OwnUser, &chain, time(0)).expect("valid");
    assert_eq!(
        rows_written(&outputs(&mut ledger, &chain, time(0))),
        [9],
        "no number is used again"
    );
}

/// What stands in its place may be in a block that is on the disk alone, so that nobody knows its id just now.
#[test]
fn what_the_disk_holds_a_rival_of_is_told_of_without_the_id_of_the_rival() {
    let mut chain = Chain::new(Arc::new(election()), Rules::ALL, 0);
    let mut ledger = Ledger::new(Rules::ALL, Limits::default(), [7; 32]);
    let genesis = *chain.tip_header();
    let mined = [registration(1), vote(1, choices())];
    let (first, _) = mine(&mut chain, &genesis, &mined, 0);
    let (second, _) = mine(&mut chain, &first, &[], 0);
    [first, second].iter().for_each(|header| chain.mark_stored(&header.hash()));
    assert!(chain.is_stored(&first.hash()));
    let rival = second_vote(&chain, 1);
    ledger.restore(vec![row(1, &rival), row(2, &vote(1, choices()))], &chain, time(0));
    let done = outputs(&mut ledger, &chain, time(0));
    assert_eq!(rows_removed(&done), [1, 2]);
    assert_eq!(told(&done), [(rival.id(), None)], "and nothing of what the chain holds");
}

/// A vote that was acknowledged and waits for its registration is told of once other voters took all the room, whether
/// that happens while it waits or before the restart.
#[test]
fn a_held_vote_is_told_of_when_the_election_is_full() {
    let admission =
        protocol::admission::AdmissionRule::Open { registration_bits: 0, max_voters: Some(2) };
    let election = Arc::new(protocol::election::Election { admission, ..election() });
    let id = election.election_id();
    let register = |voter: u8| {
        let transaction = Transaction::open_registration(&id, &key(voter), 0);
        Arc::new(HashedTransaction::new(transaction, &id))
    };
    let vote_of = |voter: u8| {
        let voter_id = key(voter).public().voter();
        let vote = Vote { voter: voter_id, choices: choices(), nonce: [0; 8], cast_at: NOW };
        Arc::new(HashedTransaction::new(Transaction::vote(&id, &key(voter), vote), &id))
    };
    let mut chain = Chain::new(election, Rules::ALL, usize::MAX);
    let mut ledger = Ledger::new(Rules::ALL, Limits::default(), [7; 32]);
    ledger.restore(vec![row(1, &vote_of(3))], &chain, time(0));
    let genesis = *chain.tip_header();
    let (_, change) = mine(&mut chain, &genesis, &[register(1), register(2)], 0);
    let followed = ledger.follow(&change.expect("a better chain"), &chain, time(0));
    let lost: Vec<_> = followed.superseded.iter().map(|each| each.transaction.id()).collect();
    assert_eq!(lost, [vote_of(3).id()]);
    assert_eq!(rows_removed(&outputs(&mut ledger, &chain, time(0))), [1]);
    assert_eq!(ledger.pool().held(), 0);

    let mut ledger = Ledger::new(Rules::ALL, Limits::default(), [7; 32]);
    ledger.restore(vec![row(1, &vote_of(3))], &chain, time(0));
    let done = outputs(&mut ledger, &chain, time(0));
    assert_eq!((told(&done), rows_removed(&done)), (vec![(vote_of(3).id(), None)], vec![1]));
    assert_eq!(ledger.pool().held(), 0);
}
