//! The bounds on transactions that wait, each at its limit and one past it.

use super::super::recipient::{KNOWN_MAX, Known, UNACKNOWLEDGED_MAX};
use super::*;
use crate::tests::bounded::{Bound, Bounded, GivesWay};

const FEW: usize = 5;

/// A ledger with room for a few of everything, and the transactions that are offered to it.
struct Waiting {
    ledger: Ledger,
    chain: Chain,
    transactions: Vec<Arc<HashedTransaction>>,
    offer: fn(&mut Self, Arc<HashedTransaction>),
    keeps: fn(&Self, &HashedTransaction) -> bool,
    end: fn(&mut Self, usize),
}

impl Bounded for Waiting {
    fn offer(&mut self, number: usize) {
        (self.offer)(self, Arc::clone(&self.transactions[number]));
    }

    fn keeps(&self, number: usize) -> bool {
        (self.keeps)(self, &self.transactions[number])
    }

    fn end(&mut self, number: usize) -> bool {
        (self.end)(self, number);
        true
    }
}

fn waiting(
    transaction: fn(u8) -> Arc<HashedTransaction>,
    offer: fn(&mut Waiting, Arc<HashedTransaction>),
    keeps: fn(&Waiting, &HashedTransaction) -> bool,
    end: fn(&mut Waiting, usize),
) -> Box<dyn Bounded> {
    let transactions: Vec<_> = (0..10).map(transaction).collect();
    let limits = Limits {
        pool_bytes_max: FEW * transactions[0].bytes(),
        held_max: FEW,
        pending_max: FEW,
        ..Limits::default()
    };
    assert!(transactions.iter().all(|each| each.bytes() == transactions[0].bytes()));
    let chain = Chain::new(Arc::new(election()), Rules::ALL, usize::MAX);
    let mut ledger = Ledger::new(Rules::ALL, limits, [7; 32]);
    ledger.add_recipient(neighbour(1), time(0));
    Box::new(Waiting { ledger, chain, transactions, offer, keeps, end })
}

/// The ids that one neighbour is known to have.
struct KnownIds(Known<TransactionId>);

fn id(number: usize) -> TransactionId {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&(number as u64).to_be_bytes());
    TransactionId(id)
}

impl Bounded for KnownIds {
    fn offer(&mut self, number: usize) {
        self.0.insert(id(number));
        // One that is known already takes no place.
        self.0.insert(id(number));
    }

    fn keeps(&self, number: usize) -> bool {
        self.0.contains(&id(number))
    }

    fn end(&mut self, _: usize) -> bool {
        false
    }
}

/// What one neighbour is to be told to be here.
struct Owed(Recipient);

impl Bounded for Owed {
    fn offer(&mut self, number: usize) {
        self.0.owe_acknowledgement(id(number));
    }

    fn keeps(&self, number: usize) -> bool {
        self.0.unacknowledged.contains(&id(number))
    }

    fn end(&mut self, number: usize) -> bool {
        self.0.unacknowledged.remove(&id(number))
    }
}

const BOUNDS: [Bound; 5] = [
    Bound {
        name: "POOL_BYTES_MAX",
        max: FEW,
        gives_way: GivesWay::Newcomer,
        fresh: || {
            waiting(
                registration,
                |waiting, transaction| {
                    let (id, full) = (transaction.id(), waiting.ledger.pool().len());
                    match waiting.ledger.add_submitted(
                        transaction,
                        Submitter::OwnUser,
                        &waiting.chain,
                        time(0),
                    ) {
                        Ok(()) => assert!(waiting.ledger.pool().get(&id).is_some()),
                        Err(error) => assert_eq!(error, PoolError::Full { transactions: full }),
                    }
                },
                |waiting, transaction| waiting.ledger.pool().get(&transaction.id()).is_some(),
                |waiting, number| {
                    let parent = *waiting.chain.tip_header();
                    let mined = [Arc::clone(&waiting.transactions[number])];
                    let (_, change) = mine(&mut waiting.chain, &parent, &mined, 0);
                    let change = change.expect("the chain grew");
                    waiting.ledger.follow(&change, &waiting.chain, time(0));
                },
            )
        },
    },
    Bound {
        name: "HELD_MAX",
        max: FEW,
        gives_way: GivesWay::Oldest,
        fresh: || {
            waiting(
                |voter| vote(voter, choices()),
                |waiting, vote| waiting.ledger.add_or_hold(vote, &waiting.chain, time(0)),
                |waiting, vote| waiting.ledger.pool().contains(vote),
                |waiting, number| {
                    let voter = u8::try_from(number).expect("few voters");
                    let registration = registration(voter);
                    // The pool has room for five votes, which are longer than a registration.
                    let added = waiting.ledger.add_submitted(
                        registration,
                        Submitter::OwnUser,
                        &waiting.chain,
                        time(0),
                    );
                    assert_eq!(added, Ok(()));
                },
            )
        },
    },
    Bound {
        name: "PENDING_MAX",
        max: FEW,
        gives_way: GivesWay::Newcomer,
        fresh: || {
            waiting(
                registration,
                |waiting, transaction| {
                    let transactions = vec![transaction.transaction().clone()];
                    let (from, chain) = (neighbour(1), &waiting.chain);
                    waiting.ledger.handle_transactions(from, transactions, chain, time(0));
                },
                |waiting, transaction| waiting.ledger.is_pending_or_refused(transaction),
                |waiting, number| {
                    let job = number as u64 + 1;
                    waiting.ledger.handle_verified(job, &[Ok(())], &waiting.chain, time(0));
                },
            )
        },
    },
    Bound {
        name: "KNOWN_MAX",
        max: KNOWN_MAX,
        gives_way: GivesWay::Oldest,
        fresh: || Box::new(KnownIds(Known::default())),
    },
    Bound {
        name: "UNACKNOWLEDGED_MAX",
        max: UNACKNOWLEDGED_MAX,
        gives_way: GivesWay::Newcomer,
        fresh: || Box::new(Owed(Recipient::default())),
    },
];

#[test]
fn what_waits_for_a_block_is_bounded() {
    BOUNDS.iter().for_each(Bound::check);
}
