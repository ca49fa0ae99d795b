//! How all other tasks talk to the running node: they send it commands and listen to the peer's events.
//!
//! A handle holds no state of the node and changes none: only the task in `run` that owns the node does.

use protocol::transaction::Transaction;
use protocol::units::TransactionId;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::schema::Event;
use node::{Answer, Command, CommandError};

/// Most requests that wait for the node; another asker waits until there is room.
const REQUESTS_MAX: usize = 256;

/// Most events that a slow listener may be behind; one that falls further behind is told how many it missed.
const EVENTS_BEHIND_MAX: usize = 1_024;

/// A command for the node's task, and the channel for its answer.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) command: Command,
    pub(crate) reply: oneshot::Sender<Result<Answer, CommandError>>,
}

/// Sends commands to the node and subscribes to events; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct PeerHandle {
    requests: mpsc::Sender<Request>,
    /// Weak, so that listeners notice the end of the node's task.
    events: broadcast::WeakSender<Event>,
}

/// The ends of the handles' channels that the node's task holds.
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

    /// Asks or orders something.
    ///
    /// # Errors
    /// As the node refuses it; [`CommandError::Leaving`] also after the node's end.
    pub(crate) async fn command(&self, command: Command) -> Result<Answer, CommandError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(Request { command, reply }).await;
        sent.map_err(|_| CommandError::Leaving)?;
        answer.await.unwrap_or(Err(CommandError::Leaving))
    }

    /// Submits a signed transaction, and waits until it is durable.
    ///
    /// # Errors
    /// As the node refuses it.
    pub(crate) async fn submit(
        &self,
        transaction: Transaction,
    ) -> Result<TransactionId, CommandError> {
        let answer = self.command(Command::Submit(Box::new(transaction))).await?;
        let Answer::Accepted(id) = answer else {
            unreachable!("a submission is accepted or refused, not answered by {answer:?}")
        };
        Ok(id)
    }

    /// All events from now on; `None` once the node has ended.
    pub(crate) fn events(&self) -> Option<broadcast::Receiver<Event>> {
        self.events.upgrade().map(|sender| sender.subscribe())
    }

    /// Tells all listeners of an event that does not come from the node itself.
    pub(crate) fn publish(&self, event: Event) {
        if let Some(sender) = self.events.upgrade() {
            // Nobody has to listen.
            let _ = sender.send(event);
        }
    }
}
