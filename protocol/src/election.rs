//! The election: what its participants have to agree on, which is its ballot, its limits and who
//! may vote.

mod error;
mod times;

use std::collections::BTreeSet;
use std::time::Duration;

use bincode::de::Decoder;
use bincode::error::DecodeError as DecodeFailure;
use bincode::{Decode, Encode};

use crate::admission::{
    AdmissionRule, REGISTRARS_MAX, REGISTRATION_BITS_MAX, Registrar, VOTERS_MAX,
};
use crate::codec;
use crate::keys;
use crate::roster::Times;
use crate::transaction::{Choices, TRANSACTION_BYTES_MAX, Transaction, Vote};
use crate::units::{Difficulty, ElectionId, UnixMillis, VoterId, sha256};
pub use error::{CanonicalError, ChoiceError, CreatedAhead, ElectionError};

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
