//! The archive: an election's whole chain in one file. It holds the election, the blocks after the genesis in order,
//! and an end record; a file without its end is recognised as cut off.
//!
//! docs/PROTOCOL.md describes the bytes. This module only reads and writes them; it never checks the rules of the
//! chain.

mod read;
#[cfg(test)]
mod tests;
mod write;

use bincode::{Decode, Encode};
use protocol::block::Header;
use protocol::transaction::Transaction;
use protocol::units::{BlockHash, sha256};

pub use read::{ArchiveError, ArchiveReader, ArchiveRecord, RecordPlace};
pub(crate) use write::ArchiveEncoder;
pub use write::ArchiveWriter;

const MAGIC: [u8; 16] = *b"ostrakon-archive";
/// Version of the archive; a program refuses a newer one than its own.
const FORMAT: u32 = 1;
const CHECKSUM_BYTES: usize = 32;
const HEAD_BYTES: usize = MAGIC.len() + 4 + CHECKSUM_BYTES;
/// Length and checksum before each record's content.
const PREFIX_BYTES: usize = 4 + CHECKSUM_BYTES;
/// Longest record: twice the largest body that a ballot can allow, so that a block that is too large is read
/// and named by an audit. A longer length is damage, and is not believed before memory is taken for it.
const RECORD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The variant of a block's record, which its content begins with.
const BLOCK_VARIANT: u32 = 1;

/// What stands in an archive, in this order.
#[derive(Debug, Encode, Decode)]
enum Content {
    /// The election's canonical bytes; the first record.
    Election(Vec<u8>),
    Block {
        header: Header,
        transactions: Vec<Transaction>,
    },
    /// How many blocks there are, and the hash of the last one: the genesis if there is none.
    End {
        blocks: u64,
        tip: BlockHash,
    },
}

fn head() -> [u8; HEAD_BYTES] {
    let mut bytes = [0; HEAD_BYTES];
    let (fields, checksum) = bytes.split_at_mut(HEAD_BYTES - CHECKSUM_BYTES);
    fields[..MAGIC.len()].copy_from_slice(&MAGIC);
    fields[MAGIC.len()..].copy_from_slice(&FORMAT.to_le_bytes());
    checksum.copy_from_slice(&sha256(&[fields]));
    bytes
}
