use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::routing::get;
use axum::{Router, middleware};
use protocol::datagram::Datagram;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::handle::Request as Asked;
use chain::fixtures;
use chain::rules::Rules;
use host::clock::now;
use node::{Limits, Node, NodeConfig, Restored, Role};

const DASHBOARD: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/grafana/ostrakon.json"));

/// What a peer counts, with a node behind it that only answers.
struct Peer {
    handle: PeerHandle,
    commits: CommitMetrics,
    metrics: Metrics,
    events: EventLog,
}

impl Peer {
    fn start() -> Self {
        let (handle, mut requests) = PeerHandle::new();
        let config = NodeConfig {
            validator: None,
            name: None,
            trackers: Vec::new(),
            neighbours: vec![],
            mining: false,
            role: Role::Ordinary,
            resident_bytes_max: 0,
            limits: Limits::default(),
            rules: Rules::ALL,
        };
        let election = Arc::new(fixtures::election());
        let mut node = Node::new(config, election, Restored::default(), [7; 32], now());
        node.handle_datagram(([127, 0, 0, 1], 7).into(), &[0; 50], now());
        tokio::spawn(async move {
            while let Some(Asked { command, reply }) = requests.requests.recv().await {
                reply.send(node.handle_command(command, now())).expect("somebody asked");
            }
        });
        let commits = CommitMetrics::default();
        let metrics = Metrics::new(&commits);
        let events = EventLog::start(&handle);
        Self { handle, commits, metrics, events }
    }

    async fn scrape(&self) -> Numbers {
        let text = self.metrics.scrape(&self.handle, None, &self.events).await;
        Numbers::read(&text.expect("the node answers").0)
    }

    /// Answers one request through the layer that counts it.
    async fn request(&self, method: &str, path: &str) {
        let measured = middleware::from_fn_with_state(self.metrics.clone(), measure);
        let router = Router::new().route("/v1/blocks/{block}", get(|| async {})).layer(measured);
        let request = Request::builder().method(method).uri(path).body(Body::empty());
        router.oneshot(request.expect("a request")).await.expect("an answer");
    }
}

