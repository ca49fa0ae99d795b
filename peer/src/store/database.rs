//! The boundary to redb: opening a database, translating redb's errors into [`StoreFault`], and catching its panics.
//!
//! Nothing above this module sees a redb error or unwinds through redb.

use std::cell::Cell;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use protocol::units::ElectionId;
use redb::StorageBackend;

use super::backend::Backend;
use super::volume::{CHAIN_FILE, Volume};
use super::{FileError, StoreError};

/// The memory that redb may use for pages: the inner pages of all trees and what one commit writes,
/// with room to spare. Bodies are read too rarely to be worth caching.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// The reason why redb did not do what it was asked to do. Only this module knows redb's own
/// errors.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreFault {
    /// The bytes are not those that were written.
    #[error("{0}")]
    Damaged(String),
    /// The disk failed, and may work again later.
    #[error("{}", host::reason::of(.0))]
    Disk(io::Error),
    #[error("another process uses it")]
    InUse,
    #[error("it is no chain of this program")]
    NotAChain,
    #[error("it has format {found}")]
    NewerFormat { found: u32 },
    #[error("it has format {found}")]
    OlderFormat { found: u32 },
    #[error("it belongs to election {found}")]
    OtherElection { found: ElectionId },
}

impl StoreFault {
    pub(super) fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged(reason.into())
    }

    /// For a user.
    pub(super) fn of(self, volume: &dyn Volume, election: &ElectionId) -> StoreError {
        let path = volume.path(CHAIN_FILE);
        match self {
            Self::Damaged(reason) => StoreError::Damaged { path, reason },
            Self::Disk(error) => FileError::new("use", &path, error).into(),
            Self::InUse => StoreError::InUse { path },
            Self::NotAChain => StoreError::NotAChain { path },
            Self::NewerFormat { found } => StoreError::NewerFormat { path, found },
            Self::OlderFormat { found } => StoreError::OlderFormat { path, found },
            Self::OtherElection { found } => {
                StoreError::OtherElection { path, found, expected: *election }
            }
        }
    }
}

impl From<io::Error> for StoreFault {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        // The first kind means that a file was cut off, and the second that a page is damaged.
        if kind == io::ErrorKind::UnexpectedEof || kind == io::ErrorKind::InvalidData {
            Self::Damaged(host::reason::of(&error))
        } else {
            Self::Disk(error)
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "redb's list of errors is open")]
impl From<redb::Error> for StoreFault {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => error.into(),
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            redb::Error::PreviousIo | redb::Error::DatabaseClosed => {
                Self::Disk(io::Error::other("it failed before and is closed since"))
            }
            redb::Error::Unsupported => Self::Disk(io::ErrorKind::Unsupported.into()),
            other => {
                tracing::debug!(reason = %other, "the chain's file is damaged");
                Self::damaged("its pages do not hold together")
            }
        }
    }
}

macro_rules! fault_from {
    ($($error:ty),+) => {$(
        impl From<$error> for StoreFault {
            fn from(error: $error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )+};
}

fault_from!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError,
    redb::SetDurabilityError
);

/// An open redb database.
#[derive(Debug)]
pub(super) struct Database {
    /// Present until it is dropped.
    redb: Option<redb::Database>,
    backend: Backend,
}

/// How much of a file redb checks when it opens the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IntegrityCheck {
    /// Nothing is checked: redb trusts what the last commit says about free pages.
    Skip,
    /// Everything is checked: redb reads all pages and determines again which of them are free.
    Full,
}

impl Database {
    /// Opens a database, or creates one in an empty file.
    pub(super) fn open(
        file: impl StorageBackend,
        check: IntegrityCheck,
    ) -> Result<Self, StoreFault> {
        let backend = Backend::new(file);
        let redb = guarded(|| {
            Ok(redb::Database::builder()
                .set_cache_size(CACHE_BYTES)
                .set_check_integrity_on_open(check == IntegrityCheck::Full)
                .create_with_backend(backend.clone())?)
        });
        match redb {
            Ok(redb) => Ok(Self { redb: Some(redb), backend }),
            Err(fault) => {
                release(&backend);
                Err(fault)
            }
        }
    }

    /// Calls redb. After a fault the database must be dropped and opened again.
    pub(super) fn run<T>(
        &self,
        work: impl FnOnce(&redb::Database) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        let redb = self.redb.as_ref().expect("there until it is dropped");
        guarded(|| work(redb))
    }

