//! Looks names up for a node, or for one who joins: a few at a time, each on a thread of the runtime's.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use crate::addresses::{LOOK_UPS_AT_ONCE, Reach};

/// What came of looking a name up.
#[derive(Debug)]
pub(crate) struct LookedUp {
    pub(crate) name: Arc<str>,
    pub(crate) found: Result<Vec<SocketAddr>, String>,
}

/// The names that are being looked up. There are never more than names that were given, since each is asked for again
/// only once it was answered.
#[derive(Debug)]
pub(crate) struct LookUps {
    reach: Arc<Reach>,
    permits: Arc<Semaphore>,
    done: mpsc::UnboundedSender<LookedUp>,
    looked_up: mpsc::UnboundedReceiver<LookedUp>,
}

impl LookUps {
    pub(crate) fn new(reach: Reach) -> Self {
        let (done, looked_up) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(LOOK_UPS_AT_ONCE));
        Self { reach: Arc::new(reach), permits, done, looked_up }
    }

    /// Looks a name up; the outcome comes by [`next`](Self::next).
    pub(crate) fn start(&self, name: Arc<str>) {
        let (reach, permits) = (Arc::clone(&self.reach), Arc::clone(&self.permits));
        let done = self.done.clone();
        tokio::spawn(async move {
            let _permit = permits.acquire().await;
            let found = reach.look_up(&name).await;
            // Whoever asked may have ended.
            let _ = done.send(LookedUp { name, found });
        });
    }

    /// The next outcome.
    pub(crate) async fn next(&mut self) -> LookedUp {
        match self.looked_up.recv().await {
            Some(looked_up) => looked_up,
            // This value holds a sender itself.
            None => std::future::pending().await,
        }
    }
}
