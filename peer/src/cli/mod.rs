//! What was typed, and what it means: arguments, `OSTRAKON_*` variables, and lines of the prompt.
//!
//! Nothing is carried out or looked up here, and nothing of the rooms that do it is known, so that all of them may
//! import the descriptions of their tasks from here.

mod arguments;
mod ballot;
mod client;
pub(crate) mod command;
mod format;
mod hyphens;
pub(crate) mod input_error;
mod invoked;
mod key;
pub(crate) mod laboratory;
pub(crate) mod manual;
mod mistakes;
mod offline;
pub(crate) mod option_number;
mod pages;
mod registrar;
mod sign;
pub(crate) mod suggest;
mod usage_error;
mod validator;

use std::path::PathBuf;

use clap::CommandFactory;
use clap::error::ErrorKind;

use crate::config::Settings;
pub use arguments::LogFormat;
use arguments::{Arguments, ManCommand, Task};
use ballot::BallotCommand;
pub(crate) use ballot::moment;
pub use ballot::{Calibrate, CheckBallot, NewBallot};
use client::ClientMode;
pub use client::{ClientRequest, ClientTask, Connection};
pub use command::TypedCommand;
pub use format::{AnswerFormat, Quiet};
use host::wrap::wrap;
pub use invoked::{Invoked, PEER_WORD, invoked};
pub use key::{
    ChangePassphrase, ExportKey, ImportKey, KeyLocation, KeyTask, LockOptions, NewKey,
    NewPassphraseOptions, PassphraseOptions, ShowKey,
};
pub use offline::{AuditChain, CheckEvidence, ExportChain, ExportKind, ImportChain, VerifyReceipt};
use pages::completions;
pub use pages::{ManPage, man_pages};
pub use registrar::{InitRegistrar, RegistrarTask, ShowSigned, SignList};
pub use sign::{SignRegistration, SignTask, SignVote, Signing};
pub use usage_error::UsageError;
pub use validator::{InitValidator, ValidatorTask};

/// The columns of a help that goes into a file or a pipe.
const COLUMNS_DEFAULT: usize = 100;

/// What `peer -h` shows: what most people need, on one screen.
const BRIEF_HELP: &str = "\
Ostrakon's peer: keeps the chain of votes, checks it, mines, and counts.

  peer TRACKER LISTEN   take part: peer example.org:5000 6001
  peer LISTEN           without a tracker, on the election of ./ballot.toml
    --ballot FILE       take part in this election and no other
    --data-dir DIR      where the key and the chain are kept
    --observe           neither vote nor mine
    --service           read no commands, and run until a signal

Once it runs, from another terminal or at its prompt (where `help` shows all):

  peer ballot show      the questions and their options
  peer vote             vote, question by question
  peer myvote           where your own vote stands
  peer results          the count
  peer status           tip, pool, neighbours and tracker
  peer watch            all of it on the whole terminal
  peer leave            take leave of the others

For organisers: peer ballot, peer registrar. For auditors: peer export, peer audit, peer verify-receipt. For voters' \
keys: peer key. `peer --help` shows every command and option, `peer vote --help` those of a command.
";

/// What the user wants.
#[derive(Debug)]
pub enum Invocation {
    Run {
        settings: Box<Settings>,
        log_format: LogFormat,
    },
    NewBallot(NewBallot),
    CheckBallot(CheckBallot),
    Registrar(RegistrarTask),
    Validator(ValidatorTask),
    Key(KeyTask),
    Sign(SignTask),
    Export(ExportChain),
    Audit(AuditChain),
    Import(ImportChain),
    VerifyReceipt(VerifyReceipt),
    CheckEvidence(CheckEvidence),
    Calibrate(Calibrate),
    /// A question or an order to a running peer.
    Client(ClientRequest),
    /// All of a running peer on the terminal, as it changes.
    Watch(Connection),
    /// The manual, one page per command.
    WriteManPages {
        directory: PathBuf,
        force: bool,
    },
    /// `--help`, `--version` or a script: a text for stdout.
    Show(String),
}

