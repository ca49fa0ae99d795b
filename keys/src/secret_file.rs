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

/// The reason why a secret can't be read or written. Each message is one line, and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file can't be read or removed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file's permissions let others read it.
    #[error("{path} can be read by others (mode {mode:o}): run `chmod 600 {path}`", path = path.display())]
    Readable {
        /// The file.
        path: PathBuf,
        /// The permissions of the file.
        mode: u32,
    },
    /// The file contains something other than 64 hexadecimal digits.
    #[error("{path} holds no secret of 64 hexadecimal digits: put your copy of it back", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The file is longer than any such secret can be.
    #[error("{path} has over {bytes_max} bytes: name another file", path = path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most bytes that it may have.
        bytes_max: usize,
    },
    /// The file can't be written, or it exists already.
    #[error(transparent)]
    Write(#[from] WholeFileError),
}

/// Reads a secret of 32 bytes, or makes one and stores it if there is none. The caller must hold
/// the directory's lock.
///
/// # Errors
/// See [`SecretFileError`]. An existing file is never replaced.
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

/// Reads a secret of 32 bytes if there is one. Nothing is created or removed, so this is safe while
/// a peer uses the directory.
///
/// # Errors
/// See [`SecretFileError`].
pub fn read_existing(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, SecretFileError> {
    // Two more bytes are allowed for the end of the line, since some editors write two.
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

/// Decodes a line of 64 hexadecimal digits into 32 bytes.
pub fn secret_of_line(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let line = text.strip_suffix(b"\r\n").or_else(|| text.strip_suffix(b"\n")).unwrap_or(text);
    let mut secret = Zeroizing::new([0; 32]);
    hex::decode_to_slice(line, secret.as_mut_slice()).ok()?;
    Some(secret)
}

/// Reads a file that only its owner may read; gives `None` if it does not exist. The permissions
/// are checked only for a regular file: those of a pipe, for example, do not say who can read it.
///
/// # Errors
/// When others may read it, when it is longer than `bytes_max`, or when the disk fails.
pub fn read(path: &Path, bytes_max: usize) -> Result<Option<Zeroizing<Vec<u8>>>, SecretFileError> {
    let failed = |error| FileError::new("read", path, error);
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    check_mode(&file, path)?;
    // The whole buffer is allocated at once, because a growing vector would leave copies of the
    // secret in memory.
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

/// Writes a file that only its owner may read. The file appears with its whole content or not at
/// all, and a failed attempt leaves nothing behind. If the path is a symbolic link, the file that
/// it leads to is replaced and the link stays, so that the former secret does not remain behind the
/// link.
///
/// # Errors
/// When the file exists already and must be kept, or when the disk fails.
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
