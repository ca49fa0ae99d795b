//! `ballot.toml`: the file in which people write an election.
//!
//! [`parse`] and [`write()`] work on text; reading and writing the file is up to the programs. What everybody has to
//! agree on is not the file but the [`Election`](crate::election::Election) that it describes, which knows its own
//! limits. Each mistake gives one line that names the key and says how to correct it.

mod read;
mod write;

pub use read::parse;
pub use write::write;

use crate::election::ElectionError;

/// Keys above all tables, in the order in which they are written, and the tables.
const ELECTION_KEYS: [&str; 11] = [
    "id",
    "title",
    "created",
    "difficulty_bits",
    "block_bytes_max",
    "admission",
    "registration_bits",
    "max_voters",
    "threshold",
    "registrar",
    "question",
];

/// Keys of a [[registrar]].
const REGISTRAR_KEYS: [&str; 2] = ["name", "key"];

/// Keys of a [[question]].
const QUESTION_KEYS: [&str; 4] = ["title", "options", "min", "max"];

/// The values of `admission`.
const OPEN: &str = "open";
const REGISTRAR: &str = "registrar";

/// What `min` and `max` are where a question leaves them out: exactly one choice.
const CHOICES_DEFAULT: u16 = 1;

/// Why a text is not a `ballot.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum BallotFileError {
    /// The text is not TOML.
    #[error("line {line} is not TOML: {reason}")]
    Syntax { line: usize, reason: String },
    /// A key is given twice in one table.
    #[error("line {line}: `{key}` stands twice: remove one")]
    Duplicate { line: usize, key: String },
    /// A table that may be repeated is written as a single one, twice.
    #[error("line {line}: `{key}` stands twice: write [[{key}]] above each")]
    TableTwice { line: usize, key: String },
    /// The key has no meaning here.
    #[error("line {line}: `{key}` is not a key of ballot.toml: {mend}")]
    UnknownKey { line: usize, key: String, mend: String },
    /// The key belongs to a kind of election that this version cannot hold.
    #[error("line {line}: `{key}` is not supported by this version yet: remove it")]
    NotSupported { line: usize, key: String },
    /// The key has a meaning under the other kind of admission only.
    #[error("line {line}: `{key}` goes with `admission = {needed:?}`: remove it, or write that")]
    OtherAdmission { line: usize, key: String, needed: &'static str },
    /// A required key is missing.
    #[error("`{key}` is missing: add a line such as `{example}`")]
    Missing { key: String, example: &'static str },
    /// The value has another type than the key takes.
    #[error("line {line}: `{key}` is {found}: write {expected}")]
    WrongType { line: usize, key: String, found: &'static str, expected: &'static str },
    /// The text cannot be read as what the key takes.
    #[error("line {line}: `{key}` is {found:?}: write {expected}")]
    BadText { line: usize, key: String, found: String, expected: &'static str },
    /// The number is outside of its range.
    #[error("line {line}: `{key}` is {found}: choose {min} to {max}")]
    OutOfRange { line: usize, key: String, found: String, min: u64, max: u64 },
    /// The file can be read, but the election that it describes cannot be held.
    #[error(transparent)]
    Election(#[from] ElectionError),
}

#[cfg(test)]
mod tests;
