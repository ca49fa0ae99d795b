//! The voter's secret key in the data directory: 64 hexadecimal digits in a file that nobody else can read.
//!
//! The secret appears in no message, log or `Debug`; what holds it is wiped after use.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use protocol::keys::VoterKey;
use zeroize::Zeroizing;

use super::entropy;
use super::files::{self, FileError};

/// Name of the file in the data directory.
pub(crate) const KEY_FILE: &str = "voter.key";

/// The file's name while it is written.
const UNFINISHED_FILE: &str = "voter.key.new";

const SECRET_DIGITS: usize = 64;

/// Why there is no voter key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path} can be read by others (mode {mode:o}): run `chmod 600 {path}`", path = path.display())]
    Readable { path: PathBuf, mode: u32 },
    #[error("{path} holds no secret key of 64 hexadecimal digits: put your copy of it back", path = path.display())]
    Malformed { path: PathBuf },
}

/// Reads the key of a data directory, or makes one. The caller holds the directory's lock.
///
/// # Errors
/// See [`KeyFileError`]; a file that is there is never replaced.
pub(crate) fn read_or_make(directory: &Path) -> Result<VoterKey, KeyFileError> {
    let path = directory.join(KEY_FILE);
    match File::open(&path) {
        Ok(file) => {
            // A run that ended between linking and removing left a second name of the secret.
            let unfinished = directory.join(UNFINISHED_FILE);
            remove_left_over(&unfinished)
                .map_err(|error| FileError::new("remove", &unfinished, error))?;
            read(file, path)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(directory, path),
        Err(error) => Err(FileError::new("read", &path, error).into()),
    }
}

fn read(file: File, path: PathBuf) -> Result<VoterKey, KeyFileError> {
    check_mode(&file, &path)?;
    // Two bytes for the end of the line, as some editors write it, and one that shows that the file is too
    // long.
    let mut text = Zeroizing::new([0; SECRET_DIGITS + 3]);
    let mut length = 0;
    loop {
        match (&file).read(&mut text[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) => return Err(FileError::new("read", &path, error).into()),
        }
    }
    let text = &text[..length];
    let line = text.strip_suffix(b"\r\n").or_else(|| text.strip_suffix(b"\n")).unwrap_or(text);
    let mut secret = Zeroizing::new([0; 32]);
    match hex::decode_to_slice(line, secret.as_mut_slice()) {
        Ok(()) => {
            VoterKey::from_secret_bytes(&secret).map_err(|_| KeyFileError::Malformed { path })
        }
        Err(_) => Err(KeyFileError::Malformed { path }),
    }
}

#[cfg(unix)]
fn check_mode(file: &File, path: &Path) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata().map_err(|error| FileError::new("read", path, error))?;
    match metadata.permissions().mode() & 0o7777 {
        mode if mode & 0o077 == 0 => Ok(()),
        mode => Err(KeyFileError::Readable { path: path.to_owned(), mode }),
    }
}

#[cfg(not(unix))]
fn check_mode(_: &File, _: &Path) -> Result<(), KeyFileError> {
    Ok(())
}

/// The file appears whole or not at all: written under another name, made durable, then linked.
fn make(directory: &Path, path: PathBuf) -> Result<VoterKey, KeyFileError> {
    let key = loop {
        let secret = Zeroizing::new(entropy::random::<32>());
        if let Ok(key) = VoterKey::from_secret_bytes(&secret) {
            break key;
        }
    };
    let unfinished = directory.join(UNFINISHED_FILE);
    let mut text = Zeroizing::new([b'\n'; SECRET_DIGITS + 1]);
    hex::encode_to_slice(key.secret_bytes().as_slice(), &mut text[..SECRET_DIGITS])
        .expect("32 bytes are 64 digits");
    write_private(&unfinished, text.as_slice())
        .map_err(|error| FileError::new("write", &unfinished, error))?;
    // Unlike a renaming, a link never replaces a key that is there.
    fs::hard_link(&unfinished, &path)
        .and_then(|()| fs::remove_file(&unfinished))
        .and_then(|()| files::sync_directory(directory))
        .map_err(|error| FileError::new("write", &path, error))?;
    Ok(key)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn voter(directory: &Path) -> Result<String, String> {
        read_or_make(directory)
            .map(|key| key.public().voter().to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_is_made_once_and_read_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = voter(directory.path()).expect("a key");
        assert_eq!(voter(directory.path()), Ok(first));
        let files: Vec<_> = fs::read_dir(directory.path()).expect("a listing").collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }

    #[test]
    fn a_left_over_of_an_unfinished_run_is_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("voter.key.new"), "12").expect("written");
        let first = voter(directory.path()).expect("a key");
        let path = directory.path().join(KEY_FILE);
        fs::hard_link(&path, directory.path().join(UNFINISHED_FILE)).expect("a link");
        assert_eq!(voter(directory.path()), Ok(first));
        assert!(!directory.path().join(UNFINISHED_FILE).exists(), "it holds the secret");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        voter(directory.path()).expect("a key");
        let path = directory.path().join(KEY_FILE);
        let mode = fs::metadata(&path).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        for mode in [0o640, 0o604, 0o610] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a new mode");
            let message = voter(directory.path()).expect_err("too open");
            assert!(message.contains(&format!("mode {mode:o}")), "{message}");
            assert!(message.contains("chmod 600"), "{message}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_key_is_refused_and_stays() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(KEY_FILE);
        let good = "11".repeat(32);
        let bad = [String::new(), "zz".repeat(32), "00".repeat(32), good[1..].to_owned()];
        for text in bad.into_iter().chain([
            format!("{good}\n\n"),
            format!("{good}1"),
            format!("{good}\r"),
            format!("{good}\r\r\n"),
        ]) {
            fs::write(&path, &text).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a new mode");
            let message = voter(directory.path()).expect_err("no key");
            assert!(message.contains("holds no secret key"), "{message}");
            assert!(text.is_empty() || !message.contains(&text), "the text is told: {message}");
            assert_eq!(fs::read_to_string(&path).expect("the file"), text);
        }
        for end in ["", "\n", "\r\n"] {
            fs::write(&path, format!("{good}{end}")).expect("written");
            assert!(voter(directory.path()).is_ok(), "the line may end by {end:?}");
        }
    }
}
