use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use protocol::block::{Block, Header};
use protocol::keys::VoterKey;
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::{BlockHash, Difficulty, Height, LeafHash, MerkleRoot, UnixMillis};

use super::*;
use crate::node::Record;

const ELECTION: ElectionId = ElectionId([7; 32]);

fn transaction(number: u8) -> Arc<HashedTransaction> {
    let key = VoterKey::from_secret_bytes(&[number; 32]).expect("a secret key");
    let transaction = Transaction::open_registration(&ELECTION, &key, u64::from(number));
    Arc::new(HashedTransaction::new(transaction, &ELECTION))
}

fn block(number: u8) -> Arc<Block> {
    let header = Header {
        previous: BlockHash([number; 32]),
        merkle_root: MerkleRoot([2; 32]),
        height: Height(number.into()),
        time: UnixMillis(4),
        difficulty: Difficulty::from_bits(0),
        nonce: 6,
    };
    Arc::new(Block { header, transactions: vec![transaction(number), transaction(number + 1)] })
}

fn neighbours(port: u16) -> Vec<SocketAddr> {
    vec![SocketAddr::from(([127, 0, 0, 1], port)), "[::1]:9".parse().expect("an address")]
}

fn batches() -> Vec<PersistBatch> {
    vec![
        PersistBatch { number: 1, records: vec![Record::Transaction(transaction(1))] },
        PersistBatch { number: 2, records: vec![Record::Neighbours(neighbours(1))] },
        PersistBatch {
            number: 3,
            records: vec![Record::Block(block(1)), Record::Neighbours(neighbours(2))],
        },
        PersistBatch { number: 4, records: vec![Record::Transaction(transaction(9))] },
    ]
}

/// What was restored, in comparable form.
fn contents(restored: &Restored) -> Contents {
    let leaves = restored.transactions.iter().map(HashedTransaction::leaf).collect();
    (restored.blocks.clone(), leaves, restored.neighbours.clone())
}

fn write_log(directory: &Path) -> Vec<u8> {
    let (log, restored, damage) = open(directory, &ELECTION).expect("a new log");
    assert!(restored.blocks.is_empty() && damage.is_none());
    let (sender, receiver) = mpsc::channel();
    let store = Store::start(log, move |report| sender.send(report).expect("received"));
    for batch in batches() {
        store.persist(batch).expect("the thread runs");
    }
    store.close();
    let last = receiver.iter().last().expect("a report");
    assert_eq!(last, StoreReport::Persisted { batch: 4 });
    fs::read(directory.join(LOG_FILE)).expect("the log")
}

#[test]
fn a_reopened_log_holds_what_was_written() {
    let directory = tempfile::tempdir().expect("a directory");
    write_log(directory.path());
    let (_, restored, damage) = open(directory.path(), &ELECTION).expect("the log");
    assert_eq!(damage, None);
    let (blocks, transactions, restored_neighbours) = contents(&restored);
    assert_eq!(blocks, [(*block(1)).clone()]);
    assert_eq!(transactions, [transaction(1).leaf(), transaction(9).leaf()]);
    assert_eq!(restored_neighbours, neighbours(2), "the newest list counts");
}

#[test]
fn a_log_of_another_election_or_a_newer_program_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut bytes = write_log(directory.path());
    let error = open(directory.path(), &ElectionId([8; 32])).expect_err("another election");
    assert!(error.to_string().contains("belongs to election 0707"), "{error}");
    bytes[8] = 2;
    fs::write(directory.path().join(LOG_FILE), &bytes).expect("written");
    let error = open(directory.path(), &ELECTION).expect_err("newer");
    assert!(error.to_string().contains("format 2"), "{error}");
    fs::write(directory.path().join(LOG_FILE), [b'x'; 100]).expect("written");
    let error = open(directory.path(), &ELECTION).expect_err("no log");
    assert!(error.to_string().contains("no log of Ostrakon"), "{error}");
}

type Contents = (Vec<Block>, Vec<LeafHash>, Vec<SocketAddr>);

