//! The voters whose keys are in this peer's data directory: registering them and casting their votes.
//!
//! One key is the directory's own; further keys lie beside it, by name. A voter is registered before its first vote. A
//! locked key is unlocked for one action and forgotten right after it.

pub(crate) mod choices;
pub(crate) mod commands;
pub(crate) mod receipt;
pub(crate) mod sign;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use protocol::election::Election;
use protocol::keys::{PublicKey, VoterKey};
use protocol::transaction::Choices;
use protocol::units::{TransactionId, VoterId};
use tokio::sync::{Mutex, Semaphore};

use crate::handle::{PeerHandle, Taken};
use crate::schema::{Event, KeyShown};
use chain::TransactionError;
use keys::signing;
use keys::{KeyFile, KeyFileError, KeyRole, Passphrase, VoterName};
use node::{Answer, Command, CommandError, VoterView};

/// The number of keys that are unlocked at the same time, on threads of their own. Each takes a
/// core for a while, and up to 128 MiB. Further requests wait.
const UNLOCKS_MAX: usize = 2;

/// The reason why one of this peer's voters can't act.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VoterError {
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Who acts: one of the peer's own voters, and what unlocks the voter's key if it is locked.
#[derive(Debug, Default)]
pub(crate) struct Actor {
    /// The name of the voter. If it is `None`, the data directory's own voter acts.
    pub(crate) voter: Option<VoterName>,
    pub(crate) passphrase: Option<Passphrase>,
}

/// The voters whose keys are in the data directory.
#[derive(Debug)]
pub(crate) struct OwnVoters {
    id: VoterId,
    own: OwnKey,
    directory: PathBuf,
    election: Arc<Election>,
    unlocks: Arc<Semaphore>,
    /// One lock per voter, held while the voter's registration is under way. It has entries only
    /// for voters that are being registered.
    registering: std::sync::Mutex<BTreeMap<VoterId, Arc<Mutex<()>>>>,
    /// The voters who voted here since the start. There are no more of them than there are keys.
    voted: std::sync::Mutex<BTreeSet<VoterId>>,
}

/// The data directory's own key.
#[derive(Debug)]
enum OwnKey {
    Open(Arc<VoterKey>),
    /// The key is locked in its file, which is read again for each action.
    Locked,
}

impl OwnVoters {
    /// The voters of a directory. `file` contains the directory's own key, and `key` is that key if
    /// it has been unlocked.
    ///
    /// # Errors
    /// When the file is locked, was not unlocked, and does not say whose key it contains.
    pub(crate) fn new(
        directory: PathBuf,
        file: &KeyFile,
        key: Option<VoterKey>,
        election: Arc<Election>,
    ) -> Result<Self, KeyFileError> {
        let (id, own) = match key {
            Some(key) => (key.public().voter(), OwnKey::Open(Arc::new(key))),
            None => (file.public()?.voter(), OwnKey::Locked),
        };
        let unlocks = Arc::new(Semaphore::new(UNLOCKS_MAX));
        let (registering, voted) = Default::default();
        Ok(Self { id, own, directory, election, unlocks, registering, voted })
    }

    /// The data directory's own voter.
    pub(crate) fn id(&self) -> VoterId {
        self.id
    }

    /// The directory's own voter, and everyone else who voted here since the start.
    pub(crate) fn ids(&self) -> BTreeSet<VoterId> {
        let mut ids = self.voted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ids.insert(self.id);
        ids
    }

    /// The voter with that name, or the directory's own.
    ///
    /// # Errors
    /// When the key can't be read, or does not say whose it is.
    pub(crate) fn id_of(&self, voter: Option<&VoterName>) -> Result<VoterId, KeyFileError> {
        match voter {
            None => Ok(self.id),
            Some(_) => Ok(self.file(voter)?.public()?.voter()),
        }
    }

    /// Whether a passphrase is needed before that voter can act.
    ///
    /// # Errors
    /// When the key can't be read.
    pub(crate) fn is_locked(&self, voter: Option<&VoterName>) -> Result<bool, KeyFileError> {
        match (voter, &self.own) {
            (None, OwnKey::Open(_)) => Ok(false),
            (None, OwnKey::Locked) | (Some(_), _) => Ok(self.file(voter)?.is_locked()),
        }
    }

    /// The public key of that voter, which the registrars of an election admit.
    ///
    /// # Errors
    /// When the key can't be read, or does not say whose it is.
    pub(crate) fn public_key(&self, voter: Option<&VoterName>) -> Result<PublicKey, KeyFileError> {
        match (voter, &self.own) {
            (None, OwnKey::Open(key)) => Ok(key.public()),
            (None, OwnKey::Locked) | (Some(_), _) => self.file(voter)?.public(),
        }
    }

    /// What everybody may know of that voter's key.
    ///
    /// # Errors
    /// When the key can't be read, or does not say whose it is.
    pub(crate) fn shown(&self, voter: Option<&VoterName>) -> Result<KeyShown, KeyFileError> {
        let (key, file) = (self.public_key(voter)?, self.key_path(voter));
        let locked = self.file(voter)?.is_locked();
        Ok(KeyShown::new(KeyRole::Voter, &key, file.display().to_string(), locked))
    }

