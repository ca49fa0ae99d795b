//! `peer registrar init` and `peer validator init`: make a key and say what goes into the ballot.

use std::path::Path;

use keys::KeyRole;

use super::{RegistrarError, key};
use crate::cli::{InitRegistrar, InitValidator, LockOptions};
use crate::schema::NewSigner;

/// The longest name, which is the limit of the ballot.
const NAME_BYTES_MAX: usize = 200;

/// Makes the key file of a registrar.
///
/// # Errors
/// When the name is not valid, or when the file exists already.
pub(super) fn registrar(task: &InitRegistrar) -> Result<NewSigner, RegistrarError> {
    init(KeyRole::Registrar, &task.name, &task.key, &task.lock)
}

/// Makes the key file of a validator.
///
/// # Errors
/// When the name is not valid, or when the file exists already.
pub(super) fn validator(task: &InitValidator) -> Result<NewSigner, RegistrarError> {
    init(KeyRole::Validator, &task.name, &task.key, &task.lock)
}

fn init(
    role: KeyRole,
    name: &str,
    path: &Path,
    lock: &LockOptions,
) -> Result<NewSigner, RegistrarError> {
    let trimmed = name.trim();
    if trimmed.is_empty() || trimmed.len() > NAME_BYTES_MAX || trimmed.contains(char::is_control) {
        return Err(RegistrarError::Name { role, name: name.escape_debug().to_string() });
    }
    let file = key::make(role, path, lock.source().as_ref(), lock.no_passphrase)?;
    let key = file.public()?;
    Ok(NewSigner {
        name: trimmed.to_owned(),
        key: key.to_string(),
        key_text: key.text(),
        file: path.display().to_string(),
        passphrase: file.is_locked(),
    })
}