/// What changed bytes restore, if they are still this log.
fn restored_from(bytes: &[u8]) -> Option<(Contents, Option<Damage>)> {
    let head = Head { election: ELECTION };
    let scan = format::scan(bytes, bytes.len() as u64, head).expect("memory can be read");
    let scan = scan.ok()?;
    let good: u64 = scan.good.iter().map(|range| range.end - range.start).sum();
    let lost = scan.damage.as_ref().map_or(0, |damage| damage.bytes);
    assert_eq!(good + lost, bytes.len() as u64);
    Some((contents(&scan.restored), scan.damage))
}

/// What is restored when only those records are whole for whose places `is_whole`.
fn contents_of(is_whole: impl Fn(usize) -> bool) -> Contents {
    let (mut blocks, mut leaves, mut newest) = (Vec::new(), Vec::new(), Vec::new());
    let records = batches().into_iter().flat_map(|batch| batch.records);
    for (_, record) in records.enumerate().filter(|(place, _)| is_whole(*place)) {
        match record {
            Record::Block(block) => blocks.push((*block).clone()),
            Record::Transaction(transaction) => leaves.push(transaction.leaf()),
            Record::Neighbours(neighbours) => newest = neighbours,
        }
    }
    (blocks, leaves, newest)
}

/// Where the records stand.
fn places(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut at = 52;
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        places.push(at..at + 12 + length as usize);
        at += 12 + length as usize;
    }
    places
}

#[test]
fn every_truncation_restores_a_prefix() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = write_log(directory.path());
    let places = places(&bytes);
    assert_eq!(places.len(), 5);
    for length in 0..=bytes.len() {
        let (restored, damage) = restored_from(&bytes[..length]).expect("it is the same log");
        assert_eq!(restored, contents_of(|place| places[place].end <= length), "cut at {length}");
        let between = length == 52 || places.iter().any(|place| place.end == length);
        assert_eq!(damage.is_none(), between, "cut at {length}");
    }
}

#[test]
fn every_flipped_bit_costs_its_record_alone_unless_the_length_is_hit() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut bytes = write_log(directory.path());
    let places = places(&bytes);
    let subsets: Vec<_> = (0..1 << places.len())
        .map(|bits: u32| contents_of(|place| bits & 1 << place != 0))
        .collect();
    for bit in 0..bytes.len() * 8 {
        let byte = bit / 8;
        bytes[byte] ^= 1 << (bit % 8);
        let restored = restored_from(&bytes);
        bytes[byte] ^= 1 << (bit % 8);
        let Some(hit) = places.iter().position(|place| place.contains(&byte)) else {
            assert!(restored.is_none(), "bit {bit} of the head");
            continue;
        };
        let (restored, damage) = restored.expect("its head is whole");
        let damage = damage.expect("it is noticed");
        assert_eq!(damage.at, places[hit].start as u64, "bit {bit}");
        if byte < places[hit].start + 4 {
            assert!(subsets.contains(&restored), "bit {bit} of a length");
        } else {
            assert_eq!(restored, contents_of(|place| place != hit), "bit {bit}");
            assert_eq!(damage.bytes, places[hit].len() as u64, "bit {bit}");
            assert_eq!(damage.skipped, u64::from(hit + 1 < places.len()), "bit {bit}");
        }
    }
}

#[test]
fn a_damaged_log_is_kept_beside_the_mended_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut bytes = write_log(directory.path());
    let middle = places(&bytes)[1].end - 1;
    for flipped in [middle, bytes.len() - 1] {
        bytes[flipped] ^= 1;
        fs::write(directory.path().join(LOG_FILE), &bytes).expect("written");
        let (_, restored, damage) = open(directory.path(), &ELECTION).expect("the damaged log");
        assert!(damage.is_some());
        assert_eq!(fs::read(directory.path().join(DAMAGED_FILE)).expect("a copy"), bytes);
        let (_, reopened, damage) = open(directory.path(), &ELECTION).expect("the mended log");
        assert_eq!(damage, None);
        assert_eq!(contents(&reopened), contents(&restored));
    }
    assert_eq!(fs::read_dir(directory.path()).expect("a listing").count(), 2);
}

