//! A disk in memory that loses power, fails, and remembers which of its bytes were read.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use redb::StorageBackend;

use crate::store::backend::Backend;
use crate::store::volume::{Access, Volume};

const SECTOR_BYTES: usize = 512;
pub(super) const PAGE_BYTES: usize = 4096;

/// What is called; the disk counts each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Read,
    Write,
    SetLength,
    Sync,
    /// Opening, linking, renaming, removing.
    Name,
}

/// The n-th call of a kind fails; or all from it on do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) call: Call,
    pub(super) nth: u64,
    pub(super) lasts: bool,
}

/// What a loss of power leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    Everything,
    Nothing,
    /// Each write is lost, or there, or torn by sectors; so later ones may be there without earlier ones.
    Random(u64),
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLength(usize),
}

#[derive(Debug, Clone, Default)]
struct DiskFile {
    live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

type Names = BTreeMap<String, usize>;

#[derive(Debug, Default)]
struct Content {
    files: Vec<DiskFile>,
    names: Names,
    /// The names as they were after each change since they were last synced; the first are durable.
    names_history: Vec<Names>,
    calls: u64,
    calls_of_kind: BTreeMap<Call, u64>,
    syncs: Vec<u64>,
    dies_at: Option<u64>,
    fault: Option<Fault>,
    pages_read: BTreeSet<usize>,
    is_read_only: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Content>>);

impl Disk {
    pub(super) fn with_file(name: &str, bytes: Vec<u8>) -> Self {
        let disk = Self::default();
        {
            let mut content = disk.content();
            content.files.push(DiskFile { live: bytes.clone(), durable: bytes, unsynced: vec![] });
            content.names.insert(name.to_owned(), 0);
            let names = content.names.clone();
            content.names_history = vec![names];
        }
        disk
    }

    pub(super) fn volume(&self) -> Arc<dyn Volume> {
        Arc::new(self.clone())
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.content().names.keys().cloned().collect()
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        let content = self.content();
        content.files[content.names[name]].live.clone()
    }

    /// Turns a bit of a byte over.
    pub(super) fn flip(&self, name: &str, byte: usize) {
        let mut content = self.content();
        let number = content.names[name];
        let DiskFile { live, durable, .. } = &mut content.files[number];
        live[byte] ^= 1;
        durable[byte] ^= 1;
    }

    pub(super) fn calls(&self) -> u64 {
        self.content().calls
    }

    pub(super) fn calls_of_kind(&self, call: Call) -> u64 {
        self.content().calls_of_kind.get(&call).copied().unwrap_or_default()
    }

    /// The numbers of the calls that were syncs.
    pub(super) fn syncs(&self) -> Vec<u64> {
        self.content().syncs.clone()
    }

    pub(super) fn pages_read(&self) -> BTreeSet<usize> {
        self.content().pages_read.clone()
    }

    /// From this call on nothing is done any more.
    pub(super) fn die_at(&self, call: u64) {
        self.content().dies_at = Some(call);
    }

    pub(super) fn fail(&self, fault: Option<Fault>) {
        let mut content = self.content();
        content.calls_of_kind.clear();
        content.fault = fault;
    }

    /// Refuses every write, as a system does with a disk that it no longer trusts.
    pub(super) fn set_read_only(&self, is_read_only: bool) {
        self.content().is_read_only = is_read_only;
    }

    /// The disk after the power has come back.
    pub(super) fn after(&self, loss: Loss) -> Self {
        let content = self.content();
        let mut random = ChaCha8Rng::seed_from_u64(match loss {
            Loss::Random(seed) => seed,
            Loss::Everything | Loss::Nothing => 0,
        });
        let history = &content.names_history;
        let names = match loss {
            Loss::Everything => history.first(),
            Loss::Nothing => history.last(),
            Loss::Random(_) if history.is_empty() => None,
            Loss::Random(_) => history.get(random.random_range(0..history.len())),
        };
        let names = names.cloned().unwrap_or_default();
        let files = content.files.iter().map(|file| file.after(loss, &mut random)).collect();
        let after =
            Content { files, names_history: vec![names.clone()], names, ..Content::default() };
        Self(Arc::new(Mutex::new(after)))
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, call: Call) -> io::Result<MutexGuard<'_, Content>> {
        let mut content = self.content();
        content.calls += 1;
        let calls = content.calls;
        if content.is_read_only && matches!(call, Call::Write | Call::SetLength) {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        if content.dies_at.is_some_and(|at| calls >= at) {
            return Err(io::Error::other("the power is gone"));
        }
        let count = content.calls_of_kind.entry(call).or_default();
        *count += 1;
        let count = *count;
        if content.fault.is_some_and(|fault| {
            fault.call == call && (count == fault.nth || fault.lasts && count > fault.nth)
        }) {
            return Err(match call {
                Call::Write | Call::SetLength => io::ErrorKind::StorageFull.into(),
                Call::Read | Call::Sync | Call::Name => io::Error::other("the disk fails"),
            });
        }
        if call == Call::Sync {
            content.syncs.push(calls);
        }
        Ok(content)
    }

