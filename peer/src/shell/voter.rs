//! This peer's own voter: registers itself before its first vote, and votes.

use std::sync::Arc;

use protocol::election::Election;
use protocol::keys::VoterKey;
use protocol::transaction::Choices;
use protocol::units::{TransactionId, VoterId};
use tokio::sync::Mutex;

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
    /// Held while a registration is under way.
    registering: Arc<Mutex<()>>,
}

impl OwnVoter {
    pub(crate) fn new(key: VoterKey, election: Arc<Election>) -> Self {
        Self { key: Arc::new(key), election, registering: Arc::default() }
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

    /// Registers the voter. A stamp may take minutes, longer than whoever asks over HTTP waits; so it is searched for
    /// to its end whether anybody waits or not, and whoever asks meanwhile waits for the same one.
    ///
    /// # Errors
    /// As the node refuses it.
    pub(crate) async fn register(
        &self,
        handle: &PeerHandle,
    ) -> Result<TransactionId, CommandError> {
        let under_way = Arc::clone(&self.registering).lock_owned().await;
        if self.view(handle).await?.registration.is_some() {
            let voter = self.id();
            return Err(TransactionError::AlreadyRegistered { voter }.into());
        }
        let registration_bits = self.election.admission.registration_bits();
        let registration_bits = registration_bits.ok_or(TransactionError::NeedsAdmission)?;
        handle.notify(Notice::Registering { voter: self.id(), registration_bits });
        let (key, election) = (Arc::clone(&self.key), Arc::clone(&self.election));
        let search = move || signing::registration(&key, &election, registration_bits);
        let handle = handle.clone();
        let registering = tokio::spawn(async move {
            let _under_way = under_way;
            let registration =
                tokio::task::spawn_blocking(search).await.map_err(|_| CommandError::Leaving)?;
            handle.submit(registration).await
        });
        registering.await.map_err(|_| CommandError::Leaving)?
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::fixtures;
    use crate::shell::handle::Request;

    #[tokio::test]
    async fn a_registration_goes_on_when_nobody_waits_for_it_any_more() {
        let key = VoterKey::from_secret_bytes(&[1; 32]).expect("it is a key");
        let voter = OwnVoter::new(key, Arc::new(fixtures::election()));
        let (handle, mut requests) = PeerHandle::new();
        let mut notices = handle.notices().expect("the node's end is here");
        let mut registering = Box::pin(voter.register(&handle));
        tokio::select! {
            _ = &mut registering => unreachable!("nobody has answered yet"),
            asked = requests.requests.recv() => {
                let Request { reply, .. } = asked.expect("a handle is here");
                let unknown = VoterView {
                    voter: voter.id(),
                    registration: None,
                    withdrawal: None,
                    vote: None,
                };
                reply.send(Ok(Answer::Voter(unknown))).expect("somebody asked");
            }
        }
        tokio::select! {
            _ = &mut registering => unreachable!("nobody has answered yet"),
            notice = notices.recv() => {
                assert!(matches!(notice, Ok(Notice::Registering { .. })), "{notice:?}");
            }
        }
        drop(registering);
        let submitted = timeout(Duration::from_secs(60), requests.requests.recv()).await;
        let Request { command, .. } = submitted.expect("in time").expect("a handle is here");
        assert!(matches!(command, Command::Submit(_)), "{command:?}");
    }
}
