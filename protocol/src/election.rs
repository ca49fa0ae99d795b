//! The election: what its participants have to agree on, which is its ballot, its limits and who
//! may vote.

mod times;

use std::collections::BTreeSet;
use std::time::Duration;

use bincode::de::Decoder;
use bincode::error::DecodeError as DecodeFailure;
use bincode::{Decode, Encode};

use crate::admission::{
    AdmissionRule, REGISTRARS_MAX, REGISTRATION_BITS_MAX, Registrar, VOTERS_MAX,
};
use crate::codec::{self, DecodeError};
use crate::keys::{self, PublicKey};
use crate::roster::{MARGIN_INTERVALS, Times, VALIDATORS_MAX};
use crate::transaction::{Choices, TRANSACTION_BYTES_MAX, Transaction, Vote};
use crate::units::{Difficulty, ElectionId, UnixMillis, VoterId, sha256};

/// The longest canonical encoding. It is sent in pieces of one datagram each, and with at most 64
/// KiB joining stays quick.
pub const ELECTION_BYTES_MAX: usize = 64 * 1024;
/// The most questions of an election. With more, a vote would not fit into one datagram.
pub const QUESTIONS_MAX: usize = 32;
/// The most options of one question.
pub const OPTIONS_MAX: usize = 512;
/// The longest title or name of an option, in bytes of UTF-8, so that it fits on one line of a
/// screen.
pub const TEXT_BYTES_MAX: usize = 200;
/// The highest `difficulty_bits`. At this value one core needs about a month per block, and a
/// higher number is assumed to be a typing error.
pub const DIFFICULTY_BITS_MAX: u8 = 48;
/// The smallest limit for the size of a block, so that one transaction of any kind fits.
pub const BLOCK_BYTES_MIN: u32 = 2 * 1024;
/// The largest limit for the size of a block. Such a block holds about 5,000 votes, whose
/// signatures take one core about a second to check.
pub const BLOCK_BYTES_MAX: u32 = 1024 * 1024;

/// The latest `created`: the last millisecond that RFC 3339 can express, in the year 9999.
pub const CREATED_MAX: UnixMillis = UnixMillis(253_402_300_799_999);

/// How far `created` may be ahead of the clock of whoever starts, as far as a block's time may be.
pub const CREATED_AHEAD_MAX: Duration = Duration::from_secs(120);

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

/// The version of the canonical encoding of elections without a block interval.
const FORMAT: u16 = 2;
/// The version of those with one, whose encoding goes on behind the questions.
const FORMAT_TIMED: u16 = 3;

/// An election as `ballot.toml` defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Election {
    /// Random bytes, so that two elections with the same text differ.
    pub id: [u8; 16],
    /// What the vote is about, in one line of at most [`TEXT_BYTES_MAX`] bytes.
    pub title: String,
    /// The time of the genesis block.
    pub created: UnixMillis,
    /// The base-2 logarithm of the expected number of attempts per block.
    pub difficulty_bits: u8,
    /// The right by which voters are registered.
    pub admission: AdmissionRule,
    /// The limit on the encoded size of a block's body.
    pub block_bytes_max: u32,
    /// The questions, 1 to [`QUESTIONS_MAX`], in the order in which votes answer them.
    pub questions: Vec<Question>,
    /// The time between blocks that the difficulty is steered to, in seconds; without one the difficulty stays.
    pub block_interval_s: Option<u32>,
    /// When the election opens and closes, which needs a block interval; without them it is open from its creation
    /// and never ends.
    pub times: Option<Times>,
}

/// One question of the ballot.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Question {
    /// The question, in one line of at most [`TEXT_BYTES_MAX`] bytes; no two questions share a title.
    pub title: String,
    /// The options, 1 to [`OPTIONS_MAX`], each one line of at most [`TEXT_BYTES_MAX`] bytes.
    pub options: Vec<String>,
    /// The fewest options that a voter must choose; 0 allows a blank answer.
    pub choices_min: u16,
    /// The most options that a voter may choose.
    pub choices_max: u16,
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

impl Election {
    /// The election's identity, which is the SHA-256 of its canonical bytes.
    #[must_use]
    pub fn election_id(&self) -> ElectionId {
        ElectionId(sha256(&[&self.canonical_bytes()]))
    }

