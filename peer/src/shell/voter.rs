//! This peer's own voter: signs, and registers itself before its first vote.

use std::sync::Arc;

use protocol::election::Election;
use protocol::keys::VoterKey;
use protocol::proof_of_work;
use protocol::transaction::{Choices, Transaction, Vote};
use protocol::units::{ElectionId, TransactionId, VoterId};

use super::handle::PeerHandle;
use super::notice::Notice;
use super::{clock, entropy};
use crate::chain::TransactionError;
use crate::node::{Answer, Command, CommandError, VoterView};

/// The voter whose key lies in the data directory.
#[derive(Debug)]
pub(crate) struct OwnVoter {
    key: VoterKey,
    election: Arc<Election>,
    election_id: ElectionId,
}

impl OwnVoter {
    pub(crate) fn new(key: VoterKey, election: Arc<Election>) -> Self {
        let election_id = election.election_id();
        Self { key, election, election_id }
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
            self.register(handle).await?;
        }
        let vote = Vote {
            voter: self.id(),
            choices,
            nonce: entropy::random(),
            cast_at: clock::unix_now(),
        };
        handle.submit(Transaction::vote(&self.election_id, &self.key, vote)).await
    }

    async fn register(&self, handle: &PeerHandle) -> Result<(), CommandError> {
        let registration_bits = self.election.registration_bits;
        handle.notify(Notice::Registering { voter: self.id(), registration_bits });
        let (election, key) = (self.election_id, self.key.public());
        let difficulty = self.election.registration_difficulty();
        let start = u64::from_le_bytes(entropy::random());
        let search = move || proof_of_work::find_stamp(&election, &key.0, difficulty, start);
        let stamp = tokio::task::spawn_blocking(search).await.map_err(|_| CommandError::Leaving)?;
        let registration = Transaction::open_registration(&self.election_id, &self.key, stamp);
        match handle.submit(registration).await {
            // A registration of the same key came from elsewhere meanwhile; it serves as well.
            Err(CommandError::Transaction(TransactionError::AlreadyRegistered { .. })) => Ok(()),
            registered => registered.map(|_| ()),
        }
    }
}
