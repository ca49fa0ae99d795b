//! Files that only their owner may read: keys, recovery phrases, and secrets of 32 bytes such as
//! the API's token, which are stored as a line of 64 hexadecimal digits. Such a file appears with
//! its whole content or not at all. It is created with mode 0600, and reading refuses a file that
//! others can read.
//!
//! No secret may appear in a message, a log or a `Debug` output, and memory that holds one is wiped
//! after use.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use host::files::FileError;
use host::whole_file::{self, Existing, FileMode, WholeFileError};

const SECRET_DIGITS: usize = 64;

/// Why a secret can't be read or written. Each text is one line, and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file can't be read or removed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file's mode lets others read it.
    #[error("{path} can be read by others (mode {mode:o}): run `chmod 600 {path}`", path = path.display())]
    Readable {
        /// The file.
        path: PathBuf,
        /// The permissions of the file.
        mode: u32,
    },
    /// The file holds something else than 64 hexadecimal digits.
    #[error("{path} holds no secret of 64 hexadecimal digits: put your copy of it back", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The file is longer than any such secret.
    #[error("{path} has over {bytes_max} bytes: name another file", path = path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// How many bytes it may have.
        bytes_max: usize,
    },
    /// The file can't be written, or is there already.
    #[error(transparent)]
    Write(#[from] WholeFileError),
}

/// Reads a secret of 32 bytes, or makes and keeps one. The caller holds the directory's lock.
///
/// # Errors
/// See [`SecretFileError`]; a file that is there is never replaced.
pub fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> Zeroizing<[u8; 32]>,
) -> Result<Zeroizing<[u8; 32]>, SecretFileError> {
    whole_file::remove_left_overs(path, FileMode::Private)?;
    if let Some(secret) = read_existing(path)? {
        return Ok(secret);
    }
    let secret = make();
    let mut text = Zeroizing::new([b'\n'; SECRET_DIGITS + 1]);
    hex::encode_to_slice(secret.as_slice(), &mut text[..SECRET_DIGITS])
        .expect("32 bytes are 64 digits");
    write(path, text.as_slice(), Existing::Keep)?;
    Ok(secret)
}

/// Reads a secret of 32 bytes, if there is one; nothing is made or removed, so that a peer may use the directory.
///
/// # Errors
/// See [`SecretFileError`].
pub fn read_existing(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, SecretFileError> {
    // Two bytes for the end of the line, as some editors write it.
    let text = match read(path, SECRET_DIGITS + 2) {
        Err(SecretFileError::TooLong { path, .. }) => {
            return Err(SecretFileError::Malformed { path });
        }
        text => text?,
    };
    let secret = text.map(|text| secret_of_line(&text));
    match secret {
        Some(None) => Err(SecretFileError::Malformed { path: path.to_owned() }),
        Some(secret) => Ok(secret),
        None => Ok(None),
    }
}

/// The 32 bytes that a line of 64 digits says.
pub fn secret_of_line(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let line = text.strip_suffix(b"\r\n").or_else(|| text.strip_suffix(b"\n")).unwrap_or(text);
    let mut secret = Zeroizing::new([0; 32]);
    hex::decode_to_slice(line, secret.as_mut_slice()).ok()?;
    Some(secret)
}

/// Reads a file that only its owner may read; `None` if it is not there. What is no file, such as a pipe, has no mode
/// that says who may read it.
///
/// # Errors
/// When others may read it, it is longer than that, or the disk refuses.
pub fn read(path: &Path, bytes_max: usize) -> Result<Option<Zeroizing<Vec<u8>>>, SecretFileError> {
    let failed = |error| FileError::new("read", path, error);
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    check_mode(&file, path)?;
    // All of it at once: a growing vector would leave copies behind.
    let mut text = Zeroizing::new(vec![0; bytes_max + 1]);
    let mut length = 0;
    while length < text.len() {
        match file.read(&mut text[length..]).map_err(failed)? {
            0 => break,
            read => length += read,
        }
    }
    if length > bytes_max {
        return Err(SecretFileError::TooLong { path: path.to_owned(), bytes_max });
    }
    text.truncate(length);
    Ok(Some(text))
}

/// Writes a file that only its owner may read. It appears whole or not at all, and nothing stays of what can't be
/// written. A link to a file that is replaced goes on to lead to it, so that the former secret does not remain behind
/// the link.
///
/// # Errors
/// When it is there already and is to be kept, or the disk refuses.
pub fn write(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), SecretFileError> {
    Ok(whole_file::write(path, bytes, existing, FileMode::Private)?)
}

#[cfg(unix)]
fn check_mode(file: &File, path: &Path) -> Result<(), SecretFileError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata().map_err(|error| FileError::new("read", path, error))?;
    if !metadata.is_file() {
        return Ok(());
    }
    match metadata.permissions().mode() & 0o7777 {
        mode if mode & 0o077 == 0 => Ok(()),
        mode => Err(SecretFileError::Readable { path: path.to_owned(), mode }),
    }
}

#[cfg(not(unix))]
fn check_mode(_: &File, _: &Path) -> Result<(), SecretFileError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a listing");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<_> =
            entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_stays_of_a_secret_that_could_not_be_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.key");
        fs::create_dir(&path).expect("a directory");
        for existing in [Existing::Keep, Existing::Replace] {
            write(&path, b"secret", existing).expect_err("there is a directory");
            assert_eq!(names(directory.path()), ["a.key"]);
        }
    }

    #[test]
    fn what_lies_beside_a_secret_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.key");
        let other = directory.path().join("a.key.new");
        fs::write(&other, "somebody's").expect("there is room");
        for existing in [Existing::Keep, Existing::Replace] {
            write(&path, b"secret", existing).expect("there is room");
            assert_eq!(fs::read(&other).expect("untouched"), b"somebody's");
            assert_eq!(names(directory.path()), ["a.key", "a.key.new"]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_behind_a_link_is_replaced_where_it_lies() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, link) = (directory.path().join("a.key"), directory.path().join("link.key"));
        write(&path, b"former", Existing::Keep).expect("there is room");
        std::os::unix::fs::symlink("a.key", &link).expect("a link");
        write(&link, b"latter", Existing::Keep).expect_err("it is there");
        write(&link, b"latter", Existing::Replace).expect("there is room");
        assert_eq!(fs::read(&path).expect("a file"), b"latter");
        assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
    }
}
