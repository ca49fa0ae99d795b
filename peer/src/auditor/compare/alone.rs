//! The transactions of one record that the other was not found to have yet.

use std::collections::HashMap;

use protocol::block::Block;
use protocol::election::Election;
use protocol::transaction::{HashedTransaction, TransactionKind};
use protocol::units::TransactionId;

use crate::schema::{AloneCounts, PartedTransaction, Transaction};

/// The most transactions of a kind that are kept of a record and told with what they say; of others an id is kept.
/// Whoever has two records with more differences looks at the records.
const ALONE_TOLD_MAX: u64 = 10_000;
/// Beyond this many bytes of names of options no more is kept whole either: a vote of 1 KB may choose hundreds of
/// options, each with a long name.
const ALONE_NAMES_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Of each transaction, its id and place. There are at most three for each voter: a registration, a vote and a
/// withdrawal.
#[derive(Debug, Default)]
pub(super) struct Alone {
    kept: HashMap<TransactionId, Kept>,
    /// How many of each kind are kept with what they say.
    whole: AloneCounts,
    /// The bytes of the names of options in these.
    names_bytes: usize,
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
        let Some(Kept { kind, transaction, .. }) = self.kept.remove(id) else { return false };
        if let Some(transaction) = transaction {
            *count_of(&mut self.whole, kind) -= 1;
            self.names_bytes -= names_bytes(&transaction);
        }
        true
    }

    fn keep(&mut self, height: u64, transaction: &HashedTransaction, election: &Election) {
        let (id, kind) = (transaction.id(), transaction.kind());
        let whole = count_of(&mut self.whole, kind);
        let is_whole = *whole < ALONE_TOLD_MAX && self.names_bytes < ALONE_NAMES_BYTES_MAX;
        let transaction = is_whole.then(|| Box::new(Transaction::read(transaction, election)));
        if let Some(transaction) = &transaction {
            *whole += 1;
            self.names_bytes += names_bytes(transaction);
        }
        self.kept.insert(id, Kept { place: self.taken, height, kind, transaction });
        self.taken += 1;
    }

    /// How many there are, and those that were kept whole, in their order.
    pub(super) fn told(self) -> (AloneCounts, Vec<PartedTransaction>) {
        let mut kept: Vec<Kept> = self.kept.into_values().collect();
        kept.sort_unstable_by_key(|kept| kept.place);
        let mut counts = AloneCounts::default();
        kept.iter().for_each(|kept| *count_of(&mut counts, kept.kind) += 1);
        let whole = kept.into_iter().filter_map(|Kept { height, transaction, .. }| {
            Some(PartedTransaction { height, transaction: *transaction? })
        });
        (counts, whole.collect())
    }
}

fn count_of(counts: &mut AloneCounts, kind: TransactionKind) -> &mut u64 {
    match kind {
        TransactionKind::Registration => &mut counts.registrations,
        TransactionKind::Vote => &mut counts.votes,
        TransactionKind::Withdrawal => &mut counts.withdrawals,
    }
}

/// What the names in a transaction take up.
fn names_bytes(transaction: &Transaction) -> usize {
    let names = transaction.choices.iter().flatten().flatten();
    names.map(|name| size_of::<String>() + name.len()).sum()
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
        assert_eq!((a.whole.registrations, b.whole.registrations), (0, 1));
        assert_eq!((a.kept.len(), b.kept.len()), (0, 1));
        let (counts, whole) = b.told();
        assert_eq!((counts.registrations, whole.len()), (1, 1));
        assert_eq!(whole[0].transaction.transaction, registration(2).id());
    }

    #[test]
    fn beyond_a_number_transactions_are_counted_and_not_kept() {
        let vote = votes(vec![0]);
        let most = ALONE_TOLD_MAX;
        let told = usize::try_from(most).expect("it is small");
        let (mut a, mut b) = (Alone::default(), Alone::default());
        a.take(&block((0..most + 2).map(&vote).collect()), &mut b, &election());
        assert_eq!((a.whole.votes, a.kept.len()), (most, told + 2));
        // One that is forgotten leaves room for another.
        b.take(&block(vec![vote(0)]), &mut a, &election());
        a.take(&block(vec![vote(most + 2), vote(most + 3)]), &mut b, &election());
        let (counts, whole) = a.told();
        assert_eq!((counts.votes, whole.len()), (most + 3, told));
        assert_eq!(whole[0].transaction.transaction, vote(1).id());
        assert_eq!(whole[told - 1].transaction.transaction, vote(most + 2).id());
    }

    #[test]
    fn what_is_full_of_one_kind_leaves_room_for_the_others() {
        let (mut a, mut b) = (Alone::default(), Alone::default());
        a.whole.registrations = ALONE_TOLD_MAX;
        let vote = votes(vec![0])(0);
        a.take(&block(vec![registration(0), vote.clone()]), &mut b, &election());
        let (counts, whole) = a.told();
        assert_eq!((counts.registrations, counts.votes), (1, 1));
        assert_eq!(whole.len(), 1);
        assert_eq!(whole[0].transaction.transaction, vote.id());
    }

    #[test]
    fn no_more_names_of_options_are_kept_than_there_is_room_for() {
        let vote = votes(vec![1; 2_000]);
        let one = 2_000 * (size_of::<String>() + "Grace".len());
        let most = ALONE_NAMES_BYTES_MAX.div_ceil(one) as u64;
        let (mut a, mut b) = (Alone::default(), Alone::default());
        a.take(&block((0..most + 2).map(&vote).collect()), &mut b, &election());
        assert_eq!(a.whole.votes, most);
        assert!(a.names_bytes < ALONE_NAMES_BYTES_MAX + one);
        b.take(&block(vec![vote(0)]), &mut a, &election());
        a.take(&block(vec![vote(most + 2)]), &mut b, &election());
        assert_eq!((a.whole.votes, a.told().0.votes), (most, most + 2));
    }

    /// Makes a vote of each number. The number makes its id another one; whether its signature holds is for the audit.
    fn votes(chosen: Vec<u16>) -> impl Fn(u64) -> Arc<HashedTransaction> {
        let voter = key(0).public().voter();
        let vote = Vote { voter, choices: vec![chosen], nonce: [0; 8], cast_at: NOW };
        let signed = Transaction::vote(&id(), &key(0), vote);
        move |number| {
            let mut changed = signed.clone();
            if let Transaction::Vote { vote, .. } = &mut changed {
                vote.nonce = number.to_le_bytes();
            }
            Arc::new(HashedTransaction::new(changed, &id()))
        }
    }
}
