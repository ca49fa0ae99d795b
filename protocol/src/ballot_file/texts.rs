//! Texts of a ballot that would mislead its voters: two that look alike, and characters that nobody sees.
//!
//! Only who writes or starts an election is held to this. An election that runs keeps its texts, byte for byte.

use std::fmt;

use crate::admission::Registrar;
use crate::election::{Election, Question};
use crate::roster::Validator;
use crate::text::{self, Hidden};

/// Where a text stands, counted from 0 as the keys of messages are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPlace {
    /// The election's title.
    Title,
    /// A registrar's name.
    Registrar(usize),
    /// A validator's name.
    Validator(usize),
    /// A question's title.
    Question(usize),
    /// The question, and the place among its options.
    Option(usize, usize),
}

impl fmt::Display for TextPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Title => formatter.write_str("title"),
            Self::Registrar(index) => write!(formatter, "registrar[{index}].name"),
            Self::Validator(index) => write!(formatter, "validator[{index}].name"),
            Self::Question(index) => write!(formatter, "question[{index}].title"),
            Self::Option(question, index) => {
                write!(formatter, "question[{question}].options[{index}]")
            }
        }
    }
}

/// The reason why a text would mislead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum TextError {
    /// A character can't be seen, or turns the direction of others.
    #[error("`{place}`: {hidden}: remove it")]
    Hidden { place: TextPlace, hidden: Hidden },
    /// People take two texts for each other.
    #[error(
        "`{place}` is {text:?}, which looks like `{first}`, {first_text:?}{}: rename one",
        difference(first_text, text)
    )]
    Alike { place: TextPlace, text: String, first: TextPlace, first_text: String },
}

impl TextError {
    /// The text to change.
    #[must_use]
    pub fn place(&self) -> TextPlace {
        match self {
            Self::Hidden { place, .. } | Self::Alike { place, .. } => *place,
        }
    }
}

/// Checks all texts of a ballot that people read and choose by.
///
/// # Errors
/// The first text that would mislead.
pub fn check_texts(election: &Election) -> Result<(), TextError> {
    visible(TextPlace::Title, &election.title)?;
    let registrars = election.admission.registrars().iter();
    let names: Vec<&str> = registrars.map(|Registrar { name, .. }| name.as_str()).collect();
    all_differ(&names, TextPlace::Registrar)?;
    let validators = election.roster().into_iter().flat_map(|roster| &roster.validators);
    let names: Vec<&str> = validators.map(|Validator { name, .. }| name.as_str()).collect();
    all_differ(&names, TextPlace::Validator)?;
    let titles: Vec<&str> = election.questions.iter().map(|each| each.title.as_str()).collect();
    all_differ(&titles, TextPlace::Question)?;
    for (question, Question { options, .. }) in election.questions.iter().enumerate() {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        all_differ(&options, |option| TextPlace::Option(question, option))?;
    }
    Ok(())
}

fn visible(place: TextPlace, text: &str) -> Result<(), TextError> {
    match text::first_hidden(text) {
        Some(hidden) => Err(TextError::Hidden { place, hidden }),
        None => Ok(()),
    }
}

fn all_differ(texts: &[&str], place: impl Fn(usize) -> TextPlace) -> Result<(), TextError> {
    for (index, text) in texts.iter().enumerate() {
        visible(place(index), text)?;
    }
    match text::first_alike(texts.iter().copied()) {
        Some((first, second)) => Err(TextError::Alike {
            place: place(second),
            text: texts[second].to_owned(),
            first: place(first),
            first_text: texts[first].to_owned(),
        }),
        None => Ok(()),
    }
}

/// The first characters that differ, by their numbers where they look the same.
fn difference(first: &str, second: &str) -> String {
    let mut pairs = first.chars().zip(second.chars()).zip(1..);
    match pairs.find(|((one, other), _)| one != other) {
        Some(((one, other), place)) if !(one.is_ascii() && other.is_ascii()) => format!(
            " (character {place} is U+{:04X} here and U+{:04X} there)",
            u32::from(other),
            u32::from(one)
        ),
        _ => String::new(),
    }
}
