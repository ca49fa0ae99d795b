//! Those who sign in a role, registrars and validators, as the options of `peer ballot new` or the answers at a
//! terminal name them.

use inquire::validator::Validation;
use inquire::{Confirm, Text};
use protocol::key_text::{self, BEGINNING, KeyForm};
use protocol::keys::PublicKey;

use super::BallotCommandError;
use host::output::tell;
use keys::KeyRole as Role;

/// Warns once of keys in which nobody would find a slip.
pub(super) fn warn_of_hex(signers: &[Signer], role: Role) {
    match signers.iter().filter(|signer| signer.form == KeyForm::Hex).count() {
        0 => {}
        1 => tell_of_hex(&format!("the {role}")),
        _ => tell_of_hex(&format!("the {role}s")),
    }
}

pub(super) fn tell_of_hex(whom: &str) {
    tell(&format!(
        "peer: keys in hex carry no checksum, so that a slip may be another key: ask {whom} for the form that begins with {BEGINNING}\n",
    ));
}

/// One who signs in a role, as the options name them.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) name: String,
    pub(super) key: PublicKey,
    form: KeyForm,
}

/// Reads `Secretary: ostkey1…`.
pub(super) fn signer(role: Role, text: &str) -> Result<Signer, BallotCommandError> {
    let wrong = |reason: String| BallotCommandError::Signer { role, text: text.to_owned(), reason };
    let (name, key) = text.rsplit_once(':').ok_or_else(|| wrong("there is no colon".to_owned()))?;
    let (key, form) = key_text::read(key).map_err(|error| wrong(error.to_string()))?;
    Ok(Signer { name: name.trim().to_owned(), key, form })
}

/// Asks for all who sign in a role.
pub(super) fn ask_for(role: Role) -> Result<Vec<String>, BallotCommandError> {
    let mut signers = Vec::new();
    loop {
        let told = format!("as `{}` prints it, such as Secretary: ostkey1…", role.made_by());
        let question = format!("A {role}'s name and key?");
        let asked = Text::new(&question).with_help_message(&told);
        let answer = asked.with_validator(move |text: &str| {
            Ok(match signer(role, text) {
                Ok(_) => Validation::Valid,
                Err(error) => Validation::Invalid(error.to_string().into()),
            })
        });
        signers.push(answer.prompt().map_err(BallotCommandError::NotAnswered)?);
        let more = Confirm::new(&format!("Another {role}?")).with_default(false).prompt();
        if !more.map_err(BallotCommandError::NotAnswered)? {
            return Ok(signers);
        }
    }
}
