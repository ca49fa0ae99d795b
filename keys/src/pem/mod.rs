//! Secret keys as text: PKCS#8 in PEM, as OpenSSL reads and writes it, preceded by a line or two
//! that say whose key it is.
//!
//! The input may be hostile. Its length is therefore limited before it is parsed, and the cost of
//! unlocking a key is checked before any of that work is done.

mod error;
mod read;
#[cfg(test)]
mod tests;
mod write;

use pkcs8::der::SecretDocument;
use protocol::keys::{PublicKey, VoterKey};

use crate::role::KeyRole;

pub use error::PemError;
pub(super) use read::read;
pub(super) use write::{write, write_locked, write_public};

/// The line that precedes the PEM block of a voter's key; OpenSSL ignores it.
const VOTER_LINE: &str = "Voter: ";

const PLAIN: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";

/// The highest cost of scrypt (N × r × p) at which a key is still unlocked. Files that this module
/// writes cost 2^17. The memory that is needed is 128 bytes × N × r, so at most 128 MiB.
const SCRYPT_WORK_MAX: u64 = 1 << 20;

/// The most rounds of PBKDF2 at which a key is still unlocked; they take some seconds. OpenSSL uses
/// 2,048 unless told otherwise, and 600,000 are recommended.
const PBKDF2_ROUNDS_MAX: u32 = 10_000_000;

/// What the lines before a PEM block say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    /// What the key is for.
    pub(super) role: KeyRole,
    /// The public key; `None` if what stands there is none.
    pub(super) key: Option<PublicKey>,
}

/// The content of a key file.
#[derive(Debug)]
pub(super) enum Contents {
    Open(VoterKey),
    Locked(Locked),
}

/// An encrypted key whose cost of unlocking was checked and is acceptable, so a passphrase may be
/// tried.
pub(super) struct Locked {
    /// The DER encoding of an `EncryptedPrivateKeyInfo`.
    der: SecretDocument,
}

impl std::fmt::Debug for Locked {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Locked")
    }
}
