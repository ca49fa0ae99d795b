//! This peer's own voter: registers itself before its first vote, and votes.

use std::sync::Arc;

use protocol::election::Election;
use protocol::keys::VoterKey;
use protocol::transaction::Choices;
use protocol::units::{TransactionId, VoterId};

use super::handle::PeerHandle;
use super::notice::Notice;
use super::signing;
use crate::chain::TransactionError;
use crate::node::{Answer, Command, CommandError, VoterView};

/// The voter whose key lies in the data directory.
#[derive(Debug)]
pub(crate) struct OwnVoter {
    key: Arc<VoterKey>,
    election: Arc<Election>,
}

impl OwnVoter {
    pub(crate) fn new(key: VoterKey, election: Arc<Election>) -> Self {
        Self { key: Arc::new(key), election }
    }

    pub(crate) fn id(&self) -> VoterId {
        self.key.public().voter()
    }

    /// What the node knows of this voter.
    ///
    /// # Errors
    /// When the node has ended.
    pub(crate) async fn view(&self, handle: &PeerHandle) -> Result<VoterView, CommandError> {
        let answer = handle.command(Command::Voter(self.id())).await?;
        let Answer::Voter(view) = answer else {
            unreachable!("the node answers Voter with a voter, not {answer:?}")
        };
        Ok(view)
    }

    /// Registers the voter if need be, then submits its vote.
    ///
    /// # Errors
    /// As the node refuses either.
    pub(crate) async fn vote(
        &self,
        handle: &PeerHandle,
        choices: Choices,
    ) -> Result<TransactionId, CommandError> {
        if self.view(handle).await?.registration.is_none() {
            match self.register(handle).await {
                // A registration of the same key came from elsewhere meanwhile; it serves as well.
                Err(CommandError::Transaction(TransactionError::AlreadyRegistered { .. })) => {}
                registered => {
                    registered?;
                }
            }
        }
        handle.submit(signing::vote(&self.key, &self.election, choices)).await
    }

    /// Registers the voter.
    ///
    /// # Errors
    /// As the node refuses it.
    pub(crate) async fn register(
        &self,
        handle: &PeerHandle,
    ) -> Result<TransactionId, CommandError> {
        if self.view(handle).await?.registration.is_some() {
            let voter = self.id();
            return Err(TransactionError::AlreadyRegistered { voter }.into());
        }
        let registration_bits = self.election.registration_bits;
        handle.notify(Notice::Registering { voter: self.id(), registration_bits });
        let (key, election) = (Arc::clone(&self.key), Arc::clone(&self.election));
        let search = move || signing::registration(&key, &election);
        let registration =
            tokio::task::spawn_blocking(search).await.map_err(|_| CommandError::Leaving)?;
        handle.submit(registration).await
    }
}
