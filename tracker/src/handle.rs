//! The way from the HTTP API to the task that owns the registry: questions go in over a bounded
//! channel, and each one gets its answer back. The registry itself is never shared, so no lock is
//! needed.

use std::net::SocketAddr;

use tokio::sync::{mpsc, oneshot};

/// How many questions may wait for the task. Whoever asks one more waits for room. The task answers at the end of each
/// of its rounds, which take a few milliseconds.
pub const REQUESTS_MAX: usize = 64;

/// The tracker has ended, or is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tracker is stopping")]
pub struct Stopping;

/// Asks the tracker's task; there may be any number of these.
#[derive(Debug, Clone)]
pub struct TrackerHandle {
    requests: mpsc::Sender<Request>,
}

/// The task's end of the handles.
pub type Requests = mpsc::Receiver<Request>;

/// A question, and where its answer goes.
#[derive(Debug)]
pub enum Request {
    /// Up to `most` listed peers in the order of their addresses, from behind `after` on.
    Peers { after: Option<SocketAddr>, most: usize, reply: oneshot::Sender<Vec<SocketAddr>> },
    /// All counts.
    Figures { reply: oneshot::Sender<Figures> },
}

/// What the tracker counts; counts are since its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Peers that registered and answer.
    pub listed: usize,
    /// Peers that registered and have not answered yet.
    pub unconfirmed: usize,
    /// Datagrams that were received.
    pub received: u64,
    /// Datagrams that were sent.
    pub sent: u64,
    /// System calls for receiving that failed.
    pub receive_errors: u64,
    /// System calls for sending that failed.
    pub send_errors: u64,
    /// Datagrams without an effect, and peers without a place, by reason.
    pub dropped: Vec<(&'static str, u64)>,
}

impl TrackerHandle {
    /// A handle, and what [`run`](crate::run::run) answers it by.
    #[must_use]
    pub fn new() -> (Self, Requests) {
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        (Self { requests: sender }, requests)
    }

    /// Up to `most` listed peers in the order of their addresses, from behind `after` on.
    ///
    /// # Errors
    /// When the tracker is stopping.
    pub async fn peers(
        &self,
        after: Option<SocketAddr>,
        most: usize,
    ) -> Result<Vec<SocketAddr>, Stopping> {
        self.ask(|reply| Request::Peers { after, most, reply }).await
    }

    /// All counts.
    ///
    /// # Errors
    /// When the tracker is stopping.
    pub async fn figures(&self) -> Result<Figures, Stopping> {
        self.ask(|reply| Request::Figures { reply }).await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Stopping> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.map_err(|_| Stopping)?;
        answer.await.map_err(|_| Stopping)
    }
}
