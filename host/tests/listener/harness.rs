//! A listener with a few routes, and a client that sends bytes as they are.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};
use host::http::{
    ClientAddress, HostName, Json, Limits, Origin, Path, Permit, Permits, Problem, Query, Site,
};
use http_body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long anything on this machine may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// Longer than any test: a limit that is not to matter.
pub(crate) const NEVER: Duration = Duration::from_secs(3_600);

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Streams that are being read, or not.
    pub(crate) streams: Arc<AtomicUsize>,
    /// Requests that wait to be released.
    pub(crate) held: Arc<Held>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) count: AtomicUsize,
    pub(crate) release: Semaphore,
}

/// The permits of the route that is dear, in all and for one client.
pub(crate) const PERMITS: [usize; 2] = [3, 2];

/// A stream without an end; it counts as long as it lives, and may hold a permit.
struct Endless {
    streams: Arc<AtomicUsize>,
    _permit: Option<Permit>,
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.streams.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Events that happen when they are released; it counts as long as it lives.
struct Events {
    streams: Arc<AtomicUsize>,
    next: Pin<Box<dyn Future<Output = Arc<Held>> + Send>>,
}

async fn released(held: Arc<Held>) -> Arc<Held> {
    held.release.acquire().await.expect("it is never closed").forget();
    held
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let held = ready!(self.next.as_mut().poll(context));
        self.next = Box::pin(released(held));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data: it happened\n\n")))))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.streams.fetch_sub(1, Ordering::SeqCst);
    }
}

fn router(streams: Arc<AtomicUsize>, held: Arc<Held>) -> Router {
    let told = Arc::clone(&held);
    let hold = async move || {
        held.count.fetch_add(1, Ordering::SeqCst);
        held.release.acquire().await.expect("it is never closed").forget();
        "released"
    };
    let of_dear = Arc::clone(&streams);
    let of_events = Arc::clone(&streams);
    let events = move || {
        of_events.fetch_add(1, Ordering::SeqCst);
        told.count.fetch_add(1, Ordering::SeqCst);
        let events =
            Events { streams: Arc::clone(&of_events), next: Box::pin(released(Arc::clone(&told))) };
        async { ([(CONTENT_TYPE, "text/event-stream")], Body::new(events)) }
    };
    let endless = move || async move {
        streams.fetch_add(1, Ordering::SeqCst);
        Body::new(Endless { streams, _permit: None })
    };
    let permits = Permits::new(PERMITS[0], PERMITS[1]);
    let dear = move |client: ClientAddress| async move {
        let permit = permits.try_take(client).map_err(|error| Problem::busy(error.to_string()))?;
        of_dear.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Problem>(Body::new(Endless { streams: of_dear, _permit: Some(permit) }))
    };
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/events", get(events))
        .route("/hello", get(async || "hello"))
        .route("/source", get(async |ConnectInfo(from): ConnectInfo<SocketAddr>| from.to_string()))
        .route(
            "/sum",
            post(async |Json(numbers): Json<Vec<u32>>| Json(numbers.iter().sum::<u32>())),
        )
        .route("/length", post(async |Json(text): Json<String>| Json(text.len())))
        .route("/items/{number}", get(async |Path(number): Path<u32>| Json(number)))
        .route("/pair", get(async |Query(pair): Query<(String, u32)>| Json(pair)))
        .route("/never", get(async || pending::<String>().await))
        .route("/endless", get(endless))
        .route("/dear", get(dear))
        .route("/held", get(hold))
        .route("/panic", get(async || -> String { panic!("as it was told to") }))
}

impl Server {
    pub(crate) fn start(limits: Limits) -> Self {
        Self::start_with(limits, &[], &[])
    }

    pub(crate) fn start_with(limits: Limits, hosts: &[&str], origins: &[&str]) -> Self {
        let hosts = hosts.iter().map(|text| text.parse::<HostName>().expect(text)).collect();
        let origins = origins.iter().map(|text| text.parse::<Origin>().expect(text)).collect();
        Self::start_site(limits, |address| Site::new(address, hosts, origins))
    }

