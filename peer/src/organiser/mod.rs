//! What organisers, registrars and validators do: making ballots and keys, signing for the voters of a list, collecting
//! signatures in a file until there are enough, and measuring a machine for a ballot.
//!
//! Nothing here talks to a peer; `client::post` hands in what is complete. Of an organiser's list only the voters'
//! keys are used: everything else in it, ids above all, must never reach a file, an answer or a log.

pub(crate) mod ballot;
pub(crate) mod calibrate;
mod init;
mod key;
mod list;
mod option_names;
mod record;
mod show;
mod sign;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;

use protocol::units::ElectionId;

pub(crate) use list::ListError;
pub(crate) use record::{Check, RecordError, SignedFile};

use crate::cli::{RegistrarTask, ValidatorTask};
use crate::render::Style;
use crate::schema::{RecordKind, Reply};
use crate::store::local_election::LocalElectionError;
use host::files::FileError;
use host::whole_file::WholeFileError;
use keys::{KeyFileError, KeyRole, PassphraseError};

/// The reason why a registrar's command failed. Each message is one line, except that every mistake
/// in a list has a line of its own.
#[derive(Debug, thiserror::Error)]
pub enum RegistrarError {
    #[error(transparent)]
    Ballot(#[from] LocalElectionError),
    #[error(
        "{path}: anybody may register in this election (admission = \"open\"), so there is nothing to sign",
        path = path.display()
    )]
    Open { path: PathBuf },
    #[error(
        "the key in {path} is none of this election's registrars' ({registrars}): name another --key, or another --ballot",
        path = path.display()
    )]
    NotARegistrar { path: PathBuf, registrars: String },
    #[error("`--name {name}`: a {role}'s name is one line of 1 to 200 bytes")]
    Name { role: KeyRole, name: String },
    #[error("there is no key in {path}: make one by `peer registrar init`", path = path.display())]
    NoKey { path: PathBuf },
    #[error("{path} is there already: name another --key", path = path.display())]
    KeyExists { path: PathBuf },
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    #[error("{path}: {reason}", path = path.display())]
    List { path: PathBuf, reason: ListError },
    #[error("{path}: {reason}", path = path.display())]
    Record { path: PathBuf, reason: RecordError },
    #[error(
        "{path} is of election {found}, and not of {expected}: name another file, or the election that it is of",
        path = path.display()
    )]
    OtherElection { path: PathBuf, found: ElectionId, expected: ElectionId },
    #[error(
        "there is no {path}: `peer registrar admit` and `peer registrar withdraw` make such files",
        path = path.display()
    )]
    NoRecord { path: PathBuf },
    #[error("{path} would have over {max} voters", path = path.display())]
    TooManyVoters { path: PathBuf, max: u32 },
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Write(#[from] WholeFileError),
    #[error("can't write to stdout: {}", host::reason::of(.0))]
    Stdout(#[from] io::Error),
}

/// Carries out a registrar's command, and prints its outcome.
///
/// # Errors
/// See [`RegistrarError`]. No file was changed in that case.
pub fn registrar(task: &RegistrarTask) -> Result<(), RegistrarError> {
    let (reply, format) = match task {
        RegistrarTask::Init(task) => (Reply::NewRegistrar(init::registrar(task)?), task.format),
        RegistrarTask::Admit(task) => {
            let report = sign::sign(task, RecordKind::Admissions)?;
            (Reply::Admitted(Box::new(report)), task.format)
        }
        RegistrarTask::Withdraw(task) => {
            let report = sign::sign(task, RecordKind::Withdrawals)?;
            (Reply::Withdrawn(Box::new(report)), task.format)
        }
        RegistrarTask::Show(task) => (Reply::SignedFile(show::show(task)?), task.format),
    };
    Ok(Style::of(format.json, false).print(&reply)?)
}

/// Carries out a validator's command, and prints its outcome.
///
/// # Errors
/// See [`RegistrarError`]. No file was changed in that case.
pub fn validator(task: &ValidatorTask) -> Result<(), RegistrarError> {
    let ValidatorTask::Init(task) = task;
    let reply = Reply::NewValidator(init::validator(task)?);
    Ok(Style::of(task.format.json, false).print(&reply)?)
}
