//! Key files: reading, writing and unlocking one.

use std::path::{Path, PathBuf};

use protocol::keys::{PublicKey, VoterKey};
use zeroize::Zeroizing;

use crate::passphrase::Passphrase;
use crate::pem::{self, Contents, Locked, PemError, Said};
use crate::role::KeyRole;
use crate::secret_file::{self, SecretFileError};
use host::files::FileError;
use host::whole_file::Existing;

/// The longest key file that is read. A key in PEM takes about 300 bytes, and other programs put
/// lines of their own before it.
const KEY_FILE_BYTES_MAX: usize = 16 * 1024;

/// The reason why a key file can't be read, written or unlocked. Each message is one line, and says
/// what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file can't be read or written, or others may read it.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// Something next to the file can't be read, written or removed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file contains no usable key.
    #[error("{path} {reason}", path = path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with its text.
        reason: PemError,
    },
    /// The file holds 64 hexadecimal digits, as earlier versions wrote keys.
    #[error(
        "{path} has the former format of 64 digits: write it anew by `peer key import {path} --key {path} --force`",
        path = path.display()
    )]
    Former {
        /// The file.
        path: PathBuf,
    },
    /// The file does not exist.
    #[error("there is no key in {path}: make one by `peer key new`", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file says that the key is for another role.
    #[error(
        "{path} is a {found}'s key, and a {needed}'s is needed: make one by `{}`", needed.made_by(),
        path = path.display()
    )]
    OtherRole {
        /// The file.
        path: PathBuf,
        /// What the key is for, as the file says.
        found: KeyRole,
        /// What it was to be used for.
        needed: KeyRole,
    },
    /// The key is locked, and no passphrase was given.
    #[error("{path} is locked: its passphrase is needed", path = path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The key is locked with another passphrase.
    #[error("this is not the passphrase of {path}", path = path.display())]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// The key is locked, and no line before its PEM block says whose key it is.
    #[error(
        "{path} is locked and does not say whose it is: `peer key passwd --key {path}` writes that into it",
        path = path.display()
    )]
    Anonymous {
        /// The file.
        path: PathBuf,
    },
    /// The lines before the PEM block name another key than the one that the block contains.
    #[error(
        "{path} says that it is the key of voter {hint}, and it is that of {found}: put your copy of it back",
        path = path.display(), hint = hint.voter(), found = found.voter()
    )]
    OtherKey {
        /// The file.
        path: PathBuf,
        /// The key that the file names.
        hint: PublicKey,
        /// The key that the block contains.
        found: PublicKey,
    },
}

impl KeyFileError {
    /// A word for the kind of error, by which programs tell errors apart. It never changes.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "locked",
            Self::WrongPassphrase { .. } => "wrong_passphrase",
            Self::Missing { .. } => "no_key",
            Self::Secret(_)
            | Self::File(_)
            | Self::NotAKey { .. }
            | Self::Former { .. }
            | Self::Anonymous { .. }
            | Self::OtherKey { .. } => "key_file",
            Self::OtherRole { .. } => "other_role",
        }
    }
}

/// A key that was read from a file, locked or not. It stays the same if the file changes later.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    contents: Contents,
    /// What the lines before the PEM block say.
    said: Option<Said>,
}

