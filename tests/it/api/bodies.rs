//! Bodies that are too long, too slow, not wanted, or not what they are said to be.

use std::io::Write;
use std::net::TcpStream;
use std::thread;

use serde_json::Value;

use crate::harness::http::{HttpAnswer, HttpConnection, request};
use crate::harness::{Network, Peer, new_election};

use super::{bearer, get, memory_of, order, start_quiet_peer, state};

const BODY_BYTES: usize = 100_000_000;
const PIECE_BYTES: usize = 64 * 1024;

/// What two sockets may hold of a body that nobody reads, and some of it read away in passing. The limit itself is a
/// hundredth of the body.
const SENT_BYTES_MAX: usize = 20_000_000;

/// What a peer may grow by while it refuses them: that is less than one of the bodies in twelve.
const GROWTH_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// More than the connections that a peer keeps.
const SLOW_BODIES: usize = 300;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length,
    Chunks,
}

#[test]
fn enormous_bodies_are_refused_early_and_cost_no_memory() {
    let mut network = Network::without_tracker(new_election(8));
    let peer = start_quiet_peer(&mut network, &[]);
    let before = state(&peer);
    let token = bearer(&peer.token());
    // The connections' first requests take what the allocator keeps.
    for _ in 0..20 {
        get(peer.api, "/v1/status");
    }
    let memory = memory_of(peer.program.id());
    for (target, chunked_status) in [
        ("/v1/transactions", 413),
        ("/v1/vote", 413),
        ("/v1/peers", 413),
        // They take no body, so nobody looks at it.
        ("/v1/mine", 409),
        ("/v1/sync", 409),
        ("/v1/logins", 200),
        ("/v1/nowhere", 404),
    ] {
        for (framing, status) in [(Framing::Length, 413), (Framing::Chunks, chunked_status)] {
            let (answer, sent) = send_enormous(&peer, "POST", target, &token, framing);
            assert_eq!(answer.status, status, "{target} {framing:?}: {}", answer.text());
            assert!(sent < SENT_BYTES_MAX, "{target} {framing:?}: {sent} bytes were taken");
            if status >= 400 {
                answer.problem();
            }
        }
    }
    for target in ["/v1/vote", "/v1/mine", "/v1/leave"] {
        let (answer, sent) = send_enormous(&peer, "POST", target, "Bearer 1", Framing::Chunks);
        assert_eq!(answer.status, 401, "{target}");
        assert!(sent < SENT_BYTES_MAX, "{target}: {sent} bytes were taken");
    }
    let (answer, _) = send_enormous(&peer, "POST", "/v1/leave", &token, Framing::Length);
    assert_eq!(answer.status, 413);
    let (answer, _) = send_enormous(&peer, "GET", "/v1/status", &token, Framing::Length);
    assert_eq!(answer.status, 413);
    let (answer, _) = send_enormous(&peer, "GET", "/v1/status", &token, Framing::Chunks);
    assert_eq!(answer.status, 200);

    let growth = memory_of(peer.program.id()).saturating_sub(memory);
    assert!(growth < GROWTH_BYTES_MAX, "{growth} bytes more");
    assert_eq!(state(&peer), before);
}

/// Sends a body until it is whole or the server takes no more of it; gives the answer and how much was taken.
fn send_enormous(
    peer: &Peer,
    method: &str,
    target: &str,
    token: &str,
    framing: Framing,
) -> (HttpAnswer, usize) {
    let length = BODY_BYTES.to_string();
    let framing_header = match framing {
        Framing::Length => ("Content-Length", length.as_str()),
        Framing::Chunks => ("Transfer-Encoding", "chunked"),
    };
    let host = peer.api.to_string();
    let headers = [
        ("Host", host.as_str()),
        ("Authorization", token),
        ("Content-Type", "application/json"),
        framing_header,
    ];
    let mut connection = HttpConnection::open(peer.api);
    connection.send(&request(method, target, &headers, b"")).expect("it listens");
    let socket = connection.stream().try_clone().expect("a socket");
    thread::scope(|scope| {
        let sender = scope.spawn(|| send_pieces(socket, framing));
        let answer = connection.answer(method).expect("an answer while the body is on its way");
        // What is sent after that is for nobody.
        drop(connection);
        (answer, sender.join().expect("it does not panic"))
    })
}

fn send_pieces(mut socket: TcpStream, framing: Framing) -> usize {
    let mut piece = Vec::new();
    if framing == Framing::Chunks {
        piece.extend_from_slice(format!("{PIECE_BYTES:x}\r\n").as_bytes());
    }
    // White space before a value: the reader has to go on reading to know better.
    piece.resize(piece.len() + PIECE_BYTES, b' ');
    if framing == Framing::Chunks {
        piece.extend_from_slice(b"\r\n");
    }
    let mut sent = 0;
    while sent < BODY_BYTES && socket.write_all(&piece).is_ok() {
        sent += PIECE_BYTES;
    }
    sent
}