    /// The only encoding of this election, which a tracker serves to new peers.
    #[must_use]
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let format = if self.block_interval_s.is_some() { FORMAT_TIMED } else { FORMAT };
        let head = (format, &self.id, &self.title, &self.created, &self.difficulty_bits);
        let mut bytes =
            codec::encode(&(head, (&self.admission, &self.block_bytes_max, &self.questions)));
        if let Some(block_interval_s) = self.block_interval_s {
            codec::encode_into(&(block_interval_s, &self.times), &mut bytes);
        }
        bytes
    }

    /// Reads an election back from its [canonical bytes](Self::canonical_bytes).
    ///
    /// # Errors
    /// When the bytes do not encode an election that [`check`](Self::check) accepts.
    pub fn from_canonical_bytes(bytes: &[u8]) -> Result<Self, CanonicalError> {
        let format = bytes.first_chunk().map(|head| u16::from_le_bytes(*head));
        let election = match format {
            Some(FORMAT_TIMED) => {
                let (Untimed(election), block_interval_s, times) = codec::decode(bytes)?;
                Self { block_interval_s: Some(block_interval_s), times, ..election }
            }
            Some(found) if found != FORMAT => {
                return Err(CanonicalError::UnknownFormat { found });
            }
            Some(_) | None => codec::decode::<Untimed>(bytes)?.0,
        };
        election.check()?;
        Ok(election)
    }

    /// Checks that the election has begun, since no block could be in time before.
    ///
    /// # Errors
    /// [`CreatedAhead`] if `created` is ahead of `now` by more than [`CREATED_AHEAD_MAX`].
    pub fn check_created(&self, now: UnixMillis) -> Result<(), CreatedAhead> {
        if self.created <= now.plus(CREATED_AHEAD_MAX) {
            return Ok(());
        }
        Err(CreatedAhead { ahead: self.created.distance(now) })
    }

    /// Checks all limits, and thereby whether the election can be held.
    ///
    /// # Errors
    /// The first limit that is broken.
    pub fn check(&self) -> Result<(), ElectionError> {
        check_text("title", &self.title)?;
        check_range("created", self.created.0, 0, CREATED_MAX.0)?;
        check_range("difficulty_bits", self.difficulty_bits, 0, DIFFICULTY_BITS_MAX)?;
        self.admission.check()?;
        check_range("block_bytes_max", self.block_bytes_max, BLOCK_BYTES_MIN, BLOCK_BYTES_MAX)?;
        if !(1..=QUESTIONS_MAX).contains(&self.questions.len()) {
            return Err(ElectionError::QuestionCount { found: self.questions.len() });
        }
        let mut titles = BTreeSet::new();
        for (index, question) in self.questions.iter().enumerate() {
            question.check(index)?;
            if !titles.insert(&question.title) {
                return Err(ElectionError::QuestionTwice { title: question.title.clone() });
            }
        }
        self.check_times()?;
        let vote_bytes = self.vote_bytes_max();
        if vote_bytes > TRANSACTION_BYTES_MAX {
            return Err(ElectionError::VoteTooLarge { bytes: vote_bytes });
        }
        match self.canonical_bytes().len() {
            bytes if bytes > ELECTION_BYTES_MAX => Err(ElectionError::TooLarge { bytes }),
            _ => Ok(()),
        }
    }

    /// Checks whether choices fit the ballot.
    ///
    /// # Errors
    /// The first question whose answer the ballot does not allow. Questions and options are counted
    /// from 1 here, as people see them.
    pub fn check_choices(&self, choices: &Choices) -> Result<(), ChoiceError> {
        if choices.len() != self.questions.len() {
            let (found, expected) = (choices.len(), self.questions.len());
            return Err(ChoiceError::QuestionCount { found, expected });
        }
        for (index, (question, chosen)) in self.questions.iter().zip(choices).enumerate() {
            question.check_choices(index + 1, chosen)?;
        }
        Ok(())
    }

    /// The expected number of attempts per block.
    #[must_use]
    pub fn difficulty(&self) -> Difficulty {
        Difficulty::from_bits(self.difficulty_bits)
    }

    fn vote_bytes_max(&self) -> usize {
        let choices = self.questions.iter().map(|question| vec![0; question.choices_max.into()]);
        let vote = Vote {
            voter: VoterId([0; 32]),
            choices: choices.collect(),
            nonce: [0; 8],
            cast_at: UnixMillis(0),
        };
        let signature = crate::keys::Signature([0; 65]);
        codec::encoded_size(&Transaction::Vote { vote, signature })
    }
}

/// An election without a block interval, as it is encoded behind its format.
struct Untimed(Election);

