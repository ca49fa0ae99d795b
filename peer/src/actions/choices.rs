//! Turns what a voter types into choices. Options are given by their numbers, counted from 1, or by
//! their names.
//!
//! A vote is for good, so nothing is guessed here: the exact name of an option comes first, then its
//! number, and whatever is only near to a name is told apart as a [doubt](ChoicesError::is_doubt), about
//! which somebody at a terminal is asked. Elsewhere a doubt is a refusal.

use protocol::election::{ChoiceError, Election, Question};
use protocol::transaction::Choices;
use unicode_normalization::UnicodeNormalization;

use crate::cli::option_number::option_number;
use crate::cli::suggest::suggest;
use crate::render::choices_allowed;

/// Separates the answers to two questions.
pub(crate) const QUESTION_SEPARATOR: char = ';';
/// Separates two choices of one answer.
const CHOICE_SEPARATOR: char = ',';
/// How a question is answered that was left out, and may be left blank.
const TEXT_MEND: &str = "write its choices after a `;`, or `-` to leave it blank";
/// The same where choices are lists.
const LIST_MEND: &str = "add a list of its choices, or `[]` to leave it blank";
/// How one is answered that can't be left blank.
const NOT_BLANK_MEND: &str = "write its choices after a `;`";
/// The word for an answer that chooses nothing.
pub(crate) const BLANK: &str = "blank";
/// The same in one character.
const BLANK_SIGN: &str = "-";

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
        "{option:?} has a `{separator}` in its name, which may stand between two answers: write the number of each choice"
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
    let mut texts: Vec<_> = text.split(QUESTION_SEPARATOR).collect();
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
    text.split(CHOICE_SEPARATOR).map(str::trim).filter(|part| !part.is_empty())
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
        let mut same = (0..options.len()).filter(|index| options[*index].nfc().eq(text.nfc()));
        same.next().filter(|_| same.next().is_none())
    })
}

