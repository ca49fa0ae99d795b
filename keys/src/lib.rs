//! Secret keys: in files, locked by passphrases, as recovery phrases, and signing with them.
//!
//! A key file is PKCS#8 in PEM, as OpenSSL reads and writes it, and only its owner may read it. It may be locked by a
//! passphrase. Lines before the PEM block say whose key it is, so that this is known while the key is locked; once it
//! is unlocked, the two are compared.
//!
//! ```
//! use keys::{Existing, KeyFile, KeyFileError, Passphrase};
//! use zeroize::Zeroizing;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = tempfile::tempdir()?;
//! let path = directory.path().join("ada.key");
//! let passphrase = Passphrase::new(Zeroizing::new(b"open sesame".to_vec()))?;
//!
//! // Make a key, and write it into a file, locked.
//! let key = keys::generate();
//! KeyFile::create(&path, key.clone(), passphrase.as_ref(), Existing::Keep)?;
//!
//! // The file says whose key it is without its passphrase, and gives it to nobody without.
//! let file = KeyFile::open(&path)?;
//! assert!(file.is_locked());
//! assert_eq!(file.public()?, key.public());
//! assert!(matches!(file.unlock(None), Err(KeyFileError::Locked { .. })));
//!
//! // With it the key is the same as before.
//! let unlocked = file.unlock(passphrase.as_ref())?;
//! assert_eq!(unlocked.secret_bytes(), key.secret_bytes());
//! # Ok(())
//! # }
//! ```
//!
//! No secret appears in a message, a log or a `Debug`, and what holds one is wiped after use. Only [`passphrase`] asks
//! anybody anything. Nothing here may ever import anything of the network.
#![warn(missing_docs)]
#![allow(clippy::disallowed_types, reason = "keys are kept in files")]

mod key_file;
mod name;
pub mod passphrase;
mod pem;
pub mod phrase;
mod role;
pub mod secret_file;
pub mod secret_text;
pub mod signing;
mod source;

use std::path::{Path, PathBuf};

use protocol::keys::{PublicKey, VoterKey};
use zeroize::Zeroizing;

pub use host::whole_file::Existing;
pub use key_file::{KeyFile, KeyFileError};
pub use name::{VoterName, VoterNameError};
pub use passphrase::Passphrase;
pub use passphrase::PassphraseError;
pub use pem::PemError;
pub use phrase::PhraseError;
pub use role::KeyRole;
pub use secret_file::SecretFileError;
pub use source::SecretSource;

use host::entropy;
use host::whole_file;

/// The name of the key file of a data directory's own voter.
pub const KEY_FILE: &str = "voter.key";

/// The directory in a data directory that contains the keys of additional voters, each in
/// `NAME.key`.
const VOTERS_DIRECTORY: &str = "voters";

/// Path of a key file in a data directory: of its own voter, or of the further voter of that name.
pub fn path_of(directory: &Path, voter: Option<&VoterName>) -> PathBuf {
    match voter {
        None => directory.join(KEY_FILE),
        Some(name) => directory.join(VOTERS_DIRECTORY).join(format!("{name}.key")),
    }
}

/// Reads the key of a data directory's own voter, or makes one without a passphrase. The caller holds the lock of the
/// data directory.
///
/// # Errors
/// See [`KeyFileError`]. A file that is there is never replaced.
pub fn read_or_make(directory: &Path) -> Result<KeyFile, KeyFileError> {
    let path = path_of(directory, None);
    whole_file::remove_left_overs(&path, whole_file::FileMode::Private)?;
    match KeyFile::open_if_there(&path)? {
        Some(file) => file.of_role(KeyRole::Voter),
        None => KeyFile::create(&path, generate(), None, Existing::Keep),
    }
}

/// A new key, from the operating system's randomness.
pub fn generate() -> VoterKey {
    loop {
        let secret = Zeroizing::new(entropy::random::<32>());
        // Only about one in 2^128 random values is not a valid key.
        if let Ok(key) = VoterKey::from_secret_bytes(&secret) {
            return key;
        }
    }
}

/// A secret key in PEM, not locked.
pub fn unlocked_pem(role: KeyRole, key: &VoterKey) -> Zeroizing<String> {
    pem::write(role, key, None)
}

/// A public key in PEM, below the form that people send. Other programs pass over what stands before the block.
pub fn public_pem(role: KeyRole, key: &PublicKey) -> String {
    pem::write_public(role, key)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn voter(directory: &Path) -> Result<String, String> {
        read_or_make(directory)
            .and_then(|file| Ok(file.public()?.voter().to_string()))
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
        fs::write(directory.path().join("voter.key.unfinished"), "12").expect("written");
        let first = voter(directory.path()).expect("a key");
        let path = directory.path().join(KEY_FILE);
        fs::hard_link(&path, directory.path().join("voter.key.unfinished")).expect("a link");
        assert_eq!(voter(directory.path()), Ok(first));
        assert!(!directory.path().join("voter.key.unfinished").exists(), "it holds the secret");
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
}
