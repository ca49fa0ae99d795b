//! What is restored is a naive fold over the records.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::disk::Disk;
use super::*;
use crate::store::rows::BlockKey;
use crate::store::{finality, open_on};
use chain::{BlockEffects, StoredBlock};
use node::{FinalityRecord, Record, Restored, RestoredFinality};

/// Different transactions in generated batches: making them takes a signature each.
const TRANSACTIONS: u8 = 24;

#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) blocks: BTreeMap<BlockKey, Arc<Block>>,
    tip: Option<BlockHash>,
    pool: BTreeMap<u64, Arc<HashedTransaction>>,
    /// What is in the pool, or was.
    pub(super) pooled_ever: BTreeMap<u64, Arc<HashedTransaction>>,
    neighbours: Vec<SocketAddr>,
    /// By the keys of their rows.
    pub(super) finality: BTreeMap<Vec<u8>, FinalityRecord>,
}

impl Model {
    pub(super) fn of(batches: &[PersistBatch]) -> Self {
        let mut model = Self::default();
        batches.iter().flat_map(|batch| &batch.records).for_each(|record| model.apply(record));
        model
    }

    fn apply(&mut self, record: &Record) {
        match record {
            Record::Block(block) => {
                self.blocks.insert(BlockKey::of(&block.header), Arc::clone(block));
            }
            Record::Tip { hash, .. } => self.tip = Some(*hash),
            Record::PoolInsert { row, transaction } => {
                self.pool.insert(*row, Arc::clone(transaction));
                self.pooled_ever.insert(*row, Arc::clone(transaction));
            }
            Record::PoolRemove { row } => {
                self.pool.remove(row);
            }
            Record::Neighbours(neighbours) => self.neighbours.clone_from(neighbours),
            Record::Finality(record) => {
                self.finality.insert(finality::key(record), record.clone());
            }
        }
    }

    fn finality(&self) -> RestoredFinality {
        let mut restored = RestoredFinality::default();
        self.finality.values().for_each(|record| restored.note(record.clone()));
        restored
    }

    pub(super) fn restored(&self) -> Restored {
        let stored = |block: &Arc<Block>| StoredBlock {
            header: block.header,
            summary: BlockEffects::of(block),
            has_body: true,
        };
        let pool = self.pool.iter();
        Restored {
            blocks: self.blocks.values().map(stored).collect(),
            tip: self.tip,
            pool: pool.map(|(row, transaction)| (*row, (**transaction).clone())).collect(),
            neighbours: self.neighbours.clone(),
            finality: self.finality(),
        }
    }
}

/// Batches on several branches, as a node might hand them over.
pub(super) fn random_batches(seed: u64, count: u64, records_max: usize) -> Vec<PersistBatch> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let transactions: Vec<_> = (0..TRANSACTIONS).map(transaction).collect();
    let (mut headers, mut rows, mut last_row) = (Vec::new(), Vec::new(), 0);
    let mut record = |random: &mut ChaCha8Rng| match random.random_range(0..12) {
        0..4 => {
            let parent = match headers.len() {
                0 => None,
                length if random.random_range(0..3) > 0 => headers.get(length - 1),
                length => headers.get(random.random_range(0..=length)),
            };
            let some = (0..random.random_range(0..4))
                .map(|_| Arc::clone(&transactions[random.random_range(0..transactions.len())]))
                .collect();
            let block = block(parent, random.random_range(0..u64::MAX), some);
            headers.push(block.header);
            Record::Block(block)
        }
        4..6 if !headers.is_empty() => {
            let header: &Header = &headers[random.random_range(0..headers.len())];
            Record::Tip { height: header.height, hash: header.hash() }
        }
        6 if !rows.is_empty() => {
            Record::PoolRemove { row: rows.swap_remove(random.random_range(0..rows.len())) }
        }
        10.. => Record::Finality(finality::tests::record(random.random_range(0..60))),
        7 => Record::Neighbours(
            (0..random.random_range(0..5u16))
                .map(|port| SocketAddr::from(([127, 0, 0, 1], port + 1)))
                .collect(),
        ),
        _ => {
            last_row += 1;
            rows.push(last_row);
            let transaction = &transactions[random.random_range(0..transactions.len())];
            Record::PoolInsert { row: last_row, transaction: Arc::clone(transaction) }
        }
    };
    (1..=count)
        .map(|number| {
            let length = random.random_range(1..=records_max);
            let records = (0..length).map(|_| record(&mut random)).collect();
            PersistBatch { number, records }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_restored_is_what_was_written(seed: u64, joined in 1..4usize) {
        let batches = random_batches(seed, 12, 6);
        let disk = Disk::default();
        let mut written = 0;
        for some in batches.chunks(4) {
            let opened = undamaged(open_on(disk.volume(), &ELECTION).expect("a chain"));
            prop_assert_eq!(&opened.restored, &Model::of(&batches[..written]).restored());
            let mut desk = Desk::new(opened.chain);
            for group in some.chunks(joined) {
                group.iter().for_each(|batch| desk.take(batch));
                written += group.len();
                let batch = batches[written - 1].number;
                prop_assert_eq!(desk.write(), [persisted(batch)]);
            }
            for block in Model::of(&batches[..written]).blocks.values() {
                prop_assert_eq!(desk.load(&block.header), Ok(Arc::clone(block)));
            }
        }
        let opened = undamaged(open_on(disk.volume(), &ELECTION).expect("a chain"));
        prop_assert_eq!(opened.restored, Model::of(&batches).restored());
    }
}
