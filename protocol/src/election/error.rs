//! Why an election can't be held, read or begun, and why choices don't fit it.

use std::time::Duration;

use super::{ELECTION_BYTES_MAX, FORMAT, FORMAT_TIMED, OPTIONS_MAX, QUESTIONS_MAX, TEXT_BYTES_MAX};
use crate::admission::REGISTRARS_MAX;
use crate::codec::DecodeError;
use crate::keys::PublicKey;
use crate::roster::{MARGIN_INTERVALS, VALIDATORS_MAX};
use crate::transaction::TRANSACTION_BYTES_MAX;

/// The election begins in the future, by the clock of whoever starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the ballot's created lies {} s ahead of this machine's clock: set the clock, or wait until then",
    ahead.as_secs()
)]
pub struct CreatedAhead {
    /// How far it is ahead.
    pub ahead: Duration,
}

/// The reason why an election can't be held as it is written. Each message names the key of
/// `ballot.toml` and says how to correct it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum ElectionError {
    /// A text is empty.
    #[error("`{key}` is empty: write at least one character")]
    TextEmpty { key: String },
    /// A text has more bytes than [`TEXT_BYTES_MAX`].
    #[error("`{key}` has {bytes} bytes: shorten it to at most {TEXT_BYTES_MAX}")]
    TextTooLong { key: String, bytes: usize },
    /// A text contains control characters, or has spaces at its beginning or end.
    #[error("`{key}` holds control characters or leading or trailing spaces: remove them")]
    TextUnclean { key: String },
    /// A number is outside its range.
    #[error("`{key}` is {found}: choose {min} to {max}")]
    OutOfRange { key: String, found: u64, min: u64, max: u64 },
    /// There are no registrars, or too many.
    #[error("`registrar` stands {found} times: write 1 to {REGISTRARS_MAX} [[registrar]] tables")]
    RegistrarCount { found: usize },
    /// A registrar's key is not a public key.
    #[error("`registrar[{registrar}].key` is {key}, which is no public key: copy it anew")]
    RegistrarKey { registrar: usize, key: PublicKey },
    /// Two registrars have the same name or the same key.
    #[error("`registrar` has {what} twice: remove one")]
    RegistrarTwice { what: String },
    /// There are no questions, or too many.
    #[error("`question` stands {found} times: write 1 to {QUESTIONS_MAX} [[question]] tables")]
    QuestionCount { found: usize },
    /// A question has no options, or too many.
    #[error("`question[{question}].options` has {found}: list 1 to {OPTIONS_MAX}")]
    OptionCount { question: usize, found: usize },
    /// A question lists an option twice.
    #[error("`question[{question}].options` lists {option:?} twice: remove one")]
    OptionTwice { question: usize, option: String },
    /// Two questions share a title.
    #[error("`question` has the title {title:?} twice: rename one")]
    QuestionTwice { title: String },
    /// A question asks for more choices than it allows.
    #[error("`question[{question}].min` is {min}, above `max` {max}: lower it")]
    MinAboveMax { question: usize, min: u16, max: u16 },
    /// A vote could become larger than a transaction may be.
    #[error(
        "`question[].max` allows votes of {bytes} bytes, over {TRANSACTION_BYTES_MAX}: lower `max` or ask fewer questions"
    )]
    VoteTooLarge { bytes: usize },
    /// Times are given without a block interval.
    #[error("`opens` and `closes` need `block_interval`: add a line such as `block_interval = 10`")]
    TimesWithoutInterval,
    /// The election opens before it is created.
    #[error("`opens` lies before `created`: choose a later time")]
    OpensBeforeCreated,
    /// The election closes too soon after it opens.
    #[error(
        "`closes` is {} s after `opens`: leave more than {} s, which are {MARGIN_INTERVALS} block intervals",
        open_ms / 1_000, margin_ms / 1_000
    )]
    ClosesTooSoon { open_ms: u64, margin_ms: u64 },
    /// There are no validators, or too many.
    #[error("`validator` stands {found} times: write 1 to {VALIDATORS_MAX} [[validator]] tables")]
    ValidatorCount { found: usize },
    /// A validator's key is not a public key.
    #[error("`validator[{validator}].key` is {key}, which is no public key: copy it anew")]
    ValidatorKey { validator: usize, key: PublicKey },
    /// Two validators have the same name or the same key.
    #[error("`validator` has {what} twice: remove one")]
    ValidatorTwice { what: String },
    /// A registrar's key is a validator's too.
    #[error(
        "`validator[{validator}].key` is the key of registrar {registrar:?} too: make one key for each role"
    )]
    KeyInTwoRoles { validator: usize, registrar: String },
    /// The canonical bytes are longer than [`ELECTION_BYTES_MAX`].
    #[error("the election takes {bytes} bytes, over {ELECTION_BYTES_MAX}: shorten its texts")]
    TooLarge { bytes: usize },
}

/// The reason why canonical bytes are not an election.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum CanonicalError {
    /// The bytes do not encode an election.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The bytes begin with a format number that this code does not know.
    #[error(
        "the election's format is {found}; this program knows {FORMAT} and {FORMAT_TIMED}: use one of its age"
    )]
    UnknownFormat { found: u16 },
    /// The bytes encode an election that cannot be held.
    #[error(transparent)]
    Invalid(#[from] ElectionError),
}

/// The reason why choices do not fit the ballot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum ChoiceError {
    /// The vote answers more or fewer questions than the ballot asks.
    #[error("the vote answers {found} questions; the ballot asks {expected}")]
    QuestionCount { found: usize, expected: usize },
    /// An answer has too few or too many choices.
    #[error("question {question} has {found} choices; the ballot allows {min} to {max}")]
    Count { question: usize, found: usize, min: u16, max: u16 },
    /// A choice names an option that the question does not have.
    #[error("question {question} has no option {option}; it has {options}")]
    NoSuchOption { question: usize, option: usize, options: usize },
    /// An answer repeats a choice, or lists its choices out of order.
    #[error("question {question} lists its choices twice or out of order")]
    NotRising { question: usize },
}
