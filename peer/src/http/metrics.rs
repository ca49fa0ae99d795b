//! The peer's metrics for Prometheus: what the node reports about itself at the moment of a scrape,
//! and what its shell has counted since it started. Each peer has its own metrics, even when
//! several run in one process.
//!
//! The values of labels are all fixed in the code and never come from outside, so nobody can make
//! the number of time series grow.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use host::http::OpenMetrics;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::events::EventLog;
use crate::handle::PeerHandle;
use crate::miner::MinerView;
use crate::schema;
use crate::store::commit_metrics::CommitMetrics;
use host::clock::unix_now;
use node::{Answer, Command, CommandError, Counters, Status};

/// The prefix of all names.
const PREFIX: &str = "ostrakon";

/// The buckets in seconds, from answers out of memory to the longest time that a request may take.
const REQUEST_BUCKETS: [f64; 13] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The label for requests that match no route.
const UNMATCHED: &str = "unmatched";

type Label = [(&'static str, &'static str); 1];
/// The route, the method and the class of the status. Routes appear as they are written in the
/// router and not as they were requested, so that clients cannot create new labels.
type RequestLabels = [(&'static str, String); 3];
type RouteLabel = [(&'static str, String); 1];
type Requests = Family<RequestLabels, Counter>;
type Durations = Family<RouteLabel, Histogram, fn() -> Histogram>;

/// The counts of the shell, and what is needed to read those of the node. Copies share their
/// counts.
#[derive(Debug, Clone)]
pub(crate) struct Metrics(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    registry: Registry,
    requests: Requests,
    durations: Durations,
}

impl Metrics {
    /// Creates the metrics. The moment of this call is reported as the peer's start.
    pub(crate) fn new(commits: &CommitMetrics) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let version = Family::<Label, Gauge>::default();
        version.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        registry.register("build_info", "The program's version", version);
        #[expect(clippy::cast_precision_loss, reason = "Unix times are below 2^53 ms")]
        let started = ConstGauge::new(unix_now().0 as f64 / 1_000.0);
        let help = "When the peer started, in Unix time";
        registry.register_with_unit("start_time", help, Unit::Seconds, started);
        commits.register(&mut registry);

        let requests = Requests::default();
        let help = "HTTP requests that were answered, by route, method and class of the status";
        registry.register("http_requests", help, requests.clone());
        let durations = Durations::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS));
        let help = "How long HTTP requests took until the head of their answer, by route";
        registry.register_with_unit(
            "http_request_duration",
            help,
            Unit::Seconds,
            durations.clone(),
        );
        Self(Arc::new(Shared { registry, requests, durations }))
    }

    /// All metrics at this moment.
    ///
    /// # Errors
    /// [`CommandError::Leaving`] after the end of the node.
    pub(crate) async fn scrape(
        &self,
        handle: &PeerHandle,
        miner: Option<&MinerView>,
        events: &EventLog,
    ) -> Result<OpenMetrics, CommandError> {
        // Both are requested together, so that the node answers them in one round.
        let (status, counters) =
            tokio::join!(handle.command(Command::Status), handle.command(Command::Counters));
        let (Answer::Status(status), Answer::Counters(counters)) = (status?, counters?) else {
            unreachable!("the node answers what was asked")
        };
        let mut registry = Registry::with_prefix(PREFIX);
        register_chain(&mut registry, &status, &counters);
        register_network(&mut registry, &status, &counters);
        register_mining(&mut registry, miner);
        finality::register(&mut registry, status.finality.as_deref());
        let listeners = ConstGauge::new(events.listeners());
        registry.register("event_listeners", "Connections that listen to events", listeners);
        Ok(OpenMetrics(text(&[&registry, &self.0.registry]).expect("a text takes all lines")))
    }

    fn count_request(&self, route: String, method: &Method, status: StatusCode, took: Duration) {
        let labels = [
            ("route", route.clone()),
            ("method", method_name(method).to_owned()),
            ("status", format!("{}xx", status.as_u16() / 100)),
        ];
        self.0.requests.get_or_create(&labels).inc();
        self.0.durations.get_or_create(&[("route", route)]).observe(took.as_secs_f64());
    }
}

/// Counts a request and measures how long its answer took. This is a layer around all routes.
pub(crate) async fn measure(
    State(metrics): State<Metrics>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let route = path.map_or(UNMATCHED, MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let began = Instant::now();
    let response = next.run(request).await;
    metrics.count_request(route, &method, response.status(), began.elapsed());
    response
}

/// Clients may invent methods, so unknown ones share one label.
fn method_name(method: &Method) -> &'static str {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    const NAMES: [&str; KNOWN.len()] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let place = KNOWN.iter().position(|known| known == method);
    place.map_or("other", |place| NAMES[place])
}

fn text(registries: &[&Registry]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for registry in registries {
        encode_registry(&mut text, registry)?;
    }
    encode_eof(&mut text)?;
    Ok(text)
}

fn register_chain(registry: &mut Registry, status: &Status, counters: &Counters) {
    let mut gauge = |name, help, value: u64| registry.register(name, help, ConstGauge::new(value));
    gauge("votes", "Votes that count on the best chain", status.votes);
    gauge("registered_voters", "Voters that the best chain lists", status.registered_voters);
    gauge("pool_transactions", "Valid transactions that wait for a block", status.pool as u64);
    gauge("held_transactions", "Transactions that wait for others", status.held as u64);
    gauge("tip_height", "Height of the best chain", status.tip.height.0);
    let target = status.sync_target.0;
    gauge("sync_target_height", "Height of the best chain of headers", target);
    let lag = target.saturating_sub(status.tip.height.0);
    gauge("sync_lag_blocks", "Blocks that are known of and still to be fetched", lag);
    #[expect(clippy::cast_precision_loss, reason = "graphs need no more digits")]
    let work = ConstGauge::new(status.work.0 as f64);
    registry.register("tip_work", "Hash attempts that the best chain took on average", work);

    let blocks = [("mined_here", counters.blocks_mined), ("received", counters.blocks_taken)];
    let help = "Blocks that joined the best chain, by where they came from";
    registry.register("blocks", help, counted("origin", &blocks));
    let reorganisations = ConstCounter::new(counters.reorganisations);
    let help = "Changes of the best chain to another branch";
    registry.register("reorganisations", help, reorganisations);
    let submissions =
        [("accepted", counters.submissions_accepted), ("refused", counters.submissions_refused)];
    let help = "Transactions that were handed in at this peer, by what became of them";
    registry.register("submissions", help, counted("outcome", &submissions));
}

fn register_network(registry: &mut Registry, status: &Status, counters: &Counters) {
    let neighbours = ConstGauge::new(status.neighbours);
    registry.register("neighbours", "Peers that this one exchanges datagrams with", neighbours);
    let holders = ConstGauge::new(status.tip_held_by.neighbours);
    registry.register(
        "tip_holders",
        "Neighbours whose chains hold this peer's newest block",
        holders,
    );
    let finality = status.finality.as_deref().map(|view| schema::Finality::of(view, &[]));
    let keeps = finality.iter().flat_map(schema::Unready::of_validator).count();
    let is_ready = ConstGauge::new(u64::from(status.unready.is_empty() && keeps == 0));
    let help = "1 while /readyz says so: in contact with others, not behind, and the clock agrees";
    registry.register("ready", help, is_ready);
    let help =
        "Blocks that count for nothing until this machine's clock says that their time has come";
    registry.register("blocks_waiting", help, ConstGauge::new(status.waiting.blocks as u64));
    let offset_s = status.clock.offset_ms.map_or(f64::NAN, |offset_ms| offset_ms as f64 / 1_000.0);
    let help = "By how much this machine's clock is ahead of others', NaN while too few are known";
    registry.register_with_unit("clock_offset", help, Unit::Seconds, ConstGauge::new(offset_s));
    for (name, direction, kinds, bytes) in [
        ("received", "came and could be read", &counters.received, counters.received_bytes),
        ("sent", "were sent", &counters.sent, counters.sent_bytes),
    ] {
        let help = format!("Datagrams that {direction}, by kind");
        registry.register(format!("datagrams_{name}"), help, counted("kind", kinds));
        let help = format!("Bytes of all datagrams that {name}");
        registry.register_with_unit(name, help, Unit::Bytes, ConstCounter::new(bytes));
    }
    let help = "Datagrams that were dropped, by why";
    registry.register("datagrams_dropped", help, counted("reason", &counters.dropped));
}

/// Without a miner, all values are 0.
fn register_mining(registry: &mut Registry, miner: Option<&MinerView>) {
    let progress = miner.and_then(MinerView::progress);
    let is_mining = ConstGauge::new(u64::from(progress.is_some()));
    registry.register("mining", "1 while a block is searched for", is_mining);
    let rate = progress.map_or(0.0, |progress| progress.hashes_per_second);
    let help = "Hash attempts a second of the search at hand";
    registry.register("mining_hashes_per_second", help, ConstGauge::new(rate));
    let hashes = ConstCounter::new(miner.map_or(0, MinerView::hashes));
    registry.register("mining_hashes", "Hash attempts at blocks", hashes);
}

fn counted(label: &'static str, counts: &[(&'static str, u64)]) -> Family<Label, Counter> {
    let family = Family::<Label, Counter>::default();
    for (value, count) in counts {
        family.get_or_create(&[(label, *value)]).inc_by(*count);
    }
    family
}

mod finality;
#[cfg(test)]
mod tests;