    /// `site` is made of the address that the listener got.
    pub(crate) fn start_site(limits: Limits, site: impl FnOnce(SocketAddr) -> Site) -> Self {
        let listener =
            host::http::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let site = site(address);
        let streams = Arc::default();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { stopped.await.unwrap_or_default() };
        let held = Arc::new(Held { count: AtomicUsize::new(0), release: Semaphore::new(0) });
        let router = router(Arc::clone(&streams), Arc::clone(&held));
        let task = tokio::spawn(host::http::serve(listener, site, limits, router, shutdown));
        Self { address, streams, held, stop: Some(stop), task }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        within(TcpStream::connect(self.address)).await.expect("it listens")
    }

    /// Connects and sends bytes as they are.
    pub(crate) async fn send(&self, bytes: &str) -> TcpStream {
        let mut stream = self.connect().await;
        // The server may have refused the rest already.
        let _ = within(stream.write_all(bytes.as_bytes())).await;
        stream
    }

    /// Does the same from another address of this machine, with a small buffer for what comes back.
    pub(crate) async fn send_from(&self, from: [u8; 4], bytes: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from((from, 0))).expect("an address of this machine");
        socket.set_recv_buffer_size(8 * 1024).expect("it can be set");
        let mut stream = within(socket.connect(self.address)).await.expect("it listens");
        within(stream.write_all(bytes.as_bytes())).await.expect("it reads");
        stream
    }

    /// The answer to bytes as they are, on a connection of its own that is read to its end.
    pub(crate) async fn ask(&self, bytes: &str) -> Answer {
        let mut stream = self.send(bytes).await;
        Answer::parse(&read_to_end(&mut stream).await)
    }

    /// The answer to a GET with more headers, each `Name: value`.
    pub(crate) async fn get(&self, path: &str, headers: &[&str]) -> Answer {
        self.ask(&self.request("GET", path, headers, "")).await
    }

    /// The answer to a POST of JSON.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        let headers = ["Content-Type: application/json"];
        self.ask(&self.request("POST", path, &headers, body)).await
    }

    /// A request for a connection of its own, with the right host unless the headers name one.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[&str], body: &str) -> String {
        let mut lines = vec![format!("{method} {path} HTTP/1.1"), "Connection: close".to_owned()];
        if !headers.iter().any(|header| header.starts_with("Host:")) {
            lines.push(format!("Host: {}", self.address));
        }
        if !body.is_empty() {
            lines.push(format!("Content-Length: {}", body.len()));
        }
        lines.extend(headers.iter().map(|&header| header.to_owned()));
        format!("{}\r\n\r\n{body}", lines.join("\r\n"))
    }

    pub(crate) async fn is_quick(&self) -> bool {
        self.get("/hello", &[]).await.body == "hello"
    }

    /// Orders the end.
    pub(crate) fn order_stop(&mut self) {
        self.stop.take().expect("it is stopped once").send(()).expect("it runs");
    }

    /// Orders the end, and waits for it.
    pub(crate) async fn stop(mut self) {
        self.order_stop();
        self.ended().await;
    }

    /// Waits for the end.
    pub(crate) async fn ended(self) {
        within(self.task).await.expect("it ends well");
    }
}

impl Answer {
    /// Nothing but a status of 0 if the connection ended without an answer.
    pub(crate) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(found, _)| *found == name).map(|(_, value)| value);
        let first = values.next();
        assert_eq!(values.next(), None, "{name} stands there once");
        first
    }

    /// The kind of the problem, which is one as the standard has it.
    #[track_caller]
    pub(crate) fn kind(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: host::http::Problem =
            serde_json::from_str(&self.body).expect("it is a problem");
        assert_eq!((problem.type_.as_str(), problem.status), ("about:blank", self.status));
        assert!(!problem.detail.is_empty() && !problem.title.is_empty());
        problem.kind
    }
}

/// What a connection brings until it ends, however that is.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset ends it as well; what came before is there.
    let _ = within(stream.read_to_end(&mut bytes)).await;
    String::from_utf8(bytes).expect("it is text")
}

/// The first `length` bytes that a connection brings.
pub(crate) async fn read_some(stream: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    within(stream.read_exact(&mut bytes)).await.expect("so much comes");
    String::from_utf8(bytes).expect("it is text")
}

/// Waits until something holds.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    within(async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("it does not take that long")
}
