//! Signs registrations and votes for a voter and sends them to a peer.

use std::io;
use std::thread;

use protocol::codec;
use protocol::election::Election;
use protocol::keys::VoterKey;
use protocol::transaction::{Choices, Transaction};
use protocol::units::ElectionId;

use super::Client;
use super::commands::check_kept;
use super::error::ClientError;
use super::http::HttpError;
use crate::actions::{ActionError, Answer, check_hours, check_not_closed, deadline, read_choices};
use crate::handle::Taken;
use crate::render::Style;
use crate::schema::Reply;
use crate::schema::{
    self, Event, Outcome, Outcomes, PRIVACY, Refusal, Registered, Submission, Voted, choice_names,
};
use crate::store::data_directory::DataDirectory;
use chain::TransactionError;
use host::clock::unix_now;
use host::output::{columns, tell};
use keys::passphrase;
use keys::signing;
use keys::{KeyFile, VoterName};
use node::CommandError;

/// How often the same bytes are sent until an answer arrives. Each attempt may take as long as the
/// client waits for an answer.
const SUBMISSIONS_MAX: u32 = 4;

impl Client {
    pub(super) fn register(&self, name: Option<&VoterName>) -> Result<Reply, ClientError> {
        let name = name.cloned();
        self.unless_interrupted("your registration", move |client| {
            client.register_now(name.as_ref())
        })
    }

    /// Casts the vote that the text describes, or that the voter enters when asked. Registers the
    /// voter first if necessary.
    pub(super) fn vote(
        &self,
        name: Option<&VoterName>,
        text: Option<&str>,
    ) -> Result<Reply, ClientError> {
        let (name, text) = (name.cloned(), text.map(str::to_owned));
        self.unless_interrupted("your vote", move |client| {
            client.vote_now(name.as_ref(), text.as_deref())
        })
    }

    fn register_now(&self, name: Option<&VoterName>) -> Result<Reply, ClientError> {
        let election = self.election()?;
        let file = self.signing_file(name, &election)?;
        let voter = file.public()?.voter();
        if self.voter(voter)?.registration.is_some() {
            return Err(refused(TransactionError::AlreadyRegistered { voter }));
        }
        if election.admission.registration_bits().is_none() {
            return Err(refused_with_key(TransactionError::NeedsAdmission, &file));
        }
        check_not_closed(&election, unix_now()).map_err(ActionError::from)?;
        let key = self.unlock(&file)?;
        let registration = self.registration(&key, &election)?;
        let [outcome] = self.submit([&registration], &election.election_id())?;
        let transaction = outcome.map_err(peer_refuses)?.id;
        Ok(Reply::Register(Registered { accepted: true, transaction, voter }))
    }

    fn vote_now(&self, name: Option<&VoterName>, text: Option<&str>) -> Result<Reply, ClientError> {
        let election = self.election()?;
        let answers = text.map(|text| read_choices(text, &election)).transpose();
        let answers = answers.map_err(ActionError::from)?;
        let doubt = answers.iter().flatten().find_map(Answer::doubt);
        if let (Some(doubt), false) = (doubt, self.asks) {
            return Err(ActionError::from(doubt.clone()).into());
        }
        let is_clear = answers.is_some() && doubt.is_none();
        let answers = answers.unwrap_or_default();
        let file = self.signing_file(name, &election)?;
        let voter = file.public()?.voter();
        let known = self.voter(voter)?;
        if let Some(refusal) = known.refusal(&election.admission) {
            return Err(refused_with_key(refusal, &file));
        }
        let now = unix_now();
        check_hours(&election, now).map_err(ActionError::from)?;
        let key = self.unlock(&file)?;
        let choices = if is_clear {
            if self.style != Style::Json {
                let told = format!("{}{PRIVACY}\n", deadline(&election, now));
                tell(&self.style.fitted(told, columns(&io::stderr())));
            }
            answers.into_iter().filter_map(Answer::given).collect()
        } else {
            self.ask_choices(&election, answers)?
        };
        let names = choice_names(&choices, &election);
        let is_new = known.registration.is_none();
        let Taken { id: transaction, is_late: late } =
            self.cast(&key, &election, choices, is_new)?;
        // The vote is taken, whether this can be told or not.
        let standing = self.voter(voter).ok().and_then(|voter| voter.vote);
        let held_by = standing.map(|vote| vote.held_by);
        Ok(Reply::Vote(Voted { accepted: true, transaction, choices: names, held_by, late }))
    }

