//! `peer registrar init`: makes a registrar's key and says what goes into the ballot.

use super::{RegistrarError, key};
use crate::cli::InitRegistrar;
use crate::schema::NewRegistrar;

/// The longest name, which is the limit of the ballot.
const NAME_BYTES_MAX: usize = 200;

/// Makes the key file.
///
/// # Errors
/// When the name is not valid, or when the file exists already.
pub(super) fn init(task: &InitRegistrar) -> Result<NewRegistrar, RegistrarError> {
    let name = task.name.trim();
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
        return Err(RegistrarError::Name { name: task.name.escape_debug().to_string() });
    }
    let file = key::make(&task.key, task.lock.source().as_ref(), task.lock.no_passphrase)?;
    let key = file.public()?;
    Ok(NewRegistrar {
        name: name.to_owned(),
        key: key.to_string(),
        key_text: key.text(),
        file: task.key.display().to_string(),
        passphrase: file.is_locked(),
    })
}
