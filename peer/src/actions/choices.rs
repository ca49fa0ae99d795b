//! Turns what a voter types into choices. Options are given by their numbers, counted from 1, or by
//! their names.

use protocol::election::{ChoiceError, Election, Question};
use protocol::transaction::Choices;

use crate::cli::suggest::suggest;
use crate::render::choices_allowed;

/// Separates the answers to two questions.
pub(crate) const QUESTION_SEPARATOR: char = ';';
/// Separates two choices of one answer.
const CHOICE_SEPARATOR: char = ',';
/// The word for an answer that chooses nothing.
pub(crate) const BLANK: &str = "blank";

/// The reason why a text is not an answer to the ballot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChoicesError {
    #[error(
        "the ballot asks {expected} questions, and here are {found} answers: put `;` between questions, `,` between choices"
    )]
    TooManyAnswers { found: usize, expected: usize },
    #[error("question {question} ({title}) has no option {text:?}{}", suggested(suggestion.as_deref()))]
    NoSuchOption { question: usize, title: String, text: String, suggestion: Option<String> },
    #[error(
        "question {question} ({title}): {text:?} could be {first:?} or {second:?}: write more of it, or its number after #"
    )]
    Ambiguous { question: usize, title: String, text: String, first: String, second: String },
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
            Self::TooManyAnswers { .. } => "wrong_number_of_questions",
            Self::NoSuchOption { .. } => "no_such_option",
            Self::Ambiguous { .. } => "ambiguous_option",
            Self::Twice { .. } => "option_twice",
            Self::Count { .. } => "wrong_number_of_choices",
        }
    }
}

/// Reads the choices from a whole line. Questions without an answer are left blank.
///
/// # Errors
/// The first answer that the ballot does not allow.
pub(crate) fn parse(text: &str, election: &Election) -> Result<Choices, ChoicesError> {
    let expected = election.questions.len();
    let mut answers: Vec<_> = text.split(QUESTION_SEPARATOR).collect();
    if expected == 1 {
        // If there is only one question, the separator can be part of a name.
        answers = vec![text];
    }
    if answers.len() > expected {
        return Err(ChoicesError::TooManyAnswers { found: answers.len(), expected });
    }
    answers.resize(expected, "");
    let numbered = election.questions.iter().zip(answers).enumerate();
    let choices = numbered
        .map(|(index, (question, answer))| parse_answer(answer, index + 1, question))
        .collect::<Result<Choices, _>>()?;
    debug_assert_eq!(election.check_choices(&choices), Ok::<(), ChoiceError>(()));
    Ok(choices)
}

/// Finds the choices that are given by names, for each question. A name must be exactly that of an
/// option on the ballot. Questions without an answer are left blank.
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
            let (number, names) = (index + 1, names.get(index).map_or(&[][..], Vec::as_slice));
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
/// When the question does not allow them.
pub(crate) fn parse_answer(
    text: &str,
    number: usize,
    question: &Question,
) -> Result<Vec<u16>, ChoicesError> {
    let text = text.trim();
    let exact = question.options.iter().position(|option| option == text);
    let is_blank = |text: &str| text.eq_ignore_ascii_case(BLANK);
    let is_option = question.options.iter().any(|option| is_blank(option));
    let mut chosen = Vec::new();
    if let Some(index) = exact.filter(|_| text.contains(CHOICE_SEPARATOR)) {
        // The separator can be part of a name.
        chosen.push(index);
    } else if !text.is_empty() && (is_option || !is_blank(text)) {
        for part in text.split(CHOICE_SEPARATOR).map(str::trim).filter(|part| !part.is_empty()) {
            chosen.push(find(part, number, question)?);
        }
    }
    checked(chosen, number, question)
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
    let options = &question.options;
    options.iter().position(|option| option == name).ok_or_else(|| ChoicesError::NoSuchOption {
        question: number,
        title: question.title.clone(),
        text: name.to_owned(),
        suggestion: suggest(name, options.iter().map(String::as_str)).map(str::to_owned),
    })
}

