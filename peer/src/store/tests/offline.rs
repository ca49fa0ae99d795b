//! The chain without a peer.

use std::fs;

use super::disk::{Call, Disk, Fault};
use super::*;
use crate::store::volume::{CHAIN_FILE, UNFINISHED_FILE};
use crate::store::{ChainImporter, StoreError, StoredChain, open};
use node::Record;

fn chain(length: u64) -> Vec<Arc<Block>> {
    let mut blocks: Vec<Arc<Block>> = Vec::new();
    for number in 0..length {
        let parent = blocks.last().map(|block| block.header);
        blocks.push(block(parent.as_ref(), number, vec![transaction(number as u8)]));
    }
    blocks
}

#[test]
fn what_was_seeded_is_read_back_and_opened() {
    let directory = tempfile::tempdir().expect("a directory");
    let blocks = chain(5);
    fs::write(directory.path().join(UNFINISHED_FILE), b"left over").expect("written");
    let mut seeder = ChainImporter::create(directory.path(), &ELECTION).expect("a seeder");
    seeder.append(&blocks[..2]).expect("written");
    seeder.append(&blocks[2..]).expect("written");
    assert!(!directory.path().join(CHAIN_FILE).exists());
    seeder.finish().expect("finished");

    let stored = StoredChain::open(directory.path(), &ELECTION).expect("a chain");
    let headers: Vec<Header> = blocks.iter().map(|block| block.header).collect();
    assert_eq!(stored.headers(), headers);
    for block in &blocks {
        assert_eq!(stored.block(&block.header).expect("a block"), **block);
    }
    drop(stored);
    let opened = undamaged(open(directory.path(), &ELECTION).expect("a chain"));
    assert_eq!(opened.restored.tip, headers.last().map(Header::hash));
    let refused = ChainImporter::create(directory.path(), &ELECTION).expect_err("there is one");
    assert!(matches!(refused, StoreError::Exists { .. }), "{refused}");
}

#[test]
fn the_best_chain_is_read_without_a_change_even_after_a_crash() {
    let directory = tempfile::tempdir().expect("a directory");
    let blocks = chain(3);
    let side = block(None, 99, vec![]);
    let opened = open(directory.path(), &ELECTION).expect("a new chain");
    let mut records: Vec<Record> =
        blocks.iter().chain([&side]).map(|block| Record::Block(Arc::clone(block))).collect();
    let tip = blocks[2].header;
    records.push(Record::Tip { height: tip.height, hash: tip.hash() });
    let mut desk = Desk::new(opened.chain);
    desk.take(&PersistBatch { number: 1, records });
    assert_eq!(desk.write(), [persisted(1)]);
    let busy = StoredChain::open(directory.path(), &ELECTION).expect_err("a peer runs on it");
    assert!(matches!(busy, StoreError::InUse { .. }), "{busy}");
    // A copy of what a peer has open is what a crash leaves.
    let crashed = tempfile::tempdir().expect("a directory");
    let path = crashed.path().join(CHAIN_FILE);
    fs::copy(directory.path().join(CHAIN_FILE), &path).expect("copied");
    let before = fs::read(&path).expect("a file");
    let stored = StoredChain::open(crashed.path(), &ELECTION).expect("a chain");
    assert_eq!(stored.headers().len(), 3);
    assert_eq!(stored.block(&tip).expect("a block"), *blocks[2]);
    let absent = stored.block(&block(None, 98, vec![]).header).expect_err("no such block");
    assert!(absent.to_string().contains("height 1 is missing"), "{absent}");
    drop(stored);
    assert!(fs::read(&path).expect("a file") == before, "nothing was written");
}

/// Whatever fails of the disk, and when: what has no name yet, and what got it, is taken back.
#[test]
fn an_import_that_the_disk_does_not_finish_takes_back_what_it_made() {
    let blocks = chain(3);
    let mut refused = 0;
    for call in [Call::Write, Call::SetLength, Call::Sync, Call::Name] {
        for nth in 1..=12 {
            let disk = Disk::default();
            let volume = Box::new(disk.clone());
            let mut importer = ChainImporter::create_in(volume, &ELECTION).expect("an empty disk");
            importer.append(&blocks).expect("written");
            disk.fail(Some(Fault { call, nth, lasts: false }));
            let Err(error) = importer.finish() else { continue };
            refused += 1;
            let told = error.to_string();
            assert!(!told.contains("os error"), "{told}");
            disk.fail(None);
            let names = disk.names();
            assert!(names.is_empty() || names == [UNFINISHED_FILE], "{call:?} {nth}: {names:?}");
            // A disk that does not let go of a name keeps what means nothing.
            assert!(names.is_empty() || call == Call::Name, "{call:?} {nth}: {names:?}");
        }
    }
    assert!(refused >= 5, "{refused}");
}
