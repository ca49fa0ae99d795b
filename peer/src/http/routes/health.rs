//! Health checks, for whoever monitors the peer.

use axum::extract::State;
use axum::http::StatusCode;
use host::http::{Json, Problem};

use crate::http::context::Context;
use crate::http::openapi::{Common, FromNode};
use crate::http::problem::Refused;
use crate::schema;

/// Whether the peer answers at all.
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, body = schema::Health, description = "It is"), Common, FromNode))]
pub(super) async fn alive(State(context): State<Context>) -> Result<Json<schema::Health>, Refused> {
    context.actions().results().await?;
    Ok(Json(schema::Health { ok: true }))
}

/// Whether the peer has all blocks that it knows of; 503 while it fetches some.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, body = schema::Health, description = "It is"), Common, FromNode))]
pub(super) async fn ready(State(context): State<Context>) -> Result<Json<schema::Health>, Refused> {
    let status = context.actions().status().await?;
    if status.sync_target > status.tip.height {
        let detail = format!("fetching blocks: at {} of {}", status.tip.height, status.sync_target);
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "syncing", detail).into());
    }
    Ok(Json(schema::Health { ok: true }))
}
