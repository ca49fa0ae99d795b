//! The listener's loop: it accepts connections, and at shutdown ends them within a bounded time.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep_until, timeout};

use crate::http::connections::{Closing, Connections, Place};
use crate::http::limits::Limits;
use crate::http::live::FarEnd;
use crate::http::service::Service;
use crate::http::site::Site;
use crate::http::stream::WatchedStream;

/// The smallest size that hyper allows for a connection's buffer.
const BUFFER_BYTES_MIN: usize = 8 * 1024;
/// The size that is asked for a connection's send buffer. The system doubles it for its own needs.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// How long nothing is accepted after the system failed to provide a connection, for instance
/// because file descriptors ran out. Trying again at once would only burn processor time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The number of connections that are closed in that case to make room. With this number, a crowd
/// of slow connections in the system's queue is worked off at some hundreds per second.
const CLOSED_FOR_ROOM: usize = 32;
/// The shortest time between two log lines about this.
const WARNING_PERIOD: Duration = Duration::from_secs(60);

/// Serves a router until `shutdown` completes, and after that for at most
/// [`Limits::shutdown_wait`], so that answers which are being sent can be completed. Handlers get
/// the source address as `axum::extract::ConnectInfo<SocketAddr>`. Unknown paths and methods are
/// answered with problems.
pub async fn serve(
    listener: TcpListener,
    site: Site,
    limits: Limits,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    let service = Arc::new(Service::new(site, limits, router));
    let connections = Connections::new(&limits);
    let (stop, stopping) = watch::channel(());
    let mut tasks = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut paused_until: Option<Instant> = None;
    let mut warned_at: Option<Instant> = None;
    loop {
        let resume_at = paused_until.unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = tasks.join_next() => log_panic(ended),
            () = sleep_until(resume_at.into()), if paused_until.is_some() => paused_until = None,
            accepted = listener.accept(), if paused_until.is_none() => match accepted {
                Ok((stream, from)) => {
                    // If all connections are busy, the new one is dropped.
                    if let Some((place, closing)) = connections.admit(from.ip(), Instant::now()) {
                        let service = Arc::clone(&service);
                        let stopping = stopping.clone();
                        tasks.spawn(connection(service, stream, from, place, closing, stopping));
                    }
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    let now = Instant::now();
                    if warned_at.is_none_or(|at| now - at >= WARNING_PERIOD) {
                        tracing::warn!(%error, "can't take connections: trying again and again");
                        warned_at = Some(now);
                    }
                    connections.close_some(CLOSED_FOR_ROOM, now);
                    paused_until = Some(now + ACCEPT_PAUSE);
                }
            },
        }
    }
    drop(listener);
    connections.close_waiting();
    // Nobody may be listening any more, if all connections have already ended.
    let _ = stop.send(());
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    // Connections that are still open after that end together with their tasks.
    let _ = timeout(limits.shutdown_wait, all_ended).await;
}

async fn connection(
    service: Arc<Service>,
    stream: TcpStream,
    from: SocketAddr,
    place: Place,
    closing: Closing,
    mut stopping: watch::Receiver<()>,
) {
    let from = SocketAddr::new(from.ip().to_canonical(), from.port());
    let place = Arc::new(place);
    let limits = service.limits;
    // If this fails, answers that wait for an acknowledgement are merely slower.
    let _ = stream.set_nodelay(true);
    // The system tells that a reader goes on only once about a third of the buffer is empty. Its own choice of up to
    // 4 MB would make an honest reader on a slow line look as if it had stopped. If this fails, such readers have to
    // hurry.
    let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES);
    let far_end = Arc::<FarEnd>::default();
    let stream = WatchedStream::new(stream, &limits, Arc::clone(&place), Arc::clone(&far_end));
    let io = TokioIo::new(stream);
    let answer = service_fn(|request| {
        service.answer(request, from, Arc::clone(&place), Arc::clone(&far_end))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // A client that has sent all it will send may close its direction, and gets its answer.
        .half_close(true)
        .header_read_timeout(limits.head_wait)
        .max_header_size(limits.head_bytes_max)
        .max_headers(limits.headers_max)
        .max_buf_size(limits.head_bytes_max.max(BUFFER_BYTES_MIN));
    let mut connection = pin!(http.serve_connection(io, answer));
    let mut closing = pin!(closing);
    loop {
        tokio::select! {
            biased;
            // Nothing is ever sent on this channel: its other end is only dropped.
            _ = &mut closing => break,
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%from, %error, "a connection broke");
                }
                break;
            }
            Ok(()) = stopping.changed() => connection.as_mut().graceful_shutdown(),
        }
    }
}

/// Whether an error concerns a single connection, because the client went away before it was
/// accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn log_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended in a panic");
    }
}
