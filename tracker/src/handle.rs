//! The way from the HTTP API to the task that owns the registry: questions go in over a bounded
//! channel, and each one gets its answer back. The registry itself is never shared, so no lock is
//! needed.

use std::net::SocketAddr;

use tokio::sync::{mpsc, oneshot};

/// How many questions may wait for the task. Whoever asks another one waits until there is room.
/// The task answers at the end of each of its rounds, which take a few milliseconds.
pub const REQUESTS_MAX: usize = 64;

/// The tracker has ended or is about to end, so it no longer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tracker is stopping")]
pub struct Stopping;

/// A handle for asking the tracker's task. It can be cloned any number of times.
#[derive(Debug, Clone)]
pub struct TrackerHandle {
    requests: mpsc::Sender<Request>,
}

/// The task's end of the channel, from which it receives the questions of all handles.
pub type Requests = mpsc::Receiver<Request>;

/// A question, and where its answer is sent.
#[derive(Debug)]
pub enum Request {
    /// Up to `most` listed peers in the order of their addresses, starting behind `after`.
    Peers { after: Option<SocketAddr>, most: usize, reply: oneshot::Sender<Vec<SocketAddr>> },
    /// All counts.
    Figures { reply: oneshot::Sender<Figures> },
}

/// The tracker's counts. Those that only grow started at zero when the tracker started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The number of peers that registered and answer pokes.
    pub listed: usize,
    /// The number of peers that registered and have not answered yet.
    pub unconfirmed: usize,
    /// Datagrams that were received.
    pub received: u64,
    /// Datagrams that were sent.
    pub sent: u64,
    /// System calls for receiving that failed.
    pub receive_errors: u64,
    /// System calls for sending that failed.
    pub send_errors: u64,
    /// Datagrams that had no effect, and peers that got no place, counted by reason.
    pub dropped: Vec<(&'static str, u64)>,
}

impl TrackerHandle {
    /// Makes a handle, and the receiving end from which [`run`](crate::run::run) takes its
    /// questions.
    #[must_use]
    pub fn new() -> (Self, Requests) {
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        (Self { requests: sender }, requests)
    }

    /// Up to `most` listed peers in the order of their addresses, starting behind `after`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn questions_wait_for_the_tracker_up_to_a_number() {
        let (handle, mut requests) = TrackerHandle::new();
        let ask = || {
            let (reply, _) = oneshot::channel();
            handle.requests.try_send(Request::Figures { reply })
        };
        for _ in 0..REQUESTS_MAX {
            assert!(ask().is_ok());
        }
        assert!(ask().is_err(), "whoever asks now waits");
        assert!(requests.recv().await.is_some());
        assert!(ask().is_ok());
    }
}
