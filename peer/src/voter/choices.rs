//! Turns what a voter types into choices. Options are given by their numbers, counted from 1, or by
//! their names.
//!
//! A vote is for good, so nothing is guessed here: the exact name of an option comes first, then its
//! number, and whatever is only near to a name is told apart as a [doubt](ChoicesError::is_doubt), about
//! which somebody at a terminal is asked. Elsewhere a doubt is a refusal.

mod interview;
mod split;

use protocol::election::{ChoiceError, Election, Question};
use protocol::text::nfc;
use protocol::transaction::Choices;

use crate::cli::option_number::{
    BLANK, BLANK_SIGN, CHOICE_SEPARATOR, QUESTION_SEPARATOR, option_number,
};
use crate::cli::suggest::suggest;
use crate::render::choices_allowed;
pub(crate) use interview::{Asked, Interview, Step};

/// How a question is answered that was left out, and may be left blank.
const TEXT_MEND: &str = "write its choices after a `;`, or `-` to leave it blank";
/// The same where choices are lists.
const LIST_MEND: &str = "add a list of its choices, or `[]` to leave it blank";
/// How one is answered that can't be left blank.
const NOT_BLANK_MEND: &str = "write its choices after a `;`";

/// The reason why a text is not an answer to the ballot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChoicesError {
    #[error(
        "the ballot asks {expected} questions, and here are {found} answers: put `;` between questions, `,` between choices"
    )]
    TooManyAnswers { found: usize, expected: usize },
    #[error("question {question} ({title}) is not answered: {mend}")]
    LeftOut { question: usize, title: String, may_be_blank: bool, mend: &'static str },
    #[error("question {question} ({title}) has no option {text:?}{}", suggested(suggestion.as_deref()))]
    NoSuchOption { question: usize, title: String, text: String, suggestion: Option<String> },
    #[error(
        "question {question} ({title}): {text:?} could be {first:?} or {second:?}: write the whole name, or its number after #"
    )]
    Ambiguous { question: usize, title: String, text: String, first: String, second: String },
    #[error(
        "{option:?} has a `{separator}` in its name, which may stand between two answers: write it as \"{option}\" in quotation marks, or the number of each choice"
    )]
    SeparatorInName { option: String, separator: char },
    #[error("question {question} ({title}) names {option:?} twice")]
    Twice { question: usize, title: String, option: String },
    #[error("question {question} ({title}) takes {}, and here are {found}", choices_allowed(*min, *max))]
    Count { question: usize, title: String, found: usize, min: u16, max: u16 },
}

impl ChoicesError {
    /// A word for programs that never changes. It is the node's own word for the same mistake, if
    /// the node has one.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::TooManyAnswers { .. } | Self::LeftOut { may_be_blank: true, .. } => {
                "wrong_number_of_questions"
            }
            Self::NoSuchOption { .. } => "no_such_option",
            Self::Ambiguous { .. } | Self::SeparatorInName { .. } => "ambiguous_option",
            Self::Twice { .. } => "option_twice",
            // It takes at least one choice, and here is none.
            Self::Count { .. } | Self::LeftOut { may_be_blank: false, .. } => {
                "wrong_number_of_choices"
            }
        }
    }

    /// Whether the voter may have meant something that the ballot allows, so that whoever can be
    /// asked is asked.
    pub(crate) fn is_doubt(&self) -> bool {
        match self {
            Self::LeftOut { .. }
            | Self::NoSuchOption { suggestion: Some(_), .. }
            | Self::Ambiguous { .. }
            | Self::SeparatorInName { .. } => true,
            Self::TooManyAnswers { .. }
            | Self::NoSuchOption { suggestion: None, .. }
            | Self::Twice { .. }
            | Self::Count { .. } => false,
        }
    }
}

/// The answer to one question, as far as it is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Given(Vec<u16>),
    /// The voter has to be asked. If there is only one thing that may have been meant, it is
    /// `supposed`, and a yes is enough.
    Doubtful {
        doubt: ChoicesError,
        supposed: Option<Vec<u16>>,
    },
}

impl Answer {
    /// What the voter has to be asked about.
    pub(crate) fn doubt(&self) -> Option<&ChoicesError> {
        match self {
            Self::Given(_) => None,
            Self::Doubtful { doubt, .. } => Some(doubt),
        }
    }

    pub(crate) fn given(self) -> Option<Vec<u16>> {
        match self {
            Self::Given(chosen) => Some(chosen),
            Self::Doubtful { .. } => None,
        }
    }
}

/// Reads the choices from a whole line, and refuses all that is doubtful.
///
/// # Errors
/// The first answer that the ballot does not allow, or that may mean something else.
pub(crate) fn parse(text: &str, election: &Election) -> Result<Choices, ChoicesError> {
    let answers = read(text, election)?.into_iter().map(|answer| match answer {
        Answer::Given(chosen) => Ok(chosen),
        Answer::Doubtful { doubt, .. } => Err(doubt),
    });
    let choices = answers.collect::<Result<Choices, _>>()?;
    debug_assert_eq!(election.check_choices(&choices), Ok::<(), ChoiceError>(()));
    Ok(choices)
}

