//! Asks a voter for the vote on a terminal, one question after the other.

use inquire::validator::Validation;
use inquire::{Confirm, InquireError, Text};
use protocol::election::Election;
use protocol::transaction::Choices;

use super::Client;
use super::error::ClientError;
use crate::actions::{ActionError, parse_answer};
use crate::render::choice_line;
use crate::schema::{PRIVACY, Question, choice_names};
use host::output::print;

impl Client {
    /// Asks every question, shows the choices, and asks whether to cast them.
    pub(super) fn ask_choices(&self, election: &Election) -> Result<Choices, ClientError> {
        if !self.asks {
            return Err(ActionError::NoChoices.into());
        }
        let mut choices = Vec::with_capacity(election.questions.len());
        for (index, question) in election.questions.iter().enumerate() {
            let number = index + 1;
            print(&self.style.question(number, &Question::of(question)))?;
            let asked = question.clone();
            let answer = Text::new("Your choice (numbers or names):")
                .with_validator(move |text: &str| {
                    Ok(match parse_answer(text, number, &asked) {
                        Ok(_) => Validation::Valid,
                        Err(error) => Validation::Invalid(error.to_string().into()),
                    })
                })
                .prompt()
                .map_err(not_answered)?;
            choices.push(parse_answer(&answer, number, question).map_err(ActionError::from)?);
        }
        let chosen = choice_line(&choice_names(&choices, election));
        print(&format!("You choose: {chosen}\n{PRIVACY}\n"))?;
        let question = Confirm::new("Cast this vote? It can't be changed.").with_default(false);
        match question.prompt().map_err(not_answered)? {
            true => Ok(choices),
            false => Err(ActionError::Cancelled.into()),
        }
    }
}

/// Whatever kept the voter from answering, nothing was cast.
fn not_answered(error: InquireError) -> ClientError {
    tracing::debug!(%error, "no answer");
    ActionError::Cancelled.into()
}
