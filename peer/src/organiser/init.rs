//! `peer registrar init`: a registrar's key, and what of it goes into the ballot.

use std::path::PathBuf;

use protocol::admission::Registrar;

use super::{RegistrarError, key};
use crate::cli::InitRegistrar;

/// Longest name, as the ballot bounds it.
const NAME_BYTES_MAX: usize = 200;

/// A registrar whose key was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewRegistrar {
    pub(crate) registrar: Registrar,
    pub(crate) key_file: PathBuf,
    pub(crate) has_passphrase: bool,
}

/// Makes the key file.
///
/// # Errors
/// When the name is none, or the file is there already.
pub(super) fn init(task: &InitRegistrar) -> Result<NewRegistrar, RegistrarError> {
    let name = task.name.trim();
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
        return Err(RegistrarError::Name { name: task.name.escape_debug().to_string() });
    }
    let file = key::make(&task.key, task.lock.source().as_ref(), task.lock.no_passphrase)?;
    let registrar = Registrar { name: name.to_owned(), key: file.public()? };
    let has_passphrase = file.is_locked();
    Ok(NewRegistrar { registrar, key_file: task.key.clone(), has_passphrase })
}
