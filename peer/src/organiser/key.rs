//! A registrar's or validator's secret key, which is stored in a file like a voter's that says what the key is for.

use std::path::Path;

use protocol::keys::VoterKey;

use super::RegistrarError;
use crate::cli::PassphraseOptions;
use keys::Existing;
use keys::SecretSource;
use keys::{KeyFile, KeyFileError, KeyRole, passphrase};

/// Makes a key in a new file. It is locked if a passphrase was named or is entered when asked for.
///
/// # Errors
/// When the file exists already, or when the disk fails.
pub(super) fn make(
    role: KeyRole,
    path: &Path,
    source: Option<&SecretSource>,
    no_passphrase: bool,
) -> Result<KeyFile, RegistrarError> {
    if path.symlink_metadata().is_ok() {
        return Err(RegistrarError::KeyExists { path: path.to_owned() });
    }
    let passphrase = passphrase::for_new(source, no_passphrase, path)?;
    let secret = keys::generate();
    Ok(KeyFile::create_for(role, path, secret, passphrase.as_ref(), Existing::Keep)?)
}

/// Opens the key that signs.
///
/// # Errors
/// When there is none, when others can read it, or when its passphrase is not known.
pub(super) fn open(path: &Path, options: &PassphraseOptions) -> Result<VoterKey, RegistrarError> {
    let file = match KeyFile::open_for(KeyRole::Registrar, path) {
        Err(KeyFileError::Missing { path }) => return Err(RegistrarError::NoKey { path }),
        opened => opened?,
    };
    passphrase::unlock(&file, options.source().as_ref())
}
