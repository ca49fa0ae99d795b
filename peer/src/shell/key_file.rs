//! The voter's secret key in the data directory.

use std::path::{Path, PathBuf};

use protocol::keys::VoterKey;
use zeroize::Zeroizing;

use super::entropy;
use super::secret_file::{self, SecretFileError};

/// Name of the file in the data directory.
pub(crate) const KEY_FILE: &str = "voter.key";

/// Why there is no voter key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    #[error("{path} holds no secret key: put your copy of it back", path = path.display())]
    NotAKey { path: PathBuf },
}

/// Reads the key of a data directory, or makes one. The caller holds the directory's lock.
///
/// # Errors
/// See [`KeyFileError`]; a file that is there is never replaced.
pub(crate) fn read_or_make(directory: &Path) -> Result<VoterKey, KeyFileError> {
    let path = directory.join(KEY_FILE);
    let secret = secret_file::read_or_make(&path, draw)?;
    VoterKey::from_secret_bytes(&secret).map_err(|_| KeyFileError::NotAKey { path })
}

/// Reads the key of a data directory, if it has one; nothing is made or removed, so that a peer may run there.
///
/// # Errors
/// See [`KeyFileError`].
pub(crate) fn read_existing(directory: &Path) -> Result<Option<VoterKey>, KeyFileError> {
    let path = directory.join(KEY_FILE);
    let secret = secret_file::read_existing(&path)?;
    let key = secret.map(|secret| VoterKey::from_secret_bytes(&secret));
    key.transpose().map_err(|_| KeyFileError::NotAKey { path })
}

/// Random bytes that are a secret key, as nearly all are.
fn draw() -> Zeroizing<[u8; 32]> {
    loop {
        let secret = Zeroizing::new(entropy::random::<32>());
        if VoterKey::from_secret_bytes(&secret).is_ok() {
            return secret;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        fs::hard_link(&path, directory.path().join("voter.key.new")).expect("a link");
        assert_eq!(voter(directory.path()), Ok(first));
        assert!(!directory.path().join("voter.key.new").exists(), "it holds the secret");
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
            assert!(message.contains("holds no secret"), "{message}");
            assert!(text.is_empty() || !message.contains(&text), "the text is told: {message}");
            assert_eq!(fs::read_to_string(&path).expect("the file"), text);
        }
        for end in ["", "\n", "\r\n"] {
            fs::write(&path, format!("{good}{end}")).expect("written");
            assert!(voter(directory.path()).is_ok(), "the line may end by {end:?}");
        }
    }
}