    /// The file that holds the key of that voter.
    pub(crate) fn key_path(&self, voter: Option<&VoterName>) -> PathBuf {
        keys::path_of(&self.directory, voter)
    }

    /// Unlocks the key of a voter who is to vote, and registers the voter if necessary. Whoever stops waiting for this
    /// has cast nothing; the registration goes on.
    ///
    /// # Errors
    /// When the key cannot be unlocked, or when the node refuses the registration.
    pub(crate) async fn prepare_vote(
        &self,
        handle: &PeerHandle,
        actor: Actor,
    ) -> Result<Arc<VoterKey>, VoterError> {
        let key = self.unlock(actor).await?;
        if view(handle, key.public().voter()).await?.registration.is_none() {
            match self.register_key(handle, &key).await {
                // The same key was registered from elsewhere in the meantime, which serves as well.
                Err(CommandError::Transaction(TransactionError::AlreadyRegistered { .. })) => {}
                registered => {
                    registered?;
                }
            }
        }
        Ok(key)
    }

    /// Submits the vote.
    ///
    /// # Errors
    /// When the node refuses it.
    pub(crate) async fn cast(
        &self,
        handle: &PeerHandle,
        key: &VoterKey,
        choices: Choices,
    ) -> Result<Taken, VoterError> {
        // It is noted before: the node may take the vote although nobody waits for its answer any more.
        self.voted.lock().unwrap_or_else(PoisonError::into_inner).insert(key.public().voter());
        Ok(handle.submit(signing::vote(key, &self.election, choices)).await?)
    }

    /// Registers the voter. The search for a stamp may take minutes, which is longer than a client
    /// waits for an answer over HTTP. It is therefore completed whether anybody waits or not, and
    /// another request for the same voter waits for the same search.
    ///
    /// # Errors
    /// When the key cannot be unlocked, or when the node refuses the registration.
    pub(crate) async fn register(
        &self,
        handle: &PeerHandle,
        actor: Actor,
    ) -> Result<(TransactionId, VoterId), VoterError> {
        let key = self.unlock(actor).await?;
        Ok((self.register_key(handle, &key).await?, key.public().voter()))
    }

    async fn register_key(
        &self,
        handle: &PeerHandle,
        key: &Arc<VoterKey>,
    ) -> Result<TransactionId, CommandError> {
        let voter = key.public().voter();
        let under_way = self.registering(voter).lock_owned().await;
        if view(handle, voter).await?.registration.is_some() {
            return Err(TransactionError::AlreadyRegistered { voter }.into());
        }
        let registration_bits = self.election.admission.registration_bits();
        let registration_bits = registration_bits.ok_or(TransactionError::NeedsAdmission)?;
        handle.publish(Event::Registering { voter, registration_bits });
        let (key, election) = (Arc::clone(key), Arc::clone(&self.election));
        let search = move || signing::registration(&key, &election, registration_bits);
        let handle = handle.clone();
        let registering = tokio::spawn(async move {
            let _under_way = under_way;
            let registration =
                tokio::task::spawn_blocking(search).await.map_err(|_| CommandError::Leaving)?;
            Ok(handle.submit(registration).await?.id)
        });
        registering.await.map_err(|_| CommandError::Leaving)?
    }

    /// The lock that is held while that voter is being registered.
    fn registering(&self, voter: VoterId) -> Arc<Mutex<()>> {
        // The table is consistent even if a thread panicked while it held the lock.
        let mut all = self.registering.lock().unwrap_or_else(PoisonError::into_inner);
        // Entries that nobody uses any more are removed, so the table has only as many as are
        // registering at the moment.
        all.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(all.entry(voter).or_default())
    }

    fn file(&self, voter: Option<&VoterName>) -> Result<KeyFile, KeyFileError> {
        KeyFile::open_for(KeyRole::Voter, &self.key_path(voter))
    }

    /// Unlocks the key of the voter who acts.
    async fn unlock(&self, actor: Actor) -> Result<Arc<VoterKey>, VoterError> {
        if let (None, OwnKey::Open(key)) = (&actor.voter, &self.own) {
            return Ok(Arc::clone(key));
        }
        let file = self.file(actor.voter.as_ref())?;
        let permit = Arc::clone(&self.unlocks).acquire_owned().await;
        let _permit = permit.expect("it is never closed");
        let unlock = move || file.unlock(actor.passphrase.as_ref());
        let unlocked = tokio::task::spawn_blocking(unlock).await;
        Ok(Arc::new(unlocked.map_err(|_| CommandError::Leaving)??))
    }
}

/// What the node knows about a voter.
///
/// # Errors
/// When the node has ended.
async fn view(handle: &PeerHandle, voter: VoterId) -> Result<VoterView, CommandError> {
    let answer = handle.command(Command::Voter(voter)).await?;
    let Answer::Voter(view) = answer else {
        unreachable!("the node answers Voter with a voter, not {answer:?}")
    };
    Ok(*view)
}

#[cfg(test)]
mod tests;
