//! Everything that a user can ask of a running peer, at the prompt, from a program or over a
//! network, as typed questions with typed answers. How a question was typed and how its answer
//! looks must not matter here; `cli` and `render` deal with that.

mod final_votes;
mod hours;
mod laboratory;
mod questions;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use protocol::codec::{self, DecodeError};
use protocol::election::Election;
use protocol::keys::PublicKey;
use protocol::units::ElectionId;
use tokio::sync::{Mutex, watch};

use crate::cli::command::{CommandName, PromptCommand};
use crate::cli::input_error::InputError;
pub(crate) use crate::cli::option_number::{BLANK, QUESTION_SEPARATOR};
use crate::handle::{PeerHandle, Taken};
use crate::miner::MinerView;
use crate::schema::{self, NothingFinal, Reply};

pub(crate) use final_votes::tell_final_votes;
pub(crate) use hours::{check_hours, check_not_closed, deadline};

pub(crate) use crate::voter::choices::{
    Answer, Asked, ChoicesError, Interview, Step, of_names as choices_of_names,
    parse as parse_choices, parse_answer, read as read_choices,
};
use crate::voter::receipt::ReceiptFileError;
use crate::voter::{Actor, OwnVoters, VoterError};
use chain::{ForgeryError, TransactionError};
use keys::{KeyFileError, Passphrase};
use node::{Command, CommandError, Role};

/// Carries out what a user asks for.
#[derive(Debug)]
pub(crate) struct Actions {
    pub(crate) handle: PeerHandle,
    /// `None` for an observer.
    pub(crate) voters: Option<OwnVoters>,
    pub(crate) role: Role,
    /// Held while a bad block is made, so that only one is made at a time, whoever asks.
    pub(crate) forging: Mutex<()>,
    pub(crate) election: Arc<Election>,
    pub(crate) election_id: ElectionId,
    pub(crate) address: SocketAddr,
    pub(crate) data_directory: PathBuf,
    pub(crate) miner: Option<MinerView>,
    pub(crate) multicast: watch::Receiver<schema::Multicast>,
}

/// The reason why a command is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActionError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("write the choices after `vote`, such as `vote 1`: only a terminal is asked")]
    NoChoices,
    #[error("nothing was cast")]
    Cancelled,
    #[error("a transaction is written in hexadecimal digits, two for each byte")]
    NotHexadecimal,
    #[error("these bytes are no transaction: {0}")]
    NotATransaction(DecodeError),
    #[error(transparent)]
    Choices(#[from] ChoicesError),
    #[error(transparent)]
    Forgery(#[from] ForgeryError),
    #[error(transparent)]
    Receipt(#[from] ReceiptFileError),
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error("{refusal}; it is {}", voter_key.text())]
    NotAdmitted { refusal: CommandError, voter_key: PublicKey },
    #[error(transparent)]
    NothingFinal(#[from] NothingFinal),
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl From<VoterError> for ActionError {
    fn from(error: VoterError) -> Self {
        match error {
            VoterError::Key(error) => Self::Key(error),
            VoterError::Command(error) => Self::Command(error),
        }
    }
}

impl ActionError {
    /// A word for programs that never changes.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Input(error) => error.kind(),
            Self::NoChoices => "no_choices",
            Self::Cancelled => "cancelled",
            Self::NotHexadecimal | Self::NotATransaction(_) => "not_a_transaction",
            Self::Choices(error) => error.kind(),
            Self::Forgery(error) => error.kind(),
            Self::Receipt(_) => "receipt_file",
            Self::Key(error) => error.kind(),
            Self::NothingFinal(error) => error.kind(),
            Self::Command(error) | Self::NotAdmitted { refusal: error, .. } => error.kind(),
        }
    }
}

impl ActionError {
    /// The same refusal, with the key that the registrars are to be sent if they have not admitted it.
    pub(crate) fn with_key(self, key: impl FnOnce() -> Option<PublicKey>) -> Self {
        let asks_for_admission = matches!(
            self,
            Self::Command(CommandError::Transaction(TransactionError::NeedsAdmission))
        );
        match (self, asks_for_admission.then(key).flatten()) {
            (Self::Command(refusal), Some(voter_key)) => Self::NotAdmitted { refusal, voter_key },
            (error, _) => error,
        }
    }
}

impl From<&ActionError> for schema::Refusal {
    fn from(error: &ActionError) -> Self {
        Self { kind: error.kind().to_owned(), message: error.to_string() }
    }
}

impl Actions {
    /// Carries out a command. The passphrase is used by commands that sign. The commands `vote`
    /// without choices and `leave` must be handled by the caller, because they ask the user
    /// something or end the program.
    ///
    /// # Errors
    /// When the ballot does not allow it, or when the node refuses it.
    pub(crate) async fn perform(
        &self,
        command: PromptCommand,
        passphrase: Option<Passphrase>,
    ) -> Result<Reply, ActionError> {
        let actor = Actor { voter: command.voter().cloned(), passphrase };
        Ok(match command {
            PromptCommand::Ballot => Reply::Ballot(self.ballot()),
            PromptCommand::Register { .. } => Reply::Register(self.register(actor).await?),
            PromptCommand::Vote { choices: None, .. } => return Err(ActionError::NoChoices),
            PromptCommand::Vote { choices: Some(text), .. } => {
                Reply::Vote(self.vote(actor, parse_choices(&text, &self.election)?).await?)
            }
            PromptCommand::Results { only_final: false } => {
                Reply::Results(Box::new(self.results().await?))
            }
            PromptCommand::Results { only_final: true } => {
                Reply::FinalResults(Box::new(self.final_results().await?))
            }
            PromptCommand::Evidence => Reply::Evidence(self.evidence().await?),
            PromptCommand::Chain { limit } => Reply::Chain(self.chain(None, limit).await?),
            PromptCommand::Block(selector) => Reply::Block(self.block(selector).await?),
            PromptCommand::MyVote { voter, receipt: None } => {
                Reply::MyVote(self.voter(self.voters()?.id_of(voter.as_ref())?).await?)
            }
            PromptCommand::MyVote { voter, receipt: Some(file) } => {
                let voter = self.voters()?.id_of(voter.as_ref())?;
                Reply::Receipt(self.write_receipt(voter, &file).await?)
            }
            PromptCommand::Key { voter } => Reply::Key(self.voters()?.shown(voter.as_ref())?),
            PromptCommand::Peers => Reply::Peers(self.peers().await?),
            PromptCommand::Status => Reply::Status(Box::new(self.status().await?)),
            PromptCommand::Mine => Reply::Mine(self.mine().await?),
            PromptCommand::Sync => Reply::Sync(self.sync().await?),
            PromptCommand::Lab(command) => Reply::Lab(self.lab(command).await?),
            PromptCommand::Submit(bytes) => {
                let transaction = codec::decode(&bytes).map_err(ActionError::NotATransaction)?;
                let Taken { id: transaction, is_late: late } = self.submit(transaction).await?;
                Reply::Submit(schema::Submitted { accepted: true, transaction, late })
            }
            PromptCommand::Help(None) => {
                Reply::Help { commands: CommandName::ALL.map(CommandName::help).to_vec() }
            }
            PromptCommand::Help(Some(name)) => Reply::Help { commands: vec![name.help()] },
            PromptCommand::Leave => {
                let own_vote = self.own_votes().await;
                self.handle.command(Command::Leave).await?;
                Reply::Leave(schema::Left { own_vote })
            }
        })
    }
}
