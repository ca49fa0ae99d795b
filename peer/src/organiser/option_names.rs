//! Refuses ballots on which the name of an option reads as something else in a vote: as the number of another option,
//! as a blank answer, or as several options.
//!
//! Peers hold such an election all the same, since the exact name of an option always comes first. But voters who write
//! a number, and see another option's name in it, would not know what they chose.

use protocol::election::{Election, Question};
use protocol::text;

use crate::cli::option_number::{
    BLANK, BLANK_SIGN, CHOICE_SEPARATOR, number_read_from, option_number,
};

/// The quotation marks that people type around a name.
const QUOTES: [char; 12] = [
    '"', '\'', '`', '\u{ab}', '\u{bb}', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201c}', '\u{201d}',
    '\u{201e}', '\u{201f}',
];

/// What people take for the sign of a blank answer: hyphens, dashes and the minus.
const DASHES: [char; 10] = [
    '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2015}', '\u{2212}', '\u{fe58}',
    '\u{fe63}', '\u{ff0d}',
];

/// What people write around the number of an item, as in `1.` and `(1)`.
const LIST_SIGNS: [char; 7] = ['.', ':', ')', '(', '[', ']', '\u{b0}'];
/// What people write before it, as in `No. 1`; the sign `№` is the first of them.
const LIST_WORDS: [&str; 3] = ["no", "nr", "option"];

