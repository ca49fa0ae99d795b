//! How the rows of the database are encoded. Each value starts with a checksum over its table, its key and its
//! content, so that a row that was changed, or that ended up in the wrong place, is detected.

use std::net::SocketAddr;

use bincode::{Decode, Encode};
use protocol::block::{Block, HEADER_BYTES, Header, decode_body};
use protocol::codec::{self, DecodeError};
use protocol::transaction::HashedTransaction;
use protocol::units::{BlockHash, ElectionId, Height, sha256};
use redb::TableDefinition;

use super::database::StoreFault;
use chain::{BlockEffects, StoredBlock};

/// The version of the tables. A program refuses every version but its own.
pub(super) const FORMAT: u32 = 3;
/// The most neighbours in one record, which is more than a node ever keeps.
const NEIGHBOURS_MAX: usize = 4_096;

pub(super) type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// The table of single records, which have the names below.
pub(super) const META: Table = Table::new("meta");
/// Height and hash → header and body. This table is not read at the start.
pub(super) const BLOCKS: Table = Table::new("blocks");
/// Height and hash → header, whether the body is stored, and summary. It can be made again from the
/// blocks.
pub(super) const SUMMARIES: Table = Table::new("summaries");
/// Kind, and for evidence the validator → what is known of finality. It is missing from databases of an earlier
/// program.
pub(super) const FINALITY: Table = Table::new("finality");
/// Row → transaction.
pub(super) const POOL: Table = Table::new("pool");

pub(super) const FORMAT_KEY: &[u8] = b"format";
pub(super) const ELECTION_KEY: &[u8] = b"election";
pub(super) const STATE_KEY: &[u8] = b"state";
pub(super) const NEIGHBOURS_KEY: &[u8] = b"neighbours";

const CHECKSUM_BYTES: usize = 8;
pub(super) const BLOCK_KEY_BYTES: usize = 8 + 32;

/// Heights come first and are big-endian, so that new blocks are written at the end of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BlockKey {
    pub(super) height: Height,
    pub(super) hash: BlockHash,
}

impl BlockKey {
    pub(super) fn of(header: &Header) -> Self {
        Self { height: header.height, hash: header.hash() }
    }

    pub(super) fn to_bytes(self) -> [u8; BLOCK_KEY_BYTES] {
        let mut bytes = [0; BLOCK_KEY_BYTES];
        bytes[..8].copy_from_slice(&self.height.0.to_be_bytes());
        bytes[8..].copy_from_slice(&self.hash.0);
        bytes
    }
}

/// Everything that has to agree with the rest of the tables, so that it is noticed if something
/// disappears from them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The end of the best chain.
    pub(super) tip: Option<(Height, BlockHash)>,
    /// The number of rows of blocks.
    pub(super) bodies: u64,
    pub(super) summaries: Tally,
    pub(super) pool: Tally,
    pub(super) finality: Tally,
}

type StateFields = (Option<(Height, BlockHash)>, u64, Tally, Tally);

impl State {
    /// Earlier programs knew nothing of finality, and read the state of an election without it.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let Self { tip, bodies, summaries, pool, finality } = self;
        let mut bytes = codec::encode::<StateFields>(&(tip, bodies, summaries, pool));
        if finality != Tally::default() {
            codec::encode_into(&finality, &mut bytes);
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let of = |(tip, bodies, summaries, pool): StateFields, finality| Self {
            tip,
            bodies,
            summaries,
            pool,
            finality,
        };
        match codec::decode::<StateFields>(bytes) {
            Ok(fields) => Ok(of(fields, Tally::default())),
            Err(_) => {
                let (fields, finality) = codec::decode::<(StateFields, Tally)>(bytes)?;
                Ok(of(fields, finality))
            }
        }
    }
}

/// A set of rows, represented by their number and the exclusive or of 16 bytes of the hash of each
/// of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Tally {
    pub(super) rows: u64,
    digest: [u8; 16],
}

impl Tally {
    pub(super) fn add(&mut self, row: &[u8]) {
        self.rows += 1;
        self.toggle(row);
    }

    pub(super) fn remove(&mut self, row: &[u8]) {
        self.rows = self.rows.saturating_sub(1);
        self.toggle(row);
    }

    fn toggle(&mut self, row: &[u8]) {
        for (byte, change) in self.digest.iter_mut().zip(sha256(&[row])) {
            *byte ^= change;
        }
    }
}

/// What the tally of the summaries counts: the key of a row, and whether the row claims that there
/// is a body.
pub(super) fn summary_mark(key: &BlockKey, has_body: bool) -> Vec<u8> {
    let mut mark = key.to_bytes().to_vec();
    mark.push(u8::from(has_body));
    mark
}

