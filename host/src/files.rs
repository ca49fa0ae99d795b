//! What all writers of files share: an error that names the file, and durable, locked directories.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::{reason, utf16};

/// A system call on a file that failed. The text names the file, which [`io::Error`] alone does not.
#[derive(Debug, thiserror::Error)]
#[error("can't {action} {path}: {}", reason::of(source), path = path.display())]
pub struct FileError {
    /// What was tried, as a verb: `read`, `write`, `make the directory`.
    pub action: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

impl FileError {
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }
}

/// The reason why a file that a stranger may have written is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path} has over {bytes_max} bytes, and no such file has more: name another one", path = path.display())]
    TooLong { path: PathBuf, bytes_max: u64 },
}

/// A file's bytes, of which no more than one over the bound is read, whatever the file says of its length: a device or
/// a pipe that never ends takes no more memory.
///
/// # Errors
/// When the file can't be read or is longer.
pub fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes));
    read.map_err(|error| FileError::new("read", path, error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(ReadError::TooLong { path: path.to_owned(), bytes_max });
    }
    Ok(bytes)
}

/// A file's text, read as by [`read()`]. What is too long is called that also where it is cut inside a character.
///
/// # Errors
/// When the file can't be read, is longer or is not UTF-8.
pub fn read_text(path: &Path, bytes_max: u64) -> Result<String, ReadError> {
    let text = String::from_utf8(read(path, bytes_max)?);
    Ok(text.map_err(|error| {
        let reason = NotUtf8::of(error.as_bytes(), error.utf8_error().valid_up_to());
        FileError::new("read", path, io::Error::new(io::ErrorKind::InvalidData, reason))
    })?)
}

/// In which encoding a text was saved instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum NotUtf8 {
    #[error("it is text in UTF-16: save it as UTF-8")]
    Utf16,
    #[error(
        "line {line} has the byte {byte:#04x}, which is no UTF-8 (in Latin-1 it is {letter:?}): save the file as UTF-8"
    )]
    Byte { line: usize, byte: u8, letter: char },
}

impl NotUtf8 {
    fn of(bytes: &[u8], valid_up_to: usize) -> Self {
        if utf16::byte_order(bytes).is_some() {
            return Self::Utf16;
        }
        let line = bytes[..valid_up_to].iter().filter(|byte| **byte == b'\n').count() + 1;
        let byte = bytes.get(valid_up_to).copied().unwrap_or_default();
        Self::Byte { line, byte, letter: char::from(byte) }
    }
}

/// Waits until the names in a directory survive a power loss. A file's own `sync_all` does not cover its name.
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

/// The directory that a file lies in. The parent of a bare name is the empty path, which can't be opened; this is `.`
/// then.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Waits for an advisory lock on a directory, and holds it as long as the answer lives. Whoever writes in the directory
/// under the same lock writes alone.
///
/// Returns `None` where the file system has no such locks. Two commands that write the same file at the same time are
/// then their user's responsibility.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_up_to_its_bound_and_cut_nowhere() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("text");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("written");
            read_text(&path, 4)
        };
        assert_eq!(read(b"abcd").expect("it can be read"), "abcd");
        let refused = read(b"abcde").expect_err("it is too long").to_string();
        let path = directory.path().join("text");
        let told = format!(
            "{} has over 4 bytes, and no such file has more: name another one",
            path.display()
        );
        assert_eq!(refused, told);
        // The fifth byte is the first of two.
        assert_eq!(read("abcdé".as_bytes()).expect_err("it is too long").to_string(), told);
        let refused = read(&[0xff]).expect_err("no text");
        let ReadError::File(refused) = refused else { panic!("{refused}") };
        assert_eq!(refused.source.kind(), io::ErrorKind::InvalidData);
        for (bytes, part) in [
            (&b"\xff\xfea\0"[..], "it is text in UTF-16: save it as UTF-8"),
            (b"\xfe\xff\0a", "it is text in UTF-16"),
            (b"a\n\xebb", "line 2 has the byte 0xeb, which is no UTF-8 (in Latin-1 it is 'ë')"),
        ] {
            let refused = read(bytes).expect_err("no UTF-8").to_string();
            assert!(refused.contains(part), "{refused}");
        }
        assert!(read_text(&directory.path().join("nowhere"), 4).is_err());
    }

    #[test]
    fn a_failure_names_the_file() {
        let gone = FileError::new("read", Path::new("a"), io::ErrorKind::NotFound.into());
        assert_eq!(gone.to_string(), "can't read a: there is no such file or directory");
    }

    #[cfg(unix)]
    #[test]
    fn what_never_ends_is_too_long() {
        let refused = read_text(Path::new("/dev/zero"), 4).expect_err("it has no end");
        assert!(matches!(refused, ReadError::TooLong { bytes_max: 4, .. }), "{refused}");
        let refused = read(Path::new("/dev/zero"), 0).expect_err("it has no end");
        assert!(matches!(refused, ReadError::TooLong { bytes_max: 0, .. }), "{refused}");
    }
}
