//! A page of another origin, in a real browser that is logged in, tries all that pages can try. It can neither read
//! nor act: whether it is of the same site (another port of this machine's address) or of another.
//!
//! Without Chromium there is nothing to show, unless `OSTRAKON_REQUIRE_TOOLS=1` says that it has to be there.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use serde_json::Value;

use crate::harness::browser::{BROWSER_PATIENCE, Browser};
use crate::harness::{Network, PATIENCE, new_election, tool};

use super::{new_link, start_quiet_peer, state};

const PAGE: &str = include_str!("page.html");

/// What a request to the page's server was.
#[derive(Debug)]
struct Visit {
    path: String,
    cookie: String,
    body: Vec<u8>,
}

#[test]
fn a_page_of_another_origin_can_neither_read_nor_act() {
    if tool("chromium").is_none() {
        return;
    }
    let mut network = Network::without_tracker(new_election(8));
    let mut peer = start_quiet_peer(&mut network, &[]);
    let profile = network.directory.path().join("profile");
    let (path, _) = new_link(&peer);
    log_in(&profile, &format!("http://{}{path}", peer.api), &peer.api.to_string());
    let before = state(&peer);

    let targets = [format!("http://{}", peer.api), format!("http://localhost:{}", peer.api.port())];
    let (server, visits) = serve(&targets);
    for name in ["127.0.0.1", "localhost"] {
        let url = format!("http://{name}:{}/", server.port());
        let _browser = Browser::start(&profile, &["--remote-debugging-port=0", &url]);
        let outcomes = wait_for_outcomes(&visits, name == "127.0.0.1", peer.api.port());
        assert_outcomes(&outcomes);
    }
    assert_eq!(state(&peer), before);
    assert_eq!(peer.ask("myvote")["vote"], Value::Null);
}

/// Follows a login's link, as its user does, and ends the browser, which keeps the cookie.
fn log_in(profile: &Path, url: &str, peer: &str) {
    let browser = Browser::start(profile, &["--dump-dom", url]);
    let text = browser.text();
    assert!(text.contains("/v1/status"), "the front page of {peer} does not follow: {text}");
}

fn wait_for_outcomes(
    visits: &Receiver<Visit>,
    is_same_site: bool,
    port: u16,
) -> BTreeMap<String, String> {
    loop {
        let visit = visits.recv_timeout(BROWSER_PATIENCE).expect("the page tells what it could do");
        if visit.path == "/" && is_same_site {
            // Cookies know no ports: that the browser brings it here shows that it is logged in.
            assert!(visit.cookie.contains(&format!("ostrakon_{port}=")), "{visit:?}");
        }
        if visit.path == "/outcomes" {
            return serde_json::from_slice(&visit.body).expect("texts by their names");
        }
    }
}

fn assert_outcomes(outcomes: &BTreeMap<String, String>) {
    let (controls, attempts): (Vec<_>, Vec<_>) =
        outcomes.iter().partition(|(name, _)| name.starts_with("control"));
    assert_eq!(controls.len(), 4, "{outcomes:#?}");
    for (name, outcome) in controls {
        assert!(outcome.starts_with("read"), "{name}: {outcome}: the page can't tell reading");
    }
    assert!(attempts.len() > 150, "{outcomes:#?}");
    for (name, outcome) in attempts {
        assert_eq!(outcome, "refused", "{name}");
    }
}

/// Serves the page, on a port of its own, to anybody who asks, and says who asked for what.
fn serve(targets: &[String]) -> (SocketAddr, Receiver<Visit>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let page = PAGE.replace("TARGETS", &serde_json::to_string(targets).expect("texts"));
    let (sender, visits) = mpsc::channel();
    // It ends with the tests' process: nobody waits for a listener.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (page, sender) = (page.clone(), sender.clone());
            thread::spawn(move || answer(stream, &page, &sender));
        }
    });
    (address, visits)
}

fn answer(stream: TcpStream, page: &str, visits: &Sender<Visit>) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut cookie) = (0, String::new());
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        } else if name.eq_ignore_ascii_case("cookie") {
            value.trim().clone_into(&mut cookie);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (content_type, text) = match path.as_str() {
        "/" => ("text/html", page),
        "/control.js" => ("text/javascript", "0"),
        _ => ("text/plain", "read"),
    };
    let length = text.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    );
    reader.get_mut().write_all(head.as_bytes()).ok()?;
    visits.send(Visit { path, cookie, body }).ok()
}
