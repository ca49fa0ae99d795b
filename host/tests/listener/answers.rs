//! What every answer has, and those that the listener gives by itself.

use std::time::Duration;

use host::http::{Limits, Rate};

use crate::harness::{Answer, Server};

#[track_caller]
fn assert_sealed(answer: &Answer) {
    let policy = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
                  form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    for (name, value) in [
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name} of {answer:?}");
    }
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn every_answer_is_sealed() {
    let limits = Limits { request_wait: Duration::from_secs(2), ..Limits::default() };
    let server = Server::start(limits);
    let huge = ["Content-Type: application/json", "Content-Length: 100000000"];
    for (method, path, headers, status, kind) in [
        ("GET", "/hello", &[][..], 200, None),
        ("HEAD", "/hello", &[], 200, None),
        ("GET", "/nowhere", &[], 404, Some("not_found")),
        ("GET", "/../hello", &[], 404, Some("not_found")),
        ("GET", "/hello/", &[], 404, Some("not_found")),
        ("GET", "/%2e%2e/hello", &[], 404, Some("not_found")),
        ("GET", "//hello", &[], 404, Some("not_found")),
        ("DELETE", "/hello", &[], 405, Some("method_not_allowed")),
        ("GET", "/items/x", &[], 400, Some("bad_request")),
        ("GET", "/items/%ff", &[], 400, Some("bad_request")),
        ("GET", "/pair", &[], 400, Some("bad_request")),
        ("GET", "/pair?0=a&1=-1", &[], 400, Some("bad_request")),
        ("POST", "/length", &huge, 413, Some("body_too_large")),
        ("GET", "/hello", &["Host: evil.example"], 421, Some("wrong_host")),
        ("GET", "/hello", &["Origin: null"], 403, Some("cross_origin")),
        ("GET", "/never", &[], 408, Some("time_out")),
        ("GET", "/panic", &[], 500, Some("internal")),
    ] {
        let answer = server.ask(&server.request(method, path, headers, "")).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_sealed(&answer);
        if let Some(kind) = kind {
            assert_eq!(answer.kind(), kind);
        }
    }
    let answer = server.ask(&server.request("DELETE", "/hello", &[], "")).await;
    assert_eq!(answer.header("allow"), Some("get,head"));
}

#[tokio::test]
async fn a_panic_ends_its_request_alone() {
    let server = Server::start(Limits::default());
    let host = format!("Host: {}\r\n", server.address);
    let panics = format!("GET /panic HTTP/1.1\r\n{host}\r\n");
    let last = server.request("GET", "/hello", &[], "");
    let text = {
        let mut stream = server.send(&format!("{panics}{panics}{last}")).await;
        crate::harness::read_to_end(&mut stream).await
    };
    assert_eq!(text.matches("HTTP/1.1 500").count(), 2);
    assert!(text.ends_with("hello"), "the connection goes on: {text}");
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let loopback_rate = Rate { burst: 3, per_second: 1 };
    let server = Server::start(Limits { loopback_rate, ..Limits::default() });
    let mut limited = None;
    // One more may come in while these are asked.
    for _ in 0..100 {
        let answer = server.get("/hello", &[]).await;
        if answer.status != 200 {
            limited = Some(answer);
            break;
        }
    }
    let answer = limited.expect("a hundred requests take less than a hundred seconds");
    assert_eq!((answer.status, answer.kind().as_str()), (429, "too_many_requests"));
    let seconds: u64 =
        answer.header("retry-after").expect("it says when").parse().expect("a number");
    assert!((1..=2).contains(&seconds));
    assert_sealed(&answer);
}

#[tokio::test]
async fn handlers_know_who_asks() {
    let server = Server::start(Limits::default());
    let answer = server.get("/source", &[]).await;
    assert!(answer.body.starts_with("127.0.0.1:"), "{answer:?}");
}
