//! The one way to write a file: under another name first, which becomes its own once the disk has all of it. A file
//! with its final name is therefore always complete, whatever ends the program, and a power loss takes nothing that
//! was reported as written.
//!
//! While it is being written, `NAME` is called `NAME.XXXXXXXXXX.unfinished`, with ten random letters and digits,
//! and its writer holds a lock on it. The file is removed when writing fails. One that was left by a process that
//! was killed has lost its lock, and is removed when the same name is written next.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::files::{self, FileError};

const UNFINISHED_SUFFIX: &str = ".unfinished";

/// Length of the random part of an unfinished file's name.
const RANDOM_CHARACTERS: usize = 10;

/// Why a file was not written. One line each.
#[derive(Debug, thiserror::Error)]
pub enum WholeFileError {
    #[error("{path} is there already: name another file, or replace it by --force", path = path.display())]
    Exists { path: PathBuf },
    #[error(transparent)]
    File(#[from] FileError),
}

/// What happens to a file that already has the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and writing fails with [`WholeFileError::Exists`].
    Keep,
    /// It is replaced. If the name is a link to a file, that file is replaced, so that every other link to it leads
    /// to the new one.
    Replace,
}

/// Who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    /// Whoever the process's umask allows.
    Default,
    /// Its owner alone: mode 0600.
    Private,
}

/// A file that is being written. Dropping it removes what was written so far.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    existing: Existing,
    mode: FileMode,
    unfinished: TempPath,
    file: BufWriter<File>,
}

/// Writes a whole file at once. The bytes are not copied on the way, so that no copy of a secret is left behind in
/// memory.
///
/// # Errors
/// When the name is taken and what has it is to be kept, or the disk refuses. Nothing of the new file stays then.
pub fn write(
    path: &Path,
    bytes: &[u8],
    existing: Existing,
    mode: FileMode,
) -> Result<(), WholeFileError> {
    let mut file = WholeFile::create(path, existing, mode)?;
    file.file.get_mut().write_all(bytes).map_err(|error| file.failed(error))?;
    file.finish()
}

/// Removes unfinished files of this name that processes left when they were killed; what is being written stays.
///
/// # Errors When one of a private file can't be removed: it holds a secret. Others are left to whoever owns them. A
/// directory that can't be listed is no error: writing in it will tell why.
pub fn remove_left_overs(path: &Path, mode: FileMode) -> Result<(), FileError> {
    let (directory, Some(name)) = (files::directory_of(path), path.file_name()) else {
        return Ok(());
    };
    let Ok(entries) = fs::read_dir(directory) else { return Ok(()) };
    let is_left_over = |entry: &fs::DirEntry| {
        is_unfinished(&entry.file_name(), name, mode)
            && entry.file_type().is_ok_and(|kind| kind.is_file())
    };
    for entry in entries.flatten().filter(is_left_over) {
        match remove_if_unlocked(&entry.path()) {
            Err(error) if mode == FileMode::Private && error.kind() != ErrorKind::NotFound => {
                return Err(FileError::new("remove", &entry.path(), error));
            }
            Err(_) | Ok(()) => {}
        }
    }
    Ok(())
}

impl Existing {
    /// What `--force` and its absence mean.
    #[must_use]
    pub fn replace_if(force: bool) -> Self {
        if force { Self::Replace } else { Self::Keep }
    }
}

impl WholeFile {
    /// Begins a file beside the one that it becomes.
    ///
    /// # Errors
    /// When the name is taken and what has it is to be kept, or the disk refuses.
    pub fn create(path: &Path, existing: Existing, mode: FileMode) -> Result<Self, WholeFileError> {
        refuse_existing(path, existing)?;
        let path = target_of(path, existing).unwrap_or_else(|| path.to_owned());
        remove_left_overs(&path, mode)?;
        let (file, unfinished) =
            create_beside(&path, mode).map_err(|error| FileError::new("write", &path, error))?;
        Ok(Self { path, existing, mode, unfinished, file: BufWriter::new(file) })
    }

    /// Waits until the disk has the file, and gives it its name.
    ///
    /// # Errors
    /// When a file that is to be kept got the name meanwhile, or the disk refuses.
    pub fn finish(self) -> Result<(), WholeFileError> {
        let Self { path, existing, mode, unfinished, mut file } = self;
        let failed = |error| FileError::new("write", &path, error);
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(failed)?;
        name(unfinished, &path, existing, mode)?;
        Ok(files::sync_directory(files::directory_of(&path)).map_err(failed)?)
    }

