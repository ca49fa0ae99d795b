//! Reads a damaged database as far as possible, and never writes to its file.

use std::ops::Bound;

use protocol::units::ElectionId;
use redb::{ReadableDatabase, StorageBackend};

use super::RawRow;
use crate::store::database::{Database, IntegrityCheck, StoreFault};
use crate::store::overlay::Overlay;
use crate::store::pages::{PAGE_BYTES, Pages};
use crate::store::read::{self, OpenTable};
use crate::store::rows::Table;
use crate::store::volume::{Access, CHAIN_FILE, Volume};

/// Two keys between which rows may be missing.
pub(super) type Gap = (Vec<u8>, Vec<u8>);

pub(super) const REDB_MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

/// How many bytes of rows are read before they are passed on.
pub(super) const CHUNK_BYTES: usize = 8 * 1024 * 1024;
/// How often a database that fails is opened again before the rest of it is given up. Each time
/// costs memory, up to the size of redb's cache.
const FAILURES_MAX: u32 = 200;

// The layout of redb's header, in its format 3, as its design document describes it.
const GOD_BYTE: usize = 9;
const PRIMARY: u8 = 1;
const RECOVERY_REQUIRED: u8 = 2;
const REGION_PAGES: usize = 20;
const GEOMETRY_END: usize = 24;
const REGIONS: usize = 24;
const LAST_REGION_PAGES: usize = 28;
const SLOT_VERSIONS: [usize; 2] = [64, 192];
pub(super) const HEADER_BYTES: usize = 320;

/// The first bytes of a database.
pub(super) type Header = [u8; HEADER_BYTES];
/// The most regions that a header is believed to have, which is 4 TiB.
const REGIONS_MAX: u64 = 1024;

/// How a damaged file is opened. The modes are tried in this order, starting with the one that
/// trusts the file most.
#[derive(Debug, Clone, Copy)]
enum ScanMode {
    /// The file is used as it is.
    AsItIs,
    /// All pages are read, and the free ones are determined again.
    Checked,
    /// The file gets a new header, which says what every header of redb says and that everything
    /// has to be recovered, from whichever of the last two commits is intact.
    NewHeader,
}

const SCAN_MODES: [ScanMode; 3] = [ScanMode::AsItIs, ScanMode::Checked, ScanMode::NewHeader];

/// The readable parts of a database. Its file is never written to.
#[derive(Debug)]
pub(super) struct Source<'a> {
    volume: &'a dyn Volume,
    /// What a header looks like.
    model: Header,
    mode: ScanMode,
    open: Option<Database>,
    failures: u32,
}

