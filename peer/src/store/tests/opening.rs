//! What is opened, what is made, and what is refused.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use redb::ReadableDatabase;
use redb::backends::FileBackend;

use super::model::{Model, random_batches};
use super::*;
use crate::store::backend::Backend;
use crate::store::pages::Pages;
use crate::store::rows::{FORMAT_KEY, META, seal};
use crate::store::volume::{CHAIN_FILE, DAMAGED_FILE, FileVolume, UNFINISHED_FILE};
use crate::store::{LoadError, Store, StoreError, open, salvage};
use node::Record;

fn filled() -> (tempfile::TempDir, Model) {
    let directory = tempfile::tempdir().expect("a directory");
    let batches = random_batches(2, 5, 5);
    let opened = undamaged(open(directory.path(), &ELECTION).expect("a new chain"));
    assert_eq!(write_all(opened.chain, &batches), batches.len());
    (directory, Model::of(&batches))
}

/// The database as redb alone sees it.
fn open_file(path: &Path) -> Result<redb::Database, redb::DatabaseError> {
    let file = fs::File::options().read(true).write(true).open(path)?;
    let pages = Pages::new(Backend::new(FileBackend::new(file)?));
    redb::Database::builder().create_with_backend(pages)
}

#[test]
fn the_thread_confirms_loads_and_ends() {
    let (directory, model) = filled();
    let opened = undamaged(open(directory.path(), &ELECTION).expect("a chain"));
    assert_eq!(opened.restored, model.restored());
    let (sender, reports) = mpsc::channel();
    let store = Store::start(opened.chain, move |report| sender.send(report).expect("received"));
    let new = block(None, 77, vec![transaction(3)]);
    let batch = PersistBatch { number: 1, records: vec![Record::Block(Arc::clone(&new))] };
    let asked = Instant::now();
    store.persist(batch).expect("the thread runs");
    let wait = Duration::from_secs(60);
    let confirmed = reports.recv_timeout(wait).expect("a report");
    let StoreReport::Persisted { batch: 1, took } = confirmed else { panic!("{confirmed:?}") };
    assert!(!took.is_zero() && took <= asked.elapsed(), "{took:?}");
    let (height, hash) = (new.header.height, new.header.hash());
    store.load(LoadJob { number: 5, height, hash }).expect("the thread runs");
    let loaded = StoreReport::Loaded { number: 5, outcome: Ok(new) };
    assert_eq!(reports.recv_timeout(wait), Ok(loaded));
    store.load(LoadJob { number: 6, height, hash: GENESIS }).expect("the thread runs");
    let reason = LoadError::Absent.to_string();
    let outcome = Err(LoadFailure::Lost { reason, summary: None });
    let absent = StoreReport::Loaded { number: 6, outcome };
    assert_eq!(reports.recv_timeout(wait), Ok(absent));
    store.close();
    assert!(reports.recv().is_err(), "nothing more is reported");
}

#[test]
fn batches_that_wait_at_the_end_are_written() {
    let (directory, _) = filled();
    let opened = open(directory.path(), &ELECTION).expect("a chain");
    let store = Store::start(opened.chain, |_| {});
    for number in 1..=20 {
        let records = vec![Record::PoolInsert { row: 100 + number, transaction: transaction(5) }];
        store.persist(PersistBatch { number, records }).expect("the thread runs");
    }
    store.close();
    let opened = undamaged(open(directory.path(), &ELECTION).expect("a chain"));
    assert_eq!(opened.restored.pool.iter().filter(|(row, _)| *row > 100).count(), 20);
}

#[test]
fn a_second_opening_is_refused() {
    let (directory, _) = filled();
    let first = open(directory.path(), &ELECTION).expect("a chain");
    let refused = open(directory.path(), &ELECTION).expect_err("in use");
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
    drop(first);
    open(directory.path(), &ELECTION).expect("free again");
}

#[test]
fn another_election_another_format_and_foreign_files_are_refused_untouched() {
    let (directory, _) = filled();
    let path = directory.path().join(CHAIN_FILE);
    let refuse = |election: &ElectionId| {
        let before = fs::read(&path).expect("a file");
        let refused = open(directory.path(), election).expect_err("refused");
        assert!(fs::read(&path).expect("a file") == before, "it is left as it was");
        refused
    };
    let error = refuse(&ElectionId([8; 32]));
    assert!(error.to_string().contains("belongs to election 0707"), "{error}");
    for (format, told) in [
        (4, "has format 4; this program knows 3: update it"),
        (2, "has the older format 2; this program knows 3 alone: go on with the program"),
    ] {
        {
            let database = open_file(&path).expect("a database");
            let write = database.begin_write().expect("a transaction");
            let other = seal(META, FORMAT_KEY, &[format, 0, 0, 0]);
            let mut meta = write.open_table(META).expect("the table");
            meta.insert(FORMAT_KEY, other.as_slice()).expect("written");
            drop(meta);
            write.commit().expect("committed");
        }
        let error = refuse(&ELECTION).to_string();
        assert!(error.contains(told) && !error.contains('\n'), "{error}");
    }
    fs::write(&path, [b'x'; 10_000]).expect("written");
    let error = refuse(&ELECTION);
    assert!(matches!(error, StoreError::NotAChain { .. }), "{error}");
    fs::remove_file(&path).expect("removed");
    {
        fs::write(&path, []).expect("written");
        let database = open_file(&path).expect("a database");
        let write = database.begin_write().expect("a transaction");
        let table = redb::TableDefinition::<u64, u64>::new("somebody's");
        write.open_table(table).expect("the table").insert(1, 2).expect("written");
        write.commit().expect("committed");
        database.begin_read().expect("it can be read");
    }
    let error = refuse(&ELECTION);
    assert!(matches!(error, StoreError::NotAChain { .. }), "{error}");
}

