//! Adds a checksum to every page of a file.
//!
//! redb verifies no checksum when it reads. Given a flipped bit it returns wrong rows, overwrites pages that it takes
//! for free, panics, or panics while it already panics, which nothing can catch. With this layer a page that was not
//! written like that is an I/O error instead. Only the first page has no checksum here: redb overwrites it in place,
//! so that a loss of power may leave it half written, and it contains checksums of redb's own.

use std::hash::Hasher;
use std::io;

use redb::{BackendError, StorageBackend};
use siphasher::sip::SipHasher13;

use super::backend::{Backend, Edge};

/// The size of redb's own pages. redb writes whole pages, except for its header.
pub(super) const PAGE_BYTES: u64 = 4096;
const CHECKSUM_BYTES: u64 = 8;
const STORED_BYTES: u64 = PAGE_BYTES + CHECKSUM_BYTES;

/// The most bytes of one read. redb's largest pages contain a block's body, rounded up to a power
/// of two, or its list of free pages; both are far smaller than this.
const READ_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A file of pages, each followed by its checksum.
#[derive(Debug)]
pub(super) struct Pages {
    below: Backend,
    is_checked: bool,
}

impl Pages {
    pub(super) fn new(below: Backend) -> Self {
        Self { below, is_checked: true }
    }

    /// For callers that detect damage in another way.
    pub(super) fn unchecked(below: Backend) -> Self {
        Self { below, is_checked: false }
    }
}

/// A page that contains only zeros has no checksum, because files grow by such pages.
fn checksum(number: u64, page: &[u8]) -> [u8; 8] {
    if page.iter().all(|byte| *byte == 0) {
        return [0; 8];
    }
    let mut hasher = SipHasher13::new();
    hasher.write(&number.to_le_bytes());
    hasher.write(page);
    hasher.finish().to_le_bytes()
}

/// The pages that contain a part of the file.
fn pages_of(offset: u64, length: usize) -> std::ops::Range<u64> {
    offset / PAGE_BYTES..(offset + length as u64).div_ceil(PAGE_BYTES)
}

fn buffer(bytes: u64) -> io::Result<Vec<u8>> {
    usize::try_from(bytes).map(|bytes| vec![0; bytes]).map_err(io::Error::other)
}

fn as_length(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a part of a buffer in memory")
}

