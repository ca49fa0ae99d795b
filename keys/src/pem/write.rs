//! Writes keys as texts: locked, unlocked, or only what is public of them.

use k256::SecretKey;
use pkcs8::der::SecretDocument;
use pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding, PrivateKeyInfoRef};
use protocol::keys::{PublicKey, VoterKey};
use zeroize::Zeroizing;

use super::{ENCRYPTED, Locked, PLAIN, Said, VOTER_LINE};
use crate::passphrase::Passphrase;
use crate::role::KeyRole;

/// Writes a key as text, locked if there is a passphrase.
///
/// # Panics
/// When the operating system provides no randomness for the salt.
pub(crate) fn write(
    role: KeyRole,
    key: &VoterKey,
    passphrase: Option<&Passphrase>,
) -> Zeroizing<String> {
    let secret = SecretKey::from_slice(key.secret_bytes().as_slice()).expect("it is a secret key");
    let plain = secret.to_pkcs8_der().expect("a key can be encoded");
    let (label, der) = match passphrase {
        None => (PLAIN, plain),
        Some(passphrase) => {
            let info = PrivateKeyInfoRef::try_from(plain.as_bytes()).expect("just encoded");
            let locked = info.encrypt(&*passphrase.prepared());
            (ENCRYPTED, locked.expect("the operating system gives randomness"))
        }
    };
    text(&lines(role, Some(&key.public())), label, &der)
}

/// Writes a locked key as text without unlocking it.
pub(crate) fn write_locked(locked: &Locked, said: Option<&Said>) -> Zeroizing<String> {
    let lines = said.map_or_else(String::new, |said| lines(said.role, said.key.as_ref()));
    text(&lines, ENCRYPTED, &locked.der)
}

/// Writes only the public key: in the form that people send, and in PEM.
///
/// # Panics
/// When it is not a point of the curve. Whoever made a [`VoterKey`] or read a hint knows that it is
/// one.
pub(crate) fn write_public(role: KeyRole, key: &PublicKey) -> String {
    let point = k256::PublicKey::from_sec1_bytes(&key.0).expect("it was checked");
    let block = point.to_public_key_pem(LineEnding::LF).expect("a key can be encoded");
    format!("{}{}{}\n{block}", voter_line(role, key), role.key_line(), key.text())
}

/// The lines that say what the key is for and whose it is. Without a key its line is there all the same, since it says
/// what the key is for.
fn lines(role: KeyRole, key: Option<&PublicKey>) -> String {
    let voter = key.map_or_else(String::new, |key| voter_line(role, key));
    let key = key.map_or_else(String::new, |key| hex::encode(key.0));
    format!("{voter}{}{key}\n", role.key_line())
}

/// Voters are known by the hash of their keys; others have none.
fn voter_line(role: KeyRole, key: &PublicKey) -> String {
    match role {
        KeyRole::Voter => format!("{VOTER_LINE}{}\n", key.voter()),
        KeyRole::Registrar | KeyRole::Validator => String::new(),
    }
}

fn text(lines: &str, label: &'static str, der: &SecretDocument) -> Zeroizing<String> {
    let block = der.to_pem(label, LineEnding::LF).expect("a key is short");
    let mut text = Zeroizing::new(String::with_capacity(lines.len() + block.len()));
    text.push_str(lines);
    text.push_str(&block);
    text
}
