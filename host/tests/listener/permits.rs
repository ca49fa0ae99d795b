//! What is dear is shared out by address, and a reader that hardly reads holds it for a while only.

use std::sync::atomic::Ordering;
use std::time::Duration;

use host::http::Limits;
use tokio::net::TcpStream;

use crate::harness::{Answer, NEVER, PERMITS, Server, read_some, read_to_end, until, within};

const GREEDY: [u8; 4] = [127, 0, 0, 2];
const OTHER: [u8; 4] = [127, 0, 0, 3];
const THIRD: [u8; 4] = [127, 0, 0, 4];

const SHORT: Duration = Duration::from_millis(200);

fn dear(server: &Server, headers: &[&str]) -> String {
    server.request("GET", "/dear", headers, "")
}

async fn is_served(stream: &mut TcpStream) -> bool {
    read_some(stream, 12).await == "HTTP/1.1 200"
}

async fn refusal(stream: &mut TcpStream) -> (u16, String) {
    let answer = Answer::parse(&read_to_end(stream).await);
    (answer.status, answer.kind())
}

#[tokio::test]
async fn one_address_takes_its_share_and_another_is_served() {
    let server = Server::start(Limits { write_wait: NEVER, ..Limits::default() });
    let [all, share] = PERMITS;
    let mut held = Vec::new();
    for _ in 0..share {
        held.push(server.send_from(GREEDY, &dear(&server, &[])).await);
        assert!(is_served(held.last_mut().expect("a stream")).await);
    }
    for _ in 0..10 {
        let mut more = server.send_from(GREEDY, &dear(&server, &[])).await;
        assert_eq!(refusal(&mut more).await, (503, "busy".to_owned()));
    }
    for _ in share..all {
        held.push(server.send_from(OTHER, &dear(&server, &[])).await);
        assert!(is_served(held.last_mut().expect("a stream")).await);
    }
    let mut third = server.send_from(THIRD, &dear(&server, &[])).await;
    assert_eq!(refusal(&mut third).await, (503, "busy".to_owned()), "all are taken");
    // What goes makes room.
    drop(held.remove(0));
    until(|| server.streams.load(Ordering::SeqCst) < all).await;
    assert!(is_served(&mut server.send_from(THIRD, &dear(&server, &[])).await).await);
}

#[tokio::test]
async fn clients_of_a_proxy_on_this_machine_are_told_apart() {
    let server = Server::start(Limits { write_wait: NEVER, ..Limits::default() });
    let of = |client: &str| dear(&server, &[&format!("X-Forwarded-For: 10.1.1.1, {client}")]);
    let mut held = Vec::new();
    for client in ["192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        held.push(server.send_from([127, 0, 0, 1], &of(client)).await);
        assert!(is_served(held.last_mut().expect("a stream")).await, "{client}");
        if held.len() == PERMITS[1] {
            let mut more = server.send_from([127, 0, 0, 1], &of("192.0.2.1")).await;
            assert_eq!(refusal(&mut more).await, (503, "busy".to_owned()));
        }
    }
}

#[tokio::test]
async fn one_client_of_a_proxy_does_not_take_its_connections_from_the_others() {
    let limits = Limits { connections_max: 4, connections_per_address_max: 2, ..Limits::default() };
    let server = Server::start(limits);
    let ask = |path: &str, client: &str| {
        server.request("GET", path, &[&format!("X-Forwarded-For: {client}")], "")
    };
    let mut held = Vec::new();
    for count in 1..=2 {
        held.push(server.send(&ask("/held", "192.0.2.1")).await);
        until(|| server.held.count.load(Ordering::SeqCst) == count).await;
    }
    for _ in 0..10 {
        let mut more = server.send(&ask("/held", "192.0.2.1")).await;
        assert_eq!(refusal(&mut more).await, (429, "too_many_requests".to_owned()));
    }
    assert_eq!(server.ask(&ask("/hello", "192.0.2.2")).await.body, "hello");
    server.held.release.add_permits(2);
    for stream in &mut held {
        assert!(is_served(stream).await, "what waited is answered");
    }
    assert_eq!(server.ask(&ask("/hello", "192.0.2.1")).await.body, "hello");
}

#[tokio::test]
async fn a_reader_at_a_trickle_is_ended_and_its_permit_is_free_again() {
    let server = Server::start(Limits { write_wait: SHORT, ..Limits::default() });
    let mut slow = Vec::new();
    for _ in 0..PERMITS[1] {
        slow.push(server.send_from(GREEDY, &dear(&server, &[])).await);
        assert!(is_served(slow.last_mut().expect("a stream")).await);
    }
    assert_eq!(server.streams.load(Ordering::SeqCst), PERMITS[1]);
    // They read all the time, but little: at this rate what was sent beforehand lasts for long.
    within(async {
        while server.streams.load(Ordering::SeqCst) > 0 {
            for stream in &mut slow {
                let mut byte = [0; 64];
                let _ = stream.try_read(&mut byte);
            }
            tokio::time::sleep(SHORT / 20).await;
        }
    })
    .await;
    assert!(is_served(&mut server.send_from(GREEDY, &dear(&server, &[])).await).await);
}

#[tokio::test]
async fn a_reader_that_keeps_the_pace_goes_on_beyond_all_waits() {
    // Longer than a busy machine stops a test for.
    let wait = 5 * SHORT;
    let limits = Limits { write_wait: wait, write_bytes_min: 1024, ..Limits::default() };
    let server = Server::start(limits);
    let mut reader = server.send_from(OTHER, &dear(&server, &[])).await;
    let start = std::time::Instant::now();
    while start.elapsed() < 3 * wait {
        read_some(&mut reader, 256 * 1024).await;
        // It pauses, so that the answer waits for it.
        tokio::time::sleep(wait / 10).await;
    }
    assert_eq!(server.streams.load(Ordering::SeqCst), 1);
}
