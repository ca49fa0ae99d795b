//! Health checks, for whoever monitors the peer.

use axum::extract::State;
use axum::http::StatusCode;
use host::http::{Json, Problem};

use crate::http::context::Context;
use crate::http::openapi::{Common, FromNode};
use crate::http::problem::Refused;
use crate::render;
use crate::schema;

/// Whether the peer answers at all.
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, body = schema::Health, description = "It is"), Common, FromNode))]
pub(super) async fn alive(State(context): State<Context>) -> Result<Json<schema::Health>, Refused> {
    context.actions().results().await?;
    Ok(Json(schema::Health { ok: true }))
}

/// Whether what the peer says may be taken for the network's: it is in contact with others and has all blocks that it
/// knows of. Otherwise 503, and the detail names what is missing.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, body = schema::Health, description = "It is"), Common, FromNode))]
pub(super) async fn ready(State(context): State<Context>) -> Result<Json<schema::Health>, Refused> {
    let status = context.actions().status().await?;
    if let Some(first) = status.unready.first() {
        let all: Vec<_> = status.unready.iter().map(render::unready).collect();
        let (kind, detail) = (first.kind(), all.join("; "));
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, detail).into());
    }
    Ok(Json(schema::Health { ok: true }))
}
