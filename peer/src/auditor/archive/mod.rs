//! The archive: an election's whole chain in one file. It holds the election, the blocks after the genesis in order,
//! certificates behind the blocks that they make final, and an end record; a file without its end is recognised as cut
//! off.
//!
//! docs/PROTOCOL.md describes the bytes. This module only reads and writes them; it never checks the rules of the
//! chain.

mod read;
#[cfg(test)]
mod tests;
mod write;

use bincode::{Decode, Encode};
use protocol::block::Header;
use protocol::election::Election;
use protocol::finality::Certificate;
use protocol::transaction::Transaction;
use protocol::units::{BlockHash, sha256};

pub use read::{ArchiveError, ArchiveItem, ArchiveReader, ArchiveRecord, RecordPlace};
pub(crate) use write::ArchiveEncoder;
pub use write::ArchiveWriter;

const MAGIC: [u8; 16] = *b"ostrakon-archive";
/// The version of the archive of an election without times, in which nothing is final.
const FORMAT_UNTIMED: u32 = 1;
/// The version of the archive of an election with times, which may hold certificates. A program refuses versions that
/// are newer.
const FORMAT: u32 = 2;
const CHECKSUM_BYTES: usize = 32;
const HEAD_BYTES: usize = MAGIC.len() + 4 + CHECKSUM_BYTES;
/// The length and the checksum before each record's content.
const PREFIX_BYTES: usize = 4 + CHECKSUM_BYTES;
/// The longest record. It is twice the size of the largest body that a ballot can allow, so that a
/// block which is too large can still be read and be reported by an audit. A longer length can only
/// be damage, so no memory is allocated for it.
const RECORD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The number of the variant with which the content of a block's record begins.
const BLOCK_VARIANT: u32 = 1;

/// The contents of an archive, in this order.
#[derive(Debug, Encode, Decode)]
enum Content {
    /// The canonical bytes of the election, which are the first record.
    Election(Vec<u8>),
    Block {
        header: Header,
        transactions: Vec<Transaction>,
    },
    /// The number of blocks, and the hash of the last one, which is the genesis block if there are
    /// none.
    End {
        blocks: u64,
        tip: BlockHash,
    },
    /// Makes final the block before it, in format 2 alone.
    Certificate(Certificate),
}

/// The format of an election's archive.
fn format_of(election: &Election) -> u32 {
    if election.times.is_some() { FORMAT } else { FORMAT_UNTIMED }
}

fn head(format: u32) -> [u8; HEAD_BYTES] {
    let mut bytes = [0; HEAD_BYTES];
    let (fields, checksum) = bytes.split_at_mut(HEAD_BYTES - CHECKSUM_BYTES);
    fields[..MAGIC.len()].copy_from_slice(&MAGIC);
    fields[MAGIC.len()..].copy_from_slice(&format.to_le_bytes());
    checksum.copy_from_slice(&sha256(&[fields]));
    bytes
}
