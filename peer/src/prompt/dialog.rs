//! Dialogs on a terminal: they ask for the vote question by question, and whether to leave.

use protocol::transaction::Choices;

use super::complete::Completion;
use super::terminal::{Terminal, Typed};
use super::{Console, Input};
use crate::actions::{ActionError, Actions, parse_answer};
use crate::cli::command::PromptCommand;
use crate::render::choice_line;
use crate::schema::{OwnVoteStanding, PRIVACY, Question, choice_names};
use crate::voter::Actor;
use keys::{Passphrase, VoterName};
use node::CommandError;

impl Console {
    /// Asks question by question, shows the choices, and asks whether to cast them.
    pub(super) async fn ask_vote(
        &self,
        voter: Option<VoterName>,
        actions: &Actions,
    ) -> Result<(Actor, Choices), ActionError> {
        let Input::Terminal { terminal, .. } = &self.input else {
            return Err(ActionError::NoChoices);
        };
        let id = actions.voters()?.id_of(voter.as_ref())?;
        let known = actions.voter(id).await?;
        if let Some(refusal) = known.refusal(&actions.election.admission) {
            return Err(CommandError::Transaction(refusal).into());
        }
        let passphrase = self.ask_passphrase(voter.as_ref(), actions).await?;
        let mut choices = Vec::with_capacity(actions.election.questions.len());
        for index in 0..actions.election.questions.len() {
            choices.push(self.ask_question(terminal, actions, index).await?);
        }
        let chosen = choice_line(&choice_names(&choices, &actions.election));
        let shown = format!("You choose: {chosen}\n{PRIVACY}\n");
        let question = "Cast this vote? It can't be changed. [y/N] ";
        match self.confirms(terminal, shown, question).await {
            true => Ok((Actor { voter, passphrase }, choices)),
            false => Err(ActionError::Cancelled),
        }
    }

    /// Asks for the passphrase of the key that a command signs with, if the key is locked and there
    /// is somebody to ask.
    pub(super) async fn passphrase_for(
        &self,
        command: &PromptCommand,
        actions: &Actions,
    ) -> Result<Option<Passphrase>, ActionError> {
        match command.signs() {
            true => self.ask_passphrase(command.voter(), actions).await,
            false => Ok(None),
        }
    }

    async fn ask_passphrase(
        &self,
        voter: Option<&VoterName>,
        actions: &Actions,
    ) -> Result<Option<Passphrase>, ActionError> {
        let Input::Terminal { terminal, .. } = &self.input else { return Ok(None) };
        let voters = actions.voters()?;
        if !voters.is_locked(voter)? {
            return Ok(None);
        }
        let prompt = format!("Passphrase of {}: ", voters.key_path(voter).display());
        // Everything that was printed before must appear above the question.
        self.screen.flush().await;
        match terminal.read_secret(prompt).await {
            Some(passphrase) => Ok(Some(passphrase)),
            None => Err(ActionError::Cancelled),
        }
    }

    /// Whether the peer should leave. The user is asked only if nobody else has a vote of the peer's own voters.
    pub(super) async fn confirms_leave(&self, actions: &Actions) -> bool {
        let Input::Terminal { terminal, .. } = &self.input else { return true };
        if actions.own_votes().await != OwnVoteStanding::Alone {
            return true;
        }
        let warning = "Nobody else has your vote yet. If you leave now, it is not counted until you come back and others get it.\n";
        self.confirms(terminal, warning.to_owned(), "Leave all the same? [y/N] ").await
    }

    async fn ask_question(
        &self,
        terminal: &Terminal,
        actions: &Actions,
        index: usize,
    ) -> Result<Vec<u16>, ActionError> {
        let (election, number) = (&actions.election, index + 1);
        let question = &election.questions[index];
        let mut shown = self.style.question(number, &Question::of(question));
        loop {
            let completion = Completion::Answer(election.clone(), index);
            let prompt = "Your choice (numbers or names): ";
            match self.ask(terminal, shown, prompt, completion).await {
                Typed::Line(line) => match parse_answer(&line, number, question) {
                    Ok(chosen) => return Ok(chosen),
                    Err(error) => shown = format!("{error}\n"),
                },
                Typed::Interrupted | Typed::End => return Err(ActionError::Cancelled),
            }
        }
    }

    async fn confirms(&self, terminal: &Terminal, shown: String, prompt: &str) -> bool {
        match self.ask(terminal, shown, prompt, Completion::Nothing).await {
            Typed::Line(line) => matches!(line.trim().to_lowercase().as_str(), "y" | "yes"),
            Typed::Interrupted | Typed::End => false,
        }
    }

    /// Prints a text, and reads the answer below it.
    async fn ask(
        &self,
        terminal: &Terminal,
        shown: String,
        prompt: &str,
        completion: Completion,
    ) -> Typed {
        let mut reading = terminal.read(prompt, completion);
        self.screen.print(shown).await;
        reading.typed().await
    }
}
