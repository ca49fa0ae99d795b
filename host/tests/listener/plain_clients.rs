//! Clients that are polite in their own way: balancers that name no host, old ones, hasty ones, and those that close
//! their direction when they have said all.

use std::sync::atomic::Ordering;
use std::time::Duration;

use host::http::{Limits, Site};
use tokio::io::AsyncWriteExt;

use crate::harness::{Answer, NEVER, Server, read_some, read_to_end, until};

/// Nothing but what a test looks at is to end a connection.
fn patient() -> Limits {
    Limits { head_wait: NEVER, request_wait: NEVER, write_wait: NEVER, ..Limits::default() }
}

fn probed() -> Server {
    Server::start_site(Limits::default(), |address| {
        Site::new(address, Vec::new(), Vec::new()).with_probes(&["/healthz"])
    })
}

/// Sends bytes, closes this direction, and gives all that comes back.
async fn say_and_close(server: &Server, bytes: &str) -> String {
    let mut stream = server.send(bytes).await;
    stream.shutdown().await.expect("it is open");
    read_to_end(&mut stream).await
}

#[tokio::test]
async fn probes_are_answered_whether_they_name_a_host_or_not() {
    let server = probed();
    let (own, port) = (server.address, server.address.port());
    for head in [
        "GET /healthz HTTP/1.0\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\n".to_owned(),
        "HEAD /healthz HTTP/1.1\r\n".to_owned(),
        "HEAD /healthz HTTP/1.0\r\n".to_owned(),
        "GET /healthz?from=balancer HTTP/1.1\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nHost:\r\n".to_owned(),
        "OPTIONS /healthz HTTP/1.0\r\n".to_owned(),
        "OPTIONS /healthz HTTP/1.1\r\nHost: 192.0.2.7\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nHost: \r\n".to_owned(),
        format!("GET /healthz HTTP/1.1\r\nHost: {own}\r\n"),
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n".to_owned(),
        format!("GET /healthz HTTP/1.1\r\nHost: 192.0.2.7:{port}\r\n"),
        "GET /healthz HTTP/1.1\r\nHost: 192.0.2.7:8080\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nHost: [2001:db8::7]\r\n".to_owned(),
        format!("GET http://{own}/healthz HTTP/1.0\r\n"),
        "GET http://192.0.2.7:80/healthz HTTP/1.1\r\nHost: 192.0.2.7\r\n".to_owned(),
    ] {
        let answer = server.ask(&format!("{head}Connection: close\r\n\r\n")).await;
        assert_eq!(answer.status, 200, "{head}{answer:?}");
        assert_eq!(answer.body, if head.starts_with("HEAD") { "" } else { "ok" }, "{head}");
    }
}