/// Encodes a value as it is stored in a table.
pub(super) fn seal(table: Table, key: &[u8], content: &[u8]) -> Vec<u8> {
    let mut value = checksum(table, key, content).to_vec();
    value.extend(content);
    value
}

/// Decodes the content of a value.
pub(super) fn unseal<'a>(
    table: Table,
    key: &[u8],
    value: &'a [u8],
) -> Result<&'a [u8], StoreFault> {
    match value.split_first_chunk::<CHECKSUM_BYTES>() {
        Some((found, content)) if *found == checksum(table, key, content) => Ok(content),
        _ => Err(bad_row(table, key, "the checksum does not match")),
    }
}

pub(super) fn bad_row(table: Table, key: &[u8], reason: &str) -> StoreFault {
    let name = match (redb::TableHandle::name(&table), key.first_chunk::<8>()) {
        ("meta", _) => format!("record {:?}", String::from_utf8_lossy(key)),
        ("pool", Some(row)) => format!("row {} of the pool", u64::from_be_bytes(*row)),
        ("finality", _) => format!("row {} of finality", hex::encode(key)),
        ("blocks", Some(height)) => format!("a block at height {}", u64::from_be_bytes(*height)),
        (_, Some(height)) => format!("a summary at height {}", u64::from_be_bytes(*height)),
        (name, None) => format!("a row of {name}"),
    };
    StoreFault::Damaged(format!("{name}: {reason}"))
}

fn checksum(table: Table, key: &[u8], content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let name = redb::TableHandle::name(&table).as_bytes();
    *sha256(&[name, key, content]).first_chunk().expect("a hash has 32 bytes")
}

pub(super) fn block_content(block: &Block) -> Vec<u8> {
    let mut content = block.header.to_bytes().to_vec();
    content.extend(block.body_bytes());
    content
}

/// Decodes a block, whose header must match the key and whose body must match the header.
pub(super) fn decode_block(
    key: &[u8],
    value: &[u8],
    election: &ElectionId,
) -> Result<Block, StoreFault> {
    let (header, body) = split_header(BLOCKS, key, unseal(BLOCKS, key, value)?)?;
    let transactions =
        decode_body(body, election).map_err(|error| bad_row(BLOCKS, key, &error.to_string()))?;
    let block = Block { header, transactions };
    if block.merkle_root() != header.merkle_root {
        return Err(bad_row(BLOCKS, key, "the body is not the header's"));
    }
    Ok(block)
}

pub(super) fn summary_content(stored: &StoredBlock) -> Vec<u8> {
    let mut content = stored.header.to_bytes().to_vec();
    content.push(u8::from(stored.has_body));
    codec::encode_into(&stored.summary, &mut content);
    content
}

pub(super) fn decode_summary(key: &[u8], value: &[u8]) -> Result<StoredBlock, StoreFault> {
    let (header, rest) = split_header(SUMMARIES, key, unseal(SUMMARIES, key, value)?)?;
    let (has_body, summary) = match rest {
        [0, summary @ ..] => (false, summary),
        [1, summary @ ..] => (true, summary),
        _ => return Err(bad_row(SUMMARIES, key, "the mark of the body is neither 0 nor 1")),
    };
    let summary: BlockEffects =
        codec::decode(summary).map_err(|error| bad_row(SUMMARIES, key, &error.to_string()))?;
    Ok(StoredBlock { header, summary, has_body })
}

pub(super) fn decode_pooled(
    key: &[u8],
    value: &[u8],
    election: &ElectionId,
) -> Result<(u64, HashedTransaction), StoreFault> {
    let content = unseal(POOL, key, value)?;
    let row = key.try_into().map_err(|_| bad_row(POOL, key, "the key is no row"))?;
    let transaction = HashedTransaction::decode(content, election)
        .map_err(|error| bad_row(POOL, key, &error.to_string()))?;
    Ok((u64::from_be_bytes(row), transaction))
}

pub(super) fn decode_neighbours(content: &[u8]) -> Result<Vec<SocketAddr>, StoreFault> {
    let mut neighbours: Vec<SocketAddr> = codec::decode(content)
        .map_err(|error| bad_row(META, NEIGHBOURS_KEY, &error.to_string()))?;
    neighbours.truncate(NEIGHBOURS_MAX);
    Ok(neighbours)
}

/// Splits off the header at the start of a content, which must match the key.
fn split_header<'a>(
    table: Table,
    key: &[u8],
    content: &'a [u8],
) -> Result<(Header, &'a [u8]), StoreFault> {
    let split = content.split_first_chunk::<HEADER_BYTES>();
    let header = split.and_then(|(header, rest)| Some((Header::from_bytes(header)?, rest)));
    match header {
        Some((header, rest)) if BlockKey::of(&header).to_bytes() == *key => Ok((header, rest)),
        _ => Err(bad_row(table, key, "the header is not the key's")),
    }
}

