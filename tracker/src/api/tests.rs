use axum::body::{Body, to_bytes};
use axum::http::Request as HttpRequest;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::handle::Request;

/// An answer of the router's, whose tracker lists `listed` peers.
async fn ask(uri: &str, listed: u8) -> (StatusCode, String, String) {
    let (handle, mut requests) = TrackerHandle::new();
    let addresses: Vec<_> =
        (1..=listed).map(|n| SocketAddr::from(([10, 0, 0, n], 6_001))).collect();
    let tracker = async {
        match requests.recv().await {
            Some(Request::Peers { after, most, reply }) => {
                let listed = addresses.into_iter().filter(|address| Some(*address) > after);
                reply.send(listed.take(most).collect()).expect("it is waited for");
            }
            Some(Request::Figures { reply }) => {
                let dropped = vec![("no_token", 3), ("list_full", 0)];
                let (listed, unconfirmed) = (usize::from(listed), 2);
                let (received, sent, receive_errors, send_errors) = (30, 20, 0, 1);
                reply
                    .send(Figures {
                        listed,
                        unconfirmed,
                        received,
                        sent,
                        receive_errors,
                        send_errors,
                        dropped,
                    })
                    .expect("it is waited for");
            }
            None => {}
        }
    };
    let request = HttpRequest::get(uri).body(Body::empty()).expect("a request");
    let (answer, ()) = tokio::join!(router(handle).oneshot(request), tracker);
    let (parts, body) = answer.expect("it always answers").into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("it is whole");
    let content_type = parts.headers[CONTENT_TYPE].to_str().expect("it is text").to_owned();
    (parts.status, content_type, String::from_utf8(body.to_vec()).expect("it is text"))
}

async fn ask_json(uri: &str, listed: u8) -> (StatusCode, Value) {
    let (status, _, body) = ask(uri, listed).await;
    (status, serde_json::from_str(&body).expect("it is JSON"))
}

#[tokio::test]
async fn peers_come_in_pages() {
    let peer = |n: u8| json!({"address": format!("10.0.0.{n}:6001")});
    let all = json!({"peers": [peer(1), peer(2), peer(3)], "next": null});
    for uri in ["/v1/peers", "/v1/peers?limit=3", "/v1/peers?limit=1000"] {
        assert_eq!(ask_json(uri, 3).await, (StatusCode::OK, all.clone()), "{uri}");
    }
    let first = json!({"peers": [peer(1), peer(2)], "next": "10.0.0.2:6001"});
    assert_eq!(ask_json("/v1/peers?limit=2", 3).await.1, first);
    let rest = json!({"peers": [peer(3)], "next": null});
    assert_eq!(ask_json("/v1/peers?limit=2&after=10.0.0.2:6001", 3).await.1, rest);
    assert_eq!(ask_json("/v1/peers", 0).await.1, json!({"peers": [], "next": null}));
}

#[tokio::test]
async fn a_wrong_page_is_a_problem() {
    for query in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=-1",
        "after=there",
        "before=1",
        "limit=1&limit=2",
    ] {
        let (status, problem) = ask_json(&format!("/v1/peers?{query}"), 3).await;
        assert_eq!(
            (status, &problem["kind"]),
            (StatusCode::BAD_REQUEST, &json!("bad_request")),
            "{query}"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_page_is_told_in_plain_words() {
    for (query, detail) in [
        ("after=there", "`after`: write an IP address and a port, as in 192.0.2.7:6001"),
        ("limit=x", "`limit` is no whole number that fits here"),
        ("before=1", "nothing is called `before` here: there is `limit`, `after`"),
    ] {
        let (_, problem) = ask_json(&format!("/v1/peers?{query}"), 3).await;
        assert_eq!(problem["detail"], detail, "{query}");
    }
}

#[tokio::test]
async fn counts_are_as_prometheus_reads_them() {
    let (status, content_type, text) = ask("/metrics", 7).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        r#"ostrakon_tracker_peers{standing="listed"} 7"#,
        r#"ostrakon_tracker_peers{standing="unconfirmed"} 2"#,
        r#"ostrakon_tracker_datagrams_total{direction="received"} 30"#,
        r#"ostrakon_tracker_datagrams_total{direction="sent"} 20"#,
        r#"ostrakon_tracker_errors_total{direction="received"} 0"#,
        r#"ostrakon_tracker_errors_total{direction="sent"} 1"#,
        r#"ostrakon_tracker_dropped_total{reason="no_token"} 3"#,
        r#"ostrakon_tracker_dropped_total{reason="list_full"} 0"#,
        "# TYPE ostrakon_tracker_datagrams_total counter",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}

#[tokio::test]
async fn the_first_page_names_what_there_is() {
    let (_, _, page) = ask("/", 0).await;
    for uri in ["/v1/peers", "/healthz", "/metrics"] {
        assert!(page.contains(&format!("GET {uri}")));
        assert_eq!(ask(uri, 0).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_tracker_that_stops_says_so() {
    let (handle, requests) = TrackerHandle::new();
    drop(requests);
    let request = HttpRequest::get("/healthz").body(Body::empty()).expect("a request");
    let answer = router(handle).oneshot(request).await.expect("it always answers");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_taken_port_is_refused_unless_another_would_do() {
    let first = listen(SocketAddr::from(([127, 0, 0, 1], 0)), false).expect("a free port");
    let address = first.local_addr().expect("it is bound");
    let error = listen(address, false).expect_err("it is taken");
    assert!(error.to_string().contains("--api off"), "{error}");
    let second = listen(address, true).expect("a free port");
    assert_ne!(second.local_addr().expect("it is bound"), address);
}
