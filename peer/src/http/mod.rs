//! The peer over HTTP: JSON for programs, events as they come, numbers for Prometheus. Handlers ask the node
//! through the same typed actions as the prompt; no rule of the chain or of the network lives here. How
//! connections, headers and rates are bounded is the matter of `web`.
//!
//! What reads is open to whoever may reach the address, since the chain is public. What changes something takes
//! the token of the data directory (`access`), but for signed transactions, which speak for themselves.

mod access;
#[cfg(test)]
mod documented;
mod events;
mod metrics;
mod openapi;
mod page;
mod problem;
mod routes;
mod server;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::actions::Actions;
use access::Access;
use events::EventLog;
use metrics::Metrics;
use routes::TRANSACTIONS_MAX;
pub(crate) use server::Api;
pub(crate) use server::ApiError;

/// Archives that are sent at the same time: each reads the whole chain from the disk.
const ARCHIVES_MAX: usize = 4;

/// Transactions of others that are checked and made durable at the same time: those of two full requests, a fifth of
/// a second of one core. More wait here, where they are only text, so that strangers neither fill the memory nor
/// keep the node from its neighbours' blocks and its user's questions.
const SUBMISSIONS_MAX: usize = 2 * TRANSACTIONS_MAX;

/// What handlers work with.
#[derive(Debug, Clone)]
struct Context(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    actions: Arc<Actions>,
    access: Access,
    /// Where this machine's programs reach the API.
    url: String,
    archives: Arc<Semaphore>,
    submissions: Arc<Semaphore>,
    events: EventLog,
    metrics: Metrics,
    /// Somebody with the token wants the peer to leave.
    leave: Arc<Notify>,
}

impl Context {
    fn new(
        actions: Arc<Actions>,
        access: Access,
        url: String,
        leave: Arc<Notify>,
        metrics: Metrics,
    ) -> Self {
        let archives = Arc::new(Semaphore::new(ARCHIVES_MAX));
        let submissions = Arc::new(Semaphore::new(SUBMISSIONS_MAX));
        let events = EventLog::start(&actions.handle);
        Self(Arc::new(Shared {
            actions,
            access,
            url,
            archives,
            submissions,
            events,
            metrics,
            leave,
        }))
    }

    fn actions(&self) -> &Actions {
        &self.0.actions
    }

    fn access(&self) -> &Access {
        &self.0.access
    }

    fn url(&self) -> &str {
        &self.0.url
    }

    /// A one-time link that logs a browser in.
    fn new_link(&self) -> String {
        format!("{}/login/{}", self.0.url, self.0.access.new_link(Instant::now()).digits())
    }

    /// The right to send an archive, unless too many are on their way.
    fn archive_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.archives).try_acquire_owned().ok()
    }

    /// The right to hand in so many transactions, at most [`TRANSACTIONS_MAX`], once it is their turn.
    async fn submission_permit(&self, transactions: usize) -> OwnedSemaphorePermit {
        let permits = u32::try_from(transactions).expect("one request has few");
        let submissions = Arc::clone(&self.0.submissions);
        submissions.acquire_many_owned(permits).await.expect("it is never closed")
    }

    fn events(&self) -> &EventLog {
        &self.0.events
    }

    fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    fn leave(&self) {
        self.0.leave.notify_one();
    }
}
