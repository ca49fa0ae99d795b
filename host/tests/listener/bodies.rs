//! Bodies that are large, wrong or of another kind.

use host::http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Answer, NEVER, Server, within};

const MEBIBYTE: usize = 1024 * 1024;
const HUGE: usize = 100 * MEBIBYTE;

/// No time-out is to be what ends a large body.
fn patient() -> Limits {
    Limits { head_wait: NEVER, request_wait: NEVER, ..Limits::default() }
}

/// Sends a piece again and again until `total` bytes are sent or the server ends it; gives the answer and how much
/// was sent.
async fn pour(stream: TcpStream, piece: &[u8], total: usize) -> (Answer, usize) {
    let (mut read, mut write) = stream.into_split();
    let sending = async {
        let mut sent = 0;
        while sent < total && write.write_all(piece).await.is_ok() {
            sent += piece.len();
        }
        sent
    };
    let mut bytes = Vec::new();
    let reading = async {
        // A reset ends it as well; what came before is there.
        let _ = read.read_to_end(&mut bytes).await;
    };
    let (sent, ()) = within(async { tokio::join!(sending, reading) }).await;
    (Answer::parse(&String::from_utf8_lossy(&bytes)), sent)
}

#[tokio::test]
async fn a_huge_body_is_refused_before_it_is_sent() {
    let server = Server::start(patient());
    let head = format!("Content-Type: application/json\r\nContent-Length: {HUGE}");
    for headers in [vec![head.as_str()], vec![head.as_str(), "Expect: 100-continue"]] {
        let answer = server.ask(&server.request("POST", "/length", &headers, "")).await;
        assert_eq!((answer.status, answer.kind().as_str()), (413, "body_too_large"));
    }
}

#[tokio::test]
async fn a_huge_body_that_is_sent_all_the_same_is_not_read() {
    let server = Server::start(patient());
    let head = format!("Content-Type: application/json\r\nContent-Length: {HUGE}");
    let stream = server.send(&server.request("POST", "/length", &[&head], "")).await;
    let (answer, sent) = pour(stream, &[b' '; 64 * 1024], HUGE).await;
    assert_eq!(answer.kind(), "body_too_large");
    assert!(sent < HUGE / 2, "{sent}");
}

#[tokio::test]
async fn a_huge_chunked_body_is_refused_where_it_becomes_too_large() {
    let server = Server::start(patient());
    let head = "Content-Type: application/json\r\nTransfer-Encoding: chunked";
    let stream = server.send(&server.request("POST", "/length", &[head], "")).await;
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
    let (answer, sent) = pour(stream, chunk.as_bytes(), HUGE).await;
    assert_eq!(answer.kind(), "body_too_large");
    assert!((MEBIBYTE..HUGE / 2).contains(&sent), "{sent}");
    assert!(server.is_quick().await);
}

#[tokio::test]
async fn a_body_may_be_as_large_as_is_said() {
    let server = Server::start(patient());
    let fits = format!("{:?}", "x".repeat(MEBIBYTE - 2));
    let answer = server.post("/length", &fits).await;
    assert_eq!((answer.status, answer.body), (200, (MEBIBYTE - 2).to_string()));
    let answer = server.post("/length", &format!(" {fits}")).await;
    assert_eq!((answer.status, answer.kind().as_str()), (413, "body_too_large"));

    let chunked = ["Content-Type: application/json", "Transfer-Encoding: chunked"];
    let request = server.request("POST", "/length", &chunked, "");
    let answer = server.ask(&format!("{request}{MEBIBYTE:x}\r\n{fits}\r\n0\r\n\r\n")).await;
    assert_eq!((answer.status, answer.body), (200, (MEBIBYTE - 2).to_string()));
}

#[tokio::test]
async fn only_json_is_taken_and_faults_of_it_are_problems() {
    let server = Server::start(Limits::default());
    let json = "Content-Type: application/json";
    for (headers, body, status, kind) in [
        (vec![], "[1]", 415, "unsupported_media_type"),
        (vec!["Content-Type: text/plain"], "[1]", 415, "unsupported_media_type"),
        (
            vec!["Content-Type: application/x-www-form-urlencoded"],
            "[1]",
            415,
            "unsupported_media_type",
        ),
        (vec!["Content-Type: text/plain; application/json"], "[1]", 415, "unsupported_media_type"),
        (vec![json, "Content-Type: text/plain"], "[1]", 415, "unsupported_media_type"),
        (vec![json], "[1", 400, "bad_request"),
        (vec![json], "[1]]", 400, "bad_request"),
        (vec![json], r#"{"a":1}"#, 400, "bad_request"),
        (vec![json], "[-1]", 400, "bad_request"),
        (vec![json], "", 400, "bad_request"),
    ] {
        let answer = server.ask(&server.request("POST", "/sum", &headers, body)).await;
        assert_eq!((answer.status, answer.kind().as_str()), (status, kind), "{headers:?} {body}");
    }
    for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
        let header = format!("Content-Type: {content_type}");
        let answer = server.ask(&server.request("POST", "/sum", &[&header], "[1,2]")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "3"));
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_request() {
    let server = Server::start(patient());
    let head = "Content-Type: application/json\r\nContent-Length: 9";
    let mut stream =
        server.send(&format!("{}[1,", server.request("POST", "/sum", &[head], ""))).await;
    stream.shutdown().await.expect("it is open");
    let answer = Answer::parse(&crate::harness::read_to_end(&mut stream).await);
    assert!([0, 400].contains(&answer.status), "{answer:?}");
    assert!(server.is_quick().await);
}