impl<Context> Decode<Context> for Untimed {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeFailure> {
        let _format = u16::decode(decoder)?;
        Ok(Self(Election {
            id: Decode::decode(decoder)?,
            title: Decode::decode(decoder)?,
            created: Decode::decode(decoder)?,
            difficulty_bits: Decode::decode(decoder)?,
            admission: Decode::decode(decoder)?,
            block_bytes_max: Decode::decode(decoder)?,
            questions: Decode::decode(decoder)?,
            block_interval_s: None,
            times: None,
        }))
    }
}

impl AdmissionRule {
    fn check(&self) -> Result<(), ElectionError> {
        match self {
            Self::Open { registration_bits, max_voters } => {
                check_range("registration_bits", *registration_bits, 0, REGISTRATION_BITS_MAX)?;
                max_voters.map_or(Ok(()), |most| check_range("max_voters", most, 1, VOTERS_MAX))
            }
            Self::Registrars { registrars, threshold } => {
                check_registrars(registrars)?;
                let most = u8::try_from(registrars.len()).expect("bounded by REGISTRARS_MAX");
                check_range("threshold", *threshold, 1, most)
            }
        }
    }
}

fn check_registrars(registrars: &[Registrar]) -> Result<(), ElectionError> {
    if !(1..=REGISTRARS_MAX).contains(&registrars.len()) {
        return Err(ElectionError::RegistrarCount { found: registrars.len() });
    }
    let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for (registrar, Registrar { name, key }) in registrars.iter().enumerate() {
        check_text(&format!("registrar[{registrar}].name"), name)?;
        keys::check_public_key(key)
            .map_err(|_| ElectionError::RegistrarKey { registrar, key: *key })?;
        if !names.insert(name) {
            return Err(ElectionError::RegistrarTwice { what: format!("the name {name:?}") });
        }
        if !keys.insert(key.0) {
            return Err(ElectionError::RegistrarTwice { what: format!("the key {key}") });
        }
    }
    Ok(())
}

impl Question {
    fn check(&self, index: usize) -> Result<(), ElectionError> {
        check_text(&format!("question[{index}].title"), &self.title)?;
        if !(1..=OPTIONS_MAX).contains(&self.options.len()) {
            return Err(ElectionError::OptionCount { question: index, found: self.options.len() });
        }
        let mut seen = BTreeSet::new();
        for (number, option) in self.options.iter().enumerate() {
            check_text(&format!("question[{index}].options[{number}]"), option)?;
            if !seen.insert(option) {
                let option = option.clone();
                return Err(ElectionError::OptionTwice { question: index, option });
            }
        }
        let most = u16::try_from(self.options.len()).expect("bounded by OPTIONS_MAX");
        check_range(&format!("question[{index}].max"), self.choices_max, 1, most)?;
        if self.choices_min > self.choices_max {
            let (min, max) = (self.choices_min, self.choices_max);
            return Err(ElectionError::MinAboveMax { question: index, min, max });
        }
        Ok(())
    }

    fn check_choices(&self, number: usize, chosen: &[u16]) -> Result<(), ChoiceError> {
        let (min, max) = (self.choices_min, self.choices_max);
        if chosen.len() < min.into() || chosen.len() > max.into() {
            return Err(ChoiceError::Count { question: number, found: chosen.len(), min, max });
        }
        let options = self.options.len();
        if let Some(&option) = chosen.iter().find(|&&option| usize::from(option) >= options) {
            let option = usize::from(option) + 1;
            return Err(ChoiceError::NoSuchOption { question: number, option, options });
        }
        if !chosen.is_sorted_by(|left, right| left < right) {
            return Err(ChoiceError::NotRising { question: number });
        }
        Ok(())
    }
}

fn check_text(key: &str, text: &str) -> Result<(), ElectionError> {
    let key = || key.to_owned();
    if text.is_empty() {
        return Err(ElectionError::TextEmpty { key: key() });
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(ElectionError::TextTooLong { key: key(), bytes: text.len() });
    }
    if text.chars().any(char::is_control) || text.trim() != text {
        return Err(ElectionError::TextUnclean { key: key() });
    }
    Ok(())
}

fn check_range<N: Into<u64> + Copy>(
    key: &str,
    found: N,
    min: N,
    max: N,
) -> Result<(), ElectionError> {
    let (found, min, max) = (found.into(), min.into(), max.into());
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(ElectionError::OutOfRange { key: key.to_owned(), found, min, max })
}

#[cfg(test)]
mod tests;