impl StorageBackend for Pages {
    fn len(&self) -> io::Result<u64> {
        Ok(self.below.len()? / STORED_BYTES * PAGE_BYTES)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        // This is checked before the memory is used, because redb allocates as many pages as a
        // damaged page may claim.
        if out.len() > READ_BYTES_MAX || offset + out.len() as u64 > self.len()? {
            let reason = format!("{} bytes at {offset} can't be in the file", out.len());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
        }
        let pages = pages_of(offset, out.len());
        let mut stored = buffer((pages.end - pages.start) * STORED_BYTES)?;
        self.below.read(pages.start * STORED_BYTES, &mut stored)?;
        let mut at = as_length(offset % PAGE_BYTES);
        let mut filled = 0;
        for (number, stored) in pages.zip(stored.chunks_exact(as_length(STORED_BYTES))) {
            let (page, found) = stored.split_at(as_length(PAGE_BYTES));
            if self.is_checked && number > 0 && checksum(number, page) != *found {
                let reason = format!("the checksum of page {number} does not match");
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            let part = &page[at..page.len().min(at + out.len() - filled)];
            out[filled..filled + part.len()].copy_from_slice(part);
            filled += part.len();
            at = 0;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.below.set_len(length.div_ceil(PAGE_BYTES) * STORED_BYTES)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.below.sync_data()
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let pages = pages_of(offset, bytes.len());
        if pages == (0..1) {
            return self.below.write(offset, bytes);
        }
        if !offset.is_multiple_of(PAGE_BYTES) || !(bytes.len() as u64).is_multiple_of(PAGE_BYTES) {
            return Err(io::Error::other("a part of a page was to be written"));
        }
        let mut stored = Vec::with_capacity(as_length((pages.end - pages.start) * STORED_BYTES));
        for (number, page) in pages.clone().zip(bytes.chunks_exact(as_length(PAGE_BYTES))) {
            stored.extend(page);
            stored.extend(checksum(number, page));
        }
        self.below.write(pages.start * STORED_BYTES, &stored)
    }

    fn close(&self) -> io::Result<()> {
        self.below.close()
    }

    fn try_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.below.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.below.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.below.lock_range(start, end)
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

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    /// Made by hand, as docs/PROTOCOL.md lays it out.
    #[test]
    fn the_bytes_of_a_page_stay_what_they_are() {
        assert_eq!(hex::encode(checksum(3, &[7; 4096])), "f2d806b5d9b13a20");
        assert_eq!(checksum(3, &[0; 4096]), [0; 8]);
    }

    /// So a flipped bit is to the layers above what a destroyed page is, and those are destroyed one by one there.
    #[test]
    fn every_single_bit_of_a_page_is_covered() {
        let below = Backend::new(InMemoryBackend::new());
        let pages = Pages::new(below.clone());
        pages.set_len(2 * PAGE_BYTES).expect("memory");
        let bytes: Vec<u8> = (0..PAGE_BYTES).map(|at| (at % 251) as u8).collect();
        pages.write(PAGE_BYTES, &bytes).expect("memory");
        let (mut whole, mut stored) = (vec![0; as_length(PAGE_BYTES)], [0]);
        for bit in 0..STORED_BYTES * 8 {
            let at = STORED_BYTES + bit / 8;
            below.read(at, &mut stored).expect("memory");
            let flipped = [stored[0] ^ (1 << (bit % 8))];
            below.write(at, &flipped).expect("memory");
            assert!(pages.read(PAGE_BYTES, &mut whole).is_err(), "bit {bit}");
            below.write(at, &stored).expect("memory");
        }
        pages.read(PAGE_BYTES, &mut whole).expect("all is as it was");
        assert_eq!(whole, bytes);
    }

    #[test]
    fn pages_read_back_and_a_changed_one_does_not() {
        let below = Backend::new(InMemoryBackend::new());
        let pages = Pages::new(below.clone());
        pages.set_len(5 * PAGE_BYTES).expect("memory");
        let bytes: Vec<u8> = (0..2 * PAGE_BYTES).map(|at| (at % 251) as u8).collect();
        pages.write(2 * PAGE_BYTES, &bytes).expect("memory");
        assert_eq!(pages.len().expect("memory"), 5 * PAGE_BYTES);
        assert_eq!(below.len().expect("memory"), 5 * STORED_BYTES);
        let mut part = vec![0; 5000];
        pages.read(2 * PAGE_BYTES + 100, &mut part).expect("two pages");
        assert_eq!(part, bytes[100..5100]);
        pages.read(3 * PAGE_BYTES, &mut part).expect("a page, and one of zeros");
        assert_eq!(part[..4096], bytes[4096..]);
        assert_eq!(part[4096..], [0; 904]);
        below.write(3 * STORED_BYTES + 9, &[1]).expect("memory");
        let error = pages.read(2 * PAGE_BYTES, &mut part).expect_err("one of them is bad");
        assert!(error.to_string().contains("page 3"), "{error}");
        Pages::unchecked(below).read(2 * PAGE_BYTES, &mut part).expect("nobody looks");
        let error = pages.read(4 * PAGE_BYTES, &mut [0; 4097]).expect_err("beyond the end");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let error = pages.write(2 * PAGE_BYTES + 1, &bytes).expect_err("a part of a page");
        assert_eq!(error.kind(), io::ErrorKind::Other);
    }
    #[test]
    fn a_read_is_as_long_as_it_may_be_and_no_longer() {
        let pages = Pages::unchecked(Backend::new(InMemoryBackend::new()));
        pages.set_len(READ_BYTES_MAX as u64 + PAGE_BYTES).expect("memory");
        let mut longer = vec![0; READ_BYTES_MAX + 1];
        pages.read(0, &mut longer[1..]).expect("it is in the file");
        let error = pages.read(0, &mut longer).expect_err("no page is that long");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
