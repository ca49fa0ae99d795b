//! The outcomes of registrars' commands: a new key, a signed list, a file of signatures, and
//! handing such a file in.

use std::path::PathBuf;

use protocol::units::{ElectionId, VoterId};
use serde::{Deserialize, Serialize};

use super::Refusal;

/// What registrars sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RecordKind {
    Admissions,
    Withdrawals,
}

/// A registrar or validator whose key was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NewSigner {
    pub(crate) name: String,
    /// The compressed public key in hexadecimal digits.
    pub(crate) key: String,
    /// The same in Bech32m, with a checksum, for people to copy.
    pub(crate) key_text: String,
    pub(crate) file: String,
    /// Whether the file is locked by a passphrase.
    pub(crate) passphrase: bool,
}

/// What came of a registrar's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SignReport {
    pub(crate) file: String,
    /// The registrar that signed, counted from 1 in the ballot's order.
    pub(crate) registrar: usize,
    pub(crate) name: String,
    /// Voters of the list.
    pub(crate) listed: usize,
    pub(crate) signed: usize,
    /// Voters of the list that bore this registrar's signature already.
    pub(crate) signed_before: usize,
    /// Voters of the file.
    pub(crate) voters: usize,
    /// Those of them with enough signatures.
    pub(crate) complete: usize,
    pub(crate) threshold: u8,
    /// Whether the list has the registrar's own key.
    pub(crate) own_key: bool,
    /// Whether the list has a column of ids, by which one member with two keys is found.
    pub(crate) ids: bool,
    /// Lines of such a list without an id.
    pub(crate) lines_without_id: u64,
    /// Lines whose id is like that of an earlier line, which the registrar said to be other members.
    pub(crate) lines_similar: u64,
    /// Keys of the list that are written in hex, without a checksum.
    pub(crate) keys_in_hex: u64,
    /// Lines of the list that repeat the voter of an earlier line.
    pub(crate) lines_twice: u64,
    pub(crate) first_twice: Vec<ListedTwice>,
    /// Voters of the file that the list does not have, which are not signed for.
    pub(crate) not_listed: usize,
    pub(crate) first_not_listed: Vec<VoterId>,
}

/// A voter that stands in a list twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct ListedTwice {
    pub(crate) voter: VoterId,
    pub(crate) lines: [u64; 2],
}

/// What a file of signatures holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ShowReport {
    pub(crate) file: String,
    pub(crate) kind: RecordKind,
    pub(crate) election: ElectionId,
    pub(crate) threshold: u8,
    pub(crate) voters: usize,
    pub(crate) complete: usize,
    /// The registrars in the ballot's order.
    pub(crate) registrars: Vec<RegistrarSigned>,
    /// Voters by the number of signatures that they still lack, without the complete ones.
    pub(crate) incomplete: Vec<SignaturesMissing>,
}

/// For how many voters of a file a registrar signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RegistrarSigned {
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) signed: usize,
}

/// How many voters of a file lack so many signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct SignaturesMissing {
    pub(crate) signatures_missing: usize,
    pub(crate) voters: usize,
}

/// How the lines of a file fared at a peer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Posted {
    pub(crate) file: PathBuf,
    /// `admissions` or `withdrawals`.
    pub(crate) kind: String,
    /// Voters of the file.
    pub(crate) entries: usize,
    /// Those that the peer took now or before.
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
    /// Those that lack signatures; they were not sent.
    pub(crate) incomplete: usize,
    pub(crate) first_refused: Vec<RefusedEntry>,
    pub(crate) first_incomplete: Vec<IncompleteEntry>,
}

/// A line that the peer refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RefusedEntry {
    pub(crate) line: u64,
    pub(crate) voter: VoterId,
    pub(crate) error: Refusal,
}

/// A line that lacks signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct IncompleteEntry {
    pub(crate) line: u64,
    pub(crate) voter: VoterId,
    pub(crate) signatures_missing: usize,
}

impl Posted {
    /// Whether the peer has every line.
    pub(crate) fn is_all(&self) -> bool {
        self.accepted == self.entries
    }
}

impl RecordKind {
    /// As files and answers name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Admissions => "admissions",
            Self::Withdrawals => "withdrawals",
        }
    }
}