    /// Gives up a database that may be wrong in every respect. Closing it normally would make redb
    /// write, and possibly panic during a panic. Its memory is therefore leaked.
    pub(super) fn abandon(mut self) {
        std::mem::forget(self.redb.take());
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let redb = self.redb.take();
        if let Err(fault) = guarded(|| {
            drop(redb);
            Ok(())
        }) {
            tracing::warn!(%fault, "the chain's file was not closed well; the next opening recovers it");
        }
        release(&self.backend);
    }
}

/// Releases the file's lock, in case redb failed to do so. Doing it twice is harmless.
fn release(backend: &Backend) {
    if let Err(error) = backend.close() {
        tracing::warn!(%error, "can't unlock the chain's file");
    }
}

thread_local! {
    /// Whether panics of this thread are caught here.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps panics that are caught here off the user's screen, because they are reported as damage.
fn silence_guarded() {
    let earlier = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // While a thread ends, its thread-local variables may be gone already.
        if !IS_GUARDED.try_with(Cell::get).unwrap_or(false) {
            earlier(panic);
        }
    }));
}

/// Catches a panic of redb, and treats it as damage for which redb was not prepared.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreFault>) -> Result<T, StoreFault> {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(silence_guarded);
    let was_guarded = IS_GUARDED.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(was_guarded);
    outcome.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "for no known reason".into());
        tracing::debug!(reason = text.replace('\n', " "), "the database panicked");
        Err(StoreFault::damaged("its pages lead to what can't be"))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use redb::ReadableDatabase;
    use redb::backends::InMemoryBackend;

    use super::*;

    #[test]
    fn a_panic_becomes_damage_and_the_guard_ends_with_it() {
        let outcome = guarded::<()>(|| {
            let inner = guarded(|| Ok(()));
            assert!(inner.is_ok() && IS_GUARDED.get(), "the outer guard still stands");
            panic!("two\nlines");
        });
        let Err(StoreFault::Damaged(reason)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(reason, "its pages lead to what can't be");
        assert!(!IS_GUARDED.get());
    }
    /// A file in memory that counts what is read of it.
    #[derive(Debug)]
    struct Counted {
        memory: InMemoryBackend,
        read: Arc<AtomicUsize>,
    }

    impl StorageBackend for Counted {
        fn len(&self) -> io::Result<u64> {
            self.memory.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.read.fetch_add(out.len(), Ordering::Relaxed);
            self.memory.read(offset, out)
        }

        fn set_len(&self, length: u64) -> io::Result<()> {
            self.memory.set_len(length)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.memory.sync_data()
        }

        fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            self.memory.write(offset, bytes)
        }
    }

    #[test]
    fn pages_stay_in_memory_up_to_a_number_of_bytes() {
        const ROWS: usize = 64;
        const ROW_BYTES: usize = CACHE_BYTES / 32;
        let table: redb::TableDefinition<'_, u64, &[u8]> = redb::TableDefinition::new("rows");
        let read = Arc::new(AtomicUsize::new(0));
        let file = Counted { memory: InMemoryBackend::new(), read: Arc::clone(&read) };
        let database = Database::open(file, IntegrityCheck::Skip).expect("memory");
        let filled = database.run(|redb| {
            let writing = redb.begin_write()?;
            {
                let mut rows = writing.open_table(table)?;
                for row in 0..ROWS as u64 {
                    rows.insert(row, &vec![1; ROW_BYTES][..])?;
                }
            }
            Ok(writing.commit()?)
        });
        filled.expect("memory has room");
        let read_first = |rows: u64| {
            let before = read.load(Ordering::Relaxed);
            let found = database.run(|redb| {
                let all = redb.begin_read()?.open_table(table)?;
                for row in 0..rows {
                    assert!(all.get(row)?.is_some());
                }
                Ok(())
            });
            found.expect("it can be read");
            read.load(Ordering::Relaxed) - before
        };
        read_first(8);
        assert_eq!(read_first(8), 0, "a quarter of the cache stays in it");
        read_first(ROWS as u64);
        let (all, again) = (ROWS * ROW_BYTES, read_first(ROWS as u64));
        assert!(again >= all - CACHE_BYTES, "{again} of {all} bytes were read again");
    }
}
