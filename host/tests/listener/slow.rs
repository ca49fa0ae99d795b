//! Connections that bring or take little or nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use host::http::Limits;
use tokio::io::AsyncWriteExt;

use crate::harness::{Answer, NEVER, Server, read_some, read_to_end, until, within};

const SHORT: Duration = Duration::from_millis(200);

/// No time-out is to be what saves the quick ones.
fn patient() -> Limits {
    Limits { head_wait: NEVER, request_wait: NEVER, write_wait: NEVER, ..Limits::default() }
}

/// Opens more connections than there may be, each with the beginning of a request; quick ones get through meanwhile.
async fn hold_and_ask(beginning: &str) {
    let server = Server::start(patient());
    let beginning = beginning.replace("HOST", &server.address.to_string());
    let mut held = Vec::new();
    for number in 0..400 {
        held.push(server.send(&beginning).await);
        if number % 10 == 0 {
            assert!(server.is_quick().await, "with {number} slow ones");
        }
    }
    for _ in 0..50 {
        assert!(server.is_quick().await);
    }
    // The first had to go.
    assert_eq!(read_to_end(&mut held[0]).await, "");
    server.stop().await;
}

#[tokio::test]
async fn half_heads_keep_nobody_out() {
    hold_and_ask("GET /hello HTTP/1.1\r\nHost: ").await;
}

#[tokio::test]
async fn silent_connections_keep_nobody_out() {
    hold_and_ask("").await;
}

#[tokio::test]
async fn half_bodies_keep_nobody_out() {
    let beginning = "POST /sum HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n[1,";
    hold_and_ask(beginning).await;
}

#[tokio::test]
async fn half_chunked_bodies_keep_nobody_out() {
    let beginning = "POST /sum HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n";
    hold_and_ask(beginning).await;
}

#[tokio::test]
async fn readers_that_take_nothing_give_way_to_quick_ones() {
    let server = Server::start(Limits { connections_max: 8, ..patient() });
    let request = server.request("GET", "/endless", &[], "");
    let mut readers = Vec::new();
    for number in 1..=8 {
        readers.push(server.send(&request).await);
        until(|| server.streams.load(Ordering::SeqCst) == number).await;
    }
    within(async { while !server.is_quick().await {} }).await;
    assert!(server.streams.load(Ordering::SeqCst) < 8);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_ended() {
    let server = Server::start(Limits { write_wait: SHORT, ..patient() });
    let request = server.request("GET", "/endless", &[], "");
    let _reader = server.send(&request).await;
    until(|| server.streams.load(Ordering::SeqCst) == 1).await;
    until(|| server.streams.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_stream_that_is_read_goes_on_beyond_all_waits() {
    let limits = Limits { head_wait: SHORT, request_wait: SHORT, write_wait: SHORT, ..patient() };
    let server = Server::start(limits);
    let mut reader = server.send(&server.request("GET", "/endless", &[], "")).await;
    let start = std::time::Instant::now();
    while start.elapsed() < 3 * SHORT {
        read_some(&mut reader, 64 * 1024).await;
    }
}

#[tokio::test]
async fn heads_that_do_not_come_end_their_connection() {
    let server = Server::start(Limits { head_wait: SHORT, ..patient() });
    for beginning in ["", "GET", "GET /hello HTTP/1.1\r\nHost: "] {
        let mut stream = server.send(beginning).await;
        assert_eq!(read_to_end(&mut stream).await, "");
    }
}

#[tokio::test]
async fn a_connection_that_is_idle_after_an_answer_is_ended() {
    let server = Server::start(Limits { head_wait: SHORT, ..patient() });
    let request = format!("GET /hello HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let mut stream = server.send(&request).await;
    let answer = Answer::parse(&read_to_end(&mut stream).await);
    assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_time_out() {
    let server = Server::start(Limits { request_wait: SHORT, ..patient() });
    let head = "Content-Type: application/json\r\nContent-Length: 9";
    let answer = server.ask(&format!("{}[1,", server.request("POST", "/sum", &[head], ""))).await;
    assert_eq!((answer.status, answer.kind().as_str()), (408, "time_out"));
    let answer = server.get("/never", &[]).await;
    assert_eq!((answer.status, answer.kind().as_str()), (408, "time_out"));
}

#[tokio::test]
async fn a_newcomer_goes_if_all_are_busy() {
    let server = Server::start(Limits { connections_max: 2, ..patient() });
    let request = server.request("GET", "/endless", &[], "");
    let mut busy = Vec::new();
    for number in 1..=2 {
        busy.push(server.send(&request).await);
        until(|| server.streams.load(Ordering::SeqCst) == number).await;
    }
    let mut newcomer = server.connect().await;
    // It may be gone already.
    let _ = newcomer.write_all(server.request("GET", "/hello", &[], "").as_bytes()).await;
    assert_eq!(read_to_end(&mut newcomer).await, "");
    for reader in &mut busy {
        assert!(read_some(reader, 64 * 1024).await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn the_end_waits_for_answers_at_hand_and_not_for_idle_connections() {
    let mut server = Server::start(Limits { shutdown_wait: NEVER, ..patient() });
    let mut idle = server.connect().await;
    let mut half = server.send("GET /hello HTTP/1.1\r\n").await;
    let held = format!("GET /held HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let mut held = server.send(&held).await;
    until(|| server.held.count.load(Ordering::SeqCst) == 1).await;
    server.order_stop();
    for waiting in [&mut idle, &mut half] {
        assert_eq!(read_to_end(waiting).await, "");
    }
    server.held.release.add_permits(1);
    assert_eq!(Answer::parse(&read_to_end(&mut held).await).body, "released");
    server.ended().await;
}

#[tokio::test]
async fn the_end_waits_for_no_stream() {
    let limits = Limits { shutdown_wait: SHORT, ..patient() };
    let server = Server::start(limits);
    let _reader = server.send(&server.request("GET", "/endless", &[], "")).await;
    until(|| server.streams.load(Ordering::SeqCst) == 1).await;
    let streams = std::sync::Arc::clone(&server.streams);
    server.stop().await;
    until(|| streams.load(Ordering::SeqCst) == 0).await;
}
