//! What a user can ask of a peer, whether at the prompt, by a program or over a network: typed questions
//! and typed answers. How either looks is the matter of `render`.

mod choices;
mod line;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::codec::{self, DecodeError};
use protocol::election::Election;
use protocol::transaction::{Choices, Transaction};
use protocol::units::{ElectionId, Height};
use serde::Serialize;

pub(crate) use choices::{
    BLANK, ChoicesError, QUESTION_SEPARATOR, allowed, parse as parse_choices, parse_answer,
};
pub(crate) use line::{COMMANDS, CommandHelp, LINE_BYTES_MAX, PromptCommand, first_word, parse};

use super::handle::PeerHandle;
use super::miner::MinerView;
use super::receipt::{self, ReceiptFileError};
use super::schema::{self, OwnVoteStanding};
use super::voter::OwnVoter;
use crate::node::{Answer, Command, CommandError, Status};

/// Most edits between a typed word and the one that it is taken for.
const TYPING_SLIPS_MAX: usize = 2;

/// Carries out what a user asks for.
#[derive(Debug)]
pub(crate) struct Actions {
    pub(crate) handle: PeerHandle,
    pub(crate) voter: OwnVoter,
    pub(crate) election: Arc<Election>,
    pub(crate) election_id: ElectionId,
    pub(crate) address: SocketAddr,
    pub(crate) data_directory: PathBuf,
    pub(crate) miner: Option<MinerView>,
}

/// The answer to a prompt command; as JSON, an object that begins with the command's name.
#[derive(Debug, Serialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub(crate) enum Reply {
    Ballot(schema::Ballot),
    Register(schema::Registered),
    Vote(schema::Voted),
    Results(schema::Results),
    Chain(schema::Chain),
    Block(schema::Block),
    MyVote(schema::Voter),
    #[serde(rename = "myvote")]
    Receipt(schema::ReceiptWritten),
    Peers(schema::Peers),
    Status(Box<schema::Status>),
    Mine(schema::BlockOrdered),
    Sync(schema::SyncOrdered),
    Submit(schema::Submitted),
    Help {
        commands: Vec<CommandHelp>,
    },
    Leave(schema::Left),
}

impl Reply {
    /// The command that this answers.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ballot(_) => "ballot",
            Self::Register(_) => "register",
            Self::Vote(_) => "vote",
            Self::Results(_) => "results",
            Self::Chain(_) => "chain",
            Self::Block(_) => "block",
            Self::MyVote(_) | Self::Receipt(_) => "myvote",
            Self::Peers(_) => "peers",
            Self::Status(_) => "status",
            Self::Mine(_) => "mine",
            Self::Sync(_) => "sync",
            Self::Submit(_) => "submit",
            Self::Help { .. } => "help",
            Self::Leave(_) => "leave",
        }
    }
}

