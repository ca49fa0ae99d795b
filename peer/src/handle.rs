//! How all other tasks talk to the running node: they send it commands and listen to the peer's events.
//!
//! A handle holds no state of the node and changes none: only the task in `run` that owns the node does.

use protocol::transaction::Transaction;
use protocol::units::TransactionId;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::schema::Event;
use node::{Answer, Command, CommandError};

/// The most requests that may wait for the node. Whoever sends another one waits until there is
/// room.
const REQUESTS_MAX: usize = 256;

/// The most events by which a slow listener may lag behind. A listener that falls further behind is
/// told how many events it missed.
const EVENTS_BEHIND_MAX: usize = 1_024;

/// A command for the node's task, and the channel for its answer.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) command: Command,
    pub(crate) reply: oneshot::Sender<Result<Answer, CommandError>>,
}

/// A transaction that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) id: TransactionId,
    /// Whether it is a vote that came too late to be sure to be counted.
    pub(crate) is_late: bool,
}

/// Sends commands to the node and subscribes to its events. It is cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct PeerHandle {
    requests: mpsc::Sender<Request>,
    /// This sender is weak, so that listeners notice when the node's task ends.
    events: broadcast::WeakSender<Event>,
}

/// The ends of the handles' channels that the node's task keeps.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) events: broadcast::Sender<Event>,
}

impl PeerHandle {
    pub(crate) fn new() -> (Self, Requests) {
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        let (events, _) = broadcast::channel(EVENTS_BEHIND_MAX);
        (Self { requests: sender, events: events.downgrade() }, Requests { requests, events })
    }

    /// Sends a question or an order to the node.
    ///
    /// # Errors
    /// When the node refuses it; also [`CommandError::Leaving`] after the end of the node.
    pub(crate) async fn command(&self, command: Command) -> Result<Answer, CommandError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(Request { command, reply }).await;
        sent.map_err(|_| CommandError::Leaving)?;
        answer.await.unwrap_or(Err(CommandError::Leaving))
    }

    /// Submits a signed transaction, and waits until it is durable.
    ///
    /// # Errors
    /// When the node refuses it.
    pub(crate) async fn submit(&self, transaction: Transaction) -> Result<Taken, CommandError> {
        self.accepted(Command::Submit(Box::new(transaction))).await
    }

    /// Does the same for somebody else, whom this peer serves.
    ///
    /// # Errors
    /// When the node refuses it.
    pub(crate) async fn submit_for_other(
        &self,
        transaction: Transaction,
    ) -> Result<Taken, CommandError> {
        self.accepted(Command::SubmitForOther(Box::new(transaction))).await
    }

    async fn accepted(&self, submission: Command) -> Result<Taken, CommandError> {
        let answer = self.command(submission).await?;
        let Answer::Accepted { id, is_late } = answer else {
            unreachable!("a submission is accepted or refused, not answered by {answer:?}")
        };
        Ok(Taken { id, is_late })
    }

    /// All events from now on; `None` once the node has ended.
    pub(crate) fn events(&self) -> Option<broadcast::Receiver<Event>> {
        self.events.upgrade().map(|sender| sender.subscribe())
    }

    /// Sends all listeners an event that does not come from the node itself.
    pub(crate) fn publish(&self, event: Event) {
        if let Some(sender) = self.events.upgrade() {
            // It is not an error if nobody listens.
            let _ = sender.send(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::{RecvError, TryRecvError};

    use super::*;
    use crate::schema::Event;

    #[tokio::test]
    async fn requests_wait_for_the_node_up_to_a_number() {
        let (handle, mut requests) = PeerHandle::new();
        let ask = || {
            let (reply, _) = oneshot::channel();
            handle.requests.try_send(Request { command: Command::Status, reply })
        };
        for _ in 0..REQUESTS_MAX {
            assert!(ask().is_ok());
        }
        assert!(ask().is_err(), "whoever asks now waits");
        assert!(requests.requests.recv().await.is_some());
        assert!(ask().is_ok());
    }

    #[tokio::test]
    async fn a_listener_that_is_too_far_behind_is_told_how_much_it_missed() {
        let (handle, _requests) = PeerHandle::new();
        let mut listener = handle.events().expect("the node is there");
        for _ in 0..EVENTS_BEHIND_MAX {
            handle.publish(Event::DiskRecovered);
        }
        assert!(matches!(listener.recv().await, Ok(Event::DiskRecovered)), "nothing is lost yet");
        for _ in 0..2 {
            handle.publish(Event::DiskRecovered);
        }
        assert_eq!(listener.recv().await.expect_err("one is gone"), RecvError::Lagged(1));
        for _ in 0..EVENTS_BEHIND_MAX {
            assert!(matches!(listener.recv().await, Ok(Event::DiskRecovered)));
        }
        assert_eq!(listener.try_recv().expect_err("that was all"), TryRecvError::Empty);
    }
}
