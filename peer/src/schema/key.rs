//! What a key file tells everybody without its passphrase. The secret key itself must never appear
//! here.

use protocol::keys::PublicKey;
use protocol::units::VoterId;
use serde::Serialize;

/// Whose key a file holds. Never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct KeyShown {
    pub(crate) voter: VoterId,
    /// The compressed public key in hexadecimal digits.
    pub(crate) voter_key: String,
    /// The same in Bech32m, with a checksum, for people to copy.
    pub(crate) voter_key_text: String,
    pub(crate) file: String,
    /// Whether the file is locked by a passphrase.
    pub(crate) passphrase: bool,
}

impl KeyShown {
    pub(crate) fn new(key: &PublicKey, file: String, passphrase: bool) -> Self {
        Self {
            voter: key.voter(),
            voter_key: key.to_string(),
            voter_key_text: key.text(),
            file,
            passphrase,
        }
    }
}
