//! What a key file tells everybody without its passphrase, and what was signed with one. The secret key itself must
//! never appear here.

use keys::KeyRole;
use protocol::keys::PublicKey;
use protocol::units::{ElectionId, TransactionId, VoterId};
use serde::Serialize;

/// Whose key a file holds. Never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct KeyShown {
    /// `voter`, `registrar` or `validator`.
    pub(crate) role: &'static str,
    /// The hash of the key; no registrar or validator is known by it.
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
    pub(crate) fn new(role: KeyRole, key: &PublicKey, file: String, passphrase: bool) -> Self {
        Self {
            role: role.word(),
            voter: key.voter(),
            voter_key: key.to_string(),
            voter_key_text: key.text(),
            file,
            passphrase,
        }
    }
}

/// A vote or a registration that was signed without a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Signed {
    pub(crate) election: ElectionId,
    pub(crate) transaction: TransactionId,
    pub(crate) voter: VoterId,
    /// The names of the options that a vote chooses, for each question; null for a registration.
    pub(crate) choices: Option<Vec<Vec<String>>>,
    /// Until when a peer takes a vote from its voter; null for a registration, which does not age.
    pub(crate) taken_until_ms: Option<u64>,
    /// The transaction's bytes, as `submit` and `POST /v1/transactions` take them.
    pub(crate) encoding: String,
}