fn find(text: &str, number: usize, question: &Question) -> Result<usize, ChoicesError> {
    let options = &question.options;
    if let Some(index) = named(text, options) {
        return Ok(index);
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
    words.join(" ").nfc().collect()
}

/// The doubt about an option whose name has the separator in it and stands in the text, beside others.
fn separator_in_name(text: &str, separator: char, questions: &[Question]) -> Option<ChoicesError> {
    let text = folded(text);
    let mut options = questions.iter().flat_map(|question| &question.options);
    let has_it = |option: &&String| option.contains(separator) && text.contains(&folded(option));
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
        for text in ["2; -", "Grace;-", "grace ; -", " #2 ; -", "2; blank", "Grace ; BLANK"] {
            assert_eq!(parse(text, &election), Ok(vec![vec![1], vec![]]), "{text}");
        }
        for text in ["1;3,1", "ada; wednesday, tuesday", "Ada;TUESDAY,3", "1; Tuesday,,3"] {
            assert_eq!(parse(text, &election), Ok(vec![vec![0], vec![0, 2]]), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let election = two_questions();
        for (text, kind, part) in [
            ("4;-", "no_such_option", "question 1 (Chair) has no option \"4\""),
            ("0;-", "no_such_option", "\"0\""),
            ("Grece;-", "no_such_option", "did you mean \"Grace\"?"),
            ("1;T", "ambiguous_option", "could be \"Tuesday\" or \"Thursday\""),
            ("1;1,tuesday", "option_twice", "names \"Tuesday\" twice"),
            ("1,2;-", "wrong_number_of_choices", "takes one choice, and here are 2"),
            ("blank", "wrong_number_of_choices", "and here are 0"),
            ("-;1", "wrong_number_of_choices", "question 1"),
            ("1;1,2,3", "wrong_number_of_choices", "takes up to 2 choices, and here are 3"),
            ("1;1;1", "wrong_number_of_questions", "asks 2 questions, and here are 3 answers"),
        ] {
            let error = parse(text, &election).expect_err(text);
            assert_eq!(error.kind(), kind, "{text}");
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_question_that_is_left_out_is_not_left_blank() {
        let mut election = two_questions();
        for text in ["Grace", "2;", " ; Tuesday", "", ";", "grace ;  "] {
            let error = parse(text, &election).expect_err(text);
            let is_first = text.trim_start().is_empty() || text.trim_start().starts_with(';');
            let kinds = ["wrong_number_of_questions", "wrong_number_of_choices"];
            assert_eq!(error.kind(), kinds[usize::from(is_first)], "{text}");
            assert!(error.is_doubt(), "{text}: {error}");
        }
        let told = parse("Grace", &election).expect_err("one is open").to_string();
        assert_eq!(
            told,
            "question 2 (Evenings) is not answered: write its choices after a `;`, or `-` to leave it blank"
        );
        election.questions[1].choices_min = 1;
        let told = parse("2", &election).expect_err("one is open").to_string();
        assert!(told.ends_with("write its choices after a `;`"), "{told}");
        let names = |lists: &[&[&str]]| -> Vec<Vec<String>> {
            lists.iter().map(|list| list.iter().map(ToString::to_string).collect()).collect()
        };
        let election = two_questions();
        let error = of_names(&names(&[&["Ada"]]), &election).expect_err("one is open");
        assert_eq!(error.kind(), "wrong_number_of_questions");
        assert!(error.to_string().ends_with("or `[]` to leave it blank"), "{error}");
        assert_eq!(of_names(&names(&[&["Ada"], &[]]), &election), Ok(vec![vec![0], vec![]]));
        let error = of_names(&names(&[&["ada"], &[]]), &election).expect_err("near is not it");
        assert!(error.to_string().ends_with("did you mean \"Ada\"?"), "{error}");
    }

    #[test]
    fn what_is_only_near_to_a_name_is_a_doubt_with_what_may_be_meant() {
        let election = two_questions();
        for (text, chosen) in [
            ("Gr; -", vec![1]),
            ("g;-", vec![1]),
            ("Grece; Tuesday", vec![1]),
            ("\u{410}da; -", vec![0]),
        ] {
            let error = parse(text, &election).expect_err(text);
            assert!(error.is_doubt(), "{text}: {error}");
            let option = &election.questions[0].options[usize::from(chosen[0])];
            assert!(error.to_string().ends_with(&format!("did you mean {option:?}?")), "{error}");
            let answers = read(text, &election).expect(text);
            let Answer::Doubtful { supposed, .. } = &answers[0] else { panic!("{answers:?}") };
            assert_eq!(*supposed, Some(chosen), "{text}");
        }
        let answers = read("Ada; T", &election).expect("it may be asked about");
        assert_eq!(answers[0], Answer::Given(vec![0]));
        assert!(matches!(answers[1], Answer::Doubtful { supposed: None, .. }), "{answers:?}");
        let answers = read("Ada; Wed, Thu", &election).expect("it may be asked about");
        assert!(
            matches!(&answers[1], Answer::Doubtful { supposed: Some(chosen), .. } if *chosen == [1, 2])
        );
        // Nobody meant anything that the ballot has.
        assert!(!parse("Nobody; -", &election).expect_err("no such option").is_doubt());
    }

    #[test]
    fn the_exact_name_comes_before_every_number() {
        let hashes = election(vec![question("Who?", &["#3", "#1", "#2"], 1, 1)]);
        for (text, index) in [("#3", 0), ("#1", 1), ("#2", 2)] {
            assert_eq!(parse(text, &hashes), Ok(vec![vec![index]]), "{text}");
        }
        for text in ["1", "2", "3"] {
            let error = parse(text, &hashes).expect_err(text);
            assert_eq!(error.kind(), "ambiguous_option", "{text}: {error}");
        }
        let digits = election(vec![question("When?", &["3", "1", "2", "2 euros"], 1, 1)]);
        for (text, index) in [("3", 0), ("1", 1), ("2", 2), ("#1", 0), ("#4", 3), ("2 EUROS", 3)] {
            assert_eq!(parse(text, &digits), Ok(vec![vec![index]]), "{text}");
        }
        let prices = election(vec![question("How much?", &["2 euros", "1 euro"], 1, 1)]);
        for text in ["1", "2"] {
            assert_eq!(parse(text, &prices).expect_err(text).kind(), "ambiguous_option", "{text}");
        }
        assert_eq!(parse("#2", &prices), Ok(vec![vec![1]]));
        let years = election(vec![question("Since?", &["2024", "2025"], 1, 1)]);
        assert_eq!(parse("2025", &years), Ok(vec![vec![1]]));
        let signs = election(vec![question("Odd", &["-", "Ada"], 0, 1)]);
        assert_eq!(parse("-", &signs), Ok(vec![vec![0]]));
        assert_eq!(parse("blank", &signs), Ok(vec![vec![]]));
    }

    #[test]
    fn a_name_is_the_same_however_a_keyboard_composes_it() {
        let people = election(vec![question("Who?", &["Zo\u{eb}", "Am\u{e9}lie Roux"], 1, 1)]);
        for (text, index) in
            [("Zoe\u{308}", 0), ("ZOE\u{308}", 0), ("Ame\u{301}lie Roux", 1), ("amélie  roux", 1)]
        {
            assert_eq!(parse(text, &people), Ok(vec![vec![index]]), "{text}");
        }
        assert!(parse("Zoe", &people).expect_err("near").is_doubt());
        let twins = election(vec![question("Who?", &["Zo\u{eb}", "Zoe\u{308}"], 1, 1)]);
        assert_eq!(parse("Zoe\u{308}", &twins), Ok(vec![vec![1]]));
        assert_eq!(parse("ZOE\u{308}", &twins).expect_err("either").kind(), "ambiguous_option");
    }

    #[test]
    fn a_separator_in_a_name_is_no_separator_by_chance() {
        let pairs = question("Who?", &["Ada", "Grace", "Ada, Grace"], 0, 2);
        let one = election(vec![pairs.clone()]);
        assert_eq!(parse("Ada, Grace", &one), Ok(vec![vec![2]]));
        assert_eq!(parse("1, 2", &one), Ok(vec![vec![0, 1]]));
        for text in ["Ada, Grace, Ada", "grace, ada, grace"] {
            assert_eq!(parse(text, &one).expect_err(text).kind(), "ambiguous_option", "{text}");
        }
        let chair = question("Chair", &["Red; Blue", "Red"], 1, 1);
        let two = election(vec![chair, question("Colour", &["Blue", "Green"], 0, 1)]);
        assert_eq!(parse("Red; Blue", &two).expect_err("either").kind(), "ambiguous_option");
        assert_eq!(parse("Red; Green", &two), Ok(vec![vec![1], vec![1]]));
        assert_eq!(parse("1; -", &two), Ok(vec![vec![0], vec![]]));
    }

    #[test]
    fn names_that_look_like_something_else_are_never_guessed() {
        let odd = election(vec![question("Odd", &["2", "1", "a, b; c", "Blank"], 0, 1)]);
        assert_eq!(parse("1", &odd), Ok(vec![vec![1]]));
        assert_eq!(parse("#1", &odd), Ok(vec![vec![0]]));
        assert_eq!(parse("3", &odd), Ok(vec![vec![2]]));
        assert_eq!(parse("a, b; c", &odd), Ok(vec![vec![2]]));
        assert_eq!(parse("blank", &odd), Ok(vec![vec![3]]));
        assert_eq!(parse("-", &odd), Ok(vec![vec![]]));
        let cases = election(vec![question("Case", &["ada", "Ada"], 0, 1)]);
        assert_eq!(parse("Ada", &cases), Ok(vec![vec![1]]));
        assert!(matches!(parse("ADA", &cases), Err(ChoicesError::Ambiguous { .. })));
    }
}
