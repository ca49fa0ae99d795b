//! Signed transactions, which anybody may hand in. No token is required, because the signatures of
//! each transaction show that it is authorised.

use axum::extract::State;
use axum::http::StatusCode;
use host::http::{ClientAddress, Json, Problem};
use protocol::codec;
use protocol::transaction::{Transaction, TransactionKind};
use tokio::task::JoinSet;

use crate::actions::ActionError;
use crate::http::context::{Context, TRANSACTIONS_MAX};
use crate::http::openapi::{Common, FromNode, WithBody};
use crate::http::problem::Refused;
use crate::schema;

/// Takes signed registrations and votes, and answers when they are durable on this peer.
///
/// Each has its own outcome, in the order of the request. Registrations are taken before votes, so a voter's
/// registration and vote may come together. To send the same transaction again is harmless: it is accepted as before.
#[utoipa::path(post, path = "/v1/transactions", tag = "election", request_body = schema::Submission,
    responses((status = 200, body = schema::Outcomes, description = "What became of each"), Common, FromNode, WithBody))]
pub(super) async fn submit(
    State(context): State<Context>,
    client: ClientAddress,
    Json(submission): Json<schema::Submission>,
) -> Result<Json<schema::Outcomes>, Refused> {
    let count = submission.transactions.len();
    if !(1..=TRANSACTIONS_MAX).contains(&count) {
        let detail = format!("here are {count} transactions: send 1 to {TRANSACTIONS_MAX} at once");
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Err(Problem::new(status, "wrong_number_of_transactions", detail).into());
    }
    let permit = context.submission_permit(client, count).await;
    let permit = permit.map_err(|error| Problem::busy(format!("transactions: {error}")))?;
    // A task of its own: what was handed in takes its room until it is answered, whether anybody waits or not.
    let handing_in = tokio::spawn(async move {
        let _permit = permit;
        hand_in(&context, &submission.transactions).await
    });
    let fault = |_| Problem::internal("these transactions met a fault of the program's");
    Ok(Json(schema::Outcomes { outcomes: handing_in.await.map_err(fault)? }))
}

/// The outcome of each, in their order.
async fn hand_in(context: &Context, transactions: &[String]) -> Vec<schema::Outcome> {
    let mut outcomes = Vec::with_capacity(transactions.len());
    let (mut registrations, mut others) = (Vec::new(), Vec::new());
    for (place, digits) in transactions.iter().enumerate() {
        match decode(digits) {
            Err(error) => outcomes.push((place, schema::Outcome::refused((&error).into()))),
            Ok(transaction) if transaction.kind() == TransactionKind::Registration => {
                registrations.push((place, transaction));
            }
            Ok(transaction) => others.push((place, transaction)),
        }
    }
    for batch in [registrations, others] {
        outcomes.extend(submit_all(context, batch).await);
    }
    outcomes.sort_unstable_by_key(|(place, _)| *place);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
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
            let outcome = match context.actions().submit_for_other(transaction).await {
                Ok(taken) => schema::Outcome::accepted(taken.id, taken.is_late),
                Err(error) => schema::Outcome::refused((&error).into()),
            };
            (place, outcome)
        });
    }
    tasks.join_all().await
}

#[cfg(test)]
mod tests {
    use protocol::keys::VoterKey;
    use tokio::task::{JoinHandle, yield_now};

    use super::*;
    use crate::handle::{PeerHandle, Request, Requests};
    use crate::http::context::SUBMISSIONS_MAX;
    use crate::http::documented::context_of;
    use keys::signing;

    /// Rounds of the runtime after which everything that can go on has done so.
    const ROUNDS: usize = 4 * SUBMISSIONS_MAX;

    #[tokio::test]
    async fn any_number_of_requests_hand_in_no_more_than_the_bound_at_once() {
        let (handle, mut requests) = PeerHandle::new();
        let (context, _directory) = context_of(handle);
        let submit_all = submitter(&context);
        // Whatever one client hands in, half of the room stays free for others.
        let submitting: Vec<_> = [1, 1, 1].map(&submit_all).into();
        let of_one = all_that_come(&mut requests).await;
        assert_eq!(of_one.len(), SUBMISSIONS_MAX / 2);
        let of_others: Vec<_> = [2, 3].map(&submit_all).into();
        let mut first = all_that_come(&mut requests).await;
        assert_eq!(first.len(), SUBMISSIONS_MAX / 2);
        first.extend(of_one);
        // Whoever goes away makes no room.
        submitting[..1].iter().for_each(JoinHandle::abort);
        assert_eq!(all_that_come(&mut requests).await.len(), 0);
        // Nobody answers, which ends these.
        drop(first);
        assert_eq!(all_that_come(&mut requests).await.len(), SUBMISSIONS_MAX);
        assert_eq!(all_that_come(&mut requests).await.len(), SUBMISSIONS_MAX / 2);
        for submitted in submitting.into_iter().skip(1).chain(of_others) {
            let outcomes = submitted.await.expect("no panic").expect("it is answered");
            assert_eq!(outcomes.0.outcomes.len(), TRANSACTIONS_MAX);
        }
    }

    #[tokio::test]
    async fn a_client_has_a_few_requests_waiting_and_the_others_are_told_to_come_again() {
        let (handle, mut requests) = PeerHandle::new();
        let (context, _directory) = context_of(handle);
        let submit_all = submitter(&context);
        let submitting: Vec<_> = [1; 100].map(&submit_all).into();
        let under_way = all_that_come(&mut requests).await;
        let (ended, waiting): (Vec<_>, Vec<_>) =
            submitting.into_iter().partition(JoinHandle::is_finished);
        assert_eq!(waiting.len(), 9, "one is under way, and eight wait");
        for refused in ended {
            let Err(refused) = refused.await.expect("no panic") else { panic!("nobody answers") };
            let problem = refused.0;
            assert_eq!((problem.status, &*problem.kind), (503, "busy"));
        }
        let _other = submit_all(2);
        assert_eq!(all_that_come(&mut requests).await.len(), TRANSACTIONS_MAX);
        drop(under_way);
        waiting.iter().for_each(JoinHandle::abort);
    }

    /// Hands in as many transactions as one request may have, as often as it is called, for a client each time.
    fn submitter(
        context: &Context,
    ) -> impl Fn(u8) -> JoinHandle<Result<Json<schema::Outcomes>, Refused>> {
        let key = VoterKey::from_secret_bytes(&[1; 32]).expect("it is a key");
        let registration = signing::registration(&key, &context.actions().election, 4);
        let transactions = vec![hex::encode(codec::encode(&registration)); TRANSACTIONS_MAX];
        move |client| {
            let submission = schema::Submission { transactions: transactions.clone() };
            let client = ClientAddress::new([192, 0, 2, client].into());
            tokio::spawn(submit(State(context.clone()), client, Json(submission)))
        }
    }

    async fn all_that_come(requests: &mut Requests) -> Vec<Request> {
        let mut all = Vec::new();
        for _ in 0..ROUNDS {
            while let Ok(request) = requests.requests.try_recv() {
                all.push(request);
            }
            yield_now().await;
        }
        all
    }
}
