//! The stream of events as they happen, and the peer's metrics.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use host::http::{ClientAddress, Problem};

use crate::actions::ActionError;
use crate::http::context::Context;
use crate::http::openapi::{Common, FromNode};
use crate::http::problem::Refused;
use crate::schema;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What happens, as server-sent events: blocks, reorganisations, transactions, neighbours, and whether the disk takes
/// votes.
///
/// Each event has an id. Whoever comes back with the last one that it heard, as browsers do by themselves, goes on
/// after it; if that is too long ago, or was in another run of the peer, an event `missed` comes first, and then all
/// that is still kept.
#[utoipa::path(get, path = "/v1/events", tag = "chain",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was heard")),
    responses((status = 200, description = "Events until the peer ends", content_type = "text/event-stream",
        body = schema::Told), Common, FromNode))]
pub(super) async fn events(
    State(context): State<Context>,
    client: ClientAddress,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refused> {
    let last = headers.get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()));
    let listener = context.events().listen(client, last.as_deref()).map_err(Problem::from)?;
    Ok(listener.into_response())
}

/// The peer in numbers, for Prometheus; in the format of OpenMetrics for those who ask for it.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "The numbers",
        content((String = "text/plain"), (String = "application/openmetrics-text"))), Common, FromNode))]
pub(super) async fn metrics(
    State(context): State<Context>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let actions = context.actions();
    let scrape =
        context.metrics().scrape(&actions.handle, actions.miner.as_ref(), context.events());
    Ok(scrape.await.map_err(ActionError::from)?.for_reader(&headers))
}