impl KeyFile {
    /// Reads a key file. Nothing is unlocked yet.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        Self::open_if_there(path)?.ok_or_else(|| KeyFileError::Missing { path: path.to_owned() })
    }

    /// Reads a key file like [`KeyFile::open`]; `None` if there is no such file.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn open_if_there(path: &Path) -> Result<Option<Self>, KeyFileError> {
        let Some(bytes) = secret_file::read(path, KEY_FILE_BYTES_MAX)? else { return Ok(None) };
        let path = path.to_owned();
        if secret_file::secret_of_line(&bytes).is_some() {
            return Err(KeyFileError::Former { path });
        }
        // A file that is not text has no PEM block either, so it gets the same error.
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let (contents, said) = match pem::read(text) {
            Ok(read) => read,
            Err(reason) => return Err(KeyFileError::NotAKey { path, reason }),
        };
        if let Contents::Open(key) = &contents {
            check_hint(&path, said, key)?;
        }
        Ok(Some(Self { path, contents, said }))
    }

    /// Reads a key file like [`KeyFile::open`], for this use and no other.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn open_for(role: KeyRole, path: &Path) -> Result<Self, KeyFileError> {
        Self::open(path)?.of_role(role)
    }

    /// This file, unless it says that its key is for another use. A file of another program says nothing of it.
    ///
    /// # Errors
    /// [`KeyFileError::OtherRole`].
    pub fn of_role(self, needed: KeyRole) -> Result<Self, KeyFileError> {
        match self.role() {
            Some(found) if found != needed => {
                Err(KeyFileError::OtherRole { path: self.path, found, needed })
            }
            Some(_) | None => Ok(self),
        }
    }

    /// Writes a new file with a voter's key, locked if there is a passphrase.
    ///
    /// # Errors
    /// When the file is there already and is to be kept, or the disk refuses.
    pub fn create(
        path: &Path,
        key: VoterKey,
        passphrase: Option<&Passphrase>,
        existing: Existing,
    ) -> Result<Self, KeyFileError> {
        Self::create_for(KeyRole::Voter, path, key, passphrase, existing)
    }

    /// Writes a new file like [`KeyFile::create`], with a key for this use.
    ///
    /// # Errors
    /// When the file is there already and is to be kept, or the disk refuses.
    pub fn create_for(
        role: KeyRole,
        path: &Path,
        key: VoterKey,
        passphrase: Option<&Passphrase>,
        existing: Existing,
    ) -> Result<Self, KeyFileError> {
        let text = pem::write(role, &key, passphrase);
        secret_file::write(path, text.as_bytes(), existing)?;
        let (contents, said) = pem::read(&text).expect("what is written can be read");
        Ok(Self { path: path.to_owned(), contents, said })
    }

    /// Where the key was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the key is for, if the file says it.
    pub fn role(&self) -> Option<KeyRole> {
        self.said.map(|said| said.role)
    }

    /// Whether a passphrase is needed for the secret key.
    pub fn is_locked(&self) -> bool {
        matches!(self.contents, Contents::Locked(_))
    }

    /// The public key. For a locked key it is what the lines before the PEM block say.
    ///
    /// # Errors
    /// When the key is locked and no line says whose it is.
    pub fn public(&self) -> Result<PublicKey, KeyFileError> {
        match &self.contents {
            Contents::Open(key) => Ok(key.public()),
            Contents::Locked(_) => {
                let hint = self.said.and_then(|said| said.key);
                hint.ok_or_else(|| KeyFileError::Anonymous { path: self.path.clone() })
            }
        }
    }

    /// The secret key. Unlocking a file that was written here takes some 50 ms of one core and 16 MiB; a file of
    /// another program may cost several seconds and 128 MiB, and is refused if it asks for more.
    ///
    /// # Errors
    /// When the key is locked by another passphrase, or is not the one that the file names.
    pub fn unlock(&self, passphrase: Option<&Passphrase>) -> Result<VoterKey, KeyFileError> {
        match &self.contents {
            Contents::Open(key) => Ok(key.clone()),
            Contents::Locked(locked) => self.unlock_by(locked, passphrase),
        }
    }

    /// The text of the file as it would be written now: locked if the key is locked.
    pub fn text(&self) -> Zeroizing<String> {
        match &self.contents {
            Contents::Open(key) => pem::write(self.role().unwrap_or(KeyRole::Voter), key, None),
            Contents::Locked(locked) => pem::write_locked(locked, self.said.as_ref()),
        }
    }

    fn unlock_by(
        &self,
        locked: &Locked,
        passphrase: Option<&Passphrase>,
    ) -> Result<VoterKey, KeyFileError> {
        let path = || self.path.clone();
        let passphrase = passphrase.ok_or_else(|| KeyFileError::Locked { path: path() })?;
        let key = locked
            .unlock(passphrase)
            .map_err(|reason| KeyFileError::NotAKey { path: path(), reason })?
            .ok_or_else(|| KeyFileError::WrongPassphrase { path: path() })?;
        check_hint(&self.path, self.said, &key)?;
        Ok(key)
    }
}

fn check_hint(path: &Path, said: Option<Said>, key: &VoterKey) -> Result<(), KeyFileError> {
    match said.and_then(|said| said.key) {
        Some(hint) if hint != key.public() => {
            Err(KeyFileError::OtherKey { path: path.to_owned(), hint, found: key.public() })
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
