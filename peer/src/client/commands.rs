//! The prompt's commands carried out over HTTP, except those that sign something.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use inquire::Confirm;
use protocol::election::Election;
use protocol::transaction::TransactionKind;
use protocol::units::VoterId;
use serde_json::Value;

use super::Client;
use super::error::ClientError;
use crate::actions::ActionError;
use crate::cli::command::PromptCommand;
use crate::cli::input_error::InputError;
use crate::schema::Reply;
use crate::schema::{self, Ballot, LEAVE_QUESTION, LEAVE_WARNING, OwnVoteStanding};
use crate::store::data_directory;
use crate::voter::receipt;
use host::output::{columns, print};
use keys::{KeyFile, KeyRole, VoterName};
use node::{BlockSelector, CommandError};

/// The longest wait for the end of a peer that leaves. It informs the others for a second, and
/// writes what is waiting.
const LEAVE_PATIENCE: Duration = Duration::from_secs(10);

/// The interval at which the client looks whether the peer has ended.
const LEAVE_PAUSE: Duration = Duration::from_millis(50);

impl Client {
    pub(super) fn perform(&self, command: PromptCommand) -> Result<Reply, ClientError> {
        Ok(match command {
            PromptCommand::Ballot => Reply::Ballot(Ballot::of(&self.election()?)),
            PromptCommand::Register { voter } => self.register(voter.as_ref())?,
            PromptCommand::Vote { voter, choices } => {
                self.vote(voter.as_ref(), choices.as_deref())?
            }
            PromptCommand::Results { only_final: false } => {
                Reply::Results(self.http.get("/v1/results")?)
            }
            PromptCommand::Results { only_final: true } => {
                Reply::FinalResults(self.http.get("/v1/results/final")?)
            }
            PromptCommand::Evidence => Reply::Evidence(self.http.get("/v1/evidence")?),
            PromptCommand::Chain { limit } => {
                Reply::Chain(self.http.get(&format!("/v1/chain?limit={limit}"))?)
            }
            PromptCommand::Block(BlockSelector::Height(height)) => {
                Reply::Block(self.http.get(&format!("/v1/blocks/{}", height.0))?)
            }
            PromptCommand::Block(BlockSelector::Hash(hash)) => {
                Reply::Block(self.http.get(&format!("/v1/blocks/{hash}"))?)
            }
            PromptCommand::MyVote { voter, receipt: None } => {
                Reply::MyVote(self.voter(self.own_id(voter.as_ref())?)?)
            }
            PromptCommand::MyVote { voter, receipt: Some(file) } => {
                self.write_receipt(self.own_id(voter.as_ref())?, &file)?
            }
            PromptCommand::Peers => Reply::Peers(self.http.get("/v1/peers")?),
            PromptCommand::Status => {
                // With the token, the peer tells as much as it does at its own prompt.
                let token = self.target.token().ok();
                Reply::Status(self.http.get_as("/v1/status", token.as_ref())?)
            }
            PromptCommand::Mine => Reply::Mine(self.order("/v1/mine")?),
            PromptCommand::Sync => Reply::Sync(self.order("/v1/sync")?),
            PromptCommand::Lab(command) => Reply::Lab(self.lab(command)?),
            PromptCommand::Leave => self.leave()?,
            PromptCommand::Submit(_) => return Err(not_here("submit")),
            PromptCommand::Key { .. } => return Err(not_here("key")),
            PromptCommand::Help(_) => return Err(not_here("help")),
        })
    }

    pub(super) fn login(&self) -> Result<Reply, ClientError> {
        Ok(Reply::Login(self.order("/v1/logins")?))
    }

    /// The peer's election, which is checked against its id. If a data directory is known, the
    /// election that is stored there is used.
    pub(super) fn election(&self) -> Result<Election, ClientError> {
        let election = self.http.get::<Ballot>("/v1/ballot")?.to_election()?;
        if let Some(directory) = self.target.known_directory() {
            check_kept(directory, &election)?;
        }
        Ok(election)
    }

    pub(super) fn voter(&self, id: VoterId) -> Result<schema::Voter, ClientError> {
        let voter: schema::Voter = self.http.get(&format!("/v1/voters/{id}"))?;
        if voter.voter != id {
            return Err(self.http.not_a_peer("it tells of another voter".to_owned()).into());
        }
        Ok(voter)
    }

    pub(super) fn own_id(&self, voter: Option<&VoterName>) -> Result<VoterId, ClientError> {
        let file = self.own_file(voter)?;
        let file = match file {
            Some(file) => file,
            None => return Err(self.no_key(self.own_place(voter)?)),
        };
        Ok(file.public()?.voter())
    }

