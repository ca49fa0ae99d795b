//! Pages of others: they neither read nor act.

use std::net::SocketAddr;

use host::http::{Limits, Site};

use crate::harness::Server;

const READER: &str = "https://reader.example";

#[tokio::test]
async fn only_own_pages_and_configured_ones_may_ask() {
    let server = Server::start_with(Limits::default(), &[], &[READER]);
    let port = server.address.port();
    let own = format!("Origin: http://{}", server.address);
    let other_name = format!("Origin: http://localhost:{port}");
    let other_scheme = format!("Origin: https://{}", server.address);
    let other_port = format!("Origin: http://127.0.0.1:{}", port ^ 1);
    let reader = format!("Origin: {READER}");
    let navigate = ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
    let with = |first: &str, rest: &[&str]| -> Vec<String> {
        std::iter::once(first).chain(rest.iter().copied()).map(str::to_owned).collect()
    };
    // Headers, and whether a GET and a POST with them get through.
    for (headers, may_get, may_post) in [
        (vec![], true, true),
        (with(&own, &[]), true, true),
        (with(&own, &["Sec-Fetch-Site: same-origin"]), true, true),
        (with("Sec-Fetch-Site: none", &navigate), true, true),
        (with(&reader, &[]), true, true),
        (with(&reader, &["Sec-Fetch-Site: cross-site"]), true, true),
        (with(&own, &["Sec-Fetch-Site: cross-site"]), false, false),
        (with(&other_name, &[]), false, false),
        (with(&other_scheme, &[]), false, false),
        (with(&other_port, &["Sec-Fetch-Site: same-site"]), false, false),
        (with("Origin: null", &[]), false, false),
        (with("Origin: null", &["Sec-Fetch-Site: cross-site"]), false, false),
        (with("Origin: ", &[]), false, false),
        (with("Origin: https://evil.example", &[]), false, false),
        (with("Origin: http://reader.example", &[]), false, false),
        (with("Origin: https://reader.example.evil.example", &[]), false, false),
        (with("Origin: https://reader.example:8443", &[]), false, false),
        (with(&own, &["Origin: https://evil.example"]), false, false),
        (with(&reader, &["Origin: https://evil.example"]), false, false),
        (with("Sec-Fetch-Site: cross-site", &[]), false, false),
        (with("Sec-Fetch-Site: same-site", &[]), false, false),
        (with("Sec-Fetch-Site: unheard-of", &[]), false, false),
        (with("Sec-Fetch-Site: none", &["Sec-Fetch-Site: cross-site"]), false, false),
        (
            with(
                "Sec-Fetch-Site: cross-site",
                &["Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"],
            ),
            false,
            false,
        ),
        (
            with(
                "Sec-Fetch-Site: cross-site",
                &["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"],
            ),
            false,
            false,
        ),
        (with("Sec-Fetch-Site: cross-site", &navigate), true, false),
        (with("Sec-Fetch-Site: same-site", &navigate), true, false),
        (
            with(
                "Origin: https://evil.example",
                &[&["Sec-Fetch-Site: cross-site"], &navigate[..]].concat(),
            ),
            false,
            false,
        ),
    ] {
        let mut headers: Vec<_> = headers.iter().map(String::as_str).collect();
        let get = server.get("/hello", &headers).await;
        let is_reader = headers.contains(&reader.as_str()) && may_get;
        assert_eq!(get.header("access-control-allow-origin"), is_reader.then_some(READER));
        headers.push("Content-Type: application/json");
        let post = server.ask(&server.request("POST", "/sum", &headers, "[1]")).await;
        for (answer, may) in [(get, may_get), (post, may_post)] {
            assert_eq!(answer.status, if may { 200 } else { 403 }, "{headers:?}");
            assert!(may || answer.kind() == "cross_origin");
            assert_eq!(answer.header("access-control-allow-credentials"), None);
            assert_eq!(answer.header("vary"), Some("origin"));
        }
    }
}

#[tokio::test]
async fn other_addresses_of_an_open_listener_are_no_pages_of_its_own() {
    let server = Server::start_site(Limits::default(), |address| {
        Site::new(SocketAddr::from(([0, 0, 0, 0], address.port())), Vec::new(), Vec::new())
    });
    let foreign = format!("192.0.2.66:{}", server.address.port());
    let answer = server.get("/hello", &[&format!("Host: {foreign}")]).await;
    assert_eq!(answer.status, 200, "any address may be its own");
    let answer = server.get("/hello", &[&format!("Origin: http://{foreign}")]).await;
    assert_eq!(answer.kind(), "cross_origin");
}

#[tokio::test]
async fn browsers_of_configured_pages_may_ask_what_they_may_do() {
    let server = Server::start_with(Limits::default(), &[], &[READER]);
    let origin = format!("Origin: {READER}");
    let asks =
        ["Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type"];
    let headers = [origin.as_str(), asks[0], asks[1], "Sec-Fetch-Site: cross-site"];
    let answer = server.ask(&server.request("OPTIONS", "/sum", &headers, "")).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), Some(READER));
    assert_eq!(answer.header("access-control-allow-methods"), Some("get, post"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("content-type"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);

    let evil = ["Origin: https://evil.example", asks[0], asks[1]];
    let answer = server.ask(&server.request("OPTIONS", "/sum", &evil, "")).await;
    assert_eq!(answer.kind(), "cross_origin");
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("access-control-allow-methods"), None);
    // Its own pages have nothing to ask, and problems are readable where answers are.
    let own = format!("Origin: http://{}", server.address);
    let answer = server.ask(&server.request("OPTIONS", "/sum", &[&own, asks[0]], "")).await;
    assert_eq!(answer.kind(), "method_not_allowed");
    let answer = server.get("/nowhere", &[&origin]).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(READER));
}
