//! Orders to this peer. All of them require the token.

use axum::extract::State;
use host::http::Json;

use crate::actions::{ActionError, choices_of_names};
use crate::http::context::Context;
use crate::http::openapi::{Common, FromNode, Guarded, OrConflict, WithBody};
use crate::http::problem::Refused;
use crate::schema;
use crate::voter::Actor;

type Answered<T> = Result<Json<T>, Refused>;

/// Casts the vote of one of this peer's own voters, and registers it first if need be.
///
/// A key that is locked takes its passphrase along: without it the vote is refused as `locked`, with another one as
/// `wrong_passphrase`. Votes are public under the voter key: voters should tell nobody which key is theirs, and the
/// organiser's list need not say who holds which. The answer comes when the vote is durable.
#[utoipa::path(post, path = "/v1/vote", tag = "orders", request_body = schema::VoteOrder,
    responses((status = 200, body = schema::Voted, description = "The vote is durable"), Common, FromNode, Guarded, OrConflict, WithBody),
    security(("token" = []), ("session" = [])))]
pub(super) async fn vote(
    State(context): State<Context>,
    Json(order): Json<schema::VoteOrder>,
) -> Answered<schema::Voted> {
    let actions = context.actions();
    let choices = choices_of_names(&order.choices, &actions.election).map_err(ActionError::from)?;
    let actor = Actor { voter: order.voter, passphrase: order.passphrase };
    Ok(Json(actions.vote(actor, choices).await?))
}

/// Tries a peer's address for as long as this one runs, as `--neighbour` does.
#[utoipa::path(post, path = "/v1/peers", tag = "orders", request_body = schema::PeerAddress,
    responses((status = 200, body = schema::PeerAddress, description = "It is tried"), Common, FromNode, Guarded, OrConflict, WithBody),
    security(("token" = []), ("session" = [])))]
pub(super) async fn add_peer(
    State(context): State<Context>,
    Json(peer): Json<schema::PeerAddress>,
) -> Answered<schema::PeerAddress> {
    context.actions().add_neighbour(peer.address).await?;
    Ok(Json(peer))
}

/// Mines one block now, even an empty one.
#[utoipa::path(post, path = "/v1/mine", tag = "orders",
    responses((status = 200, body = schema::BlockOrdered, description = "It is searched for"), Common, FromNode, Guarded, OrConflict),
    security(("token" = []), ("session" = [])))]
pub(super) async fn mine(State(context): State<Context>) -> Answered<schema::BlockOrdered> {
    Ok(Json(context.actions().mine().await?))
}

/// Asks all neighbours for what this peer lacks.
#[utoipa::path(post, path = "/v1/sync", tag = "orders",
    responses((status = 200, body = schema::SyncOrdered, description = "They are asked"), Common, FromNode, Guarded, OrConflict),
    security(("token" = []), ("session" = [])))]
pub(super) async fn sync(State(context): State<Context>) -> Answered<schema::SyncOrdered> {
    Ok(Json(context.actions().sync().await?))
}

/// Takes leave of the others, and ends the peer.
#[utoipa::path(post, path = "/v1/leave", tag = "orders",
    responses((status = 200, body = schema::Left, description = "It takes leave"), Common, Guarded),
    security(("token" = []), ("session" = [])))]
pub(super) async fn leave(State(context): State<Context>) -> Json<schema::Left> {
    let own_vote = context.actions().own_votes().await;
    context.leave();
    Json(schema::Left { own_vote })
}
