//! The command line as a client of a running peer: the prompt's commands, carried out over HTTP, with the prompt's answers.
//!
//! What is signed is signed here, and nothing secret is sent but the peer's own token, to that peer. No runtime is needed,
//! and nothing is taken on trust that can be checked: the election by its id, a receipt by its proof. Nothing is rendered here.

mod ask;
mod commands;
mod error;
pub(super) mod events;
mod follow;
pub(super) mod http;
mod laboratory;
mod post;
#[cfg(test)]
mod scripted;
pub(super) mod server;
#[cfg(test)]
mod tests;
mod vote;

use std::io::{self, IsTerminal, Write};

use crate::actions::{PromptCommand, first_word, parse};
use crate::cli::{ClientRequest, Wish};
use crate::prompt::screen;
use crate::render::Style;
use crate::schema::Reply;
use crate::watch;
use error::ClientError;
use host::output::print;
use http::{Http, Patience};
use keys::SecretSource;
use server::Target;

/// How a request to a peer ended; it was told already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientEnd {
    Done,
    /// By the rules, whether the peer or this program applied them.
    Refused,
    /// Something has to be mended first: arguments, a file, a token.
    Usage,
    /// Nobody answers, or nobody who is a peer.
    NoContact,
}

/// Asks one peer, for one voter.
#[derive(Debug)]
struct Client {
    target: Target,
    http: Http,
    style: Style,
    /// Whether somebody sits at a terminal, who can be asked.
    asks: bool,
    /// What opens the key, if it is locked; it is asked for unless told.
    passphrase: Option<SecretSource>,
}

/// Carries out a request, and prints what came of it.
#[must_use]
pub fn client(request: &ClientRequest) -> ClientEnd {
    let is_terminal = io::stdout().is_terminal();
    let color = is_terminal && screen::wants_color();
    let style = Style::of(request.connection.format.json, color);
    let asks = is_terminal && io::stdin().is_terminal() && style != Style::Json;
    let word = word(&request.wish);
    let told = perform(request, style, asks).and_then(|reply| match reply {
        Some(reply) => {
            let end = end_of(&reply);
            print(&style.answer(&reply))?;
            Ok(end)
        }
        None => Ok(ClientEnd::Done),
    });
    let error = match told {
        Ok(end) => return end,
        Err(error) => error,
    };
    let told = match style {
        Style::Json => print(&style.refusal(&word, &error.refusal())),
        Style::Human { .. } => writeln!(io::stderr(), "peer: {error}"),
    };
    if told.is_err() {
        // The last words; there is nobody left to tell if stderr is closed, too.
        let _ = writeln!(io::stderr(), "peer: {error}");
    }
    error.end()
}

/// How a request ends that was answered.
fn end_of(reply: &Reply) -> ClientEnd {
    let is_whole = !matches!(reply, Reply::Posted(posted) if !posted.is_all());
    if is_whole { ClientEnd::Done } else { ClientEnd::Refused }
}

/// What came of it; `None` if that was told already.
fn perform(
    request: &ClientRequest,
    style: Style,
    asks: bool,
) -> Result<Option<Reply>, ClientError> {
    // A slip of the finger is told without asking anybody.
    let command = match &request.wish {
        Wish::Line(line) => parse(line)?,
        Wish::Receipt { voter, file } => {
            Some(PromptCommand::MyVote { voter: voter.clone(), receipt: Some(file.clone()) })
        }
        Wish::Post(_) | Wish::Admission { .. } | Wish::WatchResults | Wish::Watch | Wish::Login => {
            None
        }
    };
    if let (Some(PromptCommand::Vote { choices: None, .. }), false) = (&command, asks) {
        return Err(crate::actions::ActionError::NoChoices.into());
    }
    if request.wish == Wish::Watch && !watch::has_terminal() {
        return Err(ClientError::NoTerminal);
    }
    let target = Target::find(&request.connection)?;
    let http = Http::new(target.server.clone(), Patience::default());
    let client = Client { target, http, style, asks, passphrase: request.passphrase.clone() };
    match (&request.wish, command) {
        (Wish::WatchResults, _) => follow::watch_results(&client.http, style).map(|()| None),
        (Wish::Watch, _) => {
            let election = client.election()?;
            watch::watch(&request.connection, &election, client.http.base())
                .map(|()| None)
                .map_err(ClientError::Terminal)
        }
        (Wish::Login, _) => client.login().map(Some),
        (Wish::Post(file), _) => client.post(file).map(Some),
        (Wish::Admission { voter, file }, _) => client.register_by(voter.as_ref(), file).map(Some),
        (Wish::Line(_) | Wish::Receipt { .. }, Some(command)) => client.perform(command).map(Some),
        // A line without a word asks for nothing.
        (Wish::Line(_) | Wish::Receipt { .. }, None) => Ok(None),
    }
}

/// The command's name in its answer.
fn word(wish: &Wish) -> String {
    match wish {
        Wish::Line(line) => first_word(line),
        Wish::Receipt { .. } => "myvote".to_owned(),
        Wish::Post(_) => "registrar post".to_owned(),
        Wish::Admission { .. } => "register".to_owned(),
        Wish::WatchResults => "results".to_owned(),
        Wish::Watch => "watch".to_owned(),
        Wish::Login => "login".to_owned(),
    }
}
