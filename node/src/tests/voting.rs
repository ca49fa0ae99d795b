//! Votes, blocks and counters, from one node to the others.

use protocol::keys::VoterKey;
use protocol::proof_of_work;

use super::*;
use crate::{Answer, Counters, POOL_LIMIT_MAX, PoolPage, Standing};
use chain::TransactionError;

fn tips_are_equal(network: &Network) -> bool {
    let mut tips = network.nodes.values().map(|node| node.tip());
    let first = tips.next();
    tips.all(|tip| Some(tip) == first)
}

#[test]
fn votes_cast_at_the_same_moment_are_all_counted_everywhere() {
    let mut network = Network::with_nodes(5);
    for number in 1..=5 {
        let registration = network.registration(number as u8);
        network.submit(number, registration).expect("a registration");
        let vote = network.vote(number as u8, 1);
        network.submit(number, vote).expect("a vote");
    }
    network.run(Duration::from_secs(10));
    assert!(tips_are_equal(&network));
    for node in network.nodes.values() {
        assert_eq!(node.chain().tally().options, [[0, 5]]);
        assert!(node.pool().is_empty());
    }
}

#[test]
fn a_second_vote_and_one_without_registration_are_refused() {
    let mut network = Network::with_nodes(2);
    let voter = key(1).public().voter();
    let early = network.submit(1, network.vote(1, 0));
    assert_eq!(early, Err(TransactionError::NotRegistered { voter }.into()));
    network.submit(1, network.registration(1)).expect("a registration");
    network.submit(1, network.vote(1, 0)).expect("a vote");
    let refused = Err(TransactionError::AlreadyVoted { voter }.into());
    assert_eq!(network.submit(1, network.vote(1, 1)), refused);
    network.run(Duration::from_secs(5));
    assert_eq!(network.submit(2, network.vote(1, 1)), refused);
    let Ok(Answer::Voter(view)) = network.command(2, Command::Voter(voter)) else { panic!() };
    let vote = view.vote.expect("the vote is known");
    assert!(matches!(vote.standing, Standing::Block { .. }), "{vote:?}");
}

#[test]
fn a_newcomer_fetches_the_whole_chain() {
    let mut network = Network::with_nodes(2);
    for _ in 0..300 {
        network.command(1, Command::Mine).expect("an order");
        network.run(Duration::from_millis(200));
    }
    assert!(network.node(1).tip().height.0 >= 300);
    network.add(3, Restored::default());
    network.run(Duration::from_secs(5));
    assert!(tips_are_equal(&network));
    let of_newcomer: Vec<_> = network.events.iter().filter(|(at, _)| *at == address(3)).collect();
    assert!(of_newcomer.iter().any(|(_, event)| matches!(event, Event::Synced { .. })));
}

#[test]
fn an_ordered_block_may_be_empty_and_nothing_is_mined_without_need() {
    let mut network = Network::with_nodes(2);
    network.run(Duration::from_secs(30));
    assert_eq!(network.node(2).tip().height.0, 0);
    network.command(1, Command::Mine).expect("an order");
    network.run(Duration::from_secs(30));
    assert_eq!(network.node(2).tip().height.0, 1);
}

