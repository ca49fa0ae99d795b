//! How everybody but the node's own task talks to a running node.

use protocol::transaction::Transaction;
use protocol::units::TransactionId;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::notice::Notice;
use node::{Answer, Command, CommandError};

/// Most questions that wait for the node; whoever asks more waits for room.
const REQUESTS_MAX: usize = 256;

/// Most notices that a slow listener may be behind; then it is told how many it missed.
const NOTICES_MAX: usize = 1_024;

/// A question to the node's task, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) command: Command,
    pub(crate) reply: oneshot::Sender<Result<Answer, CommandError>>,
}

/// Asks the node; there may be any number of these.
#[derive(Debug, Clone)]
pub(crate) struct PeerHandle {
    requests: mpsc::Sender<Request>,
    /// Weak, so that listeners notice the end of the node's task.
    notices: broadcast::WeakSender<Notice>,
}

/// The node's end of the handles.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) notices: broadcast::Sender<Notice>,
}

impl PeerHandle {
    pub(crate) fn new() -> (Self, Requests) {
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        let (notices, _) = broadcast::channel(NOTICES_MAX);
        (Self { requests: sender, notices: notices.downgrade() }, Requests { requests, notices })
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

    /// All notices from now on; `None` after the node's end.
    pub(crate) fn notices(&self) -> Option<broadcast::Receiver<Notice>> {
        self.notices.upgrade().map(|sender| sender.subscribe())
    }

    /// Tells all listeners something that the shell knows.
    pub(crate) fn notify(&self, notice: Notice) {
        if let Some(sender) = self.notices.upgrade() {
            // Nobody has to listen.
            let _ = sender.send(notice);
        }
    }
}