    fn change_names(&self, change: impl FnOnce(&mut Names)) -> io::Result<()> {
        let mut content = self.call(Call::Name)?;
        if content.names_history.is_empty() {
            content.names_history.push(Names::new());
        }
        change(&mut content.names);
        let names = content.names.clone();
        content.names_history.push(names);
        Ok(())
    }
}

impl DiskFile {
    fn after(&self, loss: Loss, random: &mut ChaCha8Rng) -> Self {
        let mut bytes = self.durable.clone();
        for change in &self.unsynced {
            match loss {
                Loss::Everything => {}
                Loss::Nothing => change.apply(&mut bytes, |_| true),
                Loss::Random(_) => match random.random_range(0..3) {
                    0 => {}
                    1 => change.apply(&mut bytes, |_| true),
                    _ => {
                        let tear = random.random_range(0..u64::MAX);
                        change.apply(&mut bytes, |sector| tear >> (sector % 64) & 1 == 1);
                    }
                },
            }
        }
        Self { live: bytes.clone(), durable: bytes, unsynced: vec![] }
    }
}

impl Change {
    /// Applies those sectors of a write that are chosen.
    fn apply(&self, file: &mut Vec<u8>, is_chosen: impl Fn(usize) -> bool) {
        match self {
            Self::SetLength(length) => file.resize(*length, 0),
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                let mut at = *offset;
                while at < end {
                    let stop = end.min((at / SECTOR_BYTES + 1) * SECTOR_BYTES);
                    if is_chosen(at / SECTOR_BYTES) {
                        file.resize(file.len().max(stop), 0);
                        file[at..stop].copy_from_slice(&bytes[at - offset..stop - offset]);
                    }
                    at = stop;
                }
            }
        }
    }
}

impl Volume for Disk {
    fn exists(&self, name: &str) -> io::Result<bool> {
        Ok(self.call(Call::Name)?.names.contains_key(name))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Backend> {
        if access != Access::Read && self.content().is_read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        if access == Access::Create {
            let number = self.content().files.len();
            self.change_names(|names| {
                names.insert(name.to_owned(), number);
            })?;
            self.content().files.push(DiskFile::default());
        }
        let number = self.call(Call::Name)?.names.get(name).copied();
        let number = number.ok_or(io::ErrorKind::NotFound)?;
        Ok(Backend::new(OpenFile { disk: self.clone(), number }))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.change_names(|names| {
            names.insert(to.to_owned(), names[from]);
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change_names(|names| {
            let file = names.remove(from).expect("it is there");
            names.insert(to.to_owned(), file);
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change_names(|names| {
            names.remove(name);
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut content = self.call(Call::Sync)?;
        content.names_history = vec![content.names.clone()];
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(name)
    }
}

#[derive(Debug)]
struct OpenFile {
    disk: Disk,
    number: usize,
}

impl OpenFile {
    fn change(&self, call: Call, change: Change) -> io::Result<()> {
        let mut content = self.disk.call(call)?;
        let file = &mut content.files[self.number];
        change.apply(&mut file.live, |_| true);
        file.unsynced.push(change);
        Ok(())
    }
}

impl StorageBackend for OpenFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.call(Call::Read)?.files[self.number].live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut content = self.disk.call(Call::Read)?;
        let offset = usize::try_from(offset).expect("small");
        let file = &content.files[self.number].live;
        let bytes = file.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        let pages = offset / PAGE_BYTES..(offset + out.len()).div_ceil(PAGE_BYTES);
        content.pages_read.extend(pages);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(Call::SetLength, Change::SetLength(usize::try_from(length).expect("small")))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut content = self.disk.call(Call::Sync)?;
        let file = &mut content.files[self.number];
        let DiskFile { durable, unsynced, .. } = file;
        unsynced.drain(..).for_each(|change| change.apply(durable, |_| true));
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).expect("small");
        self.change(Call::Write, Change::Write { offset, bytes: bytes.to_vec() })
    }
}
