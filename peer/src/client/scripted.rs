//! A server for tests. It answers one connection after the other with the answers of its script.
//! After the last one nothing listens at its address any more.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use protocol::codec;
use protocol::transaction::Transaction;
use serde::Serialize;

use crate::schema::{Outcome, Outcomes, Submission};
use chain::fixtures;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one connection gets.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// These bytes, and the end.
    Raw(Vec<u8>),
    /// Nothing, until the client goes.
    Silence,
    /// The end, once the request has been read.
    Cut,
    /// Every transaction that was sent is accepted.
    Accept,
}

/// What one connection brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// Such as `GET /v1/status`.
    pub(super) line: String,
    /// In small letters, a line each.
    pub(super) headers: String,
    pub(super) body: String,
}

pub(super) struct Scripted {
    pub(super) url: String,
    thread: JoinHandle<Vec<Request>>,
}

impl Answer {
    pub(super) fn json(status: u16, body: &impl Serialize) -> Self {
        Self::text(status, "application/json", &serde_json::to_string(body).expect("JSON"))
    }

    pub(super) fn problem(status: u16, kind: &str, detail: &str) -> Self {
        let problem = serde_json::json!({
            "type": "about:blank", "title": "A title", "status": status, "detail": detail, "kind": kind,
        });
        Self::text(status, "application/problem+json", &problem.to_string())
    }

    pub(super) fn text(status: u16, content_type: &str, body: &str) -> Self {
        let head = format!(
            "HTTP/1.1 {status} Status\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Self::Raw((head + body).into_bytes())
    }

    /// A stream without a length, which the connection's end cuts off.
    pub(super) fn events(stream: &str) -> Self {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
        Self::Raw((head.to_owned() + stream).into_bytes())
    }
}

impl Request {
    pub(super) fn has(&self, header: &str) -> bool {
        self.headers.lines().any(|line| line.starts_with(&format!("{header}:")))
    }

    /// What was submitted.
    pub(super) fn transactions(&self) -> Vec<Transaction> {
        let body: Submission = serde_json::from_str(&self.body).expect("a submission");
        let decoded = body
            .transactions
            .iter()
            .map(|each| codec::decode(&hex::decode(each).expect("digits")).expect("a transaction"));
        decoded.collect()
    }
}

impl Scripted {
    pub(super) fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let script: Vec<_> = script.into_iter().collect();
        let thread = thread::spawn(move || {
            let answered = script.into_iter().map(|answer| {
                let (stream, _) = listener.accept().expect("a connection");
                serve(&stream, &answer)
            });
            answered.flatten().collect()
        });
        Self { url, thread }
    }

    /// All requests; what of the script was not asked for is passed over.
    pub(super) fn requests(self) -> Vec<Request> {
        let address = self.url.trim_start_matches("http://").to_owned();
        while !self.thread.is_finished() {
            // Whatever is left of the script is used up; a connection that brings nothing is no request.
            drop(TcpStream::connect(&address));
        }
        self.thread.join().expect("the script ends")
    }
}

fn serve(stream: &TcpStream, answer: &Answer) -> Option<Request> {
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
    let request = read_request(BufReader::new(stream))?;
    let mut stream = stream;
    match answer {
        // The client may have had enough.
        Answer::Raw(bytes) => drop(stream.write_all(bytes)),
        Answer::Silence => drop(stream.read(&mut [0])),
        Answer::Cut => {}
        Answer::Accept => {
            let Answer::Raw(bytes) = accept(&request) else { unreachable!("JSON is bytes") };
            drop(stream.write_all(&bytes));
        }
    }
    Some(request)
}

fn accept(request: &Request) -> Answer {
    let transactions = request.transactions().into_iter();
    let accepted = transactions.map(|each| Outcome::accepted(each.id(&fixtures::id()), false));
    Answer::json(200, &Outcomes { outcomes: accepted.collect() })
}

fn read_request(mut reader: impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = String::new();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|read| *read > 0)?;
        let header = header.trim_end().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(found) = header.strip_prefix("content-length: ") {
            length = found.parse().expect("a number");
        }
        headers += &format!("{header}\n");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Request { line, headers, body: String::from_utf8(body).expect("UTF-8") })
}
