//! The bytes of the log: a head, then records of length, checksum and content.

use std::io::{self, BufReader, Read};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use bincode::{Decode, Encode};
use protocol::block::{Block, Header};
use protocol::codec;
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::{ElectionId, sha256};

use super::Damage;
use crate::node::{Record, Restored};

const MAGIC: [u8; 8] = *b"ostrakon";
/// Version of the log; a program refuses a newer one than its own.
const FORMAT: u32 = 1;
const HEAD_BYTES: usize = 8 + 4 + 32 + 8;
/// Length and checksum before each record's content.
const PREFIX_BYTES: usize = 4 + 8;
/// Longest record: a block of the largest size with room to spare. A longer length is damage, and is not
/// believed before memory is taken for it.
const RECORD_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most neighbours of one record; more than a node ever keeps.
const NEIGHBOURS_MAX: usize = 4_096;

/// Begins the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) election: ElectionId,
}

/// Why a file is not this peer's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    #[error("this is no log of Ostrakon: move it away")]
    NotALog,
    #[error("the log has format {found}; this program knows {FORMAT}: update it")]
    NewerFormat { found: u32 },
    #[error("the log's head is damaged: move the file away, and the chain is fetched again")]
    Damaged,
    #[error(
        "the log belongs to election {found}, not {expected}: give each election its own --data-dir"
    )]
    OtherElection { found: ElectionId, expected: ElectionId },
}

/// What stands on disk. Blocks and transactions keep their signatures; hashes are computed again.
#[derive(Debug, Encode, Decode)]
enum StoredRecord {
    Block { header: Header, transactions: Vec<Transaction> },
    Transaction(u64, Transaction),
    Neighbours(Vec<SocketAddr>),
}

/// All that could be read of a log.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) restored: Restored,
    /// Where the head and the good records stand, in order; nothing if not even the head is whole.
    pub(super) good: Vec<Range<u64>>,
    pub(super) damage: Option<Damage>,
}

/// What stands next in a log; the content is in the reader's buffer.
#[derive(Debug)]
enum Next {
    End,
    Content,
    /// Its length is believed, so the next record is found; its content is not.
    BadContent,
    /// Where the next record begins is unknown.
    Unreadable(&'static str),
}

impl Head {
    pub(super) fn to_bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..44].copy_from_slice(&self.election.0);
        let checksum = checksum(&bytes[..44]);
        bytes[44..].copy_from_slice(&checksum);
        bytes
    }

    fn check(self, found: &[u8; HEAD_BYTES]) -> Result<(), HeadError> {
        if *found == self.to_bytes() {
            return Ok(());
        }
        if found[..8] != MAGIC {
            return Err(HeadError::NotALog);
        }
        // Before the checksum, since a newer format may place it elsewhere.
        let format = u32::from_le_bytes(found[8..12].try_into().expect("four bytes"));
        if format > FORMAT {
            return Err(HeadError::NewerFormat { found: format });
        }
        if found[44..] != checksum(&found[..44]) || format != FORMAT {
            return Err(HeadError::Damaged);
        }
        let found = ElectionId(found[12..44].try_into().expect("32 bytes"));
        Err(HeadError::OtherElection { found, expected: self.election })
    }
}

/// Appends a record with its length and checksum.
pub(super) fn append(record: &Record, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    bytes.extend([0; PREFIX_BYTES]);
    match record {
        // A variant's number, then its fields, is what the codec writes for an enum; a block's body is
        // encoded as its transactions are. So nothing has to be cloned; a test compares the bytes.
        Record::Block(block) => {
            codec::encode_into(&(0u32, block.header), bytes);
            bytes.extend(block.body_bytes());
        }
        Record::PoolInsert { row, transaction } => {
            codec::encode_into(&(1u32, row, transaction.transaction()), bytes);
        }
        Record::Tip { .. } | Record::PoolRemove { .. } => return,
        Record::Neighbours(neighbours) => codec::encode_into(&(2u32, neighbours), bytes),
    }
    let content = start + PREFIX_BYTES;
    let length = u32::try_from(bytes.len() - content).expect("records are far smaller than 4 GiB");
    let checksum = checksum(&bytes[content..]);
    bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    bytes[start + 4..content].copy_from_slice(&checksum);
}

