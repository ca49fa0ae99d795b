//! Tests that docs/openapi.json is exactly the description that a peer gives, and that this
//! description covers everything that the API has.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use protocol::ballot_file;
use protocol::election::Election;
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::sync::{Mutex, watch};
use tower::ServiceExt;

use super::access::Access;
use super::context::Context;
use super::metrics::Metrics;
use super::routes;
use crate::actions::Actions;
use crate::handle::PeerHandle;
use crate::schema;
use crate::store::commit_metrics::CommitMetrics;
use crate::store::data_directory::TOKEN_FILE;
use crate::voter::OwnVoters;
use node::Role;

const DOCUMENT_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
const BALLOT_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ballot.toml");
const BLESS: &str = "OSTRAKON_BLESS=1 cargo test -p peer --lib documented";

/// Pages for people. They offer nothing to programs, so they need no description.
const PAGES: [&str; 2] = ["/", "/style.css"];

/// The API of a peer whose node has ended.
fn context() -> (Context, TempDir) {
    // The receiving end is dropped, so that no node has to run.
    let (handle, node) = PeerHandle::new();
    drop(node);
    context_of(handle)
}

/// The API of a peer whose node is reached through this handle.
pub(super) fn context_of(handle: PeerHandle) -> (Context, TempDir) {
    let text = std::fs::read_to_string(BALLOT_PATH).expect("the sample ballot");
    let election = Arc::new(ballot_file::parse(&text).expect("the sample ballot is good"));
    let directory = tempfile::tempdir().expect("a directory");
    let actions = Actions {
        handle,
        voters: Some(voters_of(directory.path(), Arc::clone(&election))),
        role: Role::Ordinary,
        forging: Mutex::default(),
        election_id: election.election_id(),
        election,
        address: ([127, 0, 0, 1], 6_001).into(),
        data_directory: directory.path().to_owned(),
        miner: None,
        multicast: watch::channel(schema::Multicast::default()).1,
    };
    let access = Access::open(directory.path(), 6_001).expect("a token");
    let url = "http://127.0.0.1:6001".to_owned();
    let metrics = Metrics::new(&CommitMetrics::default());
    (Context::new(Arc::new(actions), access, url, Arc::default(), metrics), directory)
}

fn voters_of(directory: &Path, election: Arc<Election>) -> OwnVoters {
    let file = keys::read_or_make(directory).expect("a key");
    let key = file.unlock(None).expect("it is not locked");
    OwnVoters::new(directory.to_owned(), &file, Some(key), election).expect("it is not locked")
}

fn description() -> Value {
    let (context, _directory) = context();
    serde_json::to_value(routes::described(&context).into_openapi()).expect("all keys are texts")
}

/// The path, method and operation of each route.
fn operations(description: &Value) -> Vec<(&str, &str, &Map<String, Value>)> {
    let paths = description["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").iter();
        methods.map(move |(method, operation)| {
            (path.as_str(), method.as_str(), operation.as_object().expect("an operation"))
        })
    });
    all.collect()
}

#[test]
fn the_document_is_what_a_peer_gives() {
    let mut fresh = serde_json::to_string_pretty(&description()).expect("it was JSON");
    fresh.push('\n');
    if std::env::var("OSTRAKON_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(DOCUMENT_PATH, fresh).expect("docs/openapi.json can be written");
        return;
    }
    let text = std::fs::read_to_string(DOCUMENT_PATH).expect("docs/openapi.json can be read");
    for (number, (found, expected)) in text.lines().zip(fresh.lines()).enumerate() {
        assert_eq!(found, expected, "docs/openapi.json:{}: run `{BLESS}`", number + 1);
    }
    assert_eq!(text, fresh, "run `{BLESS}`");
}

#[test]
fn every_operation_says_all_that_a_program_has_to_know() {
    let description = description();
    let tags = description["tags"].as_array().expect("tags").iter();
    let tags: BTreeSet<_> = tags.filter_map(|tag| tag["name"].as_str()).collect();
    let (mut names, mut used) = (BTreeSet::new(), BTreeSet::new());
    for (path, method, operation) in operations(&description) {
        let place = format!("{method} {path}");
        let name = operation["operationId"].as_str().expect(&place);
        assert!(
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{place}: {name}"
        );
        assert!(names.insert(name), "{place}: another is called {name} too");
        let summary = operation["summary"].as_str().expect(&place);
        assert!(summary.ends_with('.'), "{place}: {summary}");
        let [tag] = operation["tags"].as_array().expect(&place).as_slice() else {
            panic!("{place}: not one tag")
        };
        used.insert(tag.as_str().expect(&place));
        let responses = operation["responses"].as_object().expect(&place);
        assert!(responses.keys().any(|status| status.starts_with(['2', '3'])), "{place}");
        for (status, response) in responses {
            let path = response["$ref"].as_str().map(|path| path.trim_start_matches('#'));
            let response = path.map_or(Some(response), |path| description.pointer(path));
            let about = response.and_then(|response| response["description"].as_str());
            assert!(about.is_some_and(|about| !about.is_empty()), "{place}: {status}");
        }
        let takes_token = operation.contains_key("security") && path != "/v1/status";
        assert_eq!(responses.contains_key("401"), takes_token, "{place}");
        assert_eq!(method == "post" && path != "/v1/transactions", takes_token, "{place}");
    }
    assert_eq!(used, tags, "tags in use and tags that are explained");
}

#[test]
fn every_route_is_described() {
    let (context, _directory) = context();
    let router = format!("{:?}", routes::router(context));
    // The router lists its paths only in its debug output. One of them is its own, for paths that
    // do not exist.
    let paths = router.split('"').filter(|text| text.starts_with('/'));
    let routed: BTreeSet<_> = paths.filter(|path| !path.contains("__private__")).collect();
    let description = description();
    let described = operations(&description).into_iter().map(|(path, _, _)| path);
    let known: BTreeSet<_> = described.chain(PAGES).collect();
    assert_eq!(routed, known);
}

#[tokio::test]
async fn every_operation_answers() {
    let (context, directory) = context();
    let token = std::fs::read_to_string(directory.path().join(TOKEN_FILE));
    let token = format!("Bearer {}", token.expect("it was made").trim());
    let router = routes::router(context);
    let description = description();
    for (path, method, operation) in operations(&description) {
        let target = path.replace("{block}", "0").replace("{id}", &"0".repeat(64));
        let request = Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(target)
            .header("authorization", &token)
            .body(Body::empty())
            .expect("a request");
        let status = router.clone().oneshot(request).await.expect("an answer").status();
        let wrong =
            [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::UNAUTHORIZED];
        assert!(!wrong.contains(&status), "{method} {path}: {status}");
        let responses = operation["responses"].as_object().expect("responses");
        assert!(
            responses.contains_key(status.as_str()),
            "{method} {path} does not tell of {status}"
        );
    }
}