/// Reads a whole line, one answer for each question of the ballot.
///
/// # Errors
/// The first answer that the ballot does not allow, whatever was meant.
pub(crate) fn read(text: &str, election: &Election) -> Result<Vec<Answer>, ChoicesError> {
    let expected = election.questions.len();
    let mut texts = split::split(text, QUESTION_SEPARATOR);
    if expected == 1 {
        // If there is only one question, the separator can be part of a name.
        texts = vec![text];
    } else if let Some(doubt) = separator_in_name(text, QUESTION_SEPARATOR, &election.questions) {
        let ask = |_| Answer::Doubtful { doubt: doubt.clone(), supposed: None };
        return Ok(election.questions.iter().map(ask).collect());
    }
    if texts.len() > expected {
        return Err(ChoicesError::TooManyAnswers { found: texts.len(), expected });
    }
    texts.resize(expected, "");
    let numbered = election.questions.iter().zip(texts).enumerate();
    let answers =
        numbered.map(|(index, (question, text))| match parse_answer(text, index + 1, question) {
            Ok(chosen) => Ok(Answer::Given(chosen)),
            Err(doubt) if doubt.is_doubt() => {
                let supposed = supposed(text, index + 1, question);
                Ok(Answer::Doubtful { doubt, supposed })
            }
            Err(error) => Err(error),
        });
    answers.collect()
}

/// Finds the choices that are given by names, for each question. A name must be exactly that of an
/// option on the ballot, and an empty list leaves its question blank.
///
/// # Errors
/// The first answer that the ballot does not allow.
pub(crate) fn of_names(
    names: &[Vec<String>],
    election: &Election,
) -> Result<Choices, ChoicesError> {
    let (found, expected) = (names.len(), election.questions.len());
    if found > expected {
        return Err(ChoicesError::TooManyAnswers { found, expected });
    }
    let numbered = election.questions.iter().enumerate();
    numbered
        .map(|(index, question)| {
            let number = index + 1;
            let names = match names.get(index) {
                Some(names) => names.as_slice(),
                None if question.choices_min == 0 => {
                    return Err(left_out_of(number, question, LIST_MEND));
                }
                // This is one of the mistakes that are told below.
                None => &[],
            };
            // A stranger may send any number of names, but more than there are options cannot be
            // correct, so the rest is not examined.
            let names = &names[..names.len().min(question.options.len() + 1)];
            let named = names.iter().map(|name| exactly(name, number, question));
            checked(named.collect::<Result<_, _>>()?, number, question)
        })
        .collect()
}

/// Reads the choices for one question, which has the number `number` on the ballot.
///
/// # Errors
/// When the question does not allow them, or when they are doubtful.
pub(crate) fn parse_answer(
    text: &str,
    number: usize,
    question: &Question,
) -> Result<Vec<u16>, ChoicesError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(left_out_of(number, question, TEXT_MEND));
    }
    // The separator can be part of a name, and so can what stands for a blank answer.
    if let Some(index) = named(text, &question.options) {
        return checked(vec![index], number, question);
    }
    let is_blank = |text: &str| text.eq_ignore_ascii_case(BLANK);
    let is_option = question.options.iter().any(|option| is_blank(option));
    if text == BLANK_SIGN || (is_blank(text) && !is_option) {
        return checked(Vec::new(), number, question);
    }
    if let Some(doubt) = separator_in_name(text, CHOICE_SEPARATOR, std::slice::from_ref(question)) {
        return Err(doubt);
    }
    // A comma with nothing beside it may be a choice that was forgotten.
    if split::split(text, CHOICE_SEPARATOR).iter().any(|part| part.trim().is_empty()) {
        return Err(left_out_of(number, question, TEXT_MEND));
    }
    let found = parts(text).map(|part| find(part, number, question));
    checked(found.collect::<Result<_, _>>()?, number, question)
}

/// What the answer would be if each name that is near to that of one option only meant that one.
fn supposed(text: &str, number: usize, question: &Question) -> Option<Vec<u16>> {
    let index_of = |name: &str| question.options.iter().position(|option| option == name);
    let found = parts(text).map(|part| match find(part, number, question) {
        Ok(index) => Some(index),
        Err(ChoicesError::NoSuchOption { suggestion: Some(option), .. }) => index_of(&option),
        Err(_) => None,
    });
    let found: Vec<_> = found.collect::<Option<_>>()?;
    // Nothing at all is nobody's choice, though the question may allow it.
    checked(found, number, question).ok().filter(|chosen| !chosen.is_empty())
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    let parts = split::split(text, CHOICE_SEPARATOR).into_iter();
    parts.map(str::trim).filter(|part| !part.is_empty())
}

