mod bit_flips;
mod disk;
mod failures;
mod model;
mod offline;
mod opening;
mod power_loss;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use protocol::block::{Block, Header, merkle_root};
use protocol::keys::VoterKey;
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::{BlockHash, Difficulty, ElectionId, Height, UnixMillis};

use super::writer::{Job, Writer};
use super::{Opened, OpenedChain, StoreReport};
use node::{LoadFailure, LoadJob, PersistBatch};

const ELECTION: ElectionId = ElectionId([7; 32]);
const GENESIS: BlockHash = BlockHash([9; 32]);

fn transaction(number: u8) -> Arc<HashedTransaction> {
    let key = VoterKey::from_secret_bytes(&[number + 1; 32]).expect("a secret key");
    let transaction = Transaction::open_registration(&ELECTION, &key, u64::from(number));
    Arc::new(HashedTransaction::new(transaction, &ELECTION))
}

/// A block on a parent; the nonce makes siblings differ.
fn block(
    parent: Option<&Header>,
    nonce: u64,
    transactions: Vec<Arc<HashedTransaction>>,
) -> Arc<Block> {
    let header = Header {
        previous: parent.map_or(GENESIS, Header::hash),
        merkle_root: merkle_root(&transactions),
        height: parent.map_or(Height(1), |parent| parent.height.next()),
        time: UnixMillis(4),
        difficulty: Difficulty::from_bits(0),
        nonce,
    };
    Arc::new(Block { header, transactions })
}

/// A store's thread without the thread: every step is called.
struct Desk {
    writer: Writer,
    reports: RefCell<Vec<StoreReport>>,
}

impl Desk {
    fn new(chain: OpenedChain) -> Self {
        Self { writer: Writer::new(chain), reports: RefCell::new(Vec::new()) }
    }

    fn take(&mut self, batch: &PersistBatch) {
        let PersistBatch { number, records } = batch;
        let batch = PersistBatch { number: *number, records: records.clone() };
        self.writer.take(Job::Persist(batch));
    }

    /// Tries a commit; gives what was reported, without the times.
    fn write(&mut self) -> Vec<StoreReport> {
        self.writer.write(&|report| self.reports.borrow_mut().push(timeless(report)));
        self.reports.take()
    }

    fn load(&mut self, header: &Header) -> Result<Arc<Block>, LoadFailure> {
        let job = LoadJob { number: 1, height: header.height, hash: header.hash() };
        self.writer.take(Job::Load(job));
        self.writer.answer_loads(&|report| self.reports.borrow_mut().push(report));
        match self.reports.take().pop() {
            Some(StoreReport::Loaded { number: 1, outcome }) => outcome,
            other => panic!("a load is answered, not {other:?}"),
        }
    }
}

fn persisted(batch: u64) -> StoreReport {
    StoreReport::Persisted { batch, took: Duration::ZERO }
}

fn timeless(report: StoreReport) -> StoreReport {
    match report {
        StoreReport::Persisted { batch, .. } => persisted(batch),
        other @ (StoreReport::Failed { .. }
        | StoreReport::Mended { .. }
        | StoreReport::Loaded { .. }) => other,
    }
}

/// Writes batches one by one until one fails; gives how many were confirmed.
fn write_all(chain: OpenedChain, batches: &[PersistBatch]) -> usize {
    let mut desk = Desk::new(chain);
    for (confirmed, batch) in batches.iter().enumerate() {
        desk.take(batch);
        if desk.write() != [persisted(batch.number)] {
            return confirmed;
        }
    }
    batches.len()
}

fn undamaged(opened: Opened) -> Opened {
    assert_eq!(opened.damage, None);
    opened
}
