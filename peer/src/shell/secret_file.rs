//! Secrets of 32 bytes in files that nobody else can read: the voter's key, the API's token. Each is a line of 64
//! hexadecimal digits.
//!
//! A secret appears in no message, log or `Debug`; what holds it is wiped after use.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::files::{self, FileError};

const SECRET_DIGITS: usize = 64;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path} can be read by others (mode {mode:o}): run `chmod 600 {path}`", path = path.display())]
    Readable { path: PathBuf, mode: u32 },
    #[error("{path} holds no secret of 64 hexadecimal digits: put your copy of it back", path = path.display())]
    Malformed { path: PathBuf },
}

/// Reads a secret, or makes and keeps one. The caller holds the directory's lock.
///
/// # Errors
/// See [`SecretFileError`]; a file that is there is never replaced.
pub(crate) fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> Zeroizing<[u8; 32]>,
) -> Result<Zeroizing<[u8; 32]>, SecretFileError> {
    match File::open(path) {
        Ok(file) => {
            // A run that ended between linking and removing left a second name of the secret.
            let unfinished = unfinished(path);
            remove_left_over(&unfinished)
                .map_err(|error| FileError::new("remove", &unfinished, error))?;
            read(&file, path)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = make();
            write(path, &secret)?;
            Ok(secret)
        }
        Err(error) => Err(FileError::new("read", path, error).into()),
    }
}

/// Reads a secret, if there is one; nothing is made or removed, so that a peer may use the directory.
///
/// # Errors
/// See [`SecretFileError`].
pub(crate) fn read_existing(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, SecretFileError> {
    match File::open(path) {
        Ok(file) => read(&file, path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("read", path, error).into()),
    }
}

fn read(file: &File, path: &Path) -> Result<Zeroizing<[u8; 32]>, SecretFileError> {
    check_mode(file, path)?;
    // Two bytes for the end of the line, as some editors write it, and one that shows that the file is too
    // long.
    let mut text = Zeroizing::new([0; SECRET_DIGITS + 3]);
    let mut length = 0;
    loop {
        match (&*file).read(&mut text[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) => return Err(FileError::new("read", path, error).into()),
        }
    }
    let text = &text[..length];
    let line = text.strip_suffix(b"\r\n").or_else(|| text.strip_suffix(b"\n")).unwrap_or(text);
    let mut secret = Zeroizing::new([0; 32]);
    match hex::decode_to_slice(line, secret.as_mut_slice()) {
        Ok(()) => Ok(secret),
        Err(_) => Err(SecretFileError::Malformed { path: path.to_owned() }),
    }
}

#[cfg(unix)]
fn check_mode(file: &File, path: &Path) -> Result<(), SecretFileError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata().map_err(|error| FileError::new("read", path, error))?;
    match metadata.permissions().mode() & 0o7777 {
        mode if mode & 0o077 == 0 => Ok(()),
        mode => Err(SecretFileError::Readable { path: path.to_owned(), mode }),
    }
}

#[cfg(not(unix))]
fn check_mode(_: &File, _: &Path) -> Result<(), SecretFileError> {
    Ok(())
}

/// The file appears whole or not at all: written under another name, made durable, then linked.
fn write(path: &Path, secret: &[u8; 32]) -> Result<(), SecretFileError> {
    let unfinished = unfinished(path);
    let mut text = Zeroizing::new([b'\n'; SECRET_DIGITS + 1]);
    hex::encode_to_slice(secret, &mut text[..SECRET_DIGITS]).expect("32 bytes are 64 digits");
    write_private(&unfinished, text.as_slice())
        .map_err(|error| FileError::new("write", &unfinished, error))?;
    // Unlike a renaming, a link never replaces a secret that is there.
    fs::hard_link(&unfinished, path)
        .and_then(|()| fs::remove_file(&unfinished))
        .and_then(|()| path.parent().map_or(Ok(()), files::sync_directory))
        .map_err(|error| FileError::new("write", path, error))?;
    Ok(())
}

fn unfinished(path: &Path) -> PathBuf {
    path.with_added_extension("new")
}

/// What an earlier run could not finish was never used.
fn remove_left_over(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Err(_) | Ok(()) => Ok(()),
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    remove_left_over(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
