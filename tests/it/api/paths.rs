//! Targets, methods and framings that no honest client sends. Whatever comes, the fault is the client's: never a
//! 5xx, and what has a body is a problem.

use crate::harness::http::{HttpAnswer, HttpConnection, request};
use crate::harness::{Network, PATIENCE, Peer, new_election, until};

use super::{bearer, get, start_quiet_peer, state, submission};

fn quiet_peer() -> (Network, Peer) {
    let mut network = Network::without_tracker(new_election(8));
    let peer = start_quiet_peer(&mut network, &[]);
    (network, peer)
}

/// Sends raw bytes on a connection of their own, and reads an answer.
fn exchange(peer: &Peer, method: &str, bytes: &[u8]) -> HttpAnswer {
    let mut connection = HttpConnection::open(peer.api);
    connection.send(bytes).expect("it listens");
    let answer = connection.answer(method);
    answer.unwrap_or_else(|error| panic!("{:?}: {error}", String::from_utf8_lossy(bytes)))
}

fn assert_refused(answer: &HttpAnswer, status: u16, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    answer.problem();
}

#[test]
fn tricks_with_paths_and_queries_are_plain_refusals() {
    let (_network, peer) = quiet_peer();
    let hash = "0".repeat(64);
    let long = "7".repeat(10_000);
    for (target, status) in [
        ("//v1/status", 404),
        ("/v1//status", 404),
        ("/v1/status/", 404),
        ("/v1/../v1/status", 404),
        ("/v1/./status", 404),
        ("/v1/%2e%2e/", 404),
        ("/v1/%2e%2e/v1/status", 404),
        ("/%76%31/status", 404),
        ("/v1%2fstatus", 404),
        ("/v1/status%00", 404),
        ("/V1/status", 404),
        ("/v1/{block}", 404),
        ("/v1/status;a=b", 404),
        ("/\\..\\v1\\status", 404),
        ("/v1/blocks", 404),
        ("/v1/blocks/", 404),
        ("/v1/blocks/%00", 400),
        ("/v1/blocks/%ff", 400),
        ("/v1/blocks/%", 400),
        ("/v1/blocks/%zz", 400),
        ("/v1/blocks/-1", 400),
        ("/v1/blocks/0x0", 400),
        ("/v1/blocks/1e3", 400),
        ("/v1/blocks/+0", 400),
        ("/v1/blocks/00", 400),
        ("/v1/blocks/0%20", 400),
        ("/v1/blocks/18446744073709551615", 404),
        ("/v1/blocks/18446744073709551616", 400),
        ("/v1/blocks/99999999999999999999999999999", 400),
        ("/v1/blocks/..%2f..%2fvoter.key", 400),
        ("/v1/blocks/%2e%2e%2f%2e%2e%2fapi.token", 400),
        ("/v1/blocks/0/transactions", 404),
        (&format!("/v1/blocks/{hash}"), 404),
        (&format!("/v1/blocks/{hash}0"), 400),
        (&format!("/v1/blocks/{long}"), 400),
        (&format!("/v1/transactions/{hash}"), 404),
        (&format!("/v1/transactions/{long}"), 400),
        (&format!("/v1/transactions/{}%2f{}", &hash[..30], &hash[..31]), 400),
        (&format!("/v1/voters/{long}"), 400),
        ("/v1/voters/%F0%9F%97%B3", 400),
        (&format!("/v1/receipts/{hash}"), 404),
        (&format!("/v1/receipts/{long}"), 400),
        (&format!("/login/{long}"), 403),
        ("/login/%00", 403),
        (&format!("/{long}"), 404),
        ("/v1/chain?limit=1&limit=2", 400),
        ("/v1/chain?limit=0", 400),
        ("/v1/chain?limit=1001", 400),
        ("/v1/chain?limit=-1", 400),
        ("/v1/chain?limit=4294967296", 400),
        ("/v1/chain?limit=", 400),
        ("/v1/chain?limit=%00", 400),
        ("/v1/chain?from=18446744073709551616", 400),
        ("/v1/chain?form=1", 400),
        ("/v1/chain?Limit=1", 400),
        (&format!("/v1/chain?limit={long}"), 400),
        ("/v1/pool?after=-1", 400),
        ("/v1/pool?limit=1&limit=1", 400),
        ("/v1/pool?%FF=1", 400),
    ] {
        let bytes = request("GET", target, &[("Host", &peer.api.to_string())], b"");
        assert_refused(&exchange(&peer, "GET", &bytes), status, target);
    }
    for target in ["/v1/chain?from=18446744073709551615", "/v1/pool?after=18446744073709551615"] {
        let answer = get(peer.api, target);
        assert!(matches!(answer.status, 200 | 404), "{target}: {}", answer.text());
    }
    for target in ["/v1/status?", "/v1/chain?", "/v1/chain?limit=1", "/v1/blocks/0", "/"] {
        assert_eq!(get(peer.api, target).status, 200, "{target}");
    }
}

