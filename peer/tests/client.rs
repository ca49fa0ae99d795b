//! The command line as a client: how the program ends, and where its words go.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "these tests start processes, and serve them on a thread"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::Value;

const RESULTS: &str = r#"{"tip":{"height":0,"hash":"abababababababababababababababababababababababababababababababab"},"votes":0,"registered_voters":0,"admitted":{"by":"anybody"},"blocks_deep":0,"questions":[],"tip_held_by":{"neighbours":0,"of":0},"unready":[],"waiting":{"blocks":0,"next_in_ms":null}}"#;

fn peer(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    command.env_clear().args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    peer(arguments).output().expect("the program runs")
}

fn url(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().expect("it is bound"))
}

/// Reads a request, and answers with these headers and this body.
fn answer(listener: &TcpListener, head: &str, body: &str) -> TcpStream {
    let (mut stream, _) = listener.accept().expect("a connection");
    let lines = BufReader::new(&stream).lines().map(|line| line.expect("a header"));
    assert!(lines.take_while(|line| !line.is_empty()).count() > 1);
    let text = format!("HTTP/1.1 {head}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).expect("the client reads");
    stream
}

#[test]
fn each_kind_of_end_has_its_code() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let server = url(&listener);
    let refusing = thread::spawn(move || {
        let body = r#"{"kind":"no_such_block","detail":"there is no block 9 here"}"#;
        let head = format!("404 Not Found\r\nContent-Length: {}", body.len());
        for _ in 0..2 {
            answer(&listener, &head, body);
        }
    });
    let refused = run(&["block", "9", "--server", &server]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(refused.stderr, b"peer: there is no block 9 here\n");
    assert!(refused.stdout.is_empty());
    let told = run(&["block", "9", "--server", &server, "--json"]);
    assert_eq!((told.status.code(), told.stderr), (Some(1), Vec::new()));
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(
        (&told["answer"], &told["error"]["kind"]),
        (&"block".into(), &"no_such_block".into())
    );
    refusing.join().expect("both were asked");
    // Nobody listens there any more.
    for (arguments, code) in [
        (&["block", "9", "--server", &server][..], 3),
        (&["results", "--watch", "--server", &server], 3),
        (&["block", "nine", "--server", &server], 2),
        (&["mine", "--server", &server], 2),
        (&["status", "--server", "https://example.org"], 2),
        (&["status", "--data-dir", "/no/such/directory"], 2),
    ] {
        let ended = run(arguments);
        let error = String::from_utf8(ended.stderr).expect("UTF-8");
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.starts_with("peer: ") && error.matches('\n').count() == 1, "{error}");
    }
}

#[test]
fn an_interrupt_ends_the_watch_well() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let server = url(&listener);
    let serving = thread::spawn(move || {
        let mut events =
            answer(&listener, "200 OK\r\nContent-Type: text/event-stream", ": here\n\n");
        answer(&listener, &format!("200 OK\r\nContent-Length: {}", RESULTS.len()), RESULTS);
        // Until the client is gone.
        let _ = events.read(&mut [0]);
    });
    let mut command = peer(&["results", "--watch", "--json", "--server", &server]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program runs");
    let mut first = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    stdout.read_line(&mut first).expect("a line");
    assert!(first.starts_with("{\"answer\":\"results\",\"tip\""), "{first}");
    let killed = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill runs").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    serving.join().expect("the client came twice");
}
