//! Every call of the disk fails once, or until it is healed.

use std::collections::BTreeSet;

use protocol::codec;

use super::disk::{Call, Disk, Fault, Loss};
use super::model::{Model, random_batches};
use super::*;
use crate::store::open_on;
use crate::store::rows::{POOL, seal};
use crate::store::volume::CHAIN_FILE;
use node::Record;

const CALLS: [Call; 5] = [Call::Read, Call::Write, Call::SetLength, Call::Sync, Call::Name];

/// Writes all batches on a disk that fails; heals it at the end. What is confirmed is durable at once.
fn write_on(disk: &Disk, fault: Fault, batches: &[PersistBatch]) {
    let opened = undamaged(open_on(disk.volume(), &ELECTION).expect("a good disk"));
    let mut desk = Desk::new(opened.chain);
    disk.fail(Some(fault));
    let mut confirmed = 0;
    for batch in batches {
        desk.take(batch);
        for report in desk.write() {
            match report {
                StoreReport::Persisted { batch, .. } => {
                    confirmed = batch;
                    let after = open_on(disk.after(Loss::Everything).volume(), &ELECTION);
                    let after = undamaged(after.expect("a chain"));
                    let count = usize::try_from(confirmed).expect("few");
                    assert_eq!(
                        after.restored,
                        Model::of(&batches[..count]).restored(),
                        "{fault:?}"
                    );
                }
                StoreReport::Failed { batch: newest, reason } => {
                    assert_eq!(newest, batch.number);
                    assert!(!reason.is_empty());
                }
                report @ (StoreReport::Mended { .. } | StoreReport::Loaded { .. }) => {
                    panic!("an undamaged disk gives no {report:?}")
                }
            }
        }
    }
    disk.fail(None);
    let last = persisted(batches.len() as u64);
    if confirmed < batches.len() as u64 {
        assert_eq!(desk.write(), [last], "{fault:?}");
    }
    for block in Model::of(batches).blocks.values() {
        assert_eq!(desk.load(&block.header).as_ref(), Ok(block), "{fault:?}");
    }
    drop(desk);
    let opened =
        undamaged(open_on(disk.after(Loss::Everything).volume(), &ELECTION).expect("a chain"));
    assert_eq!(opened.restored, Model::of(batches).restored(), "{fault:?}");
}

#[test]
fn a_call_that_fails_confirms_nothing_and_everything_once_it_works() {
    let batches = random_batches(5, 5, 4);
    let probe = Disk::default();
    let opened = open_on(probe.volume(), &ELECTION).expect("a new chain");
    probe.fail(None);
    assert_eq!(write_all(opened.chain, &batches), batches.len());
    for call in CALLS {
        for nth in 1..=probe.calls_of_kind(call) + 3 {
            for lasts in [false, true] {
                write_on(&Disk::default(), Fault { call, nth, lasts }, &batches);
            }
        }
    }
}

#[test]
fn an_opening_that_fails_says_so_and_changes_nothing() {
    let batches = random_batches(8, 4, 5);
    let disk = Disk::default();
    let opened = open_on(disk.volume(), &ELECTION).expect("a new chain");
    assert_eq!(write_all(opened.chain, &batches), batches.len());
    let restored = Model::of(&batches).restored();
    let probe = disk.after(Loss::Nothing);
    probe.fail(None);
    drop(open_on(probe.volume(), &ELECTION).expect("a chain"));
    for call in CALLS {
        for nth in 1..=probe.calls_of_kind(call) {
            let disk = disk.after(Loss::Nothing);
            disk.fail(Some(Fault { call, nth, lasts: true }));
            if let Ok(opened) = open_on(disk.volume(), &ELECTION) {
                assert_eq!(undamaged(opened).restored, restored, "{call:?} {nth}");
            }
            disk.fail(None);
            let opened = undamaged(open_on(disk.volume(), &ELECTION).expect("a good disk"));
            assert_eq!(opened.restored, restored, "{call:?} {nth}");
        }
    }
}

#[test]
fn a_load_that_fails_is_answered_and_the_next_one_works() {
    let batches = random_batches(8, 4, 5);
    let model = Model::of(&batches);
    let block = model.blocks.values().next().expect("a block");
    let disk = Disk::default();
    drop(Desk::new(open_on(disk.volume(), &ELECTION).expect("a new chain").chain));
    let opened = open_on(disk.volume(), &ELECTION).expect("a chain");
    assert_eq!(write_all(opened.chain, &batches), batches.len());
    for nth in 1..=12 {
        let mut desk = Desk::new(open_on(disk.volume(), &ELECTION).expect("a chain").chain);
        disk.fail(Some(Fault { call: Call::Read, nth, lasts: true }));
        if let Err(error) = desk.load(&block.header) {
            assert!(matches!(error, LoadFailure::Refused { .. }), "{error:?}");
        }
        disk.fail(None);
        assert_eq!(desk.load(&block.header).as_ref(), Ok(block));
    }
}