impl<'a> Source<'a> {
    /// Opens the database in the first mode that works. There may be none.
    pub(super) fn new(
        volume: &'a dyn Volume,
        election: &ElectionId,
        model: Header,
    ) -> Result<Self, StoreFault> {
        let mut source = Self { volume, model, mode: ScanMode::AsItIs, open: None, failures: 0 };
        for mode in SCAN_MODES {
            source.mode = mode;
            source.close();
            source.open = match open(volume, mode, &source.model) {
                Ok(database) => Some(database),
                Err(StoreFault::Damaged(_)) => continue,
                Err(fault) => return Err(fault),
            };
            match source.meta(|meta| read::check_identity(meta, election)) {
                Ok(()) => return Ok(source),
                Err(StoreFault::Damaged(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        // No mode can read the single records, so the first one that opens the file at all has to
        // do.
        for mode in SCAN_MODES {
            source.mode = mode;
            source.close();
            source.open = open(volume, mode, &source.model).ok();
            if source.open.is_some() {
                break;
            }
        }
        Ok(source)
    }

    /// Reads single records.
    pub(super) fn meta<T>(
        &mut self,
        read: impl Fn(&OpenTable) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        self.run(|redb| read(&read::open_meta(&redb.begin_read()?)?))
    }

    /// One row, if it can be read.
    pub(super) fn row(&mut self, table: Table, key: &[u8]) -> Option<Vec<u8>> {
        let row = self.run(|redb| {
            let table = redb.begin_read()?.open_table(table)?;
            Ok(table.get(key)?.map(|value| value.value().to_vec()))
        });
        row.ok().flatten()
    }

    /// Passes on the rows of a table, intact or not, from the lowest upwards until reading fails,
    /// and then from the highest downwards until it fails. Returns the keys between which something
    /// may be missing.
    pub(super) fn each_chunk(
        &mut self,
        table: Table,
        mut visit: impl FnMut(Vec<RawRow>) -> Result<(), StoreFault>,
    ) -> Result<Option<Gap>, StoreFault> {
        let (mut below, mut above): (Option<Vec<u8>>, Option<Vec<u8>>) = (None, None);
        loop {
            let (rows, end) = self.chunk(table, below.as_deref(), None, true);
            below = rows.last().map(|(key, _)| key.clone()).or(below);
            visit(rows)?;
            match end {
                End::Full => {}
                End::Reached => return Ok(None),
                End::Failed => break,
            }
        }
        loop {
            let (rows, end) = self.chunk(table, below.as_deref(), above.as_deref(), false);
            above = rows.last().map(|(key, _)| key.clone()).or(above);
            visit(rows)?;
            match end {
                End::Full => {}
                End::Reached => return Ok(None),
                End::Failed => break,
            }
        }
        Ok(below.zip(above))
    }

    /// Reads some rows between two keys.
    fn chunk(
        &mut self,
        table: Table,
        below: Option<&[u8]>,
        above: Option<&[u8]>,
        upwards: bool,
    ) -> (Vec<RawRow>, End) {
        let bounds = (edge(below), edge(above));
        let mut rows: Vec<RawRow> = Vec::new();
        let walked = self.run(|redb| {
            let table = redb.begin_read()?.open_table(table)?;
            let mut range = table.range::<&[u8]>(bounds)?;
            let mut bytes = 0;
            while let Some(row) = if upwards { range.next() } else { range.next_back() } {
                let (key, value) = row?;
                let key = key.value().to_vec();
                let is_in_order = rows.last().is_none_or(|(last, _)| (*last < key) == upwards)
                    && below.is_none_or(|below| below < key.as_slice())
                    && above.is_none_or(|above| key.as_slice() < above);
                if !is_in_order {
                    return Err(StoreFault::damaged("rows stand out of order"));
                }
                bytes += value.value().len();
                rows.push((key, value.value().to_vec()));
                if bytes > CHUNK_BYTES {
                    return Ok(End::Full);
                }
            }
            Ok(End::Reached)
        });
        (rows, walked.unwrap_or(End::Failed))
    }

    fn close(&mut self) {
        if let Some(database) = self.open.take() {
            database.abandon();
        }
    }

    fn run<T>(
        &mut self,
        work: impl FnOnce(&redb::Database) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        if self.open.is_none() && self.failures > 0 && self.failures < FAILURES_MAX {
            self.open = open(self.volume, self.mode, &self.model).ok();
        }
        let Some(database) = &self.open else {
            return Err(StoreFault::damaged("it can't be opened"));
        };
        let outcome = database.run(work);
        if outcome.is_err() {
            self.failures += 1;
            self.close();
        }
        outcome
    }
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        self.close();
    }
}

/// The reason why reading ended.
#[derive(Debug)]
enum End {
    Full,
    Reached,
    Failed,
}

fn edge(key: Option<&[u8]>) -> Bound<&[u8]> {
    key.map_or(Bound::Unbounded, Bound::Excluded)
}

fn open(volume: &dyn Volume, mode: ScanMode, model: &Header) -> Result<Database, StoreFault> {
    // Rows have checksums of their own, so intact ones can be used even if their page is damaged.
    let overlay = Overlay::new(Pages::unchecked(volume.open(CHAIN_FILE, Access::Read)?))?;
    let check = match mode {
        ScanMode::AsItIs => IntegrityCheck::Skip,
        ScanMode::Checked => IntegrityCheck::Full,
        ScanMode::NewHeader => {
            renew_header(&overlay, model)?;
            IntegrityCheck::Full
        }
    };
    Database::open(overlay, check)
}

/// Writes what all headers have in common over a header, and gives the file the length that the
/// header names.
fn renew_header(file: &Overlay, model: &Header) -> Result<(), StoreFault> {
    let length = file.len()?;
    let mut header = *model;
    let here = usize::try_from(length).unwrap_or(HEADER_BYTES).min(HEADER_BYTES);
    file.read(0, &mut header[..here])?;
    let primary = header[GOD_BYTE] & PRIMARY;
    header[..GEOMETRY_END].copy_from_slice(&model[..GEOMETRY_END]);
    header[GOD_BYTE] = primary | RECOVERY_REQUIRED;
    for version in SLOT_VERSIONS {
        header[version] = model[version];
    }
    let number = |at: usize| {
        let bytes = header[at..at + 4].try_into().expect("four bytes are in range");
        u64::from(u32::from_le_bytes(bytes))
    };
    let (region_pages, regions, last_pages) =
        (number(REGION_PAGES), number(REGIONS), number(LAST_REGION_PAGES));
    let mut pages = length.div_ceil(PAGE_BYTES);
    if regions <= REGIONS_MAX && last_pages <= region_pages {
        pages = pages.max(1 + regions * region_pages + last_pages);
    }
    file.set_len(pages * PAGE_BYTES)?;
    Ok(file.write(0, &header)?)
}
