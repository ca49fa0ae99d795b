//! `peer sign …`: signs a vote or a registration without a peer, for `submit` and `POST /v1/transactions`.
//!
//! Nothing is sent, and nothing is asked but a passphrase: what is doubtful about a choice is refused. Only the
//! transaction goes to stdout, so that it can be piped; what it is stands on stderr.

use std::io;
use std::path::{Path, PathBuf};

use chain::CAST_AT_DISTANCE_MAX;
use host::output::{be_quiet, print, tell};
use keys::passphrase::{self, PassphraseError};
use keys::{KeyFile, KeyFileError, KeyRole, signing};
use protocol::codec;
use protocol::election::Election;
use protocol::keys::VoterKey;
use protocol::transaction::Transaction;

use super::choices::{self, ChoicesError};
use crate::cli::{SignRegistration, SignTask, SignVote, Signing};
use crate::render::{Style, choice_line, time};
use crate::schema::{Reply, Signed, choice_names};
use crate::store::data_directory::{self, DataDirectoryError};
use crate::store::default_places;
use crate::store::local_election::{BALLOT_DEFAULT, LocalElectionError, read_ballot};

/// The reason why nothing was signed. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("{0}; nothing was signed")]
    Choices(ChoicesErrorText),
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
    #[error(transparent)]
    Ballot(#[from] LocalElectionError),
    #[error("there is no election in {path}: name its --ballot", path = .0.display())]
    NoElection(PathBuf),
    #[error(
        "registrars admit voters in this election: send them the key {key}, and hand in their file by `peer register --admission FILE`"
    )]
    NeedsAdmission { key: String },
    #[error("can't write to stdout: {}", host::reason::of(.0))]
    Stdout(#[from] io::Error),
}

/// The message of a choice that can't be signed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ChoicesErrorText(#[from] ChoicesError);

impl ChoicesErrorText {
    pub(crate) fn kind(&self) -> &'static str {
        self.0.kind()
    }
}

/// Signs what was asked for, and prints it.
///
/// # Errors
/// See [`SignError`].
pub fn sign(task: &SignTask) -> Result<(), SignError> {
    let (SignTask::Vote(SignVote { signing, .. })
    | SignTask::Register(SignRegistration { signing })) = task;
    be_quiet(signing.quiet.quiet);
    let (signed, options) = match task {
        SignTask::Vote(task) => {
            let election = election(&task.signing)?;
            let choices = choices::parse(&task.choices, &election)
                .map_err(|error| SignError::Choices(error.into()))?;
            let key = unlock(&task.signing)?;
            let names = choice_names(&choices, &election);
            let vote = signing::vote(&key, &election, choices);
            let signed = Signed { choices: Some(names), ..signed(&vote, &election) };
            (signed, &task.signing)
        }
        SignTask::Register(task) => {
            let election = election(&task.signing)?;
            let Some(bits) = election.admission.registration_bits() else {
                let key = key_file(&task.signing)?.public()?.text();
                return Err(SignError::NeedsAdmission { key });
            };
            let key = unlock(&task.signing)?;
            if !task.signing.format.json {
                tell(&format!("searching for a proof of work of about 2^{bits} attempts\n"));
            }
            (signed(&signing::registration(&key, &election, bits), &election), &task.signing)
        }
    };
    if !options.format.json {
        tell(&told(&signed));
    }
    Ok(print(&Style::of(options.format.json, false).answer(&Reply::Signed(signed)))?)
}

/// What was signed, for people.
fn told(signed: &Signed) -> String {
    let Signed { voter, election, .. } = signed;
    match (&signed.choices, signed.taken_until_ms) {
        (Some(choices), Some(until)) => format!(
            "signed the vote {} of voter {voter} in election {election}: a peer takes it until {}, once the voter is registered\n",
            choice_line(choices),
            time(until)
        ),
        _ => format!("signed the registration of voter {voter} in election {election}\n"),
    }
}