#[test]
fn other_methods_are_refused_with_those_that_are_taken() {
    let (_network, peer) = quiet_peer();
    let before = state(&peer);
    let bearer = bearer(&peer.token());
    for (target, taken) in [
        ("/", "GET"),
        ("/style.css", "GET"),
        ("/v1/openapi.json", "GET"),
        ("/v1/status", "GET"),
        ("/v1/blocks/0", "GET"),
        ("/v1/archive", "GET"),
        ("/healthz", "GET"),
        ("/login/0", "GET"),
        ("/v1/transactions", "POST"),
        ("/v1/mine", "POST"),
        ("/v1/leave", "POST"),
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "BREW", "get"] {
            if method == taken {
                continue;
            }
            let headers = [("Authorization", bearer.as_str())];
            let answer = HttpConnection::open(peer.api).ask(method, target, &headers, b"");
            assert_refused(&answer, 405, &format!("{method} {target}"));
            let allowed = answer.header("allow").unwrap_or_default();
            assert!(
                allowed.split(',').any(|allowed| allowed == taken),
                "{method} {target}: {answer:?}"
            );
        }
        let mut connection = HttpConnection::open(peer.api);
        let head = connection.ask("HEAD", target, &[], b"");
        // A look at a link must not use it up.
        if taken == "GET" && !target.starts_with("/login/") {
            let answer = get(peer.api, target);
            assert_eq!(head.status, answer.status, "{target}");
            assert_eq!(head.header("content-type"), answer.header("content-type"), "{target}");
        } else {
            assert_eq!(head.status, 405, "{target}");
        }
        // It had no body: the next answer begins where it should.
        if head.header("connection") != Some("close") {
            assert_eq!(connection.ask("GET", "/healthz", &[], b"").status, 200, "{target}");
        }
    }
    assert_eq!(state(&peer), before);
}

#[test]
fn targets_that_are_no_paths_are_refused() {
    let (_network, peer) = quiet_peer();
    let host = peer.api.to_string();
    for (method, target, statuses) in [
        ("CONNECT", host.as_str(), vec![400, 405]),
        ("CONNECT", "evil.example:443", vec![421]),
        ("OPTIONS", "*", vec![400]),
        ("GET", "*", vec![400]),
        ("GET", &format!("https://{host}/v1/status"), vec![421]),
        ("GET", &format!("ftp://{host}/v1/status"), vec![421]),
        ("GET", "http://evil.example/v1/status", vec![421]),
        ("GET", &format!("http://user@{host}/v1/status"), vec![421]),
    ] {
        let answer = exchange(&peer, method, &request(method, target, &[("Host", &host)], b""));
        assert!(statuses.contains(&answer.status), "{method} {target}: {}", answer.text());
        answer.problem();
    }
    // What is no HTTP is told so by a status alone, and the connection ends.
    let lines = [
        "GET\r\n\r\n".to_owned(),
        "GET v1/status HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET / HTTP/3.0\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nA\0: b\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost : {host}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n folded: 1\r\n\r\n"),
        format!("GET /{} HTTP/1.1\r\nHost: {host}\r\n\r\n", "a".repeat(20_000)),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nA: {}\r\n\r\n", "a".repeat(20_000)),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n{}\r\n", "A: b\r\n".repeat(100)),
        "\0\0\0\0\0\0\0\0".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n".to_owned(),
    ];
    for line in &lines {
        let mut connection = HttpConnection::open(peer.api);
        // It may have been refused before the last byte.
        let _ = connection.send(line.as_bytes());
        if let Ok(answer) = connection.answer("GET") {
            assert!((400..500).contains(&answer.status), "{line:?}: {answer:?}");
            assert_eq!(answer.body, b"", "{line:?}: {answer:?}");
        }
        assert!(connection.has_ended(), "{line:?}");
    }
    assert_eq!(get(peer.api, "/v1/status").status, 200);
}

#[test]
fn probes_need_no_host_and_what_a_proxy_claims_opens_nothing() {
    let (_network, peer) = quiet_peer();
    let own = peer.api.to_string();
    for target in ["/healthz", "/readyz"] {
        for head in [
            "HTTP/1.0\r\n",
            "HTTP/1.1\r\n",
            "HTTP/1.1\r\nHost:\r\n",
            "HTTP/1.1\r\nHost: 192.0.2.7:80\r\n",
        ] {
            for method in ["GET", "HEAD"] {
                let line = format!("{method} {target} {head}\r\n");
                let answer = exchange(&peer, method, line.as_bytes());
                assert_eq!(answer.status, 200, "{line}: {answer:?}");
                let token = peer.token();
                assert!(!answer.text().contains(&token), "{answer:?}");
            }
        }
        let named = format!("GET {target} HTTP/1.1\r\nHost: evil.example\r\n\r\n");
        assert_refused(&exchange(&peer, "GET", named.as_bytes()), 421, &named);
    }
    for header in ["X-Forwarded-Host", "X-Original-Host", "Forwarded"] {
        let value =
            if header == "Forwarded" { format!("host={own};for=127.0.0.1") } else { own.clone() };
        let headers = [("Host", "evil.example"), (header, value.as_str())];
        let bytes = request("GET", "/v1/status", &headers, b"");
        assert_refused(&exchange(&peer, "GET", &bytes), 421, header);
    }
    let headers = [
        ("Host", own.as_str()),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Real-IP", "127.0.0.1"),
    ];
    assert_refused(
        &exchange(&peer, "POST", &request("POST", "/v1/mine", &headers, b"")),
        401,
        "no token",
    );
}

