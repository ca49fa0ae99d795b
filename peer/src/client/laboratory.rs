//! Orders experiments from a laboratory peer over HTTP.

use super::Client;
use super::error::ClientError;
use crate::cli::laboratory::LabCommand;
use crate::schema::{BadBlockOrder, Experiment, PartitionOrder};

impl Client {
    pub(super) fn lab(&self, command: LabCommand) -> Result<Experiment, ClientError> {
        let token = self.target.token()?;
        Ok(match command {
            LabCommand::Rules => Experiment::rules(),
            LabCommand::Partition(on) => {
                self.http.order_with("/v1/lab/partition", &token, &PartitionOrder { on })?
            }
            LabCommand::BadBlock(rule) => {
                let order = BadBlockOrder { rule: rule.name().to_owned() };
                self.http.order_with("/v1/lab/bad-block", &token, &order)?
            }
            LabCommand::Race => self.http.order("/v1/lab/race", &token)?,
            LabCommand::SignTwice => self.http.order("/v1/lab/sign-twice", &token)?,
        })
    }
}
