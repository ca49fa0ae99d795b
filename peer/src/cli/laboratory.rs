//! The words after `lab`, which say which experiment a laboratory peer carries out.

use super::input_error::InputError;
use super::suggest::suggest;
use chain::{AuditRule, Forgery};

/// One experiment, or what can be chosen for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LabCommand {
    Partition(bool),
    BadBlock(AuditRule),
    Race,
    SignTwice,
    Rules,
}

/// The words after `lab`, in the order in which they are shown.
pub(crate) const EXPERIMENTS: [&str; 5] = ["partition", "bad-block", "race", "sign-twice", "rules"];

impl LabCommand {
    /// Reads what stands after `lab`; `None` when it is nothing of the kind.
    ///
    /// # Errors
    /// When the experiment or the rule is mistyped.
    pub(super) fn parse(argument: &str) -> Result<Option<Self>, InputError> {
        let (word, rest) = argument.split_once(char::is_whitespace).unwrap_or((argument, ""));
        Ok(match (word.to_lowercase().as_str(), rest.trim().to_lowercase().as_str()) {
            ("partition", "on") => Some(Self::Partition(true)),
            ("partition", "off") => Some(Self::Partition(false)),
            ("bad-block", rule) if !rule.is_empty() => Some(Self::BadBlock(rule_of(rule)?)),
            ("race", "") => Some(Self::Race),
            ("sign-twice", "") => Some(Self::SignTwice),
            ("rules", "") => Some(Self::Rules),
            (word, _) if EXPERIMENTS.contains(&word) || word.is_empty() => None,
            (word, _) => {
                let suggestion = suggest(word, EXPERIMENTS.into_iter());
                return Err(InputError::UnknownExperiment { word: word.to_owned(), suggestion });
            }
        })
    }
}

/// The rule of this name.
///
/// # Errors
/// When there is none.
pub(crate) fn rule_of(word: &str) -> Result<AuditRule, InputError> {
    let plain = word.trim().replace(['-', ' '], "_");
    let found = AuditRule::ALL.iter().find(|rule| rule.name() == plain);
    found.copied().ok_or_else(|| {
        let offered = Forgery::OFFERED.iter().map(|(rule, _)| rule.name());
        InputError::UnknownRule { word: word.to_owned(), suggestion: suggest(&plain, offered) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offered_rule_is_read_in_any_spelling() {
        for (rule, _) in Forgery::OFFERED {
            for word in [rule.name().to_owned(), rule.name().replace('_', "-")] {
                let read = LabCommand::parse(&format!("bad-block  {word}"));
                assert_eq!(read.expect("a rule"), Some(LabCommand::BadBlock(rule)), "{word}");
            }
        }
    }

    #[test]
    fn slips_get_a_suggestion() {
        for (argument, message) in [
            (
                "bad-block merkel_root",
                "there is no rule \"merkel_root\": did you mean `merkle_root`?",
            ),
            ("bad-block frobnicate", "there is no rule \"frobnicate\": `lab rules` shows them"),
            ("partion on", "there is no experiment \"partion\": did you mean `lab partition`?"),
            ("frobnicate", "there is no experiment \"frobnicate\": see `help lab`"),
        ] {
            let error = LabCommand::parse(argument).expect_err(argument);
            assert_eq!(error.to_string(), message);
        }
        for incomplete in
            ["", "partition", "partition of", "bad-block", "race 3", "sign-twice x", "rules x"]
        {
            assert!(matches!(LabCommand::parse(incomplete), Ok(None)), "{incomplete}");
        }
    }
}
