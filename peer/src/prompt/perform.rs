//! Carrying out a command while the next one may be typed already, and stopping it.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::complete::Completion;
use super::terminal::Typed;
use super::{Console, Input, PROMPT};
use crate::actions::{ActionError, Actions};
use crate::cli::command::PromptCommand;
use crate::schema::Reply;

/// The longest wait for the outcome of a command that the user stopped.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

impl Console {
    /// `None` if the user does not wait for the outcome any more.
    pub(super) async fn carry_out(
        &mut self,
        command: PromptCommand,
        actions: &Actions,
    ) -> Option<Result<Reply, ActionError>> {
        let stop = Notify::new();
        if let PromptCommand::Vote { voter, choices } = command {
            let (actor, choices) = match self.choose(voter, choices, actions).await {
                Ok(chosen) => chosen,
                Err(error) => return Some(Err(error)),
            };
            let vote = async {
                actions.vote_unless(actor, choices, stop.notified()).await.map(Reply::Vote)
            };
            return self.perform(actions, vote, &stop).await;
        }
        match self.passphrase_for(&command, actions).await {
            Ok(passphrase) => {
                self.perform(actions, actions.perform(command, passphrase), &stop).await
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Carries out an action while the next line may be typed already. By Ctrl-C and by a signal the user asks to stop
    /// it; what had happened by then is still its outcome, if it is known soon.
    async fn perform(
        &mut self,
        actions: &Actions,
        action: impl Future<Output = Result<Reply, ActionError>>,
        stop: &Notify,
    ) -> Option<Result<Reply, ActionError>> {
        self.read_ahead(actions);
        let Input::Terminal { reading, typed, .. } = &mut self.input else {
            return Some(action.await);
        };
        let mut action = pin!(action);
        let early = async {
            match reading {
                Some(reading) => reading.typed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            outcome = &mut action => return Some(outcome),
            () = self.signals.leave() => {}
            early = early => match early {
                Typed::Interrupted => self.forget_reading(),
                Typed::Line(_) | Typed::End | Typed::BrokenOff | Typed::HungUp
                | Typed::Failed(_) => {
                    *typed = Some(early);
                    tokio::select! {
                        outcome = &mut action => return Some(outcome),
                        () = self.signals.leave() => {}
                    }
                }
            },
        }
        stop.notify_one();
        timeout(STOP_PATIENCE, action).await.ok()
    }

    /// Starts to read the next command while another one is carried out, where reading has to be requested. A line that
    /// was typed already waits for the answer to the one before it.
    pub(super) fn read_ahead(&mut self, actions: &Actions) {
        if let Input::Terminal { terminal, .. } = &self.input
            && !terminal.has_more()
        {
            self.start_reading(actions);
        }
    }

    pub(super) fn start_reading(&mut self, actions: &Actions) {
        if let Input::Terminal { terminal, reading, typed: None } = &mut self.input {
            let completion = Completion::Command(actions.election.clone());
            reading.get_or_insert_with(|| terminal.read(PROMPT, completion));
        }
    }

    fn forget_reading(&mut self) {
        if let Input::Terminal { reading, typed, .. } = &mut self.input {
            (*reading, *typed) = (None, None);
        }
    }
}

/// What is said of a command whose outcome the user does not wait for.
pub(super) fn unanswered(word: &str) -> String {
    match word {
        "vote" => "Your vote was handed in, and is not safe on the disk yet: `myvote` tells what becomes of it.".to_owned(),
        word => format!("`{word}` goes on without you."),
    }
}
