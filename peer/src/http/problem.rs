//! Translates refusals, as the prompt shows them, into problems (RFC 9457).

use axum::http::StatusCode;
use host::http::Problem;

use crate::actions::ActionError;
use crate::schema::NothingFinal;
use chain::TransactionError;
use keys::KeyFileError;
use node::CommandError;

/// The problem for a refused action. Its `kind` and `detail` are those that the prompt shows.
pub(super) fn of_action(error: &ActionError) -> Problem {
    Problem::new(status(error), error.kind(), error.to_string())
}

fn status(error: &ActionError) -> StatusCode {
    match error {
        ActionError::Input(_)
        | ActionError::NoChoices
        | ActionError::Cancelled
        | ActionError::NotHexadecimal
        | ActionError::NotATransaction(_)
        | ActionError::Forgery(_)
        | ActionError::Choices(_) => StatusCode::UNPROCESSABLE_ENTITY,
        ActionError::Receipt(_) => StatusCode::INTERNAL_SERVER_ERROR,
        ActionError::Key(error) => key_status(error),
        ActionError::NothingFinal(NothingFinal::Untimed | NothingFinal::NotYet) => {
            StatusCode::NOT_FOUND
        }
        ActionError::NothingFinal(NothingFinal::Disputed) => StatusCode::CONFLICT,
        ActionError::NothingFinal(NothingFinal::NotCountedHere) => StatusCode::SERVICE_UNAVAILABLE,
        ActionError::Command(error) | ActionError::NotAdmitted { refusal: error, .. } => {
            command_status(error)
        }
    }
}

/// A problem with the file concerns only this machine, unless the request names the wrong file or
/// cannot unlock it.
fn key_status(error: &KeyFileError) -> StatusCode {
    match error {
        KeyFileError::Locked { .. } => StatusCode::CONFLICT,
        KeyFileError::WrongPassphrase { .. } | KeyFileError::Missing { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        KeyFileError::Secret(_)
        | KeyFileError::File(_)
        | KeyFileError::NotAKey { .. }
        | KeyFileError::Former { .. }
        | KeyFileError::Anonymous { .. }
        | KeyFileError::OtherKey { .. }
        | KeyFileError::OtherRole { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn command_status(error: &CommandError) -> StatusCode {
    match error {
        CommandError::NoSuchBlock { .. }
        | CommandError::NoSuchTransaction { .. }
        | CommandError::NoReceipt => StatusCode::NOT_FOUND,
        CommandError::Transaction(
            TransactionError::AlreadyRegistered { .. }
            | TransactionError::AlreadyVoted { .. }
            | TransactionError::VotersFull { .. }
            | TransactionError::AlreadyWithdrawn { .. }
            | TransactionError::WithdrawalAfterVote { .. }
            | TransactionError::WithdrawalAfterOpening { .. }
            | TransactionError::Closed { .. },
        )
        | CommandError::NotOpen { .. }
        | CommandError::Closed { .. }
        | CommandError::MiningOff
        | CommandError::NoNeighbours
        | CommandError::Observer
        | CommandError::NotALab
        | CommandError::Partitioned
        | CommandError::NothingToRace
        | CommandError::TipMoved
        | CommandError::NotAValidator
        | CommandError::NothingSigned
        | CommandError::OwnAddress { .. }
        | CommandError::OwnTracker { .. }
        | CommandError::AlreadyNeighbour { .. }
        | CommandError::TooManyNeighbours => StatusCode::CONFLICT,
        CommandError::Transaction(_)
        | CommandError::Forgery(_)
        | CommandError::UnusableAddress { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        // These refusals may pass without anybody's action.
        CommandError::PoolFull { .. }
        | CommandError::NotDurable { .. }
        | CommandError::ClockBehind { .. }
        | CommandError::ClockOff { .. }
        | CommandError::BlockLost
        | CommandError::NotRead { .. }
        | CommandError::Busy
        | CommandError::Leaving => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl From<ActionError> for Refused {
    fn from(error: ActionError) -> Self {
        Self(of_action(&error))
    }
}

/// A refusal as the answer of a handler.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl axum::response::IntoResponse for Refused {
    fn into_response(self) -> axum::response::Response {
        let status = self.0.status;
        let mut response = self.0.into_response();
        if status == StatusCode::UNAUTHORIZED.as_u16() {
            // RFC 9110, section 11.6.1: whoever is not authorised must be told which credentials to
            // present.
            let scheme = axum::http::HeaderValue::from_static("Bearer realm=\"ostrakon\"");
            response.headers_mut().insert(axum::http::header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