fn find(text: &str, number: usize, question: &Question) -> Result<usize, ChoicesError> {
    let options = &question.options;
    let by_number = |digits: &str| {
        let counted = digits.parse::<usize>().ok()?.checked_sub(1)?;
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
    let by_name = find_name(text, options).map_err(|(first, second)| ambiguous(first, second))?;
    match (by_number(text), by_name) {
        // The names of some options look like numbers. A vote is never guessed, so a text with two
        // meanings is refused.
        (Some(counted), Some(named)) if counted != named => Err(ambiguous(counted, named)),
        (Some(index), _) | (None, Some(index)) => Ok(index),
        (None, None) => Err(ChoicesError::NoSuchOption {
            question: number,
            title: question.title.clone(),
            text: text.to_owned(),
            suggestion: suggest(text, options.iter().map(String::as_str)).map(str::to_owned),
        }),
    }
}

/// The option with this name in upper or lower case, or else the only option whose name begins with
/// the text.
fn find_name(text: &str, options: &[String]) -> Result<Option<usize>, (usize, usize)> {
    if let Some(index) = options.iter().position(|option| option == text) {
        return Ok(Some(index));
    }
    let wanted = text.to_lowercase();
    let whole = |option: &String| option.to_lowercase() == wanted;
    let begins = |option: &String| option.to_lowercase().starts_with(&wanted);
    let tests: [&dyn Fn(&String) -> bool; 2] = [&whole, &begins];
    for test in tests {
        let mut matching = (0..options.len()).filter(|index| test(&options[*index]));
        match (matching.next(), matching.next()) {
            (Some(first), Some(second)) => return Err((first, second)),
            (Some(only), None) => return Ok(Some(only)),
            (None, _) => {}
        }
    }
    Ok(None)
}

fn suggested(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |option| format!(": did you mean {option:?}?"))
}

#[cfg(test)]
mod tests {
    use protocol::units::UnixMillis;

    use protocol::admission::AdmissionRule;

    use super::*;

    fn question(title: &str, options: &[&str], min: u16, max: u16) -> Question {
        Question {
            title: title.into(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            choices_min: min,
            choices_max: max,
        }
    }

    fn election(questions: Vec<Question>) -> Election {
        Election {
            id: [1; 16],
            title: "Board".into(),
            created: UnixMillis(0),
            difficulty_bits: 8,
            admission: AdmissionRule::Open { registration_bits: 4, max_voters: None },
            block_bytes_max: 64 * 1024,
            questions,
        }
    }

    fn two_questions() -> Election {
        election(vec![
            question("Chair", &["Ada", "Grace", "Hedy"], 1, 1),
            question("Evenings", &["Tuesday", "Thursday", "Wednesday"], 0, 2),
        ])
    }

    #[test]
    fn numbers_and_names_choose_the_same() {
        let election = two_questions();
        for text in ["2", "Grace", "grace", "gr", " #2 ", "2;", "2; blank", "Grace ; BLANK"] {
            assert_eq!(parse(text, &election), Ok(vec![vec![1], vec![]]), "{text}");
        }
        for text in ["1;3,1", "ada; wednesday, tuesday", "Ada;Tu,W", "1; Tuesday,,3"] {
            assert_eq!(parse(text, &election), Ok(vec![vec![0], vec![0, 2]]), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let election = two_questions();
        for (text, kind, part) in [
            ("4", "no_such_option", "question 1 (Chair) has no option \"4\""),
            ("0", "no_such_option", "\"0\""),
            ("Grece", "no_such_option", "did you mean \"Grace\"?"),
            ("1;T", "ambiguous_option", "could be \"Tuesday\" or \"Thursday\""),
            ("1;1,tuesday", "option_twice", "names \"Tuesday\" twice"),
            ("1,2", "wrong_number_of_choices", "takes one choice, and here are 2"),
            ("blank", "wrong_number_of_choices", "and here are 0"),
            (";1", "wrong_number_of_choices", "question 1"),
            ("1;1,2,3", "wrong_number_of_choices", "takes up to 2 choices, and here are 3"),
            ("1;1;1", "wrong_number_of_questions", "asks 2 questions, and here are 3 answers"),
        ] {
            let error = parse(text, &election).expect_err(text);
            assert_eq!(error.kind(), kind, "{text}");
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_second_question_that_must_be_answered_is_not_left_blank() {
        let mut election = two_questions();
        election.questions[1].choices_min = 1;
        let error = parse("2", &election).expect_err("the second question is open");
        assert!(error.to_string().contains("question 2 (Evenings) takes 1 to 2 choices"));
    }

    #[test]
    fn names_that_look_like_something_else_are_never_guessed() {
        let odd = election(vec![question("Odd", &["2", "1", "a, b; c", "Blank"], 0, 1)]);
        assert!(matches!(parse("1", &odd), Err(ChoicesError::Ambiguous { .. })));
        assert_eq!(parse("#1", &odd), Ok(vec![vec![0]]));
        assert_eq!(parse("3", &odd), Ok(vec![vec![2]]));
        assert_eq!(parse("a, b; c", &odd), Ok(vec![vec![2]]));
        assert_eq!(parse("blank", &odd), Ok(vec![vec![3]]));
        assert_eq!(parse("", &odd), Ok(vec![vec![]]));
        let cases = election(vec![question("Case", &["ada", "Ada"], 0, 1)]);
        assert_eq!(parse("Ada", &cases), Ok(vec![vec![1]]));
        assert!(matches!(parse("ADA", &cases), Err(ChoicesError::Ambiguous { .. })));
    }
}