/// Checks whether a question allows these options, and returns them in ascending order.
fn checked(
    mut chosen: Vec<usize>,
    number: usize,
    question: &Question,
) -> Result<Vec<u16>, ChoicesError> {
    let title = || question.title.clone();
    chosen.sort_unstable();
    if let Some(pair) = chosen.windows(2).find(|pair| pair[0] == pair[1]) {
        let option = question.options[pair[0]].clone();
        return Err(ChoicesError::Twice { question: number, title: title(), option });
    }
    let (found, min, max) = (chosen.len(), question.choices_min, question.choices_max);
    if found < min.into() || found > max.into() {
        return Err(ChoicesError::Count { question: number, title: title(), found, min, max });
    }
    let index = |index| u16::try_from(index).expect("a question has at most 512 options");
    Ok(chosen.into_iter().map(index).collect())
}

/// The option with exactly this name.
fn exactly(name: &str, number: usize, question: &Question) -> Result<usize, ChoicesError> {
    named(name, &question.options).ok_or_else(|| no_such_option(name, number, question))
}

/// The option of this name as it stands on the ballot, or else the only one that is written by the same
/// characters, however a keyboard composes them.
fn named(text: &str, options: &[String]) -> Option<usize> {
    let exact = options.iter().position(|option| option == text);
    exact.or_else(|| {
        let mut same = (0..options.len()).filter(|index| nfc(&options[*index]) == nfc(text));
        same.next().filter(|_| same.next().is_none())
    })
}

fn find(text: &str, number: usize, question: &Question) -> Result<usize, ChoicesError> {
    let options = &question.options;
    if let Some(index) = named(text, options) {
        return Ok(index);
    }
    if let Some(name) = split::unquoted(text) {
        return exactly(name, number, question);
    }
    let by_number = |digits: &str| {
        let counted = option_number(digits)?.checked_sub(1)?;
        Some(counted).filter(|index| *index < options.len())
    };
    if let Some(index) = text.strip_prefix('#').and_then(by_number) {
        return Ok(index);
    }
    let ambiguous = |first: usize, second: usize| ChoicesError::Ambiguous {
        question: number,
        title: question.title.clone(),
        text: text.to_owned(),
        first: options[first].clone(),
        second: options[second].clone(),
    };
    let wanted = folded(text);
    let mut same = (0..options.len()).filter(|index| folded(&options[*index]) == wanted);
    let same = (same.next(), same.next());
    // An option that is called `#1` may be meant by `1` as well as the first one.
    let begins = |option: &String| {
        let option = folded(option);
        option.starts_with(&wanted) || option.strip_prefix('#') == Some(&wanted)
    };
    let mut beginning = (0..options.len()).filter(|index| begins(&options[*index]));
    let beginning = (beginning.next(), beginning.next());
    match (by_number(text), same, beginning) {
        (None, (Some(only), None), _) => Ok(only),
        (None, (Some(first), Some(second)), _) | (None, (None, _), (Some(first), Some(second))) => {
            Err(ambiguous(first, second))
        }
        // The names of some options look like numbers.
        (Some(counted), _, (Some(first), second)) => {
            match [Some(first), second].into_iter().flatten().find(|other| *other != counted) {
                Some(other) => Err(ambiguous(counted, other)),
                None => Ok(counted),
            }
        }
        (Some(counted), _, (None, _)) => Ok(counted),
        (None, (None, _), (Some(only), None)) => {
            let suggestion = Some(options[only].clone());
            Err(with_suggestion(text, number, question, suggestion))
        }
        (None, (None, _), (None, _)) => Err(no_such_option(text, number, question)),
    }
}

/// A text without what people take for the same: capitals, the number of spaces, and composed letters.
fn folded(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    nfc(&words.join(" "))
}

/// The doubt about an option whose name has the separator in it and stands in the text, beside others.
fn separator_in_name(text: &str, separator: char, questions: &[Question]) -> Option<ChoicesError> {
    let mut options = questions.iter().flat_map(|question| &question.options);
    let has_it = |option: &&String| option.contains(separator) && split::is_split(option, text);
    let option = options.find(has_it)?.clone();
    Some(ChoicesError::SeparatorInName { option, separator })
}

fn no_such_option(text: &str, number: usize, question: &Question) -> ChoicesError {
    let suggestion = suggest(text, question.options.iter().map(String::as_str));
    with_suggestion(text, number, question, suggestion.map(str::to_owned))
}

fn with_suggestion(
    text: &str,
    question: usize,
    Question { title, .. }: &Question,
    suggestion: Option<String>,
) -> ChoicesError {
    let (title, text) = (title.clone(), text.to_owned());
    ChoicesError::NoSuchOption { question, title, text, suggestion }
}

fn left_out_of(number: usize, question: &Question, blank_mend: &'static str) -> ChoicesError {
    let may_be_blank = question.choices_min == 0;
    let mend = if may_be_blank { blank_mend } else { NOT_BLANK_MEND };
    ChoicesError::LeftOut { question: number, title: question.title.clone(), may_be_blank, mend }
}

fn suggested(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |option| format!(": did you mean {option:?}?"))
}

#[cfg(test)]
mod tests;
