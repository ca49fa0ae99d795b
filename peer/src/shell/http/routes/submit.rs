//! Signed transactions from anybody: no token is asked for, since each speaks for itself.

use axum::extract::State;
use axum::http::StatusCode;
use protocol::codec;
use protocol::transaction::{Transaction, TransactionKind};
use tokio::task::JoinSet;
use web::{Json, Problem};

use crate::shell::actions::ActionError;
use crate::shell::http::Context;
use crate::shell::http::openapi::{Common, WithBody};
use crate::shell::http::problem::Refused;
use crate::shell::schema;

/// Most transactions in one request: what a peer checks in a tenth of a second.
const TRANSACTIONS_MAX: usize = 1_000;

/// Takes signed registrations and votes, and answers when they are durable on this peer.
///
/// Each has its own outcome, in the order of the request. Registrations are taken before votes, so a voter's
/// registration and vote may come together. To send the same transaction again is harmless: it is accepted as before.
#[utoipa::path(post, path = "/v1/transactions", tag = "election", request_body = schema::Submission,
    responses((status = 200, body = schema::Outcomes, description = "What became of each"), Common, WithBody))]
pub(super) async fn submit(
    State(context): State<Context>,
    Json(submission): Json<schema::Submission>,
) -> Result<Json<schema::Outcomes>, Refused> {
    let count = submission.transactions.len();
    if !(1..=TRANSACTIONS_MAX).contains(&count) {
        let detail = format!("here are {count} transactions: send 1 to {TRANSACTIONS_MAX} at once");
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Err(Problem::new(status, "wrong_number_of_transactions", detail).into());
    }
    let mut outcomes = Vec::with_capacity(count);
    let (mut registrations, mut others) = (Vec::new(), Vec::new());
    for (place, digits) in submission.transactions.iter().enumerate() {
        match decode(digits) {
            Err(error) => outcomes.push((place, schema::Outcome::refused(&error))),
            Ok(transaction) if transaction.kind() == TransactionKind::Registration => {
                registrations.push((place, transaction));
            }
            Ok(transaction) => others.push((place, transaction)),
        }
    }
    for batch in [registrations, others] {
        outcomes.extend(submit_all(&context, batch).await);
    }
    outcomes.sort_unstable_by_key(|(place, _)| *place);
    let outcomes = outcomes.into_iter().map(|(_, outcome)| outcome).collect();
    Ok(Json(schema::Outcomes { outcomes }))
}

fn decode(digits: &str) -> Result<Transaction, ActionError> {
    let bytes = hex::decode(digits).map_err(|_| ActionError::NotHexadecimal)?;
    codec::decode(&bytes).map_err(ActionError::NotATransaction)
}

/// Submits all at the same time, so that they share the disk's syncs.
async fn submit_all(
    context: &Context,
    batch: Vec<(usize, Transaction)>,
) -> Vec<(usize, schema::Outcome)> {
    let mut tasks = JoinSet::new();
    for (place, transaction) in batch {
        let context = context.clone();
        tasks.spawn(async move {
            let outcome = match context.actions().submit(transaction).await {
                Ok(transaction) => schema::Outcome::accepted(transaction),
                Err(error) => schema::Outcome::refused(&error),
            };
            (place, outcome)
        });
    }
    tasks.join_all().await
}
