//! Writes keys as texts: locked, unlocked, or only what is public of them.

use k256::SecretKey;
use pkcs8::der::SecretDocument;
use pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding, PrivateKeyInfoRef};
use protocol::keys::{PublicKey, VoterKey};
use zeroize::Zeroizing;

use super::{ENCRYPTED, Locked, PLAIN, VOTER_KEY_LINE, VOTER_LINE};
use crate::passphrase::Passphrase;

/// Writes a key as text, locked if there is a passphrase.
///
/// # Panics
/// When the operating system provides no randomness for the salt.
pub(crate) fn write(key: &VoterKey, passphrase: Option<&Passphrase>) -> Zeroizing<String> {
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
    text(Some(&key.public()), label, &der)
}

/// Writes a locked key as text without unlocking it.
pub(crate) fn write_locked(locked: &Locked, said: Option<&PublicKey>) -> Zeroizing<String> {
    text(said, ENCRYPTED, &locked.der)
}

/// Writes only the public key: in the form that people send, and in PEM.
///
/// # Panics
/// When it is not a point of the curve. Whoever made a [`VoterKey`] or read a hint knows that it is
/// one.
pub(crate) fn write_public(key: &PublicKey) -> String {
    let point = k256::PublicKey::from_sec1_bytes(&key.0).expect("it was checked");
    let block = point.to_public_key_pem(LineEnding::LF).expect("a key can be encoded");
    format!("{VOTER_LINE}{}\n{VOTER_KEY_LINE}{}\n{block}", key.voter(), key.text())
}

fn text(said: Option<&PublicKey>, label: &'static str, der: &SecretDocument) -> Zeroizing<String> {
    let block = der.to_pem(label, LineEnding::LF).expect("a key is short");
    let lines = said.map_or_else(String::new, |key| {
        format!("{VOTER_LINE}{}\n{VOTER_KEY_LINE}{}\n", key.voter(), hex::encode(key.0))
    });
    let mut text = Zeroizing::new(String::with_capacity(lines.len() + block.len()));
    text.push_str(&lines);
    text.push_str(&block);
    text
}