#[test]
fn the_pool_is_given_in_pages_in_the_order_of_arrival() {
    let mut network = Network::with_nodes(1);
    let page = |network: &mut Network, after, limit| -> PoolPage {
        match network.command(1, Command::Pool { after, limit }) {
            Ok(Answer::Pool(page)) => page,
            other => panic!("{other:?}"),
        }
    };
    let empty = PoolPage { transactions: vec![], total: 0, next: None };
    assert_eq!(page(&mut network, None, 10), empty);
    let ids: Vec<_> = (1..=5).map(|voter| network.submit(1, network.registration(voter))).collect();

    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = page(&mut network, after, 2);
        assert_eq!(page.total, 5);
        found.extend(page.transactions.iter().map(|each| Ok(each.view.id)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ids);
    assert_eq!(page(&mut network, None, 0).transactions.len(), 1);
    assert_eq!(page(&mut network, None, u32::MAX).next, None);
    assert_eq!(page(&mut network, Some(u64::MAX), 1), PoolPage { total: 5, ..empty });
}

#[test]
fn a_page_of_the_pool_has_1000_transactions_at_most() {
    let mut network = Network::new();
    let election = network.election.election_id();
    let difficulty = network.election.admission.stamp_difficulty().expect("it is open");
    let registration = |number: u64| {
        let mut secret = [1; 32];
        secret[..8].copy_from_slice(&number.to_be_bytes());
        let key = VoterKey::from_secret_bytes(&secret).expect("a secret key");
        let stamp = proof_of_work::find_stamp(&election, &key.public().0, difficulty, 0);
        let transaction = Transaction::open_registration(&election, &key, stamp);
        (number, HashedTransaction::new(transaction, &election))
    };
    let pool = (0..=u64::from(POOL_LIMIT_MAX)).map(registration).collect();
    network.add(1, Restored { pool, ..Restored::default() });
    let mut page = |after, limit| match network.command(1, Command::Pool { after, limit }) {
        Ok(Answer::Pool(page)) => (page.transactions.len(), page.next),
        other => panic!("{other:?}"),
    };
    let (found, next) = page(None, POOL_LIMIT_MAX);
    assert_eq!(found, 1_000);
    assert!(next.is_some(), "there is one more");
    assert_eq!(page(None, POOL_LIMIT_MAX + 1), (found, next));
    assert_eq!(page(next, POOL_LIMIT_MAX), (1, None));
}

fn counters(network: &mut Network, number: u16) -> Counters {
    match network.command(number, Command::Counters) {
        Ok(Answer::Counters(counters)) => *counters,
        other => panic!("{other:?}"),
    }
}

#[test]
fn datagrams_blocks_and_submissions_are_counted() {
    let mut network = Network::with_nodes(2);
    let count = |counts: &[(&str, u64)], kind: &str| -> u64 {
        counts
            .iter()
            .find(|(name, _)| *name == kind)
            .map(|(_, count)| *count)
            .expect("it is listed")
    };
    let fresh = counters(&mut network, 1);
    assert_eq!(fresh.received.len(), protocol::datagram::Datagram::KINDS.len());
    assert_eq!(fresh.sent.len(), fresh.received.len());
    assert_eq!(count(&fresh.received, "new_transactions"), 0);
    assert_eq!((fresh.blocks_mined, fresh.blocks_taken, fresh.reorganisations), (0, 0, 0));

    network.submit(1, network.registration(1)).expect("a registration");
    network.submit(1, network.vote(1, 0)).expect("a vote");
    network.submit(1, network.vote(1, 1)).expect_err("a second vote");
    network.submit(1, network.vote(2, 1)).expect_err("a vote without a registration");
    network.run(Duration::from_secs(5));
    let (first, second) = (counters(&mut network, 1), counters(&mut network, 2));
    assert_eq!((first.submissions_accepted, first.submissions_refused), (2, 2));
    assert_eq!((second.submissions_accepted, second.submissions_refused), (0, 0));
    let blocks = network.node(1).tip().height.0;
    assert_eq!((first.blocks_mined + first.blocks_taken), blocks);
    assert!(count(&second.received, "new_transactions") > 0);
    assert!(count(&first.sent, "poke") > count(&fresh.sent, "poke"));
    // Nothing is lost on the way here, but what is under way.
    assert!(first.sent_bytes.abs_diff(second.received_bytes) < 1_000, "{first:?} {second:?}");

    let now = network.time();
    let node = network.nodes.get_mut(&address(2)).expect("a node");
    node.handle_datagram(address(1), &[0; 50], now);
    let damaged = counters(&mut network, 2);
    assert_eq!(count(&damaged.dropped, "malformed"), 1);
    assert_eq!(damaged.received_bytes, second.received_bytes + 50);
    assert_eq!(damaged.received, second.received);
}
