//! Finds rows page by page, without the trees that lead to them: one bad page near a root hides every row below it,
//! even if those rows are intact. A row's checksum tells which table it belongs to and whether it is intact.

use protocol::election::BLOCK_BYTES_MAX;
use redb::StorageBackend;

use super::RawRow;
use super::source::CHUNK_BYTES;
use crate::store::database::StoreFault;
use crate::store::pages::{PAGE_BYTES, Pages};
use crate::store::rows::BLOCK_KEY_BYTES;
use crate::store::volume::{Access, CHAIN_FILE, Volume};

// The layout of redb's leaves: type, padding, number of rows, ends of the keys, ends of the values,
// keys, values.
const LEAF: u8 = 1;
const COUNT_END: usize = 4;
const END_BYTES: usize = 4;
/// The length in bytes of the keys of the pool. The other tables that matter have the keys of
/// blocks.
const POOL_KEY_BYTES: usize = 8;
/// The longest leaf that is considered plausible. It is twice the size of the largest body, and far
/// more than redb puts into a leaf with a single row.
const LEAF_BYTES_MAX: usize = 2 * BLOCK_BYTES_MAX as usize;

/// Passes on what looks like a row in what looks like a leaf, including those of old commits.
pub(super) fn each_chunk(
    volume: &dyn Volume,
    mut visit: impl FnMut(Vec<RawRow>) -> Result<(), StoreFault>,
) -> Result<(), StoreFault> {
    let pages = Pages::unchecked(volume.open(CHAIN_FILE, Access::Read)?);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for page in 1..pages.len()? / PAGE_BYTES {
        let Some(leaf) = read_leaf(&pages, page * PAGE_BYTES)? else { continue };
        bytes += leaf.len();
        rows.extend(rows_of(&leaf));
        if bytes > CHUNK_BYTES {
            bytes = 0;
            visit(std::mem::take(&mut rows))?;
        }
    }
    visit(rows)
}

/// Reads the bytes of a leaf that starts at this position, if one does.
fn read_leaf(pages: &Pages, start: u64) -> Result<Option<Vec<u8>>, StoreFault> {
    let room = pages.len()?.saturating_sub(start);
    let read = |length: usize| {
        if length as u64 > room || length > LEAF_BYTES_MAX {
            return Ok(None);
        }
        let mut bytes = vec![0; length];
        pages.read(start, &mut bytes).map(|()| Some(bytes))
    };
    let Some(first) = read(COUNT_END)? else { return Ok(None) };
    let count = usize::from(u16::from_le_bytes([first[2], first[3]]));
    if first[0] != LEAF || count == 0 {
        return Ok(None);
    }
    let Some(ends) = read(COUNT_END + 2 * END_BYTES * count)? else { return Ok(None) };
    let first_key = end(&ends, 0).saturating_sub(ends.len());
    let are_keys_even = [POOL_KEY_BYTES, BLOCK_KEY_BYTES].contains(&first_key)
        && (0..count).all(|row| end(&ends, row) == ends.len() + (row + 1) * first_key);
    // If the bytes only begin like a leaf, no more of them are read.
    if are_keys_even { Ok(read(end(&ends, 2 * count - 1))?) } else { Ok(None) }
}

/// The rows of a leaf, as long as their ends are in ascending order.
fn rows_of(leaf: &[u8]) -> Vec<RawRow> {
    let count = usize::from(u16::from_le_bytes([leaf[2], leaf[3]]));
    let key_start = COUNT_END + 2 * END_BYTES * count;
    let start_of = |number: usize| match number {
        0 => key_start,
        number => end(leaf, number - 1),
    };
    (0..count)
        .map_while(|row| {
            let key = leaf.get(start_of(row)..end(leaf, row))?;
            let value = leaf.get(start_of(count + row)..end(leaf, count + row))?;
            Some((key.to_vec(), value.to_vec()))
        })
        .collect()
}

/// The end of a key or, for numbers after all keys, the end of a value.
fn end(leaf: &[u8], number: usize) -> usize {
    let place = COUNT_END + number * END_BYTES;
    let bytes = leaf.get(place..place + END_BYTES).and_then(|bytes| bytes.first_chunk());
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
}
