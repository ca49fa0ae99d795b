//! Dialogs on a terminal: they ask for the vote question by question, and whether to leave.

use protocol::transaction::Choices;

use super::complete::Completion;
use super::terminal::{Terminal, Typed};
use super::{Console, Input, typed_unless_signalled};
use crate::actions::{
    ActionError, Actions, Answer, Interview, Step, check_hours, deadline, read_choices,
};
use crate::cli::command::PromptCommand;
use crate::render::{Style, chosen};
use crate::schema::{
    CAST_QUESTION, LEAVE_QUESTION, LEAVE_WARNING, OwnVoteStanding, PRIVACY, Question, choice_names,
};
use crate::voter::Actor;
use host::clock::unix_now;
use keys::{Passphrase, VoterName};
use node::CommandError;

impl Console {
    /// What the command `vote` casts. At a terminal all that was left out or is doubtful is asked, and then whether to
    /// cast the vote; elsewhere it is refused.
    pub(super) async fn choose(
        &mut self,
        voter: Option<VoterName>,
        text: Option<String>,
        actions: &Actions,
    ) -> Result<(Actor, Choices), ActionError> {
        let id = actions.voters()?.id_of(voter.as_ref())?;
        let election = &actions.election;
        check_hours(election, unix_now())?;
        let answers = text.map(|text| read_choices(&text, election)).transpose()?;
        let doubt = answers.iter().flatten().find_map(Answer::doubt);
        if answers.is_some() && doubt.is_none() {
            let passphrase = self.ask_passphrase(voter.as_ref(), actions).await?;
            self.warn(actions).await;
            let choices = answers.into_iter().flatten().filter_map(Answer::given).collect();
            return Ok((Actor { voter, passphrase }, choices));
        }
        let Input::Terminal { terminal, .. } = &self.input else {
            let Some(doubt) = doubt.cloned() else { return Err(ActionError::NoChoices) };
            // Whoever has voted already need not write it better.
            let refusal = actions.voter(id).await?.refusal(&election.admission);
            return Err(refusal.map_or(doubt.into(), |refusal| {
                actions.with_key(CommandError::Transaction(refusal).into(), voter.as_ref())
            }));
        };
        let known = actions.voter(id).await?;
        if let Some(refusal) = known.refusal(&election.admission) {
            let refusal = CommandError::Transaction(refusal).into();
            return Err(actions.with_key(refusal, voter.as_ref()));
        }
        let passphrase = self.ask_passphrase(voter.as_ref(), actions).await?;
        let choices = self.ask_choices(terminal, answers.unwrap_or_default(), actions).await?;
        let shown = chosen(&choice_names(&choices, election));
        match self.confirms(terminal, shown, &format!("{CAST_QUESTION} [y/N] ")).await {
            true => Ok((Actor { voter, passphrase }, choices)),
            false => Err(ActionError::Cancelled),
        }
    }

    /// Asks for each answer that was not given, or may have been meant otherwise than it reads.
    async fn ask_choices(
        &self,
        terminal: &Terminal,
        answers: Vec<Answer>,
        actions: &Actions,
    ) -> Result<Choices, ActionError> {
        let election = &actions.election;
        let mut interview = Interview::new(&election.questions, answers);
        let mut shown = deadline(election, unix_now());
        while let Some(step) = interview.next() {
            let asked = match step {
                Step::Tell(doubt) => {
                    shown += &format!("{doubt}\n");
                    continue;
                }
                Step::Ask(asked) => asked,
            };
            if !asked.is_again {
                shown += &self.style.question(asked.number, &Question::of(asked.question));
            }
            let completion = Completion::Answer(election.clone(), asked.number - 1);
            let prompt = format!("{} ", asked.prompt());
            match self.ask(terminal, std::mem::take(&mut shown), &prompt, completion).await {
                Typed::Line(line) => interview.answer(&line),
                Typed::Interrupted
                | Typed::End
                | Typed::BrokenOff
                | Typed::HungUp
                | Typed::Failed(_) => return Err(ActionError::Cancelled),
            }
        }
        if !shown.is_empty() {
            self.screen.print(shown).await;
        }
        Ok(interview.into_choices())
    }

    /// A vote that is given on one line is as public as one that is asked for question by question,
    /// so the same warning is printed.
    async fn warn(&mut self, actions: &Actions) {
        self.read_ahead(actions);
        if let Style::Human { .. } = self.style {
            let told = deadline(&actions.election, unix_now());
            self.screen.print(format!("{told}{PRIVACY}\n")).await;
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
        match terminal.read_secret(prompt, self.signals.leave()).await {
            Some(passphrase) => Ok(Some(passphrase)),
            None => Err(ActionError::Cancelled),
        }
    }

    /// Whether the peer should leave. The user is asked only if nobody else has a vote of the peer's own voters.
    pub(super) async fn confirms_leave(&self, actions: &Actions) -> bool {
        let Input::Terminal { terminal, .. } = &self.input else { return true };
        if actions.own_votes().await != OwnVoteStanding::Alone || !terminal.is_in_front() {
            return true;
        }
        // Whoever sends another signal insists.
        self.signals.forget_first();
        let (warning, question) =
            (format!("{LEAVE_WARNING}\n"), format!("{LEAVE_QUESTION} [y/N] "));
        match self.ask(terminal, warning, &question, Completion::Nothing).await {
            Typed::Line(line) => is_yes(&line),
            // Whoever insists is let go, and nobody can be asked any more.
            Typed::Interrupted
            | Typed::End
            | Typed::BrokenOff
            | Typed::HungUp
            | Typed::Failed(_) => true,
        }
    }

    async fn confirms(&self, terminal: &Terminal, shown: String, prompt: &str) -> bool {
        match self.ask(terminal, shown, prompt, Completion::Nothing).await {
            Typed::Line(line) => is_yes(&line),
            Typed::Interrupted
            | Typed::End
            | Typed::BrokenOff
            | Typed::HungUp
            | Typed::Failed(_) => false,
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
        typed_unless_signalled(terminal, &mut reading, &self.signals).await
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
