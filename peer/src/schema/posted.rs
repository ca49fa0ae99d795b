//! What came of handing in a file of registrars' signatures.

use std::path::PathBuf;

use protocol::units::VoterId;
use serde::Serialize;

use super::Refusal;

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