#[test]
fn clients_that_close_their_direction_get_their_answer() {
    let (_network, peer) = quiet_peer();
    let host = peer.api.to_string();
    let say = |bytes: &[u8]| {
        let mut connection = HttpConnection::open(peer.api);
        connection.send(bytes).expect("it listens");
        connection.stream().shutdown(std::net::Shutdown::Write).expect("it is open");
        connection
    };
    for target in ["/v1/status", "/v1/openapi.json", "/", "/v1/results"] {
        let bytes = request("GET", target, &[("Host", &host)], b"");
        let mut connection = say(&bytes);
        let answer = connection.answer("GET").expect("an answer");
        assert_eq!(answer.body.len(), get(peer.api, target).body.len(), "{target}");
        assert!(connection.has_ended(), "{target}");
    }
    let body = submission(&["00".to_owned()]);
    let mut connection = say(&request("POST", "/v1/transactions", &[("Host", &host)], &body));
    assert_eq!(connection.answer("POST").expect("an answer").status, 200);
    let mut connection = say(&request("GET", "/v1/archive", &[("Host", &host)], b""));
    let archive = connection.answer("GET").expect("an answer");
    assert_eq!(archive.body, get(peer.api, "/v1/archive").body, "it is whole");

    // Who listens hears on.
    let mut connection = say(&request("GET", "/v1/events", &[("Host", &host)], b""));
    let head = connection.head().expect("an answer");
    assert_eq!(head.header("x-accel-buffering"), Some("no"), "{head:?}");
    let mut comments = 0;
    while comments < 3 {
        let line = connection.raw_line().expect("it goes on");
        comments += usize::from(line == ":");
    }
    // And makes room when it goes, without a word from the peer in between.
    drop(connection);
    until("nobody listens", PATIENCE, || {
        let metrics = get(peer.api, "/metrics").text();
        metrics.contains("\nostrakon_event_listeners 0\n").then_some(())
    });
}

#[test]
fn old_clients_careful_clients_and_hasty_clients_are_answered() {
    let (_network, peer) = quiet_peer();
    let host = peer.api.to_string();
    let line = format!("GET /v1/status HTTP/1.0\r\nHost: {host}\r\n\r\n");
    let mut connection = HttpConnection::open(peer.api);
    connection.send(line.as_bytes()).expect("it listens");
    assert_eq!(connection.answer("GET").expect("an answer").status, 200);
    assert!(connection.has_ended(), "HTTP/1.0 is one request a connection");
    assert_refused(&exchange(&peer, "GET", b"GET /v1/status HTTP/1.0\r\n\r\n"), 421, "no host");

    // A careful client waits for leave to send its body, and gets it only if the body is wanted.
    let body = submission(&["00".to_owned()]);
    let (length, token) = (body.len(), peer.token());
    let head = |target: &str, token: &str, length: usize| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut connection = HttpConnection::open(peer.api);
    connection.send(head("/v1/transactions", &token, length).as_bytes()).expect("it listens");
    assert_eq!(connection.head().expect("an answer").status, 100);
    connection.send(&body).expect("it listens");
    let answer = connection.answer("POST").expect("an answer");
    assert_eq!(answer.json()["outcomes"][0]["error"]["kind"], "not_a_transaction", "{answer:?}");
    for (target, token, length, status) in [
        ("/v1/transactions", token.as_str(), 100_000_000, 413),
        ("/v1/vote", "wrong", 10, 401),
        ("/v1/nowhere", "wrong", 10, 404),
    ] {
        let mut connection = HttpConnection::open(peer.api);
        connection.send(head(target, token, length).as_bytes()).expect("it listens");
        let answer = connection.head().expect("an answer");
        assert_eq!(answer.status, status, "{target}: {answer:?}");
    }

    // A hasty one does not wait for answers; they come in order, and only what it asked.
    let targets = ["/v1/status", "/v1/blocks/0", "/v1/nowhere", "/v1/chain?limit=0"];
    let statuses = [200, 200, 404, 400];
    let round = targets.map(|target| request("GET", target, &[("Host", &host)], b"")).concat();
    let mut connection = HttpConnection::open(peer.api);
    connection.send(&round.repeat(25)).expect("it listens");
    for place in 0..100 {
        let answer = connection.answer("GET").expect("an answer");
        assert_eq!(answer.status, statuses[place % 4], "{place}: {answer:?}");
    }
    connection.stream().shutdown(std::net::Shutdown::Write).expect("it is open");
    assert!(connection.has_ended(), "there were as many answers as requests");
}