#[test]
fn a_disk_that_takes_nothing_more_still_gives_what_it_has() {
    let batches = random_batches(8, 4, 5);
    let model = Model::of(&batches);
    let disk = Disk::default();
    let opened = open_on(disk.volume(), &ELECTION).expect("a new chain");
    assert_eq!(write_all(opened.chain, &batches), batches.len());
    let mut desk = Desk::new(open_on(disk.volume(), &ELECTION).expect("a chain").chain);
    disk.set_read_only(true);
    let new = block(None, 77, vec![transaction(3)]);
    desk.take(&PersistBatch { number: 5, records: vec![Record::Block(Arc::clone(&new))] });
    assert!(matches!(desk.write()[..], [StoreReport::Failed { batch: 5, .. }]));
    let before = disk.bytes(CHAIN_FILE);
    for block in model.blocks.values() {
        assert_eq!(desk.load(&block.header).as_ref(), Ok(block));
    }
    let absent = desk.load(&new.header).expect_err("it is not written");
    assert!(matches!(absent, LoadFailure::Lost { summary: None, .. }), "{absent:?}");
    assert!(disk.bytes(CHAIN_FILE) == before, "it is left as it was");
    disk.set_read_only(false);
    assert_eq!(desk.write(), [persisted(5)]);
    assert_eq!(desk.load(&new.header), Ok(new));
}

#[test]
fn damage_that_is_met_while_running_is_mended_while_running() {
    let some: Vec<_> = (1..5).map(|nonce| block(None, nonce, vec![transaction(1); 200])).collect();
    let lost = Arc::clone(&some[0]);
    let disk = Disk::default();
    let mut desk = Desk::new(open_on(disk.volume(), &ELECTION).expect("a new chain").chain);
    let records: Vec<_> = some.iter().cloned().map(Record::Block).collect();
    desk.take(&PersistBatch { number: 1, records });
    assert_eq!(desk.write(), [persisted(1)]);
    let start = [&lost.header.to_bytes()[..], &lost.body_bytes()[..64]].concat();
    let bytes = disk.bytes(CHAIN_FILE);
    let place = bytes.windows(start.len()).position(|window| window == start);
    disk.flip(CHAIN_FILE, place.expect("it is there") + 120);
    // A failure makes redb forget what it has in memory.
    disk.fail(Some(Fault { call: Call::Sync, nth: 1, lasts: false }));
    let records = vec![Record::PoolInsert { row: 1, transaction: transaction(2) }];
    desk.take(&PersistBatch { number: 2, records });
    assert!(matches!(desk.write()[..], [StoreReport::Failed { batch: 2, .. }]));
    let error = desk.load(&lost.header).expect_err("it is damaged");
    assert!(matches!(error, LoadFailure::Lost { .. }), "{error:?}");
    // The node fetches it again.
    let records = vec![Record::Block(Arc::clone(&lost))];
    desk.take(&PersistBatch { number: 3, records });
    let reports: Vec<_> = (0..3).flat_map(|_| desk.write()).collect();
    let [StoreReport::Mended { damage }, last] = &reports[..] else { panic!("{reports:?}") };
    assert!(damage.contains("lost 0 blocks, 1 bodies"), "{damage}");
    assert_eq!(*last, persisted(3));
    for block in &some {
        assert_eq!(desk.load(&block.header).as_ref(), Ok(block));
    }
    drop(desk);
    let opened = undamaged(open_on(disk.volume(), &ELECTION).expect("a chain"));
    assert!(opened.restored.blocks.iter().all(|block| block.has_body));
    assert_eq!(opened.restored.pool.len(), 1);
}

/// The node's rows and those that mending gives to what hangs in the air are never the same.
#[test]
fn a_node_that_runs_while_its_pool_is_mended_loses_nothing_of_it() {
    let first = block(None, 1, vec![transaction(1)]);
    let second = block(Some(&first.header), 2, vec![transaction(2), transaction(3)]);
    let pool_record = |row: u64| Record::PoolInsert {
        row,
        transaction: transaction(u8::try_from(row).expect("few") + 10),
    };
    let disk = Disk::default();
    let mut desk = Desk::new(open_on(disk.volume(), &ELECTION).expect("a new chain").chain);
    // The first block is missing, so that the second hangs in the air.
    let records = (1..=100).map(pool_record).chain([Record::Block(second)]).collect();
    desk.take(&PersistBatch { number: 1, records });
    assert_eq!(desk.write(), [persisted(1)]);
    for row in 1..=100u64 {
        let Record::PoolInsert { transaction, .. } = pool_record(row) else { unreachable!() };
        let value = seal(POOL, &row.to_be_bytes(), &codec::encode(transaction.transaction()));
        let bytes = disk.bytes(CHAIN_FILE);
        let places = bytes.windows(8).enumerate().filter(|(_, window)| *window == &value[..8]);
        let places: Vec<usize> = places.map(|(place, _)| place).collect();
        places.into_iter().for_each(|place| disk.flip(CHAIN_FILE, place));
    }
    // A failure makes redb forget what it has in memory.
    disk.fail(Some(Fault { call: Call::Sync, nth: 1, lasts: false }));
    let records = vec![pool_record(101), pool_record(102)];
    desk.take(&PersistBatch { number: 2, records });
    assert!(matches!(desk.write()[..], [StoreReport::Failed { batch: 2, .. }]));
    let reports = desk.write();
    assert!(matches!(&reports[..], [StoreReport::Mended { .. }]), "{reports:?}");
    assert_eq!(desk.write(), [persisted(2)]);
    desk.take(&PersistBatch { number: 3, records: (1..=110).map(pool_record).collect() });
    assert_eq!(desk.write(), [persisted(3)]);
    drop(desk);
    let opened = undamaged(open_on(disk.volume(), &ELECTION).expect("a chain"));
    let found: BTreeSet<_> = opened.restored.pool.iter().map(|(_, each)| each.id()).collect();
    let returned = [transaction(2), transaction(3)];
    let expected = (1..=110u8).map(|row| transaction(row + 10)).chain(returned);
    assert_eq!(found, expected.map(|each| each.id()).collect());
}
