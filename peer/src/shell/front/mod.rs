//! The front: reads commands from a terminal or a pipe, has them carried out one after the other, and prints
//! their answers and what happens meanwhile.

mod complete;
mod dialog;
mod lines;
mod news;
mod terminal;

use std::io::{self, IsTerminal};
use std::pin::pin;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::actions::{
    ActionError, Actions, OwnVoteStanding, PromptCommand, Reply, first_word, parse,
};
use super::logs;
use super::notice::Notice;
use super::render::{PRIVACY, Style};
use super::screen::{Screen, Sink};
use crate::node::Command;
use complete::Completion;
use terminal::{Terminal, Typed};

pub(crate) use news::{Ending, tell};

const PROMPT: &str = "ostrakon> ";

/// Where commands come from and answers go.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) style: Style,
    pub(crate) screen: Screen,
    input: Input,
}

#[derive(Debug)]
enum Input {
    Terminal(Terminal),
    Lines {
        lines: mpsc::Receiver<lines::Line>,
        /// Came before the peer could do anything about it.
        early: Option<lines::Line>,
    },
}

impl Front {
    /// A prompt where stdin and stdout are a terminal; else lines in, lines out.
    pub(crate) fn start(json: bool) -> Self {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        if is_terminal
            && !json
            && let Some((terminal, sink)) = Terminal::start()
        {
            // https://no-color.org: any value but the empty one.
            let color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            let screen = Screen::start(sink);
            logs::share_terminal(screen.clone());
            let input = Input::Terminal(terminal);
            return Self { style: Style::Human { color }, screen, input };
        }
        let style = if json { Style::Json } else { Style::Human { color: false } };
        let input = Input::Lines { lines: lines::read_stdin(), early: None };
        Self { style, screen: Screen::start(Sink::Stdout), input }
    }

    /// Completes when nobody will give a command any more: the input ended before its first line.
    pub(crate) async fn abandoned(&mut self) {
        if let Input::Lines { lines, early: early @ None } = &mut self.input {
            match lines.recv().await {
                None => return,
                line => *early = line,
            }
        }
        std::future::pending().await
    }

    /// Says that the peer runs, and on a terminal what to do.
    pub(crate) async fn greet(&self, listening: &Notice, actions: &Actions) {
        self.screen.print(self.style.notice(listening)).await;
        if let Input::Terminal(terminal) = &self.input {
            terminal.remember(&actions.data_directory);
            self.screen.print(format!("`help` shows the commands. {PRIVACY}\n")).await;
        }
    }

    /// Carries out commands until the peer is to leave; true if a command said so.
    pub(crate) async fn serve(&mut self, actions: &Actions) -> bool {
        loop {
            let line = match self.next(actions).await {
                Typed::Line(line) => line,
                Typed::Interrupted | Typed::End => return false,
            };
            let word = first_word(&line);
            let outcome = match parse(&line) {
                Ok(None) => continue,
                Ok(Some(PromptCommand::Leave)) => {
                    if self.confirms_leave(actions).await {
                        return true;
                    }
                    continue;
                }
                Ok(Some(PromptCommand::Vote(None))) => self.vote(actions).await,
                Ok(Some(command)) => {
                    self.warn_before(&command).await;
                    actions.perform(command).await
                }
                Err(error) => Err(error),
            };
            self.answer(&word, &outcome, actions).await;
        }
    }

    /// Prints an answer.
    pub(crate) async fn answer(
        &self,
        word: &str,
        outcome: &Result<Reply, ActionError>,
        actions: &Actions,
    ) {
        self.screen.print(self.style.outcome(word, outcome, &actions.election)).await;
    }

    /// Prints the last words and gives the terminal back.
    pub(crate) async fn end(&self) {
        self.screen.flush().await;
        if let Input::Terminal(terminal) = &self.input {
            terminal.restore();
        }
    }

    async fn next(&mut self, actions: &Actions) -> Typed {
        match &mut self.input {
            Input::Terminal(terminal) => {
                // All answers are on the screen before the next prompt is.
                self.screen.flush().await;
                let completion = Completion::Command(actions.election.clone());
                terminal.read(PROMPT, completion).await
            }
            Input::Lines { lines, early } => loop {
                let line = match early.take() {
                    Some(line) => Some(line),
                    None => lines.recv().await,
                };
                match line {
                    None => return Typed::End,
                    Some(Some(line)) => return Typed::Line(line),
                    Some(None) => {
                        let refused = Err(ActionError::Line);
                        let text = self.style.outcome("", &refused, &actions.election);
                        self.screen.print(text).await;
                    }
                }
            },
        }
    }

    /// A vote that is not asked for piece by piece is public as well.
    async fn warn_before(&self, command: &PromptCommand) {
        if let (PromptCommand::Vote(_), Style::Human { .. }) = (command, self.style) {
            self.screen.print(format!("{PRIVACY}\n")).await;
        }
    }
}

/// Takes leave, and waits until the node's task has ended.
///
/// What becomes of the own vote is asked before, since nobody answers after.
pub(crate) async fn leave(actions: &Actions, node: &mut JoinHandle<()>) -> OwnVoteStanding {
    let standing = actions.own_vote().await;
    // Refused only where the node has ended already.
    let _ = actions.handle.command(Command::Leave).await;
    if let Err(error) = pin!(node).await {
        tracing::error!(%error, "the node's task ended by a panic");
    }
    standing
}
