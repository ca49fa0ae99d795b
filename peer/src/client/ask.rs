//! Asks a voter for the vote on a terminal, one question after the other.

use std::io;

use inquire::validator::Validation;
use inquire::{Confirm, InquireError, Text};
use protocol::election::{self, Election};
use protocol::transaction::Choices;

use super::Client;
use super::error::ClientError;
use crate::actions::{ActionError, Answer, parse_answer};
use crate::render::choice_line;
use crate::schema::{PRIVACY, Question, choice_names};
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
        let mut answers = answers.into_iter();
        let mut choices = Vec::with_capacity(election.questions.len());
        for (index, question) in election.questions.iter().enumerate() {
            choices.push(match answers.next() {
                Some(Answer::Given(chosen)) => chosen,
                Some(Answer::Doubtful { doubt, supposed: Some(chosen) }) => {
                    print(&format!("{doubt}\n"))?;
                    chosen
                }
                Some(Answer::Doubtful { doubt, supposed: None }) => {
                    print(&format!("{doubt}\n"))?;
                    self.ask_question(index + 1, question)?
                }
                None => self.ask_question(index + 1, question)?,
            });
        }
        let chosen = choice_line(&choice_names(&choices, election));
        let shown = format!("You choose: {chosen}\n{PRIVACY}\n");
        print(&self.style.fitted(shown, columns(&io::stdout())))?;
        let question = Confirm::new("Cast this vote? It can't be changed.").with_default(false);
        match question.prompt().map_err(not_answered)? {
            true => Ok(choices),
            false => Err(ActionError::Cancelled.into()),
        }
    }
}

impl Client {
    fn ask_question(
        &self,
        number: usize,
        question: &election::Question,
    ) -> Result<Vec<u16>, ClientError> {
        print(&self.style.question(number, &Question::of(question)))?;
        let asked = question.clone();
        let text = match question.choices_min {
            0 => "Your choice (numbers or names, - for none):",
            _ => "Your choice (numbers or names):",
        };
        let answer = Text::new(text)
            .with_validator(move |text: &str| {
                Ok(match parse_answer(text, number, &asked) {
                    Ok(_) => Validation::Valid,
                    Err(error) => Validation::Invalid(error.to_string().into()),
                })
            })
            .prompt()
            .map_err(not_answered)?;
        Ok(parse_answer(&answer, number, question).map_err(ActionError::from)?)
    }
}

/// Whatever kept the voter from answering, nothing was cast.
fn not_answered(error: InquireError) -> ClientError {
    tracing::debug!(%error, "no answer");
    ActionError::Cancelled.into()
}
