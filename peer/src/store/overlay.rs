//! Lets redb open a file without changing it: all writes stay in memory.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};

use super::backend::Edge;
use super::pages::{PAGE_BYTES, Pages};

/// A file whose writes stay in memory. redb writes when it opens a file that needs recovery; through an overlay it can
/// do so while the file itself stays as it was.
#[derive(Debug)]
pub(super) struct Overlay {
    below: Pages,
    above: Mutex<Above>,
}

#[derive(Debug)]
struct Above {
    length: u64,
    /// Nothing that the file below contains after this position is visible.
    below_length: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    pub(super) fn new(below: Pages) -> io::Result<Self> {
        let length = below.len()?;
        let above = Mutex::new(Above { length, below_length: length, pages: BTreeMap::new() });
        Ok(Self { below, above })
    }

    fn above(&self) -> MutexGuard<'_, Above> {
        self.above.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Above {
    fn page(&self, below: &Pages, page: u64) -> io::Result<Vec<u8>> {
        if let Some(bytes) = self.pages.get(&page) {
            return Ok(bytes.clone());
        }
        let mut bytes = vec![0; as_length(PAGE_BYTES)];
        let start = page * PAGE_BYTES;
        let shown = as_length(self.below_length.saturating_sub(start).min(PAGE_BYTES));
        below.read(start, &mut bytes[..shown])?;
        Ok(bytes)
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.above().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let above = self.above();
        let end = offset + out.len() as u64;
        if end > above.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let pages = offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES);
        if end <= above.below_length && above.pages.range(pages.clone()).next().is_none() {
            return self.below.read(offset, out);
        }
        for page in pages {
            let bytes = above.page(&self.below, page)?;
            let (start, page_start) = (offset.max(page * PAGE_BYTES), page * PAGE_BYTES);
            let stop = end.min(page_start + PAGE_BYTES);
            out[as_length(start - offset)..as_length(stop - offset)].copy_from_slice(
                &bytes[as_length(start - page_start)..as_length(stop - page_start)],
            );
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut above = self.above();
        if length < above.length {
            above.pages.split_off(&length.div_ceil(PAGE_BYTES));
            above.below_length = above.below_length.min(length);
            if let Some(last) = above.pages.get_mut(&(length / PAGE_BYTES)) {
                last[as_length(length % PAGE_BYTES)..].fill(0);
            }
        }
        above.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut above = self.above();
        let end = offset + bytes.len() as u64;
        for page in offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES) {
            let mut whole = above.page(&self.below, page)?;
            let (start, page_start) = (offset.max(page * PAGE_BYTES), page * PAGE_BYTES);
            let stop = end.min(page_start + PAGE_BYTES);
            whole[as_length(start - page_start)..as_length(stop - page_start)]
                .copy_from_slice(&bytes[as_length(start - offset)..as_length(stop - offset)]);
            above.pages.insert(page, whole);
        }
        above.length = above.length.max(end);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.below.close()
    }

    // Whoever only reads a file locks out those who write to it, but no other readers.
    fn try_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.below.try_lock_shared_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.below.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.below.lock_shared_range(start, end)
    }

    fn lock_shared_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.below.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.below.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.below.query_lock_range(start, end)
    }
}

fn as_length(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a part of a buffer in memory")
}