/// Reads arguments and variables. `cores` is how many the machine has, and `columns` how many the terminal has, if it
/// tells.
///
/// # Errors
/// One line that says what is wrong.
pub fn parse(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
    cores: usize,
    columns: Option<usize>,
) -> Result<Invocation, UsageError> {
    let words = hyphens::apart(arguments.into_iter().collect());
    let columns = columns.unwrap_or(COLUMNS_DEFAULT);
    let command = host::variables::without_empty(Arguments::command()).term_width(columns);
    let matches = command.try_get_matches_from(&words);
    match matches.and_then(|matches| Arguments::of_matches(&matches)) {
        Ok(arguments) => invocation(arguments, cores),
        Err(error) if error.kind() == ErrorKind::DisplayHelp && is_brief(&words) => {
            Ok(Invocation::Show(wrap(BRIEF_HELP, columns)))
        }
        // The library wraps what describes an option, and leaves the rest as it is.
        Err(error) if is_text(error.kind()) => {
            Ok(Invocation::Show(wrap(&error.render().to_string(), columns)))
        }
        Err(error) => Err(UsageError { message: mistakes::message(&error, &words) }),
    }
}

fn invocation(arguments: Arguments, cores: usize) -> Result<Invocation, UsageError> {
    match arguments.task {
        Some(Task::Ballot(BallotCommand::New(new))) => Ok(Invocation::NewBallot(new)),
        Some(Task::Ballot(BallotCommand::Check(check))) => Ok(Invocation::CheckBallot(check)),
        Some(Task::Registrar(command)) => Ok(match command.task() {
            Ok(task) => Invocation::Registrar(task),
            Err(request) => Invocation::Client(*request),
        }),
        Some(Task::Validator(task)) => Ok(Invocation::Validator(task)),
        Some(Task::Key(task)) => Ok(Invocation::Key(task)),
        Some(Task::Sign(task)) => Ok(Invocation::Sign(task)),
        Some(Task::Export(export)) => Ok(Invocation::Export(export)),
        Some(Task::Audit(audit)) => Ok(Invocation::Audit(audit)),
        Some(Task::Import(import)) => Ok(Invocation::Import(import)),
        Some(Task::VerifyReceipt(verify)) => Ok(Invocation::VerifyReceipt(verify)),
        Some(Task::Calibrate(task)) => Ok(Invocation::Calibrate(task)),
        Some(Task::CheckEvidence(check)) => Ok(Invocation::CheckEvidence(check)),
        Some(Task::Client(command)) => Ok(match command.mode() {
            ClientMode::Ask(request) => Invocation::Client(request),
            ClientMode::Watch(connection) => Invocation::Watch(connection),
        }),
        Some(Task::Ballot(BallotCommand::Show(connection))) => {
            Ok(Invocation::Client(ClientRequest::ballot(connection)))
        }
        Some(Task::Completions(task)) => Ok(Invocation::Show(completions(task.shell))),
        Some(Task::Man(ManCommand { directory: Some(directory), force })) => {
            Ok(Invocation::WriteManPages { directory, force })
        }
        Some(Task::Man(ManCommand { directory: None, .. })) => {
            Ok(Invocation::Show(man_pages().swap_remove(0).text))
        }
        None => {
            let log_format = arguments.log_format;
            let settings = Box::new(arguments.settings(cores)?);
            Ok(Invocation::Run { settings, log_format })
        }
    }
}

/// Whether the program's own short help is asked for, rather than that of one of its commands.
fn is_brief(words: &[std::ffi::OsString]) -> bool {
    let command = Arguments::command();
    let mut words = words.iter().skip(1).take_while(|word| {
        word.to_str().is_none_or(|word| command.find_subcommand(word).is_none())
    });
    words.find(|word| *word == "-h" || *word == "--help").is_some_and(|word| word == "-h")
}

fn is_text(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
}

#[cfg(test)]
mod tests;