#[tokio::test]
async fn what_is_no_probe_names_its_host() {
    let server = probed();
    let (own, port) = (server.address, server.address.port());
    for (head, status) in [
        ("GET /hello HTTP/1.0\r\n".to_owned(), 421),
        ("GET /hello HTTP/1.1\r\nHost:\r\n".to_owned(), 421),
        ("OPTIONS /hello HTTP/1.0\r\n".to_owned(), 421),
        (format!("OPTIONS /healthz HTTP/1.1\r\nHost: {own}\r\n"), 405),
        (format!("GET /hello HTTP/1.1\r\nHost: 192.0.2.7:{port}\r\n"), 421),
        ("POST /healthz HTTP/1.1\r\n".to_owned(), 421),
        ("GET /healthz/ HTTP/1.1\r\n".to_owned(), 421),
        ("GET //healthz HTTP/1.1\r\n".to_owned(), 421),
        ("GET /hello/../healthz HTTP/1.1\r\n".to_owned(), 421),
        ("GET /%68ealthz HTTP/1.1\r\n".to_owned(), 421),
        // A browser that was led here by a name of somebody else's.
        (format!("GET /healthz HTTP/1.1\r\nHost: evil.example:{port}\r\n"), 421),
        ("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n".to_owned(), 421),
        ("GET /healthz HTTP/1.1\r\nHost: 2130706433\r\n".to_owned(), 421),
        (format!("GET http://evil.example:{port}/healthz HTTP/1.0\r\n"), 421),
        (format!("GET http://evil.example:{port}/healthz HTTP/1.1\r\nHost: {own}\r\n"), 421),
        ("GET https://192.0.2.7/healthz HTTP/1.1\r\nHost: 192.0.2.7\r\n".to_owned(), 421),
        (format!("GET /healthz HTTP/1.1\r\nHost: {own}\r\nHost: {own}\r\n"), 421),
        ("GET /healthz HTTP/1.1\r\nHost: 192.0.2.7\r\nHost: 192.0.2.8\r\n".to_owned(), 421),
        ("GET /healthz HTTP/1.1\r\nHost: 192.0.2.7, 192.0.2.8\r\n".to_owned(), 421),
        ("GET /healthz HTTP/1.1\r\nHost: a, b\r\n".to_owned(), 421),
        // Pages ask with their browser's marks, and are nobody's own without a host of this server's.
        ("GET /healthz HTTP/1.1\r\nOrigin: http://192.0.2.7\r\n".to_owned(), 403),
        (
            "GET /healthz HTTP/1.1\r\nHost: 192.0.2.7\r\nOrigin: http://192.0.2.7\r\n".to_owned(),
            403,
        ),
        ("GET /healthz HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\n".to_owned(), 403),
    ] {
        let answer = server.ask(&format!("{head}Connection: close\r\n\r\n")).await;
        assert_eq!(answer.status, status, "{head}{answer:?}");
        answer.kind();
    }
    // Who asks in the old way for a whole address has named the host.
    let answer = server.ask(&format!("GET http://{own}/hello HTTP/1.0\r\n\r\n")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
}

#[tokio::test]
async fn a_client_that_closes_its_direction_gets_its_whole_answer() {
    let server = Server::start(patient());
    let answer = say_and_close(&server, &server.request("GET", "/hello", &[], "")).await;
    assert_eq!(Answer::parse(&answer).body, "hello");
    // Also without a word on what becomes of the connection, in the old way, and when the answer takes its time.
    let keeps = format!("GET /hello HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    assert_eq!(Answer::parse(&say_and_close(&server, &keeps).await).body, "hello");
    let old = keeps.replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(Answer::parse(&say_and_close(&server, &old).await).body, "hello");
    let mut stream = server.send(&keeps.replace("/hello", "/held")).await;
    stream.shutdown().await.expect("it is open");
    until(|| server.held.count.load(Ordering::SeqCst) == 1).await;
    server.held.release.add_permits(1);
    assert_eq!(Answer::parse(&read_to_end(&mut stream).await).body, "released");

    let json = ["Content-Type: application/json"];
    let sum = say_and_close(&server, &server.request("POST", "/sum", &json, "[1,2]")).await;
    assert_eq!(Answer::parse(&sum).body, "3");
    // A row of them, and what is half a request at its end.
    let row = say_and_close(&server, &format!("{}GET /hel", keeps.repeat(20))).await;
    assert_eq!(row.matches("HTTP/1.1 200 OK").count(), 20, "{row}");
    // A body that will never be whole is no request.
    let request = server.request("POST", "/sum", &[json[0], "Content-Length: 9"], "");
    let answer = Answer::parse(&say_and_close(&server, &format!("{request}[1,")).await);
    assert_eq!((answer.status, answer.kind().as_str()), (400, "bad_request"));
    assert_eq!(say_and_close(&server, "").await, "");
}

#[tokio::test]
async fn a_stream_that_is_read_goes_on_after_its_reader_closed_its_direction() {
    let server = Server::start(patient());
    let mut reader = server.send(&server.request("GET", "/endless", &[], "")).await;
    reader.shutdown().await.expect("it is open");
    for _ in 0..64 {
        read_some(&mut reader, 64 * 1024).await;
    }
    let mut reader = server.send(&server.request("GET", "/events", &[], "")).await;
    reader.shutdown().await.expect("it is open");
    until(|| server.held.count.load(Ordering::SeqCst) == 1).await;
    let mut text = read_some(&mut reader, 1).await;
    // Comments, which every reader of events passes over.
    while text.matches("\n:\n\n").count() < 2 {
        text += &read_some(&mut reader, 1).await;
    }
    server.held.release.add_permits(1);
    while !text.contains("data: it happened\n\n") {
        text += &read_some(&mut reader, 1).await;
    }
}

#[tokio::test]
async fn events_are_held_back_by_no_proxy_and_end_when_their_reader_has_gone() {
    let server = Server::start(patient());
    let request = format!("GET /events HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let mut readers = Vec::new();
    for number in 1..=20 {
        let mut reader = server.send(&request).await;
        until(|| server.streams.load(Ordering::SeqCst) == number).await;
        let head = read_some(&mut reader, 17).await;
        assert_eq!(head, "HTTP/1.1 200 OK\r\n");
        readers.push(reader);
    }
    // Some were reading, and some never did.
    drop(readers);
    until(|| server.streams.load(Ordering::SeqCst) == 0).await;

    let mut stream = server.send(&request.replace("HTTP/1.1", "HTTP/1.0")).await;
    server.held.release.add_permits(1);
    let mut text = String::new();
    while !text.contains("data: it happened\n\n") {
        text += &read_some(&mut stream, 1).await;
    }
    let answer = Answer::parse(&text);
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    assert_eq!(answer.header("cache-control"), Some("no-cache, no-transform"));
    assert_eq!(answer.header("transfer-encoding"), None, "HTTP/1.0 has no chunks");
    assert_eq!(server.get("/hello", &[]).await.header("x-accel-buffering"), None);
}

#[tokio::test]
async fn old_clients_get_answers_that_they_understand() {
    let server = Server::start(patient());
    let host = format!("Host: {}\r\n", server.address);
    for (path, status) in [("/hello", 200), ("/nowhere", 404)] {
        let answer = server.ask(&format!("GET {path} HTTP/1.0\r\n{host}\r\n")).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("transfer-encoding"), None, "{answer:?}");
    }
    let asks = format!("GET /hello HTTP/1.0\r\n{host}Connection: keep-alive\r\n\r\n");
    let last = format!("GET /hello HTTP/1.0\r\n{host}\r\n");
    let mut stream = server.send(&format!("{asks}{asks}{last}")).await;
    let text = read_to_end(&mut stream).await;
    assert_eq!(text.matches("\r\n\r\nhello").count(), 3, "{text}");
    assert_eq!(text.to_ascii_lowercase().matches("connection: keep-alive").count(), 2, "{text}");
}

#[tokio::test]
async fn ten_thousand_requests_in_a_row_have_ten_thousand_answers() {
    let server = Server::start(patient());
    let request = format!("GET /hello HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let (mut read, mut write) = server.connect().await.into_split();
    let writing = async {
        write.write_all(request.repeat(10_000).as_bytes()).await.expect("it reads on");
        write.shutdown().await.expect("it is open");
    };
    let mut bytes = Vec::new();
    let reading = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut bytes);
    let ((), read) = crate::harness::within(async { tokio::join!(writing, reading) }).await;
    read.expect("it ends well");
    let text = String::from_utf8(bytes).expect("it is text");
    let [taken, refused] = ["HTTP/1.1 200", "HTTP/1.1 429"].map(|line| text.matches(line).count());
    assert_eq!(taken + refused, 10_000, "{taken} were taken");
    assert!(taken >= 5_000, "{taken} were taken");
    assert!(text.ends_with('}') || text.ends_with("hello"));
}

#[tokio::test]
async fn many_that_closed_their_direction_keep_nobody_out() {
    let limits = Limits { request_wait: Duration::from_secs(1), ..patient() };
    let server = Server::start(limits);
    let request = format!("GET /never HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let mut held = Vec::new();
    for _ in 0..400 {
        let mut stream = server.send(&request).await;
        // It may have been turned away already.
        let _ = stream.shutdown().await;
        held.push(stream);
    }
    // What is asked keeps its place until it is answered, and that takes no longer than it may.
    crate::harness::within(async { while !server.is_quick().await {} }).await;
    drop(held);
    crate::harness::within(async { while !server.is_quick().await {} }).await;
}
