//! Real proxies in front of real programs, as docs/API.md sets them up and as they come: health checks, events, and the
//! page under a path.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use crate::documents::document;
use crate::harness::browser::Browser;
use crate::harness::http::{HttpAnswer, HttpConnection};
use crate::harness::{
    Network, PATIENCE, Peer, Program, Tracker, Voter, lasting_port, new_election, tool, until,
};

/// Where the documents' proxies listen, and the peer behind them.
const NGINX_LISTENS: &str = "listen 8080;";
const HAPROXY_BINDS: &str = "bind :8080";
const PEER: &str = "127.0.0.1:6001";

/// What a server that passed its check is called in HAProxy's list.
const PASSED: &str = "L7OK";

/// A configuration of docs/API.md: the block of this name.
fn documented(name: &str) -> String {
    let page = document("docs/API.md");
    let (_, rest) = page.split_once(&format!("```{name}\n")).expect("the page has it");
    rest.split_once("```").expect("it ends").0.to_owned()
}

/// Runs nginx in the foreground, as whoever runs the tests, with these servers.
fn start_nginx(servers: &str, directory: &Path, port: u16) -> Option<Program> {
    let program = tool("nginx")?;
    let place = directory.join("nginx");
    fs::create_dir(&place).expect("a directory");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {kind};\n"))
        .concat();
    let config = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log access.log;\n{temporary}{servers}}}\n"
    );
    fs::write(place.join("nginx.conf"), config).expect("a file");
    let mut command = Command::new(program);
    command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(&place).current_dir(&place);
    let nginx = Program::start("nginx", command);
    wait_until_listening(port);
    Some(nginx)
}

/// Runs HAProxy in the foreground, with a socket that tells how its servers are.
fn start_haproxy(sections: &str, directory: &Path, port: u16) -> Option<Program> {
    let program = tool("haproxy")?;
    let config = directory.join("haproxy.cfg");
    let socket = directory.join("haproxy.sock");
    let text = format!("global\n    stats socket {}\n\n{sections}", socket.display());
    fs::write(&config, text).expect("a file");
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(config);
    let haproxy = Program::start("haproxy", command);
    wait_until_listening(port);
    Some(haproxy)
}

fn wait_until_listening(port: u16) {
    until("the proxy listens", PATIENCE, || {
        let connected = HttpConnection::try_open(([127, 0, 0, 1], port).into());
        connected.ok()
    });
}

/// HAProxy's list of servers, as CSV.
fn servers_of(directory: &Path) -> String {
    let mut socket = UnixStream::connect(directory.join("haproxy.sock")).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("it is ours");
    socket.write_all(b"show stat\n").expect("it reads");
    let mut list = String::new();
    socket.read_to_string(&mut list).expect("it answers");
    list
}

/// Waits until each of these servers has passed its check.
fn wait_until_up(directory: &Path, servers: &[&str]) {
    until("all servers are up", PATIENCE, || {
        let list = servers_of(directory);
        let is_up = |name: &&str| {
            let mut lines = list.lines().filter(|line| line.starts_with(name));
            lines.any(|line| line.contains(",UP,") && line.contains(PASSED))
        };
        assert!(!list.contains(",DOWN,"), "{list}");
        servers.iter().all(is_up).then_some(())
    });
}

/// A peer that is known by the proxy's address, without a neighbour.
fn start_peer(network: &mut Network, proxy_port: u16) -> Peer {
    let (ballot, host) = (network.ballot(), format!("127.0.0.1:{proxy_port}"));
    let ballot = ballot.to_str().expect("temporary files have plain names");
    network.start_alone(&["--ballot", ballot, "--no-mining", "--api-host", &host])
}

fn get(port: u16, target: &str) -> HttpAnswer {
    HttpConnection::open(([127, 0, 0, 1], port).into()).ask("GET", target, &[], b"")
}

