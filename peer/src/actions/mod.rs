//! What a user can ask of a peer, whether at the prompt, by a program or over a network: typed questions
//! and typed answers. How either looks is the matter of `render`.

mod choices;
mod laboratory;
mod line;
mod questions;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use protocol::codec::{self, DecodeError};
use protocol::election::Election;
use protocol::units::ElectionId;
use tokio::sync::Mutex;

pub(crate) use choices::{
    BLANK, ChoicesError, QUESTION_SEPARATOR, of_names as choices_of_names, parse as parse_choices,
    parse_answer,
};
pub(crate) use laboratory::{EXPERIMENTS, LabCommand, rule_of};
pub(crate) use line::{COMMANDS, LINE_BYTES_MAX, PromptCommand, first_word, parse};

use crate::handle::PeerHandle;
use crate::miner::MinerView;
use crate::schema::{self, Reply};
use crate::voter::receipt::ReceiptFileError;
use crate::voter::{Actor, OwnVoters, VoterError};
use chain::ForgeryError;
use keys::{KeyFileError, Passphrase};
use node::{Command, CommandError, Role};

/// Most edits between a typed word and the one that it is taken for.
const TYPING_SLIPS_MAX: usize = 2;

/// Carries out what a user asks for.
#[derive(Debug)]
pub(crate) struct Actions {
    pub(crate) handle: PeerHandle,
    /// An observer has none.
    pub(crate) voters: Option<OwnVoters>,
    pub(crate) role: Role,
    /// Held while a bad block is made: one at a time, whoever asks.
    pub(crate) forging: Mutex<()>,
    pub(crate) election: Arc<Election>,
    pub(crate) election_id: ElectionId,
    pub(crate) address: SocketAddr,
    pub(crate) data_directory: PathBuf,
    pub(crate) miner: Option<MinerView>,
}

/// Why a prompt command is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActionError {
    #[error("there is no command {word:?}: {}", did_you_mean(*suggestion))]
    UnknownCommand { word: String, suggestion: Option<&'static str> },
    #[error("`{usage}` takes {expected}, and here is {found:?}")]
    Argument { usage: &'static str, found: String, expected: &'static str },
    #[error("there is no experiment {word:?}: {}", experiment_or_help(*suggestion))]
    UnknownExperiment { word: String, suggestion: Option<&'static str> },
    #[error("there is no rule {word:?}: {}", rule_or_list(*suggestion))]
    UnknownRule { word: String, suggestion: Option<&'static str> },
    #[error("the line has over {LINE_BYTES_MAX} bytes or is not UTF-8")]
    Line,
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
    /// A stable word for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::UnknownCommand { .. } => "unknown_command",
            Self::Argument { .. } => "bad_argument",
            Self::UnknownExperiment { .. } => "unknown_experiment",
            Self::UnknownRule { .. } => "unknown_rule",
            Self::Line => "bad_line",
            Self::NoChoices => "no_choices",
            Self::Cancelled => "cancelled",
            Self::NotHexadecimal | Self::NotATransaction(_) => "not_a_transaction",
            Self::Choices(error) => error.kind(),
            Self::Forgery(error) => error.kind(),
            Self::Receipt(_) => "receipt_file",
            Self::Key(error) => error.kind(),
            Self::Command(error) => error.kind(),
        }
    }
}

impl From<&ActionError> for schema::Refusal {
    fn from(error: &ActionError) -> Self {
        Self { kind: error.kind().to_owned(), message: error.to_string() }
    }
}

impl Actions {
    /// Carries out a command; a passphrase is for those that sign. `vote` alone and `leave` are the front's: they ask, or
    /// end it.
    ///
    /// # Errors
    /// As the ballot or the node refuses it.
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
            PromptCommand::Results => Reply::Results(self.results().await?),
            PromptCommand::Chain { limit } => Reply::Chain(self.chain(None, limit).await?),
            PromptCommand::Block(selector) => Reply::Block(self.block(selector).await?),
            PromptCommand::MyVote { voter, receipt: None } => {
                Reply::MyVote(self.voter(self.voters()?.id_of(voter.as_ref())?).await?)
            }
            PromptCommand::MyVote { voter, receipt: Some(file) } => {
                let voter = self.voters()?.id_of(voter.as_ref())?;
                Reply::Receipt(self.write_receipt(voter, &file).await?)
            }
            PromptCommand::Peers => Reply::Peers(self.peers().await?),
            PromptCommand::Status => Reply::Status(Box::new(self.status().await?)),
            PromptCommand::Mine => Reply::Mine(self.mine().await?),
            PromptCommand::Sync => Reply::Sync(self.sync().await?),
            PromptCommand::Lab(command) => Reply::Lab(self.lab(command).await?),
            PromptCommand::Submit(bytes) => {
                let transaction = codec::decode(&bytes).map_err(ActionError::NotATransaction)?;
                let transaction = self.submit(transaction).await?;
                Reply::Submit(schema::Submitted { accepted: true, transaction })
            }
            PromptCommand::Help(None) => Reply::Help { commands: COMMANDS.to_vec() },
            PromptCommand::Help(Some(command)) => Reply::Help { commands: vec![command] },
            PromptCommand::Leave => {
                let own_vote = self.own_votes().await;
                self.handle.command(Command::Leave).await?;
                Reply::Leave(schema::Left { own_vote })
            }
        })
    }
}

/// Longest word that a suggestion is sought for: nobody mistypes more.
const SUGGESTION_CHARACTERS_MAX: usize = 64;

/// The word that was probably meant.
pub(crate) fn suggest<'w>(typed: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    if typed.chars().count() > SUGGESTION_CHARACTERS_MAX {
        return None;
    }
    let distances =
        words.map(|word| (strsim::osa_distance(&typed.to_lowercase(), &word.to_lowercase()), word));
    let (distance, word) = distances.min_by_key(|(distance, _)| *distance)?;
    // A short word is near to every other one.
    let near = distance <= TYPING_SLIPS_MAX && distance < typed.chars().count();
    near.then_some(word)
}

fn experiment_or_help(suggestion: Option<&str>) -> String {
    let help = || "see `help lab`".to_owned();
    suggestion.map_or_else(help, |word| format!("did you mean `lab {word}`?"))
}

fn rule_or_list(suggestion: Option<&str>) -> String {
    let list = || "`lab rules` shows them".to_owned();
    suggestion.map_or_else(list, |word| format!("did you mean `{word}`?"))
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(|| "see `help`".to_owned(), |word| format!("did you mean `{word}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_understood() {
        let words = ["vote", "status", "sync"];
        let suggested = |typed| suggest(typed, words.into_iter());
        assert_eq!(suggested("stauts"), Some("status"));
        assert_eq!(suggested("Vot"), Some("vote"));
        assert_eq!(suggested("xy"), None);
        assert_eq!(suggested("frobnicate"), None);
    }
}
