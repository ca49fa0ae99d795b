//! Heads that are wrong, large or many.

use host::http::Limits;

use crate::harness::{Answer, Server, read_to_end};

#[tokio::test]
async fn a_host_is_named_once_and_agrees_with_the_request_line() {
    let server = Server::start(Limits::default());
    let (own, port) = (server.address.to_string(), server.address.port());
    let close = "Connection: close\r\n";
    for (line, hosts, status) in [
        ("/hello", vec![own.clone()], 200),
        ("/hello", vec![format!("LOCALHOST:{port}")], 200),
        ("/hello", vec![format!("[::1]:{port}")], 200),
        ("/hello", vec![], 421),
        ("/hello", vec![own.clone(), own.clone()], 421),
        ("/hello", vec![own.clone(), "evil.example".to_owned()], 421),
        ("/hello", vec![String::new()], 421),
        ("/hello", vec!["127.0.0.1".to_owned()], 421),
        ("/hello", vec![format!("127.0.0.1:{}", port ^ 1)], 421),
        ("/hello", vec![format!("evil.example:{port}")], 421),
        ("/hello", vec![format!("localhost.:{port}")], 421),
        ("/hello", vec![format!("user@{own}")], 421),
        (&format!("http://{own}/hello"), vec![own.clone()], 200),
        (&format!("http://localhost:{port}/hello"), vec![own.clone()], 421),
        (&format!("http://evil.example:{port}/hello"), vec![own.clone()], 421),
        (&format!("http://{own}/hello"), vec![format!("evil.example:{port}")], 421),
        (&format!("http://{own}/hello"), vec![], 421),
        (&format!("http://user@{own}/hello"), vec![own.clone()], 421),
        (&format!("https://{own}/hello"), vec![own.clone()], 421),
    ] {
        let hosts: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
        let request = format!("GET {line} HTTP/1.1\r\n{hosts}{close}\r\n");
        let answer = server.ask(&request).await;
        assert_eq!(answer.status, status, "{request}{answer:?}");
        if status == 421 {
            assert_eq!(answer.kind(), "wrong_host");
        }
    }
    let answer = server.ask("GET /hello HTTP/1.0\r\n\r\n").await;
    assert_eq!(answer.status, 421);
    let connect = format!("CONNECT {own} HTTP/1.1\r\nHost: {own}\r\n{close}\r\n");
    assert_eq!(server.ask(&connect).await.kind(), "bad_request");
}

#[tokio::test]
async fn further_names_are_served() {
    let server = Server::start_with(Limits::default(), &["vote.example.org:80", "a.example"], &[]);
    let port = server.address.port();
    for (host, status) in [
        ("Host: vote.example.org".to_owned(), 200),
        ("Host: vote.example.org:80".to_owned(), 200),
        (format!("Host: vote.example.org:{port}"), 421),
        (format!("Host: A.example:{port}"), 200),
        ("Host: a.example".to_owned(), 200),
        ("Host: a.example:81".to_owned(), 421),
    ] {
        assert_eq!(server.get("/hello", &[&host]).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn a_head_is_as_long_as_it_may_be_and_no_longer() {
    let server = Server::start(Limits::default());
    let head = |bytes: usize| {
        let address = server.address;
        let begin = format!("GET /hello HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nX: ");
        let filler = "x".repeat(bytes - begin.len() - 4);
        format!("{begin}{filler}\r\n\r\n")
    };
    let longest = head(16 * 1024);
    assert_eq!(longest.len(), Limits::default().head_bytes_max);
    assert_eq!(server.ask(&longest).await.status, 200);
    assert_eq!(server.ask(&head(16 * 1024 + 1)).await.status, 431);
}

#[tokio::test]
async fn large_and_many_headers_are_refused() {
    let server = Server::start(Limits::default());
    let fits = format!("X: {}", "x".repeat(15 * 1024));
    assert_eq!(server.get("/hello", &[&fits]).await.status, 200);
    let large = format!("X: {}", "x".repeat(16 * 1024));
    assert_eq!(server.get("/hello", &[&large]).await.status, 431);
    let many: Vec<_> = (0..65).map(|number| format!("X-{number}: 1")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    // With those that every request here has: Host and Connection.
    assert_eq!(server.get("/hello", &many[..62]).await.status, 200);
    assert_eq!(server.get("/hello", &many[..63]).await.status, 431);
    assert_eq!(server.get("/hello", &many).await.status, 431);
    let path = format!("/{}", "x".repeat(100 * 1024));
    assert!([414, 431].contains(&server.get(&path, &[]).await.status));
}

#[tokio::test]
async fn what_is_no_request_ends_its_connection_alone() {
    let server = Server::start(Limits::default());
    let own = server.address;
    for garbage in [
        "GET /hello\r\n\r\n".to_owned(),
        "\0\u{1}\u{2}\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n".to_owned(),
        "SSH-2.0-client\r\n".to_owned(),
        format!("GET /hello HTTP/1.1\r\nHost : {own}\r\n\r\n"),
        format!("GET /hello HTTP/1.1\r\n Host: {own}\r\n\r\n"),
        format!(
            "GET /hello HTTP/1.1\r\nHost: {own}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"
        ),
        format!("GET /hello HTTP/1.1\r\nHost: {own}\r\nContent-Length: -1\r\n\r\nx"),
        format!("GET /hello HTTP/1.1\r\nHost: {own}\r\nTransfer-Encoding: gzip\r\n\r\nx"),
    ] {
        let answer = server.ask(&garbage).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, ""), "{garbage:?}");
        assert!(server.is_quick().await);
    }
    // The preface of HTTP/2 is known, and not answered at all.
    assert_eq!(server.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.status, 0);
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let server = Server::start(Limits::default());
    let host = format!("Host: {}\r\n", server.address);
    let requests: String =
        (1..=20).map(|number| format!("GET /items/{number} HTTP/1.1\r\n{host}\r\n")).collect();
    let last = server.request("GET", "/hello", &[], "");
    let mut stream = server.send(&format!("{requests}{last}")).await;
    let text = read_to_end(&mut stream).await;
    let answers: Vec<_> = text
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| Answer::parse(&format!("HTTP/1.1 {answer}")))
        .collect();
    let mut expected: Vec<_> = (1..=20).map(|number| number.to_string()).collect();
    expected.push("hello".to_owned());
    assert_eq!(answers.iter().map(|answer| answer.body.clone()).collect::<Vec<_>>(), expected);
    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn a_refusal_within_a_row_says_where_it_ends() {
    let server = Server::start(Limits::default());
    // What looks like a second request is the body of the first, which nobody reads.
    let smuggled = format!("GET /source HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let head = format!(
        "POST /hello HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        server.address,
        smuggled.len()
    );
    let mut stream = server.send(&format!("{head}{smuggled}")).await;
    let text = read_to_end(&mut stream).await;
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    assert_eq!(Answer::parse(&text).kind(), "method_not_allowed");
}