/// Where a browser goes that follows this link from a page at `base`, which ends with a slash.
fn resolved(base: &str, link: &str) -> String {
    assert!(!link.starts_with('/') && !link.contains("://"), "{link} leaves the proxy's path");
    let mut parts: Vec<_> = base.trim_matches('/').split('/').filter(|it| !it.is_empty()).collect();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

/// All that the page at `/vote/` and the description link is there, and a login leads back to the page.
fn assert_page_works(peer: &Peer, port: u16) {
    let redirect = get(port, "/vote");
    assert!(matches!(redirect.status, 301 | 308), "{redirect:?}");
    let location = redirect.header("location").expect("it leads on");
    assert!(location.ends_with("/vote/"), "{location}");

    let page = get(port, "/vote/");
    assert_eq!(page.status, 200, "{page:?}");
    let html = String::from_utf8(page.body).expect("UTF-8");
    let links: Vec<_> = html
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|link| !link.starts_with('#'))
        .collect();
    assert!(links.contains(&"style.css") && links.contains(&"v1/status"), "{links:?}");
    assert!(links.len() > 10, "{links:?}");
    for link in links {
        let target = resolved("/vote/", link);
        let mut connection = HttpConnection::open(([127, 0, 0, 1], port).into());
        let request = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        connection.send(request.as_bytes()).expect("it listens");
        // Some have no end, and a peer without neighbours may not be ready.
        let head = connection.head().expect("an answer");
        // Nothing is ever final in an election without times.
        let expected = if link == "v1/results/final" { 404 } else { 200 };
        assert_eq!(head.status, expected, "{link}: {head:?}");
    }
    assert_eq!(
        get(port, "/vote/style.css").header("content-type"),
        Some("text/css; charset=utf-8")
    );

    let description = get(port, "/vote/v1/openapi.json").json();
    let server = description["servers"][0]["url"].as_str().expect("an address");
    let base = resolved("/vote/v1/", server);
    for path in ["/v1/status", "/healthz"] {
        assert!(description["paths"][path].is_object(), "{path}");
        assert_eq!(get(port, &format!("{base}{path}")).status, 200, "{base}{path}");
    }
    let bearer = format!("Bearer {}", peer.token());
    let headers = [("Authorization", bearer.as_str())];
    let mut connection = HttpConnection::open(([127, 0, 0, 1], port).into());
    let link = connection.ask("POST", "/vote/v1/logins", &headers, b"").json();
    let (_, code) = link["url"].as_str().expect("a link").split_once("/login/").expect("a code");
    let answer = get(port, &format!("/vote/login/{code}"));
    assert_eq!(answer.status, 303, "{answer:?}");
    let location = answer.header("location").expect("it leads on");
    assert_eq!(resolved("/vote/login/", location.trim_end_matches('/')), "/vote");
}

/// Asks for events as a browser does, and makes one happen.
fn assert_events_pass_at_once(peer: &mut Peer, port: u16, path: &str, voter: &Voter) {
    let mut connection = HttpConnection::open(([127, 0, 0, 1], port).into());
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    connection.send(request.as_bytes()).expect("it listens");
    let head = connection.head().expect("an answer");
    assert_eq!(head.status, 200, "{head:?}");
    peer.submit(&voter.registration());
    until("the event passes the proxy", PATIENCE, || {
        let line = connection.raw_line().expect("the stream goes on");
        line.contains("\"event\":\"transaction\"").then_some(())
    });
}

#[test]
fn nginx_as_it_comes_passes_events_at_once_and_keeps_the_page_whole_under_a_path() {
    let mut network = Network::without_tracker(new_election(8));
    let port = lasting_port();
    let mut peer = start_peer(&mut network, port);
    let api = peer.api.to_string();
    let servers = documented("nginx");
    for text in [NGINX_LISTENS, PEER] {
        assert!(servers.contains(text), "{servers}");
    }
    // Beside what the page says, the least that anybody writes.
    let plain = lasting_port();
    let servers = servers.replace(NGINX_LISTENS, &format!("listen 127.0.0.1:{port};"))
        + &format!(
            "server {{ listen 127.0.0.1:{plain}; location / {{ proxy_pass http://{PEER}; }} }}\n"
        );
    let directory = network.directory.path();
    let Some(_nginx) = start_nginx(&servers.replace(PEER, &api), directory, port) else { return };
    assert_page_works(&peer, port);
    let voter = |number| Voter::new(&network.election, number);
    assert_events_pass_at_once(&mut peer, port, "/vote/v1/events", &voter(1));
    assert_events_pass_at_once(&mut peer, plain, "/v1/events", &voter(2));
    assert_eq!(get(plain, "/healthz").status, 200);

    // A browser finds the style where the page is.
    if tool("chromium").is_none() {
        return;
    }
    let url = format!("http://127.0.0.1:{port}/vote/");
    let browser = Browser::start(&directory.join("profile"), &["--dump-dom", &url]);
    let text = browser.text();
    assert!(text.contains("/v1/status"), "{text}");
    let log = directory.join("nginx").join("access.log");
    until("nginx has passed the style to the browser", PATIENCE, || {
        let log = fs::read_to_string(&log).expect("it logs");
        let is_style = |line: &&str| line.contains("GET /vote/style.css") && line.contains("hrome");
        log.lines().find(is_style).map(|line| assert!(line.contains("\" 200 "), "{line}"))
    });
}

#[test]
fn haproxy_finds_a_peer_and_a_tracker_up_and_passes_events_and_the_page() {
    let mut network = Network::without_tracker(new_election(8));
    let tracker = Tracker::start("0", &network.ballot());
    let port = lasting_port();
    let mut peer = start_peer(&mut network, port);
    let sections = documented("haproxy");
    for text in [HAPROXY_BINDS, PEER] {
        assert!(sections.contains(text), "{sections}");
    }
    let of_tracker = tracker.api.trim_start_matches("http://");
    let sections = sections
        .replace(HAPROXY_BINDS, &format!("bind 127.0.0.1:{port}"))
        .replace(PEER, &peer.api.to_string())
        + &format!(
            "\nbackend tracker\n    option httpchk OPTIONS /healthz\n    server tracker {of_tracker} check\n"
        );
    let directory = network.directory.path();
    let Some(_haproxy) = start_haproxy(&sections, directory, port) else { return };
    wait_until_up(directory, &["vote,peer,", "tracker,tracker,"]);
    assert_page_works(&peer, port);
    let voter = Voter::new(&network.election, 1);
    assert_events_pass_at_once(&mut peer, port, "/vote/v1/events", &voter);
}
