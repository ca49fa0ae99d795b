//! Orders to a laboratory peer. They require the token, and a peer that is not a laboratory refuses
//! them.

use axum::extract::State;
use host::http::Json;

use crate::actions::ActionError;
use crate::cli::laboratory::{LabCommand, rule_of};
use crate::http::context::Context;
use crate::http::openapi::{Common, FromNode, Guarded, OrConflict, WithBody};
use crate::http::problem::Refused;
use crate::schema;

type Answered = Result<Json<schema::Experiment>, Refused>;

/// Cuts a laboratory off from all others, or lets it take part again.
///
/// Cut off, it answers the POKEs of tracker and neighbours, so that they keep it listed, and nothing else.
#[utoipa::path(post, path = "/v1/lab/partition", tag = "laboratory", request_body = schema::PartitionOrder,
    responses((status = 200, body = schema::Experiment, description = "It is so"), Common, FromNode, Guarded, OrConflict, WithBody),
    security(("token" = []), ("session" = [])))]
pub(super) async fn partition(
    State(context): State<Context>,
    Json(order): Json<schema::PartitionOrder>,
) -> Answered {
    Ok(Json(context.actions().lab(LabCommand::Partition(order.on)).await?))
}

/// Mines a block that breaks a rule, and sends it to all neighbours; the laboratory's own chain does not get it.
#[utoipa::path(post, path = "/v1/lab/bad-block", tag = "laboratory", request_body = schema::BadBlockOrder,
    responses((status = 200, body = schema::Experiment, description = "It is made"), Common, FromNode, Guarded, OrConflict, WithBody),
    security(("token" = []), ("session" = [])))]
pub(super) async fn bad_block(
    State(context): State<Context>,
    Json(order): Json<schema::BadBlockOrder>,
) -> Answered {
    let rule = rule_of(&order.rule).map_err(ActionError::from)?;
    Ok(Json(context.actions().lab(LabCommand::BadBlock(rule)).await?))
}

/// Mines a rival of the newest block, of the same height and transactions, and sends it to all neighbours.
#[utoipa::path(post, path = "/v1/lab/race", tag = "laboratory",
    responses((status = 200, body = schema::Experiment, description = "It is searched for"), Common, FromNode, Guarded, OrConflict),
    security(("token" = []), ("session" = [])))]
pub(super) async fn race(State(context): State<Context>) -> Answered {
    Ok(Json(context.actions().lab(LabCommand::Race).await?))
}

/// Has the laboratory's validator sign a second PREPARE for the height that it prepared last, and sends it to all neighbours.
#[utoipa::path(post, path = "/v1/lab/sign-twice", tag = "laboratory",
    responses((status = 200, body = schema::Experiment, description = "It is being signed"), Common, FromNode, Guarded, OrConflict),
    security(("token" = []), ("session" = [])))]
pub(super) async fn sign_twice(State(context): State<Context>) -> Answered {
    Ok(Json(context.actions().lab(LabCommand::SignTwice).await?))
}