    /// The error of a failed write, with the file's name.
    pub fn failed(&self, error: io::Error) -> FileError {
        FileError::new("write", &self.path, error)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Where a link leads to whose file is replaced.
fn target_of(path: &Path, existing: Existing) -> Option<PathBuf> {
    match existing {
        Existing::Replace if path.is_symlink() => fs::canonicalize(path).ok(),
        Existing::Replace | Existing::Keep => None,
    }
}

fn create_beside(path: &Path, mode: FileMode) -> io::Result<(File, TempPath)> {
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
    let mut prefix = name.to_owned();
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(UNFINISHED_SUFFIX).rand_bytes(RANDOM_CHARACTERS);
    // `make_in`, unlike `tempfile_in`, leaves the system's error as it is, and the mode to the umask.
    let named = builder.make_in(files::directory_of(path), |unfinished| {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if mode == FileMode::Private {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let file = options.open(unfinished)?;
        if is_being_removed(&file) { Err(ErrorKind::AlreadyExists.into()) } else { Ok(file) }
    })?;
    Ok(named.into_parts())
}

/// Locks a new file for as long as it is open; true if another process took it for left over just before, so that
/// another name has to be tried.
fn is_being_removed(file: &File) -> bool {
    // Where the file system knows no locks, nothing is taken for left over either.
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return true;
    }
    #[cfg(unix)]
    let links =
        file.metadata().map_or(1, |metadata| std::os::unix::fs::MetadataExt::nlink(&metadata));
    #[cfg(not(unix))]
    let links = 1;
    links == 0
}

/// Removes a file unless its writer is still at work.
fn remove_if_unlocked(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    match file.try_lock() {
        Ok(()) => fs::remove_file(path),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn name(
    unfinished: TempPath,
    path: &Path,
    existing: Existing,
    mode: FileMode,
) -> Result<(), WholeFileError> {
    let failed = |error| FileError::new("write", path, error);
    let unfinished = match existing {
        Existing::Replace => unfinished,
        Existing::Keep => match unfinished.persist_noclobber(path) {
            Ok(()) => return Ok(()),
            Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => {
                return Err(WholeFileError::Exists { path: path.to_owned() });
            }
            // Some network mounts know no renaming that refuses to replace, and no second names either. There the
            // check and the renaming are two steps, which is too little for a key.
            Err(refused) if mode == FileMode::Private => return Err(failed(refused.error).into()),
            Err(refused) => {
                refuse_existing(path, existing)?;
                refused.path
            }
        },
    };
    Ok(unfinished.persist(path).map_err(|refused| failed(refused.error))?)
}

fn refuse_existing(path: &Path, existing: Existing) -> Result<(), WholeFileError> {
    let is_refused = existing == Existing::Keep
        && path.try_exists().map_err(|error| FileError::new("read", path, error))?;
    if is_refused { Err(WholeFileError::Exists { path: path.to_owned() }) } else { Ok(()) }
}

/// Whether an entry of a directory is called as an unfinished file of this name. Files that people name are not:
/// between the name and the suffix stand exactly the random characters. (Earlier versions wrote secrets without
/// them.)
fn is_unfinished(entry: &OsStr, name: &OsStr, mode: FileMode) -> bool {
    let entry = entry.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
    let random = entry.and_then(|rest| rest.strip_suffix(UNFINISHED_SUFFIX.as_bytes()));
    random.is_some_and(|random| match random {
        [] => mode == FileMode::Private,
        [b'.', random @ ..] => {
            random.len() == RANDOM_CHARACTERS && random.iter().all(u8::is_ascii_alphanumeric)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a listing");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<_> =
            entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn begin(path: &Path, existing: Existing) -> Result<WholeFile, WholeFileError> {
        WholeFile::create(path, existing, FileMode::Default)
    }

    #[test]
    fn what_lies_beside_a_file_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("votes.csv");
        let others = ["votes.csv.backup.unfinished", "votes.csv.new", "votes.csv.unfinished"];
        for other in others {
            fs::write(directory.path().join(other), "somebody's").expect("there is room");
        }
        let mut first = begin(&path, Existing::Keep).expect("there is room");
        let mut second = begin(&path, Existing::Replace).expect("there is room");
        first.write_all(b"first").expect("there is room");
        second.write_all(b"second").expect("there is room");
        first.finish().expect("nothing has its name");
        assert_eq!(fs::read(&path).expect("it is whole"), b"first");
        second.finish().expect("it may replace the first");
        assert_eq!(fs::read(&path).expect("it is whole"), b"second");
        write(&path, b"third", Existing::Replace, FileMode::Default).expect("it may replace it");
        assert_eq!(fs::read(&path).expect("it is whole"), b"third");
        assert_eq!(names(directory.path()), ["votes.csv", others[0], others[1], others[2]]);
        for other in others {
            let text = fs::read(directory.path().join(other)).expect("untouched");
            assert_eq!(text, b"somebody's");
        }
    }

    #[test]
    fn what_a_killed_process_left_goes_at_the_next_writing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.key");
        let left = begin(&path, Existing::Keep).expect("there is room");
        std::mem::forget(left.unfinished);
        // Its lock goes with the process that held it, and here with the file.
        drop(left.file);
        fs::write(directory.path().join("a.key.unfinished"), "12").expect("there is room");
        assert_eq!(names(directory.path()).len(), 2);
        write(&path, b"whole", Existing::Keep, FileMode::Private).expect("there is room");
        assert_eq!(names(directory.path()), ["a.key"]);
    }

    #[test]
    fn what_is_being_written_is_no_left_over() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.key");
        for mode in [FileMode::Default, FileMode::Private] {
            let mut slow =
                WholeFile::create(&path, Existing::Replace, mode).expect("there is room");
            slow.write_all(b"slow").expect("there is room");
            write(&path, b"quick", Existing::Replace, mode).expect("there is room");
            remove_left_overs(&path, mode).expect("there is none");
            slow.finish().expect("it is still there");
            assert_eq!(fs::read(&path).expect("it is whole"), b"slow");
            assert_eq!(names(directory.path()), ["a.key"]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn many_writers_of_one_name_leave_one_whole_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.jsonl");
        let text = |writer: u8| vec![writer; 10_000];
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let (path, text) = (&path, text(writer));
                scope.spawn(move || {
                    for _ in 0..20 {
                        write(path, &text, Existing::Replace, FileMode::Private).expect("room");
                    }
                });
            }
        });
        let found = fs::read(&path).expect("it is there");
        assert_eq!(found, text(found[0]));
        assert_eq!(names(directory.path()), ["a.jsonl"]);
    }

    #[test]
    fn a_file_that_is_to_be_kept_is_kept_also_if_it_was_made_meanwhile() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a");
        let mut file = begin(&path, Existing::Keep).expect("there is room");
        file.write_all(b"late").expect("there is room");
        fs::write(&path, "made meanwhile").expect("there is room");
        let refused = file.finish().expect_err("it is there");
        assert!(matches!(refused, WholeFileError::Exists { .. }), "{refused}");
        begin(&path, Existing::Keep).expect_err("it is there");
        let refused = write(&path, b"late", Existing::Keep, FileMode::Private);
        assert!(matches!(refused, Err(WholeFileError::Exists { .. })), "{refused:?}");
        assert_eq!(fs::read(&path).expect("it is there"), b"made meanwhile");
        assert_eq!(names(directory.path()), ["a"]);
    }

    #[test]
    fn a_failure_names_the_file_and_says_what_the_system_said() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("missing/a");
        let refused = write(&path, b"", Existing::Replace, FileMode::Default).expect_err("no room");
        let system = crate::reason::of(&fs::File::open(&path).expect_err("it is missing"));
        assert_eq!(refused.to_string(), format!("can't write {}: {system}", path.display()));
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let mode = |mode: FileMode| {
            let path = directory.path().join("a");
            write(&path, b"", Existing::Replace, mode).expect("there is room");
            fs::metadata(&path).expect("it is there").permissions().mode() & 0o777
        };
        fs::write(directory.path().join("usual"), "").expect("there is room");
        let usual = fs::metadata(directory.path().join("usual")).expect("it is there");
        assert_eq!(mode(FileMode::Private), 0o600);
        assert_eq!(mode(FileMode::Default), usual.permissions().mode() & 0o777);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_goes_on_to_lead_to_what_is_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, link) = (directory.path().join("a.jsonl"), directory.path().join("link.jsonl"));
        fs::write(&path, "former").expect("there is room");
        std::os::unix::fs::symlink("a.jsonl", &link).expect("a link");
        begin(&link, Existing::Keep).expect_err("it is there");
        let mut file = begin(&link, Existing::Replace).expect("it may be replaced");
        file.write_all(b"latter").expect("there is room");
        file.finish().expect("it may be replaced");
        assert_eq!(fs::read(&path).expect("it is whole"), b"latter");
        write(&link, b"last", Existing::Replace, FileMode::Default).expect("it may be replaced");
        assert_eq!(fs::read(&path).expect("it is whole"), b"last");
        assert!(link.is_symlink());
    }
}
