//! Asks a voter for the vote on a terminal, one question after the other.

use std::io;

use inquire::validator::Validation;
use inquire::{Confirm, InquireError, Text};
use protocol::election::Election;
use protocol::transaction::Choices;

use super::Client;
use super::error::ClientError;
use crate::actions::{ActionError, Answer, Asked, Interview, Step, deadline, parse_answer};
use crate::render::chosen;
use crate::schema::{CAST_QUESTION, Question, choice_names};
use host::clock::unix_now;
use host::output::{columns, print};

impl Client {
    /// Asks every question that `answers` leave open or doubtful, shows the choices, and asks whether to cast them.
    pub(super) fn ask_choices(
        &self,
        election: &Election,
        answers: Vec<Answer>,
    ) -> Result<Choices, ClientError> {
        if !self.asks {
            return Err(ActionError::NoChoices.into());
        }
        print(&self.fitted(deadline(election, unix_now())))?;
        let mut interview = Interview::new(&election.questions, answers);
        while let Some(step) = interview.next() {
            match step {
                Step::Tell(doubt) => print(&self.fitted(format!("{doubt}\n")))?,
                Step::Ask(asked) => interview.answer(&self.ask_question(&asked)?),
            }
        }
        let choices = interview.into_choices();
        print(&self.fitted(chosen(&choice_names(&choices, election))))?;
        let question = Confirm::new(CAST_QUESTION).with_default(false);
        match question.prompt().map_err(not_answered)? {
            true => Ok(choices),
            false => Err(ActionError::Cancelled.into()),
        }
    }

    /// An answer that the question allows.
    fn ask_question(&self, asked: &Asked<'_>) -> Result<String, ClientError> {
        print(&self.style.question(asked.number, &Question::of(asked.question)))?;
        let (number, question) = (asked.number, asked.question.clone());
        let answer = Text::new(asked.prompt()).with_validator(move |text: &str| {
            Ok(match parse_answer(text, number, &question) {
                Ok(_) => Validation::Valid,
                Err(error) => Validation::Invalid(error.to_string().into()),
            })
        });
        answer.prompt().map_err(not_answered)
    }

    fn fitted(&self, text: String) -> String {
        self.style.fitted(text, columns(&io::stdout()))
    }
}

/// Whatever kept the voter from answering, nothing was cast.
fn not_answered(error: InquireError) -> ClientError {
    tracing::debug!(%error, "no answer");
    ActionError::Cancelled.into()
}
