//! The command line as a client of a running peer. It carries out the prompt's commands over HTTP
//! and gives the prompt's answers.
//!
//! Transactions are signed here. The only secret that is ever sent is the peer's own token, and
//! only to that peer. An async runtime serves signals alone. Whatever can be checked is checked instead
//! of being believed: the election by its id, and a receipt by its proof. Nothing is rendered here.

mod ask;
mod commands;
pub(crate) mod error;
pub(crate) mod events;
mod follow;
pub(crate) mod http;
mod interrupt;
mod laboratory;
mod post;
#[cfg(test)]
mod scripted;
pub(crate) mod server;
#[cfg(test)]
mod tests;
mod vote;

use std::io::{self, IsTerminal, Write};

use protocol::election::Election;

use crate::actions::ActionError;
use crate::cli::command::PromptCommand;
use crate::cli::{AnswerFormat, ClientRequest, ClientTask, Connection};
use crate::render::{Style, is_dumb_terminal, wants_color};
use crate::schema::{ElectionState, Reply};
use error::ClientError;
pub use error::ClientExit;
use host::output::{columns, print};
use http::{Http, Patience};
use interrupt::Sending;
use keys::SecretSource;
use server::Target;

/// Asks one peer on behalf of one voter.
#[derive(Debug, Clone)]
struct Client {
    target: Target,
    http: Http,
    style: Style,
    /// Whether there is a person at a terminal who can be asked.
    asks: bool,
    /// Where the passphrase of a locked key comes from. The user is asked for it if this is not
    /// given.
    passphrase: Option<SecretSource>,
    /// Whether a signal that asks this program to end is answered in words while something is sent: always, but in
    /// unit tests, whose program has signals of its own.
    minds_signals: bool,
    /// Whether anything that was signed may have reached the peer.
    sending: Sending,
}

/// Carries out a request, and prints its outcome.
#[must_use]
pub fn client(request: &ClientRequest) -> ClientExit {
    let style = style_of(request.connection.format);
    let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    let asks = is_terminal && !is_dumb_terminal() && style != Style::Json;
    finish(word(&request.task), style, perform(request, style, asks))
}

/// How answers look on this program's stdout.
pub(crate) fn style_of(format: AnswerFormat) -> Style {
    Style::of(format.json, io::stdout().is_terminal() && wants_color())
}

/// The election of a running peer, and the URL of that peer.
///
/// # Errors
/// When no peer is found or reached, or when it serves another election than the one that its data
/// directory stores.
pub(crate) fn election_and_server(
    connection: &Connection,
) -> Result<(Election, String), ClientError> {
    let client = Client::new(connection, style_of(connection.format), false, None)?;
    Ok((client.election()?, client.http.base().to_owned()))
}

/// Prints the outcome of the command `word`, if anything is still to be said, and determines the
/// exit of the program.
pub(crate) fn finish(
    word: &str,
    style: Style,
    outcome: Result<Option<Reply>, ClientError>,
) -> ClientExit {
    let printed = outcome.and_then(|reply| match reply {
        Some(reply) => {
            style.print(&reply)?;
            Ok(exit_after(&reply))
        }
        None => Ok(ClientExit::Done),
    });
    let error = match printed {
        Ok(exit) => return exit,
        Err(error) if error.is_closed_output() => return ClientExit::Done,
        Err(error) => error,
    };
    let printed = match style {
        Style::Json => print(&style.refusal(word, &error.refusal(), None)),
        Style::Human { .. } => {
            let text = style.fitted(format!("peer: {error}\n"), columns(&io::stderr()));
            io::stderr().write_all(text.as_bytes())
        }
    };
    if printed.is_err() {
        // These are the last words. If stderr is closed too, there is nobody left to tell.
        let _ = writeln!(io::stderr(), "peer: {error}");
    }
    error.exit()
}

/// The exit after a request that was answered.
fn exit_after(reply: &Reply) -> ClientExit {
    if matches!(reply, Reply::Posted(posted) if !posted.is_all()) {
        return ClientExit::Refused;
    }
    let finality = if let Reply::Results(results) = reply {
        results.finality.as_ref()
    } else if let Reply::Status(status) = reply {
        status.finality.as_ref()
    } else {
        None
    };
    // Whoever takes such a count for the result is wrong, also a script that reads nothing but this.
    match finality.is_some_and(|each| each.state == ElectionState::Disputed) {
        true => ClientExit::Refused,
        false => ClientExit::Done,
    }
}

/// Carries out a request and returns its outcome; `None` if it was printed already.
fn perform(
    request: &ClientRequest,
    style: Style,
    asks: bool,
) -> Result<Option<Reply>, ClientError> {
    let connect = || Client::new(&request.connection, style, asks, request.passphrase.clone());
    match &request.task {
        ClientTask::Command(typed) => {
            // A typing mistake is reported without asking any peer.
            let command = typed.clone().read().map_err(ActionError::from)?;
            if matches!(command, PromptCommand::Vote { choices: None, .. }) && !asks {
                return Err(ActionError::NoChoices.into());
            }
            connect()?.perform(command).map(Some)
        }
        ClientTask::Receipt { voter, file } => {
            let (voter, receipt) = (voter.clone(), Some(file.clone()));
            connect()?.perform(PromptCommand::MyVote { voter, receipt }).map(Some)
        }
        ClientTask::Post(file) => connect()?.post(file).map(Some),
        ClientTask::Admission { voter, file } => {
            connect()?.register_by(voter.as_ref(), file).map(Some)
        }
        ClientTask::WatchResults => follow::watch_results(&connect()?.http, style).map(|()| None),
        ClientTask::Login => connect()?.login().map(Some),
    }
}

impl Client {
    /// Finds the peer, without asking it anything yet.
    fn new(
        connection: &Connection,
        style: Style,
        asks: bool,
        passphrase: Option<SecretSource>,
    ) -> Result<Self, ClientError> {
        let target = Target::find(connection)?;
        let http = Http::new(target.server.clone(), Patience::default());
        let sending = Sending::default();
        Ok(Self { target, http, style, asks, passphrase, minds_signals: true, sending })
    }
}

/// The name of the command in its answer.
fn word(task: &ClientTask) -> &'static str {
    match task {
        ClientTask::Command(typed) => typed.word(),
        ClientTask::Receipt { .. } => "myvote",
        ClientTask::Post(_) => "registrar post",
        ClientTask::Admission { .. } => "register",
        ClientTask::WatchResults => "results",
        ClientTask::Login => "login",
    }
}