/// What the name of an option reads as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`question[{question}].options[{option}]` is {name:?}, {reading}")]
pub struct OptionNameError {
    question: usize,
    option: usize,
    name: String,
    reading: Reading,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Reading {
    /// The number is counted from 1 as voters do.
    #[error("which reads as the number of {other:?}: rename it, or make it option {number}")]
    Number { number: usize, other: String },
    #[error("which begins as the number of an option does: leave the # out")]
    Beginning,
    #[error("which reads as a blank answer: rename it")]
    Blank,
    #[error("which reads as several options, {first:?} among them: rename it")]
    Several { first: String },
    #[error("which reads as {other:?} in quotation marks: rename one")]
    Quoted { other: String },
}

/// Checks all names of options.
///
/// # Errors
/// The first one that reads as something else.
pub(super) fn check(election: &Election) -> Result<(), OptionNameError> {
    for (question, asked) in election.questions.iter().enumerate() {
        for (option, name) in asked.options.iter().enumerate() {
            if let Some(reading) = reading(option, name, asked) {
                return Err(OptionNameError { question, option, name: name.clone(), reading });
            }
        }
    }
    Ok(())
}

fn reading(option: usize, name: &str, asked: &Question) -> Option<Reading> {
    // Digits of other scripts and widths are digits to who reads them.
    let plain = text::with_ascii_digits(name).replace('\u{ff03}', "#");
    let number = number_read_from(&plain).or_else(|| list_number(name));
    let other =
        number.filter(|number| *number != option + 1).and_then(|number| number.checked_sub(1));
    if let (Some(number), Some(other)) = (number, other.and_then(|place| asked.options.get(place)))
    {
        return Some(Reading::Number { number, other: other.clone() });
    }
    let after_sign = plain.strip_prefix('#').map(str::trim_start);
    let is_digit = |character: char| character.is_ascii_digit();
    if after_sign.is_some_and(|rest| rest.starts_with(is_digit)) && number != Some(option + 1) {
        return Some(Reading::Beginning);
    }
    let bare: String = name.split_whitespace().collect();
    let mut blank = [BLANK, "Blank", "BLANK"].into_iter();
    let is_sign =
        !bare.is_empty() && bare.replace(DASHES, BLANK_SIGN).replace(BLANK_SIGN, "").is_empty();
    if is_sign || blank.any(|word| text::first_alike([word, &bare]).is_some()) {
        return Some(Reading::Blank);
    }
    let squeezed = squeezed(name);
    let others = || asked.options.iter().enumerate().filter(|(place, _)| *place != option);
    let find =
        |part: &str| others().map(|(_, other)| other).find(|other| self::squeezed(other) == part);
    let parts = squeezed.split(CHOICE_SEPARATOR).filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts.collect();
    let is_choice = |part: &&str| {
        let number = option_number(part.strip_prefix('#').unwrap_or(part));
        find(part).is_some()
            || number.is_some_and(|number| (1..=asked.options.len()).contains(&number))
    };
    if squeezed.contains(CHOICE_SEPARATOR) && !parts.is_empty() && parts.iter().all(is_choice) {
        let first = name.split(CHOICE_SEPARATOR).map(str::trim).find(|part| !part.is_empty());
        return Some(Reading::Several { first: first.unwrap_or(name).to_owned() });
    }
    let bare = squeezed.trim_matches(QUOTES);
    let quoted = if bare == squeezed { None } else { find(bare) };
    quoted.map(|other| Reading::Quoted { other: other.clone() })
}

/// The number as which people read a name that numbers an item of a list, also where it has a circle around it.
fn list_number(name: &str) -> Option<usize> {
    let form = text::compatibly_folded(name);
    let after_word = LIST_WORDS.into_iter().find_map(|word| form.strip_prefix(word));
    option_number(after_word.unwrap_or(&form).trim_matches(LIST_SIGNS))
}

/// A name without what people take for the same: capitals, spaces and composed letters.
fn squeezed(name: &str) -> String {
    text::folded(&name.split_whitespace().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chain::fixtures::election;

    fn checked(options: &[&str]) -> Result<(), String> {
        let mut election = election();
        election.questions.push(Question {
            title: "Which one?".into(),
            options: options.iter().map(ToString::to_string).collect(),
            choices_min: 1,
            choices_max: 1,
        });
        check(&election).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_that_reads_as_the_number_of_another_option_is_refused_with_its_place() {
        for options in [
            &["#3", "#1", "#2"][..],
            &["2", "1"],
            &["Ada", "#1"],
            &["Ada", "Grace", "01"],
            &["1", "3", "2"],
            &["Ada", "\u{ff11}"],
            &["Ada", "\u{661}"],
            &["\u{2461}", "\u{2460}"],
            &["Ada", "\u{b9}"],
            &["Ada", "(1)"],
            &["Ada", "1."],
            &["2)", "Ada"],
            &["Ada", "\u{2116} 1"],
            &["Nr. 2", "Nr. 1"],
            &["Ada", "Option 1"],
        ] {
            let error = checked(options).expect_err("it is twisted");
            assert!(error.contains("reads as the number of"), "{error}");
        }
        let places = election().questions.len();
        assert_eq!(
            checked(&["Ada", "#1"]),
            Err(format!(
                "`question[{places}].options[1]` is \"#1\", which reads as the number of \"Ada\": rename it, or make it option 1"
            ))
        );
    }

    #[test]
    fn its_own_number_and_one_that_no_option_has_are_good_names() {
        for options in [
            &["1", "2", "3"][..],
            &["#1", "#2"],
            &["1.", "(2)", "No. 3", "\u{2463}"],
            &["Norway", "No", "No 10", "1.5"],
            &["2024", "2025"],
            &["0", "Ada"],
            &["+2", "-1", "1st"],
            &["#Ada", "# Ada", "Blank page", "non-blank", "Miller, Anna", "Miller, Bob"],
            &["Ada, Grace", "Hedy", "\"Yes\", they said", "Ada; Hedy"],
            &["Ada's", "6\"", "5\""],
        ] {
            assert_eq!(checked(options), Ok(()), "{options:?}");
        }
    }

    #[test]
    fn names_that_votes_read_otherwise_are_refused() {
        for (options, part) in [
            (&["Ada", "#3 Grace"][..], "is \"#3 Grace\", which begins as the number of an option"),
            (&["#7", "Ada"], "begins as the number"),
            (&["Ada", "# 2nd"], "begins as the number"),
            (&["Ada", "\u{ff03}\u{ff11}a"], "begins as the number"),
            (&["Ada", "-"], "which reads as a blank answer: rename it"),
            (&["Ada", "\u{2013}"], "a blank answer"),
            (&["Ada", "- \u{2014}"], "a blank answer"),
            (&["Ada", "Ada,"], "reads as several options, \"Ada\" among them"),
            (&["Ada", "Blank"], "a blank answer"),
            (&["Ada", "B L A N K"], "a blank answer"),
            (&["Ada", "\u{412}lank"], "a blank answer"),
            (&["Ada", "Grace", "ada,GRACE"], "reads as several options, \"ada\" among them"),
            (&["Ada Lee", "Grace", "Ada  Lee, Grace"], "several options, \"Ada  Lee\" among them"),
            (&["Ada", "Grace", "1, 2"], "reads as several options"),
            (&["Ada", "Grace", "#1, Grace"], "begins as the number"),
            (&["Ada", "Grace", "1, Grace"], "several options"),
            (&["Ada", "\"Ada\""], "reads as \"Ada\" in quotation marks: rename one"),
            (&["\u{201e}Ada\u{201c}", "Ada"], "in quotation marks"),
        ] {
            let error = checked(options).expect_err("it reads otherwise");
            assert!(error.contains(part), "{options:?}: {error}");
        }
    }
}