fn signed(transaction: &Transaction, election: &Election) -> Signed {
    let cast_at = match transaction {
        Transaction::Vote { vote, .. } => Some(vote.cast_at),
        Transaction::Registration { .. } | Transaction::Withdrawal { .. } => None,
    };
    Signed {
        election: election.election_id(),
        transaction: transaction.id(&election.election_id()),
        voter: transaction.voter(),
        choices: None,
        taken_until_ms: cast_at.map(|cast_at| cast_at.plus(CAST_AT_DISTANCE_MAX).0),
        encoding: hex::encode(codec::encode(transaction)),
    }
}

fn directory(options: &Signing) -> Result<PathBuf, DataDirectoryError> {
    match &options.place.data_dir {
        Some(path) => Ok(path.clone()),
        None => default_places::only_default(),
    }
}

fn election(options: &Signing) -> Result<Election, SignError> {
    if let Some(ballot) = &options.ballot {
        return Ok(read_ballot(ballot)?);
    }
    if options.place.key.is_some() && options.place.data_dir.is_none() {
        return Ok(read_ballot(Path::new(BALLOT_DEFAULT))?);
    }
    let directory = directory(options)?;
    let election = data_directory::read_election(&directory)?;
    election.ok_or(SignError::NoElection(directory))
}

fn key_file(options: &Signing) -> Result<KeyFile, SignError> {
    let path = match &options.place.key {
        Some(path) => path.clone(),
        None => keys::path_of(&directory(options)?, options.place.voter.as_ref()),
    };
    Ok(KeyFile::open_for(KeyRole::Voter, &path)?)
}

fn unlock(options: &Signing) -> Result<VoterKey, SignError> {
    passphrase::unlock(&key_file(options)?, options.passphrase.source().as_ref())
}

#[cfg(test)]
mod tests {
    use host::whole_file::Existing;
    use protocol::admission::{AdmissionRule, Registrar};
    use protocol::{ballot_file, transaction::TransactionKind};

    use super::*;
    use crate::cli::{AnswerFormat, KeyLocation, PassphraseOptions, Quiet};

    fn signing(directory: &Path, election: &Election) -> Signing {
        let (ballot, key) = (directory.join("b.toml"), directory.join("a.key"));
        std::fs::write(&ballot, ballot_file::write(election)).expect("there is room");
        KeyFile::create(&key, chain::fixtures::key(1), None, Existing::Replace).expect("a key");
        Signing {
            ballot: Some(ballot),
            place: KeyLocation { key: Some(key), voter: None, data_dir: None },
            passphrase: PassphraseOptions::default(),
            quiet: Quiet::default(),
            format: AnswerFormat { json: false },
        }
    }

    #[test]
    fn what_is_signed_holds_in_its_election() {
        let election = chain::fixtures::election();
        let key = chain::fixtures::key(1);
        let choices = vec![vec![0]; election.questions.len()];
        let vote = signing::vote(&key, &election, choices);
        let signed = signed(&vote, &election);
        let bytes = hex::decode(&signed.encoding).expect("digits");
        let read: Transaction = codec::decode(&bytes).expect("a transaction");
        assert_eq!((read.kind(), read.voter()), (TransactionKind::Vote, key.public().voter()));
        let id = read.id(&election.election_id());
        assert_eq!(read.check_signatures(&id, &election.admission), Ok(()));
        let Transaction::Vote { vote, .. } = &read else { panic!("{read:?}") };
        assert_eq!(signed.taken_until_ms, Some(vote.cast_at.0 + 600_000));
    }

    #[test]
    fn doubts_and_registrars_elections_are_refused_with_what_to_do() {
        let directory = tempfile::tempdir().expect("a directory");
        let election = chain::fixtures::election();
        let signing = signing(directory.path(), &election);
        let task = SignTask::Vote(SignVote { choices: "Nobod".into(), signing: signing.clone() });
        let error = sign(&task).expect_err("no such option").to_string();
        assert!(error.ends_with("; nothing was signed") && !error.contains('\n'), "{error}");
        let key = chain::fixtures::key(2).public();
        let registrars = vec![Registrar { name: "Secretary".into(), key }];
        let admission = AdmissionRule::Registrars { registrars, threshold: 1 };
        let signing = self::signing(directory.path(), &Election { admission, ..election });
        let error = sign(&SignTask::Register(SignRegistration { signing })).expect_err("no stamp");
        assert!(error.to_string().contains(&chain::fixtures::key(1).public().text()), "{error}");
    }
}
