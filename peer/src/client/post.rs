//! Hands to a peer what registrars signed: either a whole file, or only a voter's own line of it.
//! Handing in the same line again is harmless, so anyone who was interrupted can simply start over.

use std::path::Path;
use std::thread;

use protocol::codec;
use protocol::election::Election;
use protocol::transaction::Transaction;
use protocol::units::{ElectionId, TransactionId, VoterId};

use super::Client;
use super::error::ClientError;
use super::http::HttpError;
use super::vote::{peer_refuses, refused};
use crate::organiser::{Check, RecordError, RegistrarError, SignedFile};
use crate::schema::{
    IncompleteEntry, Outcome, Outcomes, Posted, RecordKind, Refusal, RefusedEntry, Registered,
    Reply, Submission,
};
use chain::TransactionError;
use host::output::tell;
use host::progress::Progress;
use keys::VoterName;

/// The most transactions in one request that a peer accepts.
const BATCH_MAX: usize = 1_000;
/// The most digits of the transactions in one request. Together with the JSON around them they stay
/// below the 1 MiB that a peer accepts.
const BATCH_DIGITS_MAX: usize = 900_000;
/// After this number of pauses in a row, of one second each, a transaction for which the peer has
/// no room counts as refused. Most blocks are mined sooner than that.
const WAITS_MAX: u32 = 600;
/// The most lines that one answer names.
const TOLD_MAX: usize = 100;
/// The refusals that pass without anybody's action, such as that of a full pool, which has room
/// again after the next block.
const PASSING: [&str; 6] =
    ["pool_full", "busy", "not_durable", "clock_behind", "block_lost", "not_read"];

/// A transaction that is being sent.
#[derive(Debug)]
struct Sent {
    line: u64,
    voter: VoterId,
    id: TransactionId,
    digits: String,
}

impl Client {
    /// Hands in every complete transaction of a file.
    pub(super) fn post(&self, path: &Path) -> Result<Reply, ClientError> {
        let election = self.election()?;
        let file = read(path, &election)?;
        let (id, threshold) = (election.election_id(), election.admission.threshold());
        let mut posted = Posted {
            file: path.to_owned(),
            kind: file.kind.name().to_owned(),
            entries: file.entries.len(),
            ..Posted::default()
        };
        let progress = Progress::new("posting", file.entries.len() as u64);
        let (mut batch, mut digits) = (Vec::new(), 0);
        // Joined files and empty lines leave voters in other lines than their order says.
        let mut entries: Vec<_> = file.entries.iter().collect();
        entries.sort_by_key(|(_, entry)| entry.line);
        for (voter, entry) in entries {
            let line = entry.line.expect("it was read from a file");
            let Some(transaction) = entry.transaction(file.kind, *voter, &id, threshold) else {
                let signatures_missing = usize::from(threshold) - entry.signatures.len();
                posted.note_incomplete(IncompleteEntry { line, voter: *voter, signatures_missing });
                progress.advance(1);
                continue;
            };
            let sent = Sent::new(line, *voter, &transaction, &id);
            if batch.len() == BATCH_MAX || digits + sent.digits.len() > BATCH_DIGITS_MAX {
                self.post_batch(std::mem::take(&mut batch), &mut posted, &progress)?;
                digits = 0;
            }
            digits += sent.digits.len();
            batch.push(sent);
        }
        self.post_batch(batch, &mut posted, &progress)?;
        Ok(Reply::Posted(Box::new(posted)))
    }

    /// Hands in the voter's own admission from a file.
    pub(super) fn register_by(
        &self,
        name: Option<&VoterName>,
        path: &Path,
    ) -> Result<Reply, ClientError> {
        let election = self.election()?;
        let voter = self.own_id(name)?;
        let mut file = read(path, &election)?;
        if file.kind != RecordKind::Admissions {
            let (found, expected) = (file.kind.name(), RecordKind::Admissions.name());
            let reason = RecordError::OtherKind { found, expected };
            return Err(RegistrarError::Record { path: path.to_owned(), reason }.into());
        }
        let entry = file.entries.remove(&voter);
        let entry =
            entry.ok_or_else(|| ClientError::NotAdmitted { path: path.to_owned(), voter })?;
        let (id, expected) = (election.election_id(), election.admission.threshold());
        let found = entry.signatures.len();
        let admission = entry.transaction(file.kind, voter, &id, expected);
        let admission = admission.ok_or_else(|| ClientError::Incomplete {
            path: path.to_owned(),
            voter,
            found,
            expected,
        })?;
        if self.voter(voter)?.registration.is_some() {
            return Err(refused(TransactionError::AlreadyRegistered { voter }));
        }
        let transaction = self.unless_interrupted("your admission", move |client| {
            let [outcome] = client.submit([&admission], &id)?;
            Ok(outcome.map_err(peer_refuses)?.id)
        })?;
        Ok(Reply::Register(Registered { accepted: true, transaction, voter }))
    }