/// Why a prompt command is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActionError {
    #[error("there is no command {word:?}: {}", did_you_mean(*suggestion))]
    UnknownCommand { word: String, suggestion: Option<&'static str> },
    #[error("`{usage}` takes {expected}, and here is {found:?}")]
    Argument { usage: &'static str, found: String, expected: &'static str },
    #[error("the line has over {LINE_BYTES_MAX} bytes or is not UTF-8")]
    Line,
    #[error("write the choices after `vote`, such as `vote 1`: only a terminal is asked")]
    NoChoices,
    #[error("nothing was cast")]
    Cancelled,
    #[error("these bytes are no transaction: {0}")]
    NotATransaction(DecodeError),
    #[error(transparent)]
    Choices(#[from] ChoicesError),
    #[error(transparent)]
    Receipt(#[from] ReceiptFileError),
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl ActionError {
    /// A stable word for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::UnknownCommand { .. } => "unknown_command",
            Self::Argument { .. } => "bad_argument",
            Self::Line => "bad_line",
            Self::NoChoices => "no_choices",
            Self::Cancelled => "cancelled",
            Self::NotATransaction(_) => "not_a_transaction",
            Self::Choices(error) => error.kind(),
            Self::Receipt(_) => "receipt_file",
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
    /// Carries out a command. `vote` alone and `leave` are the front's: they ask, or end it.
    ///
    /// # Errors
    /// As the ballot or the node refuses it.
    pub(crate) async fn perform(&self, command: PromptCommand) -> Result<Reply, ActionError> {
        match command {
            PromptCommand::Ballot => Ok(Reply::Ballot(schema::Ballot::of(&self.election))),
            PromptCommand::Register => self.register().await,
            PromptCommand::Vote(None) => Err(ActionError::NoChoices),
            PromptCommand::Vote(Some(text)) => {
                self.vote(parse_choices(&text, &self.election)?).await
            }
            PromptCommand::Results => self.ask(Command::Results).await,
            PromptCommand::Chain { limit } => self.ask(Command::Chain { from: None, limit }).await,
            PromptCommand::Block(selector) => self.ask(Command::Block(selector)).await,
            PromptCommand::MyVote(None) => self.ask(Command::Voter(self.voter.id())).await,
            PromptCommand::MyVote(Some(file)) => self.write_receipt(&file).await,
            PromptCommand::Peers => self.ask(Command::Peers).await,
            PromptCommand::Status => self.ask(Command::Status).await,
            PromptCommand::Mine => self.ask(Command::Mine).await,
            PromptCommand::Sync => self.ask(Command::Sync).await,
            PromptCommand::Submit(bytes) => {
                let transaction: Transaction =
                    codec::decode(&bytes).map_err(ActionError::NotATransaction)?;
                let transaction = self.handle.submit(transaction).await?;
                Ok(Reply::Submit(schema::Submitted { accepted: true, transaction }))
            }
            PromptCommand::Help(None) => Ok(Reply::Help { commands: COMMANDS.to_vec() }),
            PromptCommand::Help(Some(command)) => Ok(Reply::Help { commands: vec![command] }),
            PromptCommand::Leave => {
                let own_vote = self.own_vote().await;
                self.handle.command(Command::Leave).await?;
                Ok(Reply::Leave(schema::Left { own_vote }))
            }
        }
    }

    /// Registers this peer's own voter.
    async fn register(&self) -> Result<Reply, ActionError> {
        let transaction = self.voter.register(&self.handle).await?;
        let voter = self.voter.id();
        Ok(Reply::Register(schema::Registered { accepted: true, transaction, voter }))
    }

    /// Casts this peer's own vote.
    ///
    /// # Errors
    /// As the node refuses it.
    pub(crate) async fn vote(&self, choices: Choices) -> Result<Reply, ActionError> {
        let names = schema::choice_names(&choices, &self.election);
        let transaction = self.voter.vote(&self.handle, choices).await?;
        Ok(Reply::Vote(schema::Voted { accepted: true, transaction, choices: names }))
    }

    pub(crate) async fn own_vote(&self) -> OwnVoteStanding {
        let view = self.voter.view(&self.handle).await.ok();
        view.map_or(OwnVoteStanding::NotCast, |view| {
            schema::Voter::of(&view, &self.election).own_vote()
        })
    }

    async fn write_receipt(&self, file: &Path) -> Result<Reply, ActionError> {
        let answer = self.handle.command(Command::Receipt(self.voter.id())).await?;
        let Answer::Receipt(receipt) = answer else {
            unreachable!("the node answers Receipt with a receipt, not {answer:?}")
        };
        receipt::write(file, &receipt)?;
        Ok(Reply::Receipt(schema::ReceiptWritten {
            receipt: file.display().to_string(),
            height: receipt.header.height.0,
            hash: receipt.header.hash(),
        }))
    }

    async fn ask(&self, command: Command) -> Result<Reply, ActionError> {
        Ok(match self.handle.command(command).await? {
            Answer::Status(node) => Reply::Status(Box::new(self.status(&node))),
            Answer::Results(results) => Reply::Results((&results).into()),
            Answer::Chain(blocks) => Reply::Chain(schema::Chain::of(&blocks)),
            Answer::Block(view) => Reply::Block(schema::Block::of(&view, &self.election)),
            Answer::Voter(view) => Reply::MyVote(schema::Voter::of(&view, &self.election)),
            Answer::Peers(peers) => Reply::Peers(schema::Peers::of(&peers)),
            Answer::Mining(Height(height)) => Reply::Mine(schema::BlockOrdered { height }),
            Answer::Syncing { neighbours } => Reply::Sync(schema::SyncOrdered { neighbours }),
            answer @ (Answer::Accepted(_)
            | Answer::Receipt(_)
            | Answer::Pending(_)
            | Answer::Leaving) => {
                unreachable!("{answer:?} answers nothing that is asked here")
            }
        })
    }

    /// What the node says of itself, and what only its user may know.
    fn status(&self, node: &Status) -> schema::Status {
        let progress = self.miner.as_ref().and_then(MinerView::progress);
        schema::Status {
            voter: Some(self.voter.id()),
            data_dir: Some(self.data_directory.display().to_string()),
            ..schema::Status::of(node, self.election_id, self.address, progress)
        }
    }
}

/// Longest word that a suggestion is sought for: nobody mistypes more.
const SUGGESTION_CHARACTERS_MAX: usize = 64;

/// The word that was probably meant.
pub(crate) fn suggest<'w>(typed: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    if typed.chars().count() > SUGGESTION_CHARACTERS_MAX {
        return None;
    }
    let distances = words.map(|word| (edits(&typed.to_lowercase(), &word.to_lowercase()), word));
    let (distance, word) = distances.min_by_key(|(distance, _)| *distance)?;
    // A short word is near to every other one.
    let near = distance <= TYPING_SLIPS_MAX && distance < typed.chars().count();
    near.then_some(word)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<_>>()];
    for (i, left) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, right) in to.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(left != right);
            let mut least = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *left == to[j - 1] && from[i - 1] == *right {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
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