    /// Signs a vote and hands it in, with the registration of a new voter before it.
    fn cast(
        &self,
        key: &VoterKey,
        election: &Election,
        choices: Choices,
        is_new: bool,
    ) -> Result<Taken, ClientError> {
        let id = election.election_id();
        let registration = is_new.then(|| self.registration(key, election)).transpose()?;
        let vote = signing::vote(key, election, choices);
        let outcome = match registration {
            None => {
                let [vote] = self.submit([&vote], &id)?;
                vote
            }
            Some(registration) => match self.submit([&registration, &vote], &id)? {
                [Err(refusal), Err(_)] => Err(refusal),
                // If the same key was registered from elsewhere in the meantime, that registration
                // serves as well.
                [_, vote] => vote,
            },
        };
        outcome.map_err(peer_refuses)
    }

    /// The key file of a voter of the data directory. If a server and a directory were both named,
    /// the directory's own key is made if there is none.
    fn signing_file(
        &self,
        name: Option<&VoterName>,
        election: &Election,
    ) -> Result<KeyFile, ClientError> {
        let path = self.target.directory()?;
        check_kept(&path, election)?;
        if let Some(file) = self.own_file(name)? {
            return Ok(file);
        }
        if name.is_some() || !self.target.may_make_key {
            return Err(self.no_key(self.own_place(name)?));
        }
        let directory = DataDirectory::open(path)?;
        directory.keep_election(election)?;
        let file = keys::read_or_make(directory.path())?;
        let made = file.path().display();
        tell(&format!("made {made}: keep a copy of it, and keep it to yourself\n"));
        Ok(file)
    }

    /// The key that signs. Its passphrase is used here and passed on to nobody.
    fn unlock(&self, file: &KeyFile) -> Result<VoterKey, ClientError> {
        passphrase::unlock(file, self.passphrase.as_ref())
    }

    /// Makes a signed registration. It tells the user about the search for a stamp, which may take
    /// a while.
    fn registration(
        &self,
        key: &VoterKey,
        election: &Election,
    ) -> Result<Transaction, ClientError> {
        let registration_bits = election.admission.registration_bits();
        let registration_bits =
            registration_bits.ok_or_else(|| refused(TransactionError::NeedsAdmission))?;
        let event = Event::Registering { voter: key.public().voter(), registration_bits };
        let text = self.style.event(&event, unix_now().0);
        tell(&self.style.fitted(text, columns(&io::stderr())));
        Ok(signing::registration(key, election, registration_bits))
    }

    /// Sends transactions to the peer, and sends the same bytes again while no answer arrives. The
    /// peer treats repeated ones as the same.
    pub(super) fn submit<const N: usize>(
        &self,
        transactions: [&Transaction; N],
        election: &ElectionId,
    ) -> Result<[Result<Taken, Refusal>; N], ClientError> {
        let encoded = transactions.iter().map(|each| hex::encode(codec::encode(each)));
        let submission = Submission { transactions: encoded.collect() };
        let Outcomes { outcomes } = self.post_until_answered(&submission)?;
        let not_a_peer = |reason: &str| self.http.not_a_peer(reason.to_owned());
        let outcomes: [Outcome; N] = outcomes
            .try_into()
            .map_err(|_| not_a_peer("it does not tell what came of each transaction"))?;
        let mut told = Vec::with_capacity(N);
        for (outcome, sent) in outcomes.into_iter().zip(transactions) {
            told.push(match (outcome.transaction, outcome.error) {
                (None, Some(error)) => Err(error),
                (Some(id), None) if id == sent.id(election) => {
                    Ok(Taken { id, is_late: outcome.late })
                }
                _ => {
                    return Err(not_a_peer("it took another transaction than was sent").into());
                }
            });
        }
        Ok(told.try_into().expect("there are as many as were sent"))
    }

    pub(super) fn post_until_answered(
        &self,
        submission: &Submission,
    ) -> Result<Outcomes, ClientError> {
        let mut lost = false;
        if !self.sending.begin() {
            return Err(ClientError::NotSent { what: "this" });
        }
        for attempt in 1.. {
            let error = match self.http.post("/v1/transactions", submission) {
                Ok(outcomes) => return Ok(outcomes),
                Err(error) => error,
            };
            lost |= error.is_answer_lost();
            let may_be_answered =
                error.is_answer_lost() || (lost && matches!(error, HttpError::NoContact { .. }));
            if !may_be_answered {
                return Err(error.into());
            }
            if attempt == SUBMISSIONS_MAX {
                return Err(ClientError::AnswerLost { error });
            }
            thread::sleep(self.http.patience.pause);
        }
        unreachable!("the last attempt returns")
    }
}

pub(super) fn refused(error: TransactionError) -> ClientError {
    ActionError::from(CommandError::from(error)).into()
}

/// The same, and if the registrars have to admit the voter first, with the key to send to them.
fn refused_with_key(error: TransactionError, file: &KeyFile) -> ClientError {
    ActionError::from(CommandError::from(error)).with_key(|| file.public().ok()).into()
}

pub(super) fn peer_refuses(refusal: schema::Refusal) -> ClientError {
    HttpError::Refused { status: 200, refusal }.into()
}
