//! Small helpers for files that must survive power loss.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that can't be read or written.
#[derive(Debug, thiserror::Error)]
#[error("can't {action} {path}: {source}", path = path.display())]
pub struct FileError {
    pub action: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

impl FileError {
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }
}

/// Makes names in a directory durable.
///
/// # Errors
/// When the directory can't be opened or the disk refuses.
#[cfg(unix)]
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Other systems do not open directories as files; their names become durable with the file system's journal.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes a file that appears whole or not at all, in place of any earlier one.
///
/// # Errors
/// When the disk refuses.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let unfinished = path.with_added_extension("new");
    let write = || {
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        // A bare name's parent is the empty path, which can't be opened.
        sync_directory(directory_of(path))
    };
    write().map_err(|error| FileError::new("write", path, error))
}

/// The directory that a name is in.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Keeps other processes from writing in a directory by the same means, for as long as the answer lives. Where the file
/// system knows no such locks, two commands that write one file at once are their user's matter.
#[cfg(unix)]
pub fn lock_directory(directory: &Path) -> Option<File> {
    let directory = File::open(directory).ok()?;
    directory.lock().ok()?;
    Some(directory)
}

/// Other systems do not open directories as files.
#[cfg(not(unix))]
pub fn lock_directory(_: &Path) -> Option<File> {
    None
}