/// A scrape, read line by line.
struct Numbers {
    types: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

impl Numbers {
    fn read(text: &str) -> Self {
        let (mut types, mut samples, mut helps) =
            (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        assert!(text.ends_with("# EOF\n"));
        for line in text.lines() {
            let words: Vec<_> = line.splitn(4, ' ').collect();
            match words[..] {
                ["#", "HELP", name, help] => {
                    assert!(help.len() > 10, "{line}");
                    assert!(helps.insert(name.to_owned()), "described twice: {line}");
                }
                ["#", "TYPE", name, kind] => {
                    types.insert(name.to_owned(), kind.to_owned());
                }
                ["#", ..] => {}
                _ => {
                    let (name, value) = line.rsplit_once(' ').expect("a name and a value");
                    let value = value.parse().expect("a number");
                    assert_eq!(samples.insert(name.to_owned(), value), None, "{line}");
                }
            }
        }
        assert!(types.keys().eq(&helps), "every family is described");
        Self { types, samples }
    }

    fn of(&self, name: &str) -> f64 {
        *self.samples.get(name).unwrap_or_else(|| panic!("{name}: {:?}", self.samples))
    }

    fn names(&self) -> BTreeSet<&str> {
        let names = self.samples.keys().map(|name| name.split('{').next().unwrap_or(name));
        names.collect()
    }

    /// The values of a metric's only label.
    fn labels(&self, name: &str, label: &str) -> BTreeSet<&str> {
        let begin = format!("{name}{{{label}=\"");
        let values = self.samples.keys().filter_map(|sample| sample.strip_prefix(&*begin));
        values.filter_map(|rest| rest.strip_suffix("\"}")).collect()
    }
}

#[tokio::test]
async fn every_kind_and_reason_is_there_from_the_start() {
    let peer = Peer::start();
    let numbers = peer.scrape().await;
    let kinds = BTreeSet::from(Datagram::KINDS);
    for name in ["ostrakon_datagrams_received_total", "ostrakon_datagrams_sent_total"] {
        assert_eq!(numbers.labels(name, "kind"), kinds);
    }
    let reasons = numbers.labels("ostrakon_datagrams_dropped_total", "reason");
    assert!(reasons.len() > 10 && reasons.contains("from a banned address"), "{reasons:?}");
    assert_eq!(numbers.of("ostrakon_datagrams_dropped_total{reason=\"malformed\"}"), 1.0);
    assert_eq!(numbers.of("ostrakon_received_bytes_total"), 50.0);
    for (name, expected) in [
        ("ostrakon_votes", 0.0),
        ("ostrakon_tip_height", 0.0),
        ("ostrakon_blocks_total{origin=\"mined_here\"}", 0.0),
        ("ostrakon_submissions_total{outcome=\"refused\"}", 0.0),
        ("ostrakon_store_commit_duration_seconds_count", 0.0),
        ("ostrakon_store_commit_failures_total", 0.0),
        ("ostrakon_mining", 0.0),
        (concat!("ostrakon_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
    ] {
        assert_eq!(numbers.of(name), expected, "{name}");
    }
    assert!(numbers.of("ostrakon_start_time_seconds") > 1.7e9);
    for (name, kind) in &numbers.types {
        assert!(name.starts_with("ostrakon_"), "{name}");
        assert!(!name.ends_with("_total"), "the samples of counters end so: {name}");
        assert!(["counter", "gauge", "histogram"].contains(&&**kind), "{name} {kind}");
    }
}

#[tokio::test]
async fn commits_listeners_and_requests_are_counted_for_one_peer_alone() {
    let (peer, other) = (Peer::start(), Peer::start());
    peer.commits.count(Duration::from_millis(3));
    peer.commits.count_failure();
    let _listener = peer
        .events
        .listen(host::http::ClientAddress::new([127, 0, 0, 1].into()), None)
        .expect("there is room");
    peer.request("GET", "/v1/blocks/7").await;
    peer.request("GET", "/v1/blocks/8").await;
    peer.request("BREW", "/v1/blocks/9").await;
    let numbers = peer.scrape().await;
    let requests = |method: &str, status: &str| {
        format!(
            "ostrakon_http_requests_total{{route=\"/v1/blocks/{{block}}\",\
             method=\"{method}\",status=\"{status}\"}}"
        )
    };
    for (name, expected) in [
        ("ostrakon_store_commit_duration_seconds_count", 1.0),
        ("ostrakon_store_commit_duration_seconds_sum", 0.003),
        ("ostrakon_store_commit_duration_seconds_bucket{le=\"0.0025\"}", 0.0),
        ("ostrakon_store_commit_duration_seconds_bucket{le=\"0.005\"}", 1.0),
        ("ostrakon_store_commit_failures_total", 1.0),
        ("ostrakon_event_listeners", 1.0),
        (&requests("GET", "2xx"), 2.0),
        (&requests("other", "4xx"), 1.0),
    ] {
        assert_eq!(numbers.of(name), expected, "{name}");
    }
    let others = other.scrape().await;
    assert_eq!(others.of("ostrakon_store_commit_duration_seconds_count"), 0.0);
    assert_eq!(others.of("ostrakon_event_listeners"), 0.0);
    assert!(!others.names().contains("ostrakon_http_requests_total"));
}

#[tokio::test]
async fn after_the_nodes_end_there_is_nothing_to_scrape() {
    let (handle, requests) = PeerHandle::new();
    let events = EventLog::start(&handle);
    drop(requests);
    let metrics = Metrics::new(&CommitMetrics::default());
    let refused = metrics.scrape(&handle, None, &events).await;
    assert_eq!(refused, Err(CommandError::Leaving));
}

#[tokio::test]
async fn the_dashboard_asks_for_nothing_that_is_not_there() {
    let peer = Peer::start();
    peer.request("GET", "/v1/blocks/7").await;
    let numbers = peer.scrape().await;
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let mut texts = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            texts.push(target["expr"].as_str().expect("a query"));
        }
    }
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        texts.extend(variable["definition"].as_str());
    }
    let is_of_name = |each: char| each.is_ascii_alphanumeric() || each == '_';
    let words = texts.iter().flat_map(|text| text.split(|each| !is_of_name(each)));
    let used: BTreeSet<_> = words.filter(|word| word.starts_with("ostrakon")).collect();
    let missing: Vec<_> = used.difference(&numbers.names()).copied().collect();
    assert_eq!(missing, Vec::<&str>::new());
    assert!(used.len() > 20, "{used:?}");
    // And shows all that there is, but for what the histograms' other series say.
    let unused: Vec<_> = numbers
        .names()
        .difference(&used)
        .filter(|name| !name.ends_with("_sum") && !name.ends_with("_count"))
        .copied()
        .collect();
    assert_eq!(unused, Vec::<&str>::new());
}