/// Reads a log of `length` bytes. A bad record before good ones is skipped; a bad end is left out.
pub(super) fn scan(
    reader: impl Read,
    length: u64,
    head: Head,
) -> io::Result<Result<Scan, HeadError>> {
    let mut reader = BufReader::new(reader);
    let mut found = [0; HEAD_BYTES];
    let read = read_up_to(&mut reader, &mut found)?;
    let mut scan = Scan { restored: Restored::default(), good: Vec::new(), damage: None };
    if read < HEAD_BYTES {
        if !head.to_bytes().starts_with(&found[..read]) {
            return Ok(Err(HeadError::NotALog));
        }
        scan.note(0, "the head is torn");
    } else if let Err(error) = head.check(&found) {
        return Ok(Err(error));
    } else {
        scan.good.push(0..HEAD_BYTES as u64);
        scan.read_records(&mut reader, &head.election)?;
    }
    let good_bytes: u64 = scan.good.iter().map(|range| range.end - range.start).sum();
    if let Some(damage) = &mut scan.damage {
        damage.bytes = length.saturating_sub(good_bytes);
    }
    Ok(Ok(scan))
}

impl Scan {
    fn read_records(&mut self, reader: &mut impl Read, election: &ElectionId) -> io::Result<()> {
        let mut at = HEAD_BYTES as u64;
        let mut content = Vec::new();
        // Bad records that no good one has followed yet.
        let mut bad = 0;
        loop {
            let next = read_record(reader, &mut content)?;
            let end = at + (PREFIX_BYTES + content.len()) as u64;
            match next {
                Next::End => return Ok(()),
                Next::Unreadable(reason) => {
                    self.note(at, reason);
                    return Ok(());
                }
                Next::BadContent => {
                    self.note(at, "a record's checksum does not match");
                    bad += 1;
                }
                Next::Content => match codec::decode(&content) {
                    Ok(record) => {
                        keep(record, election, &mut self.restored);
                        self.count_good(at..end, std::mem::take(&mut bad));
                    }
                    Err(error) => {
                        self.note(at, &error.to_string());
                        bad += 1;
                    }
                },
            }
            at = end;
        }
    }

    fn count_good(&mut self, record: Range<u64>, skipped_before: u64) {
        if let Some(damage) = &mut self.damage {
            damage.skipped += skipped_before;
        }
        match self.good.last_mut() {
            Some(last) if last.end == record.start => last.end = record.end,
            _ => self.good.push(record),
        }
    }

    /// Remembers the first damage.
    fn note(&mut self, at: u64, reason: &str) {
        let first = || Damage { at, bytes: 0, skipped: 0, reason: reason.to_owned() };
        self.damage.get_or_insert_with(first);
    }
}

/// Reads the next record's content.
fn read_record(reader: &mut impl Read, content: &mut Vec<u8>) -> io::Result<Next> {
    let mut prefix = [0; PREFIX_BYTES];
    match read_up_to(reader, &mut prefix)? {
        0 => return Ok(Next::End),
        PREFIX_BYTES => {}
        _ => return Ok(Next::Unreadable("a record is torn")),
    }
    let (length, checksum_bytes) = prefix.split_first_chunk().expect("a prefix is longer");
    let length = u32::from_le_bytes(*length) as usize;
    if length > RECORD_BYTES_MAX {
        return Ok(Next::Unreadable("a record's length is impossible"));
    }
    content.resize(length, 0);
    if read_up_to(reader, content)? < length {
        return Ok(Next::Unreadable("a record is torn"));
    }
    Ok(if checksum(content) == checksum_bytes { Next::Content } else { Next::BadContent })
}

fn keep(record: StoredRecord, election: &ElectionId, restored: &mut Restored) {
    match record {
        StoredRecord::Block { header, transactions } => {
            let hashed = |each| Arc::new(HashedTransaction::new(each, election));
            let transactions = transactions.into_iter().map(hashed).collect();
            let block = Block { header, transactions };
            restored.blocks.push(crate::chain::StoredBlock {
                header,
                summary: crate::chain::Summary::of(&block),
                has_body: false,
            });
        }
        StoredRecord::Transaction(row, transaction) => {
            restored.pool.push((row, HashedTransaction::new(transaction, election)));
        }
        StoredRecord::Neighbours(mut neighbours) => {
            neighbours.truncate(NEIGHBOURS_MAX);
            restored.neighbours = neighbours;
        }
    }
}

/// Fills the buffer as far as the file reaches.
fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    *sha256(&[bytes]).first_chunk().expect("a hash has 32 bytes")
}
