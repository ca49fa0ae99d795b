//! `lab`: what a laboratory does for a class.

use std::sync::Arc;

use super::questions::unasked;
use super::{ActionError, Actions, suggest};
use crate::schema;
use chain::{AuditRule, Forgery};
use host::{clock, entropy};
use node::{Answer, BlockSelector, Command, CommandError, Experiment, Role, Tip};

/// One experiment, or what can be chosen for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LabCommand {
    Partition(bool),
    BadBlock(AuditRule),
    Race,
    Rules,
}

/// The words after `lab`, in the order in which they are shown.
pub(crate) const EXPERIMENTS: [&str; 4] = ["partition", "bad-block", "race", "rules"];

impl LabCommand {
    /// Reads what stands after `lab`; `None` when it is nothing of the kind.
    ///
    /// # Errors
    /// When the experiment or the rule is mistyped.
    pub(super) fn parse(argument: &str) -> Result<Option<Self>, ActionError> {
        let (word, rest) = argument.split_once(char::is_whitespace).unwrap_or((argument, ""));
        Ok(match (word.to_lowercase().as_str(), rest.trim().to_lowercase().as_str()) {
            ("partition", "on") => Some(Self::Partition(true)),
            ("partition", "off") => Some(Self::Partition(false)),
            ("bad-block", rule) if !rule.is_empty() => Some(Self::BadBlock(rule_of(rule)?)),
            ("race", "") => Some(Self::Race),
            ("rules", "") => Some(Self::Rules),
            (word, _) if EXPERIMENTS.contains(&word) || word.is_empty() => None,
            (word, _) => {
                let suggestion = suggest(word, EXPERIMENTS.into_iter());
                return Err(ActionError::UnknownExperiment { word: word.to_owned(), suggestion });
            }
        })
    }
}

/// The rule of this name.
///
/// # Errors
/// When there is none.
pub(crate) fn rule_of(word: &str) -> Result<AuditRule, ActionError> {
    let plain = word.trim().replace(['-', ' '], "_");
    let found = AuditRule::ALL.iter().find(|rule| rule.name() == plain);
    found.copied().ok_or_else(|| {
        let offered = Forgery::OFFERED.iter().map(|(rule, _)| rule.name());
        ActionError::UnknownRule { word: word.to_owned(), suggestion: suggest(&plain, offered) }
    })
}

impl Actions {
    /// Makes an experiment.
    ///
    /// # Errors
    /// Where this peer is no laboratory, or has nothing to make it with.
    pub(crate) async fn lab(&self, command: LabCommand) -> Result<schema::Experiment, ActionError> {
        match command {
            LabCommand::Rules => Ok(schema::Experiment::rules()),
            LabCommand::Partition(is_on) => {
                self.begin(Experiment::Partition(is_on)).await?;
                Ok(schema::Experiment::Partition { partitioned: is_on })
            }
            LabCommand::BadBlock(rule) => {
                let forgery = Box::new(self.forge(rule).await?);
                let height = self.begin(Experiment::BadBlock(forgery)).await?;
                Ok(schema::Experiment::BadBlock { rule: rule.name().to_owned(), height })
            }
            LabCommand::Race => {
                // Nothing is read from the disk for a peer that does not race.
                self.check_is_laboratory()?;
                let rival = self.raw_block(BlockSelector::Hash(self.tip().await?.hash)).await?;
                let height = self.begin(Experiment::Race(rival)).await?;
                Ok(schema::Experiment::Race { height })
            }
        }
    }

    /// Registering the made-up voters takes work, so it is done on a thread of its own.
    async fn forge(&self, rule: AuditRule) -> Result<Forgery, ActionError> {
        self.check_is_laboratory()?;
        let _turn = self.forging.lock().await;
        let election = Arc::clone(&self.election);
        let forge = move || Forgery::new(rule, &election, entropy::random(), clock::unix_now());
        let forged = tokio::task::spawn_blocking(forge).await;
        // It was not begun: the runtime ends.
        Ok(forged.map_err(|_| CommandError::Leaving)??)
    }

    async fn begin(&self, experiment: Experiment) -> Result<u64, ActionError> {
        let answer = self.handle.command(Command::Experiment(experiment)).await?;
        let Answer::Experiment { height } = answer else { unasked(&answer) };
        Ok(height.map_or(0, |height| height.0))
    }

    async fn tip(&self) -> Result<Tip, ActionError> {
        let answer = self.handle.command(Command::Status).await?;
        let Answer::Status(status) = &answer else { unasked(&answer) };
        Ok(status.tip)
    }

    fn check_is_laboratory(&self) -> Result<(), ActionError> {
        match self.role {
            Role::Laboratory => Ok(()),
            Role::Ordinary | Role::Observer => Err(CommandError::NotALab.into()),
        }
    }
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
        for incomplete in ["", "partition", "partition of", "bad-block", "race 3", "rules x"] {
            assert!(matches!(LabCommand::parse(incomplete), Ok(None)), "{incomplete}");
        }
    }
}