#[test]
fn a_missing_chain_and_a_half_made_one_begin_anew() {
    let (directory, _) = filled();
    fs::remove_file(directory.path().join(CHAIN_FILE)).expect("removed");
    fs::write(directory.path().join(UNFINISHED_FILE), [0; 5000]).expect("written");
    let opened = undamaged(open(directory.path(), &ELECTION).expect("a new chain"));
    assert_eq!(opened.restored, Model::default().restored());
    assert!(!directory.path().join(UNFINISHED_FILE).exists());
}

#[test]
fn damage_is_named_and_the_file_kept_as_it_was() {
    let (directory, model) = filled();
    let path = directory.path().join(CHAIN_FILE);
    let mut bytes = fs::read(&path).expect("a file");
    // A body's last byte, wherever it stands.
    let block = model.blocks.values().find(|block| !block.transactions.is_empty());
    let body = block.expect("a block with a body").body_bytes();
    let place = bytes.windows(64).position(|window| *window == body[8..72]).expect("it is there");
    bytes[place] ^= 1;
    fs::write(&path, &bytes).expect("written");
    let opened = open(directory.path(), &ELECTION).expect("mended");
    let damage = opened.damage.expect("it is named");
    assert_eq!(damage.saved.bodies + 1, damage.saved.blocks);
    assert_eq!(damage.lost.map(|lost| (lost.blocks, lost.bodies)), Some((0, 1)));
    assert!(damage.to_string().contains("lost 0 blocks, 1 bodies"), "{damage}");
    assert!(fs::read(directory.path().join(DAMAGED_FILE)).expect("kept") == bytes);
    let without = opened.restored.blocks.iter().filter(|block| !block.has_body).count();
    assert_eq!(without, 1);
    let restored = opened.restored;
    drop(opened.chain);
    let again = undamaged(open(directory.path(), &ELECTION).expect("a chain"));
    assert_eq!(again.restored, restored, "the body is still known to be missing");
    // Once it was fetched again, nothing is missing any more.
    let block = block.expect("a block with a body");
    let batch = PersistBatch { number: 1, records: vec![Record::Block(Arc::clone(block))] };
    assert_eq!(write_all(again.chain, &[batch]), 1);
    let whole = undamaged(open(directory.path(), &ELECTION).expect("a chain"));
    assert_eq!(whole.restored, model.restored());
}

#[test]
fn what_hangs_in_the_air_goes_back_to_the_pool() {
    let (first, pooled) = (block(None, 1, vec![transaction(1)]), transaction(9));
    let second = block(Some(&first.header), 2, vec![transaction(2)]);
    let third = block(Some(&second.header), 3, vec![transaction(3), transaction(4)]);
    let directory = tempfile::tempdir().expect("a directory");
    let opened = open(directory.path(), &ELECTION).expect("a new chain");
    let (height, hash) = (third.header.height, third.header.hash());
    let records = vec![
        Record::Block(Arc::clone(&first)),
        Record::Block(third),
        Record::Tip { height, hash },
        Record::PoolInsert { row: 4, transaction: Arc::clone(&pooled) },
    ];
    assert_eq!(write_all(opened.chain, &[PersistBatch { number: 1, records }]), 1);
    let volume = FileVolume { directory: directory.path().to_owned() };
    let damage = salvage::mend(&volume, &ELECTION, "for a reason".into(), 0).expect("mended");
    assert_eq!(damage.returned, 2);
    let opened = undamaged(open(directory.path(), &ELECTION).expect("a chain"));
    let rows: Vec<_> = opened.restored.pool.iter().map(|(row, each)| (*row, each.id())).collect();
    let first_row = 4 + (1 << 32) + 1;
    let expected = [(4, pooled), (first_row, transaction(3)), (first_row + 1, transaction(4))];
    assert_eq!(rows, expected.map(|(row, each)| (row, each.id())));
    assert_eq!(opened.restored.tip, None);
    assert_eq!(opened.restored.blocks.len(), 2);
}
