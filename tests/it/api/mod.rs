//! The API of real peers, under clients that mean no good: every byte of a request may be wrong, slow or too much.

mod access;
mod bodies;
mod browser;
mod load;
mod matrix;
mod paths;
mod shares;
mod slow;

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::http::{HttpAnswer, HttpConnection};
use crate::harness::{Network, PATIENCE, Peer, until};

/// A peer whose chain only changes when somebody is let through: it knows nobody and does not mine by itself.
fn start_quiet_peer(network: &mut Network, arguments: &[&str]) -> Peer {
    let ballot = network.ballot();
    let ballot = ballot.to_str().expect("temporary files have plain names");
    let all = [&["--ballot", ballot, "--no-mining"], arguments].concat();
    network.start_alone(&all)
}

/// Asks once, on a connection of its own.
fn get(api: SocketAddr, target: &str) -> HttpAnswer {
    HttpConnection::open(api).ask("GET", target, &[], b"")
}

/// Gives an order, with the peer's token.
fn order(peer: &Peer, target: &str, body: &[u8]) -> HttpAnswer {
    let bearer = bearer(&peer.token());
    let headers = [("Authorization", bearer.as_str())];
    HttpConnection::open(peer.api).ask("POST", target, &headers, body)
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A link that logs a browser in: its path, and the code in it.
fn new_link(peer: &Peer) -> (String, String) {
    let answer = order(peer, "/v1/logins", b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let url = answer["url"].as_str().expect("a link");
    let path = url.strip_prefix(&format!("http://{}", peer.api)).expect("it leads to this peer");
    let code = path.strip_prefix("/login/").expect("it leads to the login");
    (path.to_owned(), code.to_owned())
}

/// The cookie that a link gives, as a browser sends it back.
fn log_in(peer: &Peer) -> String {
    let (path, _) = new_link(peer);
    let answer = get(peer.api, &path);
    let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {answer:?}"));
    cookie.split(';').next().expect("a name and a value").to_owned()
}

/// A submission's body.
fn submission(transactions: &[String]) -> Vec<u8> {
    json!({ "transactions": transactions }).to_string().into_bytes()
}

/// What a peer says of itself over HTTP, but for what changes by itself.
fn state(peer: &Peer) -> Value {
    // Thousands of requests may have come before.
    let answer = until("the server takes another request", PATIENCE, || {
        Some(get(peer.api, "/v1/status")).filter(|answer| answer.status != 429)
    });
    assert_eq!(answer.status, 200, "{answer:?}");
    let status = answer.json();
    let keys = ["tip", "pool", "held", "neighbours", "registered_voters", "votes", "mining"];
    keys.into_iter().map(|key| (key.to_owned(), status[key].clone())).collect()
}

/// The memory that a process has now, in bytes.
fn memory_of(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says it");
    let kibibytes = line.trim().strip_suffix(" kB").and_then(|number| number.parse::<u64>().ok());
    kibibytes.expect("a number of kB") * 1_024
}