#[test]
fn slow_bodies_hold_nobody_up() {
    let mut network = Network::without_tracker(new_election(8));
    let peer = start_quiet_peer(&mut network, &[]);
    let host = peer.api.to_string();
    let token = bearer(&peer.token());
    let targets = ["/v1/transactions", "/v1/vote", "/v1/peers"];
    let mut slow: Vec<_> = (0..SLOW_BODIES)
        .map(|number| {
            let headers = [
                ("Host", host.as_str()),
                ("Authorization", token.as_str()),
                ("Content-Type", "application/json"),
                ("Content-Length", "1000"),
            ];
            let mut connection = HttpConnection::open(peer.api);
            let target = targets[number % targets.len()];
            connection.send(&request("POST", target, &headers, b"")).expect("it listens");
            connection
        })
        .collect();
    for _ in 0..10 {
        for connection in &mut slow {
            // Those that waited longest have given way to others.
            let _ = connection.send(b" ");
        }
        assert_eq!(get(peer.api, "/v1/status").status, 200);
        let answer = order(&peer, "/v1/vote", br#"{"choices":[["Nobody"]]}"#);
        assert_eq!((answer.status, answer.problem().as_str()), (422, "no_such_option"));
    }
}

#[test]
fn a_body_where_none_belongs_is_never_taken_for_a_request() {
    let mut network = Network::without_tracker(new_election(8));
    let peer = start_quiet_peer(&mut network, &[]);
    let before = state(&peer);
    let host = peer.api.to_string();
    let token = bearer(&peer.token());
    let smuggled =
        format!("POST /v1/leave HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n\r\n");
    for (method, target, status) in
        [("GET", "/v1/status", 200), ("GET", "/v1/nowhere", 404), ("POST", "/v1/mine", 401)]
    {
        let mut connection = HttpConnection::open(peer.api);
        let answer = connection.ask(method, target, &[], smuggled.as_bytes());
        assert_eq!(answer.status, status, "{answer:?}");
        // Either the body was passed over, or the connection ends.
        if let Ok(answer) = connection.try_ask("GET", "/healthz", &[], b"") {
            assert_eq!(answer.json()["ok"], true, "{answer:?}");
        }
    }
    let length = smuggled.len();
    for framing in [
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n"),
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: 0, {length}\r\n"),
        format!("Content-Length: +{length}\r\n"),
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "Content-Length: 18446744073709551616\r\n".to_owned(),
        "Content-Length: -1\r\n".to_owned(),
    ] {
        let head = format!("POST /v1/mine HTTP/1.1\r\nHost: {host}\r\n{framing}\r\n");
        let mut connection = HttpConnection::open(peer.api);
        connection.send(format!("{head}{smuggled}").as_bytes()).expect("it listens");
        while let Ok(answer) = connection.answer("POST") {
            assert!(matches!(answer.status, 400 | 401), "{framing:?}: {answer:?}");
        }
    }
    assert_eq!(state(&peer), before);
}

#[test]
fn bodies_that_are_no_orders_are_refused() {
    let mut network = Network::without_tracker(new_election(8));
    let peer = start_quiet_peer(&mut network, &[]);
    let before = state(&peer);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let many: Value = vec!["00"; 1_001].into();
    let many = format!("{{\"transactions\":{many}}}");
    let mut bodies: Vec<&[u8]> = vec![
        b"{",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"{\"transactions\":1}",
        b"{\"transactions\":[]}",
        b"{\"transactions\":[1]}",
        b"{\"transactions\":[\"00\"],\"more\":1}",
        b"{\"transactions\":[\"00\"],\"transactions\":[\"00\"]}",
        b"{\"transactions\":[\"00\"]} {}",
        b"{\"choices\":[[\"\\u0000\"]]}",
        b"{\"choices\":[[]]}",
        b"{\"choices\":[[\"Ada\"],[\"Ada\"]]}",
        b"{\"choices\":[[\"Ada\",\"Ada\"]]}",
        b"{\"choices\":[[\"1\\u0000\"]]}",
        b"{\"address\":\"127.0.0.1\"}",
        b"{\"address\":\"127.0.0.1:0\"}",
        b"{\"address\":\"0.0.0.0:1\"}",
        b"{\"address\":\"224.0.0.1:1\"}",
        b"{\"address\":\"255.255.255.255:1\"}",
        b"{\"address\":\"localhost:1\"}",
        b"{\"address\":\"127.0.0.1:99999\"}",
    ];
    bodies.extend([deep.as_bytes(), many.as_bytes()]);
    for target in ["/v1/transactions", "/v1/vote", "/v1/peers"] {
        for body in &bodies {
            let answer = order(&peer, target, body);
            let text = String::from_utf8_lossy(&body[..body.len().min(80)]);
            assert!(matches!(answer.status, 400 | 422), "{target} {text}: {}", answer.text());
            answer.problem();
        }
        let token = bearer(&peer.token());
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
        {
            let mut connection = HttpConnection::open(peer.api);
            let host = peer.api.to_string();
            let headers = [
                ("Host", host.as_str()),
                ("Authorization", &token),
                ("Content-Type", content_type),
                ("Content-Length", "2"),
            ];
            let mut bytes = request("POST", target, &headers, b"");
            bytes.extend_from_slice(b"{}");
            connection.send(&bytes).expect("it listens");
            let answer = connection.answer("POST").expect("an answer");
            assert_eq!(answer.status, 415, "{target} {content_type}: {}", answer.text());
            answer.problem();
        }
    }
    assert_eq!(state(&peer), before);
}
