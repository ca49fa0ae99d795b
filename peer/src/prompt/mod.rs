//! The console. It reads commands from a terminal or a pipe, has them carried out one after the
//! other, and prints their answers and the events that happen meanwhile.

mod complete;
mod dialog;
mod events;
mod foreground;
#[cfg(unix)]
mod keyboard;
mod lines;
pub(crate) mod logs;
mod perform;
pub(crate) mod screen;
mod terminal;
mod typed_bytes;
#[cfg(not(unix))]
mod windows_keyboard;

use std::io::{self, IsTerminal};

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

use crate::actions::{ActionError, Actions};
use crate::cli::command::{PromptCommand, first_word, parse};
use crate::render::{Style, is_dumb_terminal, wants_color};
use crate::schema::Reply;
use crate::schema::{self, Event, OwnVoteStanding, PRIVACY};
use host::clock::unix_now;
use host::output::LAST_WORDS_PATIENCE;
use host::signals::EndSignals;
use node::Command;
use perform::unanswered;
use screen::{Screen, Sink};
use terminal::{Reading, Terminal, Typed};

pub(crate) use events::print_events;
#[cfg(unix)]
pub(crate) use foreground::is_in_front;

const PROMPT: &str = "ostrakon> ";

/// What a peer says that was started by `peer … &` from a shell.
const IN_BACKGROUND: &str =
    "This peer runs in the background: `fg` brings its prompt, and with --service it needs none.";

/// Where commands come from, and where answers go.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) style: Style,
    pub(crate) screen: Screen,
    input: Input,
    signals: EndSignals,
}

#[derive(Debug)]
enum Input {
    Terminal {
        terminal: Terminal,
        /// The command that is being typed.
        reading: Option<Reading>,
        /// A command that was typed while the previous one was being carried out.
        typed: Option<Typed>,
    },
    Lines {
        lines: mpsc::Receiver<lines::Line>,
        /// What arrived before the peer could act on it.
        early: Option<Early>,
        /// Whether there was any line so far.
        has_begun: bool,
    },
    /// Nothing is read: signals and the API end the peer.
    Service,
}

/// What came of reading lines before the peer could act on them.
#[derive(Debug)]
enum Early {
    Line(lines::Line),
    End,
}

/// Why no more commands are carried out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServeEnd {
    /// A command asked the peer to leave.
    Command,
    /// The user asked for it by a key, or by the end of the input.
    Input,
    /// The input ended before its first line.
    NoInput,
    /// The input can't be read.
    Failed(String),
}

impl Console {
    /// Shows a prompt if stdin and stdout are a terminal. Otherwise it reads lines and prints
    /// lines. A service reads nothing.
    pub(crate) fn start(json: bool, service: bool, signals: EndSignals) -> Self {
        let is_terminal =
            io::stdin().is_terminal() && io::stdout().is_terminal() && !is_dumb_terminal();
        if is_terminal
            && !json
            && !service
            && let Some((terminal, sink)) = Terminal::start()
        {
            let color = wants_color();
            let screen = Screen::start(sink);
            logs::share_terminal(screen.clone());
            let input = Input::Terminal { terminal, reading: None, typed: None };
            return Self { style: Style::Human { color }, screen, input, signals };
        }
        let style = Style::of(json, false);
        let input = match service {
            true => Input::Service,
            false => Input::Lines { lines: lines::read_stdin(), early: None, has_begun: false },
        };
        Self { style, screen: Screen::start(Sink::Stdout), input, signals }
    }

