//! The transactions of one record that the other was not found to have yet.

use std::collections::HashMap;

use protocol::block::Block;
use protocol::election::Election;
use protocol::transaction::{HashedTransaction, TransactionKind};
use protocol::units::TransactionId;

use crate::schema::{AloneCounts, PartedTransaction, Transaction};

/// The most transactions of a record that are kept and told with what they say; of others an id is kept. Whoever has
/// two records with more differences looks at the records.
pub(super) const ALONE_TOLD_MAX: usize = 10_000;

/// Of each transaction, its id and place. There are no more than an audit of the record keeps voters, in the same order
/// of memory: each voter registers, votes and is withdrawn once.
#[derive(Debug, Default)]
pub(super) struct Alone {
    kept: HashMap<TransactionId, Kept>,
    /// How many of them are kept with what they say.
    whole: usize,
    taken: u64,
}

#[derive(Debug)]
struct Kept {
    /// The number of transactions before it.
    place: u64,
    height: u64,
    kind: TransactionKind,
    transaction: Option<Box<Transaction>>,
}

impl Alone {
    /// Takes a block of this record. What the other has as well is alone in neither.
    pub(super) fn take(&mut self, block: &Block, other: &mut Self, election: &Election) {
        for transaction in &block.transactions {
            if !other.forget(&transaction.id()) {
                self.keep(block.header.height.0, transaction, election);
            }
        }
    }

    fn forget(&mut self, id: &TransactionId) -> bool {
        let forgotten = self.kept.remove(id);
        self.whole -=
            usize::from(forgotten.as_ref().is_some_and(|kept| kept.transaction.is_some()));
        forgotten.is_some()
    }

    fn keep(&mut self, height: u64, transaction: &HashedTransaction, election: &Election) {
        let is_whole = self.whole < ALONE_TOLD_MAX;
        let read = || Box::new(Transaction::read(transaction, election));
        let kept = Kept {
            place: self.taken,
            height,
            kind: transaction.kind(),
            transaction: is_whole.then(read),
        };
        self.whole += usize::from(is_whole);
        self.taken += 1;
        self.kept.insert(transaction.id(), kept);
    }

    /// How many there are, and those that were kept whole, in their order.
    pub(super) fn told(self) -> (AloneCounts, Vec<PartedTransaction>) {
        let mut kept: Vec<Kept> = self.kept.into_values().collect();
        kept.sort_unstable_by_key(|kept| kept.place);
        let of = |kind| kept.iter().filter(|kept| kept.kind == kind).count() as u64;
        let counts = AloneCounts {
            registrations: of(TransactionKind::Registration),
            votes: of(TransactionKind::Vote),
            withdrawals: of(TransactionKind::Withdrawal),
        };
        let whole = kept.into_iter().filter_map(|Kept { height, transaction, .. }| {
            Some(PartedTransaction { height, transaction: *transaction? })
        });
        (counts, whole.collect())
    }
}

#[cfg(test)]
mod tests {
    use protocol::block::Header;
    use protocol::transaction::{Transaction, Vote};
    use std::sync::Arc;

    use super::*;
    use chain::fixtures::{NOW, election, id, key, registration};

    fn block(transactions: Vec<Arc<HashedTransaction>>) -> Block {
        Block { header: Header::genesis(&election()), transactions }
    }

    #[test]
    fn what_both_have_is_forgotten_wherever_it_stands() {
        let (mut a, mut b) = (Alone::default(), Alone::default());
        a.take(&block(vec![registration(0), registration(1)]), &mut b, &election());
        b.take(&block(vec![registration(1)]), &mut a, &election());
        b.take(&block(vec![registration(0), registration(2)]), &mut a, &election());
        assert_eq!((a.whole, b.whole, a.kept.len(), b.kept.len()), (0, 1, 0, 1));
        let (counts, whole) = b.told();
        assert_eq!((counts.registrations, whole.len()), (1, 1));
        assert_eq!(whole[0].transaction.transaction, registration(2).id());
    }

    #[test]
    fn beyond_a_number_transactions_are_counted_and_not_kept() {
        // The signature makes the id another one; whether it holds is for the audit.
        let signed = Transaction::vote(
            &id(),
            &key(0),
            Vote {
                voter: key(0).public().voter(),
                choices: vec![vec![0]],
                nonce: [0; 8],
                cast_at: NOW,
            },
        );
        let vote = |number: u64| {
            let mut changed = signed.clone();
            if let Transaction::Vote { vote, .. } = &mut changed {
                vote.nonce = number.to_le_bytes();
            }
            Arc::new(HashedTransaction::new(changed, &id()))
        };
        let most = ALONE_TOLD_MAX as u64;
        let (mut a, mut b) = (Alone::default(), Alone::default());
        a.take(&block((0..most + 2).map(vote).collect()), &mut b, &election());
        assert_eq!((a.whole, a.kept.len()), (ALONE_TOLD_MAX, ALONE_TOLD_MAX + 2));
        // One that is forgotten leaves room for another.
        b.take(&block(vec![vote(0)]), &mut a, &election());
        a.take(&block(vec![vote(most + 2), vote(most + 3)]), &mut b, &election());
        let (counts, whole) = a.told();
        assert_eq!((counts.votes, whole.len()), (most + 3, ALONE_TOLD_MAX));
        assert_eq!(whole[0].transaction.transaction, vote(1).id());
        assert_eq!(whole[ALONE_TOLD_MAX - 1].transaction.transaction, vote(most + 2).id());
    }
}
