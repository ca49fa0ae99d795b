//! The tracker's HTTP API for programs and operators: which peers are listed, whether the tracker
//! is alive, and its counters.
//!
//! The API only reads. Nothing here may ever change the list of peers.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use host::http::{BindError, Json, OpenMetrics, Problem, Query};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::net::TcpListener;

use crate::handle::{Figures, Stopping, TrackerHandle};
use crate::run::ListenError;

/// The most peers in one answer, which then takes about 40 KB.
const PEERS_PER_PAGE_MAX: usize = 1_000;
/// The number of peers in an answer if the request does not say how many it wants.
const PEERS_PER_PAGE: usize = 100;

/// The page at `/`.
const PAGE: &str = "\
Ostrakon tracker

GET /v1/peers?limit=100&after=ADDRESS  peers that are listed, by address; `next` is where the next page begins
GET /healthz                           ok, as long as the tracker answers
GET /metrics                           counts, for Prometheus
";

type Labels = [(&'static str, &'static str); 1];

/// The query parameters that select a part of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    /// The number of peers wanted, from 1 to 1,000.
    limit: Option<usize>,
    /// The last address of the previous page; the answer starts behind it.
    #[serde(default, deserialize_with = "some_address")]
    after: Option<SocketAddr>,
}

/// A part of the list.
#[derive(Debug, Serialize)]
struct Peers {
    peers: Vec<Peer>,
    /// The value of `after` for the next request; `None` at the end of the list.
    next: Option<SocketAddr>,
}

#[derive(Debug, Serialize)]
struct Peer {
    address: SocketAddr,
}

/// Opens the API's listener. If the port is taken and the caller accepts another one, the system
/// chooses it. Must be called within a tokio runtime.
///
/// # Errors
/// When the address is in use, is not an address of this machine, or may not be used by this user.
pub fn listen(
    address: SocketAddr,
    another_port_would_do: bool,
) -> Result<TcpListener, ListenError> {
    let listener = match host::http::bind(address) {
        Err(BindError::InUse { .. }) if another_port_would_do => {
            host::http::bind(SocketAddr::new(address.ip(), 0))
        }
        bound => bound,
    };
    listener.map_err(|source| ListenError::Api { source })
}

/// The tracker's routes.
pub fn router(handle: TrackerHandle) -> Router {
    Router::new()
        .route("/", get(async || PAGE))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/v1/peers", get(peers))
        .with_state(handle)
}

async fn peers(
    State(handle): State<TrackerHandle>,
    Query(Page { limit, after }): Query<Page>,
) -> Result<Json<Peers>, Problem> {
    let limit = limit.unwrap_or(PEERS_PER_PAGE);
    if !(1..=PEERS_PER_PAGE_MAX).contains(&limit) {
        let detail = format!("`limit` is {limit}: write a number from 1 to {PEERS_PER_PAGE_MAX}");
        return Err(Problem::bad_request(detail));
    }
    // One more peer than asked for is requested, because its presence shows that there is a next
    // page.
    let mut addresses = handle.peers(after, limit + 1).await.map_err(stopping)?;
    let has_next = addresses.len() > limit;
    addresses.truncate(limit);
    let next = addresses.last().copied().filter(|_| has_next);
    Ok(Json(Peers { peers: addresses.into_iter().map(|address| Peer { address }).collect(), next }))
}

/// The answer comes from the task that owns the registry, so getting one shows that the tracker
/// itself works and not only its HTTP listener.
async fn health(State(handle): State<TrackerHandle>) -> Result<&'static str, Problem> {
    handle.figures().await.map(|_| "ok\n").map_err(stopping)
}

async fn metrics(
    State(handle): State<TrackerHandle>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let figures = handle.figures().await.map_err(stopping)?;
    let mut text = String::new();
    encode(&mut text, &registry(figures))
        .map_err(|_| Problem::internal("the counts can't be written as text"))?;
    Ok(OpenMetrics(text).for_reader(&headers))
}

fn some_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    host::http::address(deserializer).map(Some)
}

fn stopping(error: Stopping) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", error.to_string())
}

fn registry(figures: Figures) -> Registry {
    let Figures { listed, unconfirmed, received, sent, receive_errors, send_errors, dropped } =
        figures;
    let peers = Family::<Labels, Gauge>::default();
    for (standing, count) in [("listed", listed), ("unconfirmed", unconfirmed)] {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        peers.get_or_create(&[("standing", standing)]).set(count);
    }
    let counters = |label, counts: &[(&'static str, u64)]| {
        let family = Family::<Labels, Counter>::default();
        for (value, count) in counts {
            family.get_or_create(&[(label, *value)]).inc_by(*count);
        }
        family
    };
    let datagrams = counters("direction", &[("received", received), ("sent", sent)]);
    let errors = counters("direction", &[("received", receive_errors), ("sent", send_errors)]);
    let dropped = counters("reason", &dropped);

    let mut registry = Registry::with_prefix("ostrakon_tracker");
    registry.register("peers", "Peers that registered, by whether they answer", peers);
    registry.register("datagrams", "Datagrams", datagrams);
    registry.register("errors", "System calls on datagrams that failed", errors);
    registry.register("dropped", "Datagrams without an effect, and peers without a place", dropped);
    registry
}

#[cfg(test)]
mod tests;