    /// The key file of an own voter, if there is one.
    pub(super) fn own_file(
        &self,
        voter: Option<&VoterName>,
    ) -> Result<Option<KeyFile>, ClientError> {
        let file = KeyFile::open_if_there(&self.own_place(voter)?)?;
        Ok(file.map(|file| file.of_role(KeyRole::Voter)).transpose()?)
    }

    pub(super) fn own_place(&self, voter: Option<&VoterName>) -> Result<PathBuf, ClientError> {
        Ok(keys::path_of(&self.target.directory()?, voter))
    }

    /// The reason why there is no key. The directory of an observer never has one.
    pub(super) fn no_key(&self, path: PathBuf) -> ClientError {
        let status = self.http.get::<schema::Status>("/v1/status");
        match status.is_ok_and(|status| status.role == schema::Role::Observer) {
            true => ActionError::from(CommandError::Observer).into(),
            false => ClientError::NoKey { path },
        }
    }

    fn order<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        Ok(self.http.order(path, &self.target.token()?)?)
    }

    fn write_receipt(&self, voter: VoterId, file: &Path) -> Result<Reply, ClientError> {
        let election = self.election()?;
        let value: Value = self.http.get(&format!("/v1/receipts/{voter}"))?;
        let receipt = receipt::from_json(&value)
            .map_err(|key| self.http.not_a_peer(format!("its receipt has no good {key:?}")))?;
        let held = receipt.check(&election.admission)?;
        receipt::check_finality(&receipt, &election)
            .map_err(|reason| ClientError::BadCertificate { reason })?;
        let is_own = held.voter() == voter && held.kind() == TransactionKind::Vote;
        if !is_own || receipt.election != election.election_id() {
            return Err(ClientError::ReceiptOfAnother);
        }
        receipt::write(file, &receipt).map_err(ActionError::from)?;
        let known: schema::Voter = self.http.get(&format!("/v1/voters/{voter}"))?;
        Ok(Reply::Receipt(schema::ReceiptWritten::of(file, &receipt, &known)))
    }

    /// Asks at a terminal, as the prompt does, before a peer leaves with a vote that nobody else has.
    fn confirm_leave(&self) -> Result<(), ClientError> {
        if !self.asks {
            return Ok(());
        }
        let token = self.target.token()?;
        let status: schema::Status = self.http.get_as("/v1/status", Some(&token))?;
        if status.own_vote != Some(OwnVoteStanding::Alone) {
            return Ok(());
        }
        let warning = format!("{LEAVE_WARNING}\n");
        print(&self.style.fitted(warning, columns(&io::stdout())))?;
        let leaves = Confirm::new(LEAVE_QUESTION).with_default(false).prompt();
        match leaves.unwrap_or(false) {
            true => Ok(()),
            false => Err(ClientError::Stays),
        }
    }

    fn leave(&self) -> Result<Reply, ClientError> {
        self.confirm_leave()?;
        let left: schema::Left = self.order("/v1/leave")?;
        let deadline = Instant::now() + LEAVE_PATIENCE;
        while self.is_listening() || self.is_writing() {
            if Instant::now() >= deadline {
                return Err(ClientError::NotGone { seconds: LEAVE_PATIENCE.as_secs() });
            }
            thread::sleep(LEAVE_PAUSE);
        }
        Ok(Reply::Leave(left))
    }

    /// Whether a peer that no longer answers is still writing. This can be determined only if its
    /// data directory is known.
    fn is_writing(&self) -> bool {
        let directory = self.http.server.named_in.as_deref().and_then(Path::parent);
        directory.is_some_and(data_directory::is_in_use)
    }

    fn is_listening(&self) -> bool {
        let mut addresses =
            self.http.server.host_and_port().to_socket_addrs().into_iter().flatten();
        let patience = self.http.patience.connect;
        addresses.any(|address| TcpStream::connect_timeout(&address, patience).is_ok())
    }
}

/// A data directory belongs to exactly one election.
pub(super) fn check_kept(directory: &Path, election: &Election) -> Result<(), ClientError> {
    match data_directory::read_election(directory)? {
        Some(kept) if kept != *election => Err(ClientError::OtherElection {
            path: directory.to_owned(),
            found: election.election_id(),
            expected: kept.election_id(),
        }),
        Some(_) | None => Ok(()),
    }
}

fn not_here(word: &str) -> ClientError {
    let error = InputError::UnknownCommand { word: word.to_owned(), suggestion: None };
    ActionError::from(error).into()
}
