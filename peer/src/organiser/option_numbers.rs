//! Refuses ballots on which the name of an option reads as the number of another one.
//!
//! Peers hold such an election all the same, since the exact name of an option always comes first. But voters who write
//! a number, and see another option's name in it, would not know what they chose.

use protocol::election::Election;

use crate::cli::option_number::number_read_from;

/// An option is called by the number of another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`question[{question}].options[{option}]` is {name:?}, which reads as the number of {other:?}: rename it, or make it option {number}"
)]
pub struct OptionNumberError {
    question: usize,
    option: usize,
    name: String,
    /// The number, counted from 1 as voters do.
    number: usize,
    /// The option that has the number.
    other: String,
}

/// Checks all names of options.
///
/// # Errors
/// The first one that reads as another option's number.
pub(super) fn check(election: &Election) -> Result<(), OptionNumberError> {
    for (question, asked) in election.questions.iter().enumerate() {
        for (option, name) in asked.options.iter().enumerate() {
            let number = number_read_from(name).filter(|number| *number != option + 1);
            let place = number.and_then(|number| number.checked_sub(1));
            let other = place.and_then(|place| asked.options.get(place));
            if let (Some(number), Some(other)) = (number, other) {
                let (name, other) = (name.clone(), other.clone());
                return Err(OptionNumberError { question, option, name, number, other });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chain::fixtures::election;
    use protocol::election::Question;

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
            &["2024", "2025"],
            &["0", "Ada"],
            &["+2", "-1", "1st"],
        ] {
            assert_eq!(checked(options), Ok(()), "{options:?}");
        }
    }
}
