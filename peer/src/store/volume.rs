//! Where the chain's files lie: names in one directory, and bytes behind names as redb wants them. Tests give
//! a volume that loses power or fails.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::pages::{PAGE_BYTES, Pages};
use host::files;

/// The database.
pub(super) const CHAIN_FILE: &str = "chain.redb";
/// A database that is being made; it means nothing until it gets the name above.
pub(super) const UNFINISHED_FILE: &str = "chain.redb.new";
/// The database as it was before the newest damage was mended.
pub(super) const DAMAGED_FILE: &str = "chain.redb.damaged";

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    /// For writing, emptied first, made where it is missing.
    Create,
}

/// A directory.
pub(super) trait Volume: fmt::Debug + Send + Sync {
    fn exists(&self, name: &str) -> io::Result<bool>;
    fn open(&self, name: &str, access: Access) -> io::Result<Backend>;
    /// Gives a file a second name, in place of whatever had it; where files have but one, to a copy of it.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;
    /// Gives a file another name, in place of whatever had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// It is no error if there is no such file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes the names durable.
    fn sync(&self) -> io::Result<()>;
    /// What a user calls the file.
    fn path(&self, name: &str) -> PathBuf;
}

/// A directory of the system.
#[derive(Debug)]
pub(super) struct FileVolume {
    pub(super) directory: PathBuf,
}

impl Volume for FileVolume {
    fn exists(&self, name: &str) -> io::Result<bool> {
        self.path(name).try_exists()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Backend> {
        let mut options = File::options();
        options.read(true).write(access != Access::Read);
        if access == Access::Create {
            options.create(true).truncate(true);
        }
        let file = options.open(self.path(name))?;
        FileBackend::new(file).map(Backend::new).map_err(io::Error::other)
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.remove(to)?;
        // FAT and some network mounts know no second names.
        fs::hard_link(self.path(from), self.path(to)).or_else(|_| self.copy(from, to))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Err(_) | Ok(()) => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        files::sync_directory(&self.directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl FileVolume {
    /// Leaves a whole durable copy or none.
    fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        let copied = fs::copy(self.path(from), self.path(to));
        let copied =
            copied.and_then(|_| File::options().write(true).open(self.path(to))?.sync_all());
        if copied.is_err() {
            self.remove(to)?;
        }
        copied
    }
}

/// A file as redb wants it. A copy stays with the owner of the database, to release the file's lock where
/// redb panicked and did not.
#[derive(Debug, Clone)]
pub(super) struct Backend(Arc<dyn StorageBackend>);

impl Backend {
    pub(super) fn new(backend: impl StorageBackend) -> Self {
        Self(Arc::new(backend))
    }
}

type Edge = Bound<u64>;

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }
    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write(offset, bytes)
    }
    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
    fn try_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }
    fn try_lock_shared_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }
    fn lock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }
    fn lock_shared_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }
    fn unlock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }
    fn query_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}

/// A file that takes writes in memory alone. redb recovers a file when it opens it, and writes as it does so:
/// this lets it, and leaves the file as it was until all of it was found good, or for ever if it was not.
#[derive(Debug)]
pub(super) struct Overlay {
    below: Pages,
    above: Mutex<Above>,
}

#[derive(Debug)]
struct Above {
    length: u64,
    /// From here on nothing of the file below shows through.
    below_length: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    pub(super) fn new(below: Pages) -> io::Result<Self> {
        let length = below.len()?;
        let above = Mutex::new(Above { length, below_length: length, pages: BTreeMap::new() });
        Ok(Self { below, above })
    }

    fn above(&self) -> std::sync::MutexGuard<'_, Above> {
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

    // Whoever changes nothing keeps out those that do, and no others.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_name_replaces_a_first_and_so_does_a_copy() {
        let directory = tempfile::tempdir().expect("a directory");
        let volume = FileVolume { directory: directory.path().to_owned() };
        fs::write(volume.path("one"), "first").expect("written");
        fs::write(volume.path("two"), "a longer second").expect("written");
        volume.link("one", "two").expect("linked");
        assert_eq!(fs::read(volume.path("two")).expect("a file"), b"first");
        volume.copy("one", "three").expect("copied");
        fs::write(volume.path("one"), "changed").expect("written");
        assert_eq!(fs::read(volume.path("two")).expect("a file"), b"changed");
        assert_eq!(fs::read(volume.path("three")).expect("a file"), b"first");
        volume.copy("missing", "three").expect_err("there is none");
        assert!(!volume.exists("three").expect("a directory"));
    }
}
