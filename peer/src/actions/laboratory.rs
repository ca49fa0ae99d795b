//! The command `lab`: the experiments that a laboratory peer carries out for a class.

use std::sync::Arc;

use super::questions::unasked;
use super::{ActionError, Actions};
use crate::cli::laboratory::LabCommand;
use crate::schema;
use chain::{AuditRule, Forgery};
use host::{clock, entropy};
use node::{Answer, BlockSelector, Command, CommandError, Experiment, Role, Tip};

impl Actions {
    /// Carries out an experiment.
    ///
    /// # Errors
    /// When this peer is not a laboratory, or lacks what the experiment needs.
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
                // This is checked first, so that nothing is read from the disk for a peer that
                // cannot race.
                self.check_is_laboratory()?;
                let rival = self.raw_block(BlockSelector::Hash(self.tip().await?.hash)).await?;
                let height = self.begin(Experiment::Race(rival)).await?;
                Ok(schema::Experiment::Race { height })
            }
            LabCommand::SignTwice => {
                let height = self.begin(Experiment::SignTwice).await?;
                Ok(schema::Experiment::SignTwice { height })
            }
        }
    }

    /// Registering the made-up voters takes work, so this happens on a thread of its own.
    async fn forge(&self, rule: AuditRule) -> Result<Forgery, ActionError> {
        self.check_is_laboratory()?;
        let _turn = self.forging.lock().await;
        let election = Arc::clone(&self.election);
        let forge = move || Forgery::new(rule, &election, entropy::random(), clock::unix_now());
        let forged = tokio::task::spawn_blocking(forge).await;
        // The work was not started, because the runtime is ending.
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