    /// Sends a batch until each transaction was accepted or finally refused.
    fn post_batch(
        &self,
        mut batch: Vec<Sent>,
        posted: &mut Posted,
        progress: &Progress,
    ) -> Result<(), ClientError> {
        let mut waits = 0;
        while !batch.is_empty() {
            let length = batch.len();
            let wait = match self.post_once(&batch, posted.accepted)? {
                Ok(outcomes) => {
                    let may_wait = waits < WAITS_MAX;
                    let wait = self.sort(&mut batch, outcomes, may_wait, posted)?;
                    progress.advance((length - batch.len()) as u64);
                    wait
                }
                Err(refusal) if waits < WAITS_MAX => Some(refusal),
                Err(refusal) => {
                    for sent in batch.drain(..) {
                        posted.note_refused(sent, refusal.clone());
                    }
                    None
                }
            };
            let Some(reason) = wait else { continue };
            if waits == 0 {
                tell(&format!("waiting: {}\n", reason.message));
            }
            waits = if batch.len() < length { 1 } else { waits + 1 };
            thread::sleep(self.http.patience.pause);
        }
        Ok(())
    }

    /// Sends a batch once. The inner error is the reason why the peer accepts nothing at the
    /// moment.
    fn post_once(
        &self,
        batch: &[Sent],
        accepted: usize,
    ) -> Result<Result<Vec<Outcome>, Refusal>, ClientError> {
        let transactions = batch.iter().map(|sent| sent.digits.clone()).collect();
        let error = match self.post_until_answered(&Submission { transactions }) {
            Ok(Outcomes { outcomes }) if outcomes.len() == batch.len() => return Ok(Ok(outcomes)),
            Ok(_) => {
                let reason = "it does not tell what came of each transaction".to_owned();
                return Err(self.http.not_a_peer(reason).into());
            }
            Err(ClientError::AnswerLost { error }) => {
                return Err(ClientError::PostCut { error, accepted });
            }
            Err(ClientError::Http(error)) => error,
            Err(error) => return Err(error),
        };
        match error {
            HttpError::Refused { status, refusal }
                if status == 429 || PASSING.contains(&refusal.kind.as_str()) =>
            {
                Ok(Err(refusal))
            }
            error @ (HttpError::NoContact { .. }
            | HttpError::TimedOut { .. }
            | HttpError::Cut { .. }) => Err(ClientError::PostCut { error, accepted }),
            error @ (HttpError::Refused { .. } | HttpError::NotAPeer { .. }) => Err(error.into()),
        }
    }

    /// Records the outcome of each transaction, and keeps those that have to be sent again. Returns
    /// the reason of the last of these.
    fn sort(
        &self,
        batch: &mut Vec<Sent>,
        outcomes: Vec<Outcome>,
        may_wait: bool,
        posted: &mut Posted,
    ) -> Result<Option<Refusal>, ClientError> {
        let mut wait = None;
        for (sent, outcome) in std::mem::take(batch).into_iter().zip(outcomes) {
            match (outcome.transaction, outcome.error) {
                (Some(transaction), None) if transaction == sent.id => posted.accepted += 1,
                (None, Some(error)) if may_wait && PASSING.contains(&error.kind.as_str()) => {
                    wait = Some(error);
                    batch.push(sent);
                }
                (None, Some(error)) => posted.note_refused(sent, error),
                _ => {
                    let reason = "it took another transaction than was sent".to_owned();
                    return Err(self.http.not_a_peer(reason).into());
                }
            }
        }
        Ok(wait)
    }
}

impl Sent {
    fn new(line: u64, voter: VoterId, transaction: &Transaction, election: &ElectionId) -> Self {
        let digits = hex::encode(codec::encode(transaction));
        Self { line, voter, id: transaction.id(election), digits }
    }
}

impl Posted {
    fn note_incomplete(&mut self, entry: IncompleteEntry) {
        self.incomplete += 1;
        if self.first_incomplete.len() < TOLD_MAX {
            self.first_incomplete.push(entry);
        }
    }

    fn note_refused(&mut self, sent: Sent, error: Refusal) {
        self.refused += 1;
        if self.first_refused.len() < TOLD_MAX {
            self.first_refused.push(RefusedEntry { line: sent.line, voter: sent.voter, error });
        }
    }
}

fn read(path: &Path, election: &Election) -> Result<SignedFile, ClientError> {
    let read = SignedFile::read(path, election, Check::Lines)?;
    Ok(read.ok_or_else(|| RegistrarError::NoRecord { path: path.to_owned() })?)
}