#[test]
fn a_damaged_log_is_mended_and_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = write_log(directory.path());
    for length in (0..bytes.len()).step_by(101) {
        fs::write(directory.path().join(LOG_FILE), &bytes[..length]).expect("written");
        let (log, restored, _) = open(directory.path(), &ELECTION).expect("the torn log");
        let mut writer = Writer::new(log.file, log.length);
        writer.take(&PersistBatch { number: 1, records: vec![Record::Block(block(20))] });
        assert_eq!(writer.write(), [StoreReport::Persisted { batch: 1 }]);
        let (_, reopened, damage) = open(directory.path(), &ELECTION).expect("the mended log");
        assert_eq!(damage, None, "cut at {length}");
        assert_eq!(reopened.blocks.last(), Some(&*block(20)));
        assert_eq!(reopened.blocks.len(), restored.blocks.len() + 1);
    }
}

/// A file on a disk with room for so many bytes.
#[derive(Debug, Default)]
struct SmallDisk {
    bytes: Vec<u8>,
    room: usize,
    sync_fails: bool,
}

impl LogFile for SmallDisk {
    fn write_at(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        let place = usize::try_from(place).expect("small");
        self.bytes.resize(place, 0);
        self.bytes.extend(bytes);
        if self.bytes.len() > self.room {
            // A part may well have reached the disk.
            self.bytes.truncate(self.room);
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.sync_fails { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.bytes.truncate(usize::try_from(length).expect("small"));
        Ok(())
    }
}

#[test]
fn a_full_disk_confirms_nothing_and_everything_once_there_is_room() {
    let mut all = Vec::new();
    batches()
        .iter()
        .flat_map(|batch| &batch.records)
        .for_each(|each| format::append(each, &mut all));
    let mut writer = Writer::new(SmallDisk::default(), 0);
    let [first, second, third, fourth] = <[_; 4]>::try_from(batches()).expect("four batches");
    writer.take(&first);
    assert!(matches!(writer.write()[..], [StoreReport::Failed { batch: 1, .. }]));
    writer.take(&second);
    assert!(matches!(writer.write()[..], [StoreReport::Failed { batch: 2, .. }]));
    assert!(writer.file().bytes.is_empty(), "a failed write is cut off");
    writer.file().room = usize::MAX;
    assert_eq!(writer.write(), [StoreReport::Persisted { batch: 2 }]);
    writer.file().sync_fails = true;
    writer.take(&third);
    assert!(matches!(writer.write()[..], [StoreReport::Failed { batch: 3, .. }]));
    writer.file().sync_fails = false;
    writer.take(&fourth);
    assert_eq!(writer.write(), [StoreReport::Persisted { batch: 4 }]);
    assert_eq!(writer.file().bytes, all);
}

#[test]
fn a_batch_after_the_thread_s_end_is_refused() {
    let (batches, receiver) = mpsc::channel();
    let store = Store { batches, thread: thread::spawn(|| {}) };
    drop(receiver);
    let refused =
        store.persist(PersistBatch { number: 7, records: vec![] }).expect_err("no thread");
    assert!(matches!(refused, StoreReport::Failed { batch: 7, .. }), "{refused:?}");
    store.close();
}

#[test]
fn the_thread_tries_again_by_itself() {
    #[derive(Debug)]
    struct FailsOnce(bool);
    impl LogFile for FailsOnce {
        fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
            if std::mem::replace(&mut self.0, true) {
                Ok(())
            } else {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
        fn truncate(&mut self, _: u64) -> io::Result<()> {
            Ok(())
        }
    }
    let (batches, receiver) = mpsc::channel();
    let (report, reports) = mpsc::channel();
    let thread = thread::spawn(move || {
        Writer::new(FailsOnce(false), 0)
            .run(&receiver, &|each| report.send(each).expect("received"));
    });
    batches.send(PersistBatch { number: 5, records: vec![] }).expect("received");
    let wait = Duration::from_secs(60);
    let first = PersistBatch { number: 6, records: vec![Record::Transaction(transaction(1))] };
    batches.send(first).expect("received");
    let mut seen = Vec::new();
    while seen.last() != Some(&StoreReport::Persisted { batch: 6 }) {
        seen.push(reports.recv_timeout(wait).expect("a report"));
    }
    assert!(matches!(seen[0], StoreReport::Failed { .. }), "{seen:?}");
    drop(batches);
    thread.join().expect("the thread ends");
}

/// A batch of about a MiB.
fn big_batch(number: u64, transaction: &Arc<HashedTransaction>) -> PersistBatch {
    let header = block(1).header;
    let transactions = vec![Arc::clone(transaction); 5_000];
    PersistBatch { number, records: vec![Record::Block(Arc::new(Block { header, transactions }))] }
}

/// Hands the writer big batches, all of which wait when it begins.
fn run_with(file: impl LogFile, count: u64) -> Vec<StoreReport> {
    let (sender, batches) = mpsc::channel();
    let transaction = transaction(1);
    for number in 1..=count {
        sender.send(big_batch(number, &transaction)).expect("received");
    }
    drop(sender);
    let reports = std::cell::RefCell::new(Vec::new());
    Writer::new(file, 0).run(&batches, &|report| reports.borrow_mut().push(report));
    reports.into_inner()
}

/// A disk that keeps only lengths, and takes nothing the first so many times.
#[derive(Debug, Default)]
struct BigDisk {
    failures_left: usize,
    longest: Arc<std::sync::atomic::AtomicUsize>,
}

impl LogFile for BigDisk {
    fn write_at(&mut self, _: u64, bytes: &[u8]) -> io::Result<()> {
        self.longest.fetch_max(bytes.len(), std::sync::atomic::Ordering::Relaxed);
        match self.failures_left.checked_sub(1) {
            None => Ok(()),
            Some(left) => {
                self.failures_left = left;
                Err(io::ErrorKind::StorageFull.into())
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_slow_disk_confirms_everything_in_pieces() {
    let disk = BigDisk::default();
    let longest = Arc::clone(&disk.longest);
    let reports = run_with(disk, 100);
    assert!(reports.len() > 5, "{reports:?}");
    assert!(reports.iter().all(|each| matches!(each, StoreReport::Persisted { .. })));
    assert_eq!(reports.last(), Some(&StoreReport::Persisted { batch: 100 }));
    let longest = longest.load(std::sync::atomic::Ordering::Relaxed);
    assert!(longest < 11 * 1024 * 1024, "{longest} bytes at once");
}

#[test]
fn what_a_failing_disk_could_not_keep_is_refused_and_the_rest_confirmed() {
    let disk = BigDisk { failures_left: 2, ..BigDisk::default() };
    let longest = Arc::clone(&disk.longest);
    let reports = run_with(disk, 100);
    assert!(matches!(reports[0], StoreReport::Failed { .. }), "{reports:?}");
    assert!(longest.load(std::sync::atomic::Ordering::Relaxed) < 70 * 1024 * 1024);

    let mut writer = Writer::new(SmallDisk::default(), 0);
    let transaction = transaction(1);
    let batch = |number| big_batch(number, &transaction);
    writer.take(&batch(1));
    assert!(matches!(writer.write()[..], [StoreReport::Failed { batch: 1, .. }]));
    let mut number = 1;
    while !writer.has_lost() {
        number += 1;
        writer.take(&batch(number));
    }
    writer.file().room = usize::MAX;
    writer.take(&batch(number + 1));
    let reports = writer.write();
    let kept = StoreReport::Persisted { batch: number - 1 };
    assert!(
        matches!(&reports[..], [first, StoreReport::Failed { batch, .. }] if *first == kept && *batch == number + 1),
        "{reports:?}"
    );
    writer.take(&batch(number + 2));
    assert_eq!(writer.write(), [StoreReport::Persisted { batch: number + 2 }]);
}