    /// Whether there is a terminal: progress has one line that is drawn anew, and the user can be asked.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self.input, Input::Terminal { .. })
    }

    /// Completes when nobody can give a command any more, because the input ended before its first
    /// line, or can't be read.
    pub(crate) async fn abandoned(&mut self) -> ServeEnd {
        if let Input::Lines { lines, early: early @ None, .. } = &mut self.input {
            match lines.recv().await {
                None => {
                    *early = Some(Early::End);
                    return ServeEnd::NoInput;
                }
                Some(lines::Line::Failed(reason)) => return ServeEnd::Failed(reason),
                Some(line) => *early = Some(Early::Line(line)),
            }
        }
        std::future::pending().await
    }

    /// Says that the peer is running and, on a terminal, what the user can do.
    pub(crate) async fn greet(&self, listening: &Event, actions: &Actions) {
        logs::log_event(listening);
        self.screen.print(self.style.event(listening, unix_now().0)).await;
        let banner = schema::Role::from(actions.role).banner();
        let is_open = actions.election.admission.registrars().is_empty();
        let open = is_open.then_some(schema::OPEN_BANNER);
        if let Style::Human { .. } = self.style {
            for banner in banner.into_iter().chain(open) {
                self.screen.print(format!("{banner}\n")).await;
            }
        }
        if let Input::Terminal { terminal, .. } = &self.input {
            terminal.remember(&actions.data_directory);
            let privacy = if actions.voters.is_some() { PRIVACY } else { "" };
            let hint = format!("`help` shows the commands. {privacy}");
            self.screen.print(format!("{}\n", hint.trim_end())).await;
            if !terminal.is_in_front() {
                self.screen.print(format!("{IN_BACKGROUND}\n")).await;
            }
        }
    }

    /// Carries out commands until the peer has to leave.
    pub(crate) async fn serve(&mut self, actions: &Actions) -> ServeEnd {
        loop {
            let line = match self.next(actions).await {
                Typed::Line(line) => line,
                Typed::Interrupted | Typed::End | Typed::BrokenOff => {
                    match self.confirms_leave(actions).await {
                        true => return self.end_of_input(),
                        false => continue,
                    }
                }
                Typed::HungUp => return ServeEnd::Input,
                Typed::Failed(reason) => return ServeEnd::Failed(reason),
            };
            let word = first_word(&line);
            let outcome = match parse(&line) {
                Ok(None) => continue,
                Ok(Some(PromptCommand::Leave)) => {
                    if self.confirms_leave(actions).await {
                        return ServeEnd::Command;
                    }
                    continue;
                }
                Ok(Some(command)) => self.carry_out(command, actions).await,
                Err(error) => Some(Err(error.into())),
            };
            match outcome {
                Some(outcome) => self.answer(&word, &outcome).await,
                None => self.screen.print(format!("{}\n", unanswered(&word))).await,
            }
        }
    }

    /// Prints an answer.
    pub(crate) async fn answer(&self, word: &str, outcome: &Result<Reply, ActionError>) {
        let text = match outcome {
            Ok(reply) => self.style.answer(reply),
            Err(error) => self.style.refusal(word, &error.into(), Some(unix_now().0)),
        };
        self.screen.print(text).await;
    }

    /// Prints everything that waits, restores the terminal, and prints the last words, if there are
    /// any.
    pub(crate) async fn end(&self, last_words: Option<&Event>) {
        last_words.into_iter().for_each(logs::log_event);
        let text = last_words.map(|event| self.style.event(event, unix_now().0));
        let text = text.unwrap_or_default();
        match &self.input {
            Input::Terminal { terminal, .. } => {
                // The editor may have ended while something waited for it, and accepts nothing more
                // in that case.
                let _ = timeout(LAST_WORDS_PATIENCE, self.screen.flush()).await;
                terminal.end(&text);
            }
            Input::Lines { .. } | Input::Service => {
                // If nobody reads stdout, even the queue before it may be full.
                let printed = async {
                    self.screen.print(text).await;
                    self.screen.flush().await;
                };
                let _ = timeout(LAST_WORDS_PATIENCE, printed).await;
            }
        }
    }

    /// Restores the terminal without waiting for anything.
    pub(crate) fn give_back(&self) {
        if let Input::Terminal { terminal, .. } = &self.input {
            terminal.end("");
        }
    }

    /// What the end of the input means.
    fn end_of_input(&self) -> ServeEnd {
        match self.input {
            Input::Lines { has_begun: false, .. } => ServeEnd::NoInput,
            Input::Lines { .. } | Input::Terminal { .. } | Input::Service => ServeEnd::Input,
        }
    }

    async fn next(&mut self, actions: &Actions) -> Typed {
        if let Input::Terminal { reading: None, .. } = self.input {
            self.screen.flush().await;
        }
        self.start_reading(actions);
        match &mut self.input {
            Input::Terminal { terminal, reading, typed } => {
                if let Some(typed) = typed.take() {
                    *reading = None;
                    return typed;
                }
                let Some(read) = reading else { return Typed::HungUp };
                let typed = typed_unless_signalled(terminal, read, &self.signals).await;
                *reading = None;
                typed
            }
            Input::Service => std::future::pending().await,
            Input::Lines { lines, early, has_begun } => loop {
                let line = match early.take() {
                    Some(Early::Line(line)) => Some(line),
                    Some(Early::End) => None,
                    None => lines.recv().await,
                };
                match line {
                    None => return Typed::End,
                    Some(lines::Line::Failed(reason)) => return Typed::Failed(reason),
                    Some(lines::Line::Good(line)) => {
                        *has_begun = true;
                        return Typed::Line(line);
                    }
                    Some(lines::Line::Bad(error)) => {
                        *has_begun = true;
                        let refusal = (&ActionError::from(error)).into();
                        let text = self.style.refusal("", &refusal, Some(unix_now().0));
                        self.screen.print(text).await;
                    }
                }
            },
        }
    }
}

/// Waits for a line. A signal breaks it off, so that the user can be asked whether to leave.
async fn typed_unless_signalled(
    terminal: &Terminal,
    reading: &mut Reading,
    signals: &EndSignals,
) -> Typed {
    tokio::select! {
        typed = reading.typed() => return typed,
        () = signals.leave() => {}
    }
    match terminal.break_off() {
        true => reading.typed().await,
        // Nobody can be asked.
        false => Typed::HungUp,
    }
}

/// Leaves the network, and waits until the node's task has ended.
///
/// What should happen to the user's own vote is asked before, since nobody answers questions
/// afterwards.
///
/// # Errors
/// When the task ended by a panic, so that what it knew last may not be on disk.
pub(crate) async fn leave(
    actions: &Actions,
    node: &mut JoinHandle<()>,
) -> Result<OwnVoteStanding, JoinError> {
    let standing = actions.own_votes().await;
    // This is refused only if the node has ended already.
    let _ = actions.handle.command(Command::Leave).await;
    node.await?;
    Ok(standing)
}