#[cfg(test)]
mod tests {
    use protocol::transaction::TransactionKind;
    use protocol::units::{Difficulty, MerkleRoot, UnixMillis, VoterId};

    use super::*;
    use chain::{BlankVotes, OptionVotes, RegistrarSignings, TransactionSummary};

    /// Made by hand, as docs/PROTOCOL.md lays it out.
    #[test]
    fn the_bytes_of_rows_stay_what_they_are() {
        let key = 2u64.to_be_bytes();
        assert_eq!(hex::encode(seal(POOL, &key, b"content")), "0ee53c2b4617feec636f6e74656e74");
        let block = BlockKey { height: Height(5), hash: BlockHash([1; 32]) };
        let mut state =
            State { tip: Some((block.height, block.hash)), bodies: 2, ..State::default() };
        state.summaries.add(&summary_mark(&block, true));
        let golden = concat!(
            "0105000000000000000101010101010101010101010101010101010101010101",
            "01010101010101010102000000000000000100000000000000a83c1c2a020c5e",
            "fde5268bd844a6ce2e0000000000000000000000000000000000000000000000",
            "00",
        );
        assert_eq!(hex::encode(state.to_bytes()), golden);
        assert_eq!(State::from_bytes(&state.to_bytes()), Ok(state));
        state.finality.add(&[1]);
        let bytes = state.to_bytes();
        assert!(hex::encode(&bytes).starts_with(golden) && bytes.len() == golden.len() / 2 + 24);
        assert_eq!(State::from_bytes(&bytes), Ok(state));
    }

    /// Made by hand, as docs/PROTOCOL.md lays it out.
    #[test]
    fn the_bytes_of_a_summary_stay_what_they_are() {
        let header = Header {
            previous: BlockHash([1; 32]),
            merkle_root: MerkleRoot([2; 32]),
            height: Height(3),
            time: UnixMillis(4),
            difficulty: Difficulty::from_bits(5),
            nonce: 6,
        };
        let of = |kind, byte| TransactionSummary {
            kind,
            voter: VoterId([byte; 32]),
            id_prefix: [byte + 1; 8],
        };
        let summary = BlockEffects {
            transactions: vec![of(TransactionKind::Registration, 7), of(TransactionKind::Vote, 9)],
            chosen: vec![OptionVotes { question: 0, option: 11, votes: 12 }],
            blank: vec![BlankVotes { question: 1, votes: 13 }],
            signed: vec![RegistrarSignings { registrar: 2, admissions: 14, withdrawals: 15 }],
        };
        let golden = [
            hex::encode(header.to_bytes()),
            "01".into(),
            "0200000000000000".into(),
            "00000000".into(),
            "07".repeat(32) + &"08".repeat(8),
            "01000000".into(),
            "09".repeat(32) + &"0a".repeat(8),
            "0100000000000000".into(),
            "00000b000c000000".into(),
            "0100000000000000".into(),
            "01000d000000".into(),
            "0100000000000000".into(),
            "02000e0000000f000000".into(),
        ];
        let stored = StoredBlock { header, summary, has_body: true };
        assert_eq!(hex::encode(summary_content(&stored)), golden.concat());
        let key = BlockKey::of(&header).to_bytes();
        let value = seal(SUMMARIES, &key, &summary_content(&stored));
        assert_eq!(decode_summary(&key, &value).expect("whole"), stored);
    }

    #[test]
    fn a_record_of_neighbours_is_read_up_to_a_number_of_them() {
        let address = |number: usize| {
            SocketAddr::from(([192, 0, 2, 1], u16::try_from(number).expect("there are few")))
        };
        for (written, read) in
            [(NEIGHBOURS_MAX, NEIGHBOURS_MAX), (NEIGHBOURS_MAX + 1, NEIGHBOURS_MAX)]
        {
            let all: Vec<_> = (0..written).map(address).collect();
            let found = decode_neighbours(&codec::encode(&all)).expect("addresses");
            assert_eq!(found, all[..read]);
        }
    }

    #[test]
    fn a_value_under_another_key_or_in_another_table_is_refused() {
        let value = seal(POOL, &[1; 8], b"content");
        assert_eq!(unseal(POOL, &[1; 8], &value).ok(), Some(&b"content"[..]));
        for (table, key) in [(POOL, [2; 8]), (META, [1; 8])] {
            assert!(unseal(table, &key, &value).is_err());
        }
        assert!(unseal(POOL, &[1; 8], &value[..7]).is_err());
    }
}
