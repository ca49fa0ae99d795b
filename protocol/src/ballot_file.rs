//! `ballot.toml`: the file in which people write an election.
//!
//! [`parse`] and [`write()`] work on text; reading and writing the file is up to the programs. What everybody has to
//! agree on is not the file but the [`Election`](crate::election::Election) that it describes, which knows its own
//! limits. Each mistake gives one line that names the key and says how to correct it.

mod nearest;
mod read;
mod syntax;
mod texts;
mod times;
mod write;

pub use read::{keys_in_hex, moment, parse, parse_new};
pub use texts::{TextError, TextPlace, check_texts};
pub use write::write;

use crate::election::ElectionError;
use crate::key_text::KeyTextError;

/// The keys above all tables, in the order in which they are written, followed by the tables.
const ELECTION_KEYS: [&str; 18] = [
    "id",
    "title",
    "created",
    "opens",
    "closes",
    "block_interval",
    "confirmations",
    "quorum",
    "crash_faults_only",
    "difficulty_bits",
    "block_bytes_max",
    "admission",
    "registration_bits",
    "max_voters",
    "threshold",
    "registrar",
    "validator",
    "question",
];

/// The longest ballot file that programs read. An election has at most 64 KiB, and TOML's longest way to write a
/// character takes ten bytes for four or fewer; this leaves room for comments.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Keys of a [[registrar]].
const REGISTRAR_KEYS: [&str; 2] = ["name", "key"];

/// Keys of a [[validator]].
const VALIDATOR_KEYS: [&str; 2] = ["name", "key"];

/// Keys of a [[question]].
const QUESTION_KEYS: [&str; 4] = ["title", "options", "min", "max"];

/// The values that `admission` can have.
const OPEN: &str = "open";
const REGISTRAR: &str = "registrar";

/// The value of `min` and `max` for a question that leaves them out, which means exactly one
/// choice.
const CHOICES_DEFAULT: u16 = 1;

/// The reason why a text is not a valid `ballot.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum BallotFileError {
    /// The text is not TOML.
    #[error("line {line} is not TOML: {reason}")]
    Syntax { line: usize, reason: &'static str },
    /// A word processor or a mail program made the quotation marks typographic.
    #[error("line {line}: {found} is no quotation mark of TOML: write \" around texts")]
    CurlyQuotes { line: usize, found: char },
    /// A text would mislead voters.
    #[error("line {line}: {reason}")]
    Text { line: usize, reason: TextError },
    /// A key is given twice in one table.
    #[error("line {line}: `{key}` stands twice: remove one")]
    Duplicate { line: usize, key: String },
    /// A table that must be written with double brackets, because it may be repeated, is written as
    /// a single table twice.
    #[error("line {line}: `{key}` stands twice: write [[{key}]] above each")]
    TableTwice { line: usize, key: String },
    /// The key is unknown here.
    #[error("line {line}: `{key}` is not a key of ballot.toml: {mend}")]
    UnknownKey { line: usize, key: String, mend: String },
    /// The key is meaningful only under the other kind of admission.
    #[error("line {line}: `{key}` goes with `admission = {needed:?}`: remove it, or write that")]
    OtherAdmission { line: usize, key: String, needed: &'static str },
    /// The key is meaningful only beside another one.
    #[error("line {line}: `{key}` goes with `{needed}`: remove it, or write that")]
    Needs { line: usize, key: String, needed: &'static str },
    /// The key and another one exclude each other.
    #[error("line {line}: `{key}` does not go with `{other}`: remove one of them")]
    Excludes { line: usize, key: String, other: &'static str },
    /// A required key is missing.
    #[error("`{key}` is missing: add a line such as `{example}`")]
    Missing { key: String, example: &'static str },
    /// The type of the value is not the one that the key requires.
    #[error("line {line}: `{key}` is {found}: write {expected}")]
    WrongType { line: usize, key: String, found: &'static str, expected: &'static str },
    /// The text is not a valid value for the key.
    #[error("line {line}: `{key}` is {found:?}: write {expected}")]
    BadText { line: usize, key: String, found: String, expected: &'static str },
    /// A registrar's or validator's key is none.
    #[error("line {line}: `{key}`: {reason}")]
    BadKey { line: usize, key: String, reason: KeyTextError },
    /// The number is outside its range.
    #[error("line {line}: `{key}` is {found}: choose {min} to {max}")]
    OutOfRange { line: usize, key: String, found: String, min: u64, max: u64 },
    /// The file can be read, but the election that it describes cannot be held.
    #[error(transparent)]
    Election(#[from] ElectionError),
}

#[cfg(test)]
mod tests;
