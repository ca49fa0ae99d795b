//! What all request handlers share, including the limit on how many costly requests are processed
//! at the same time.

use std::sync::Arc;
use std::time::Instant;

use host::http::{ClientAddress, NoPermit, Permit, Permits};
use tokio::sync::Notify;

use super::access::Access;
use super::events::EventLog;
use super::metrics::Metrics;
use crate::actions::Actions;

/// The most archives that are sent at the same time, because each of them reads the whole chain
/// from the disk.
pub(super) const ARCHIVES_MAX: usize = 8;

/// The most of them that one address gets, so that it takes several to keep everybody else from the record. A person
/// needs one, and another after a broken connection that nobody has noticed yet.
pub(super) const ARCHIVES_PER_ADDRESS_MAX: usize = 2;

/// The most transactions in one request, and the most of one address that are checked at the same time. A peer checks
/// them in a tenth of a second.
pub(super) const TRANSACTIONS_MAX: usize = 1_000;

/// The most transactions of others that are checked and made durable at the same time. They are
/// those of two full requests, and take one core a fifth of a second. Further requests wait here,
/// where they are only text, a few of each client. Strangers can therefore neither fill the memory
/// nor keep the node from the blocks of its neighbours and the questions of its user.
pub(super) const SUBMISSIONS_MAX: usize = 2 * TRANSACTIONS_MAX;

/// What request handlers need.
#[derive(Debug, Clone)]
pub(super) struct Context(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    actions: Arc<Actions>,
    access: Access,
    /// The URL under which programs on this machine reach the API.
    url: String,
    archives: Permits,
    submissions: Permits,
    events: EventLog,
    metrics: Metrics,
    /// Notified when somebody with the token wants the peer to leave.
    leave: Arc<Notify>,
}

impl Context {
    pub(super) fn new(
        actions: Arc<Actions>,
        access: Access,
        url: String,
        leave: Arc<Notify>,
        metrics: Metrics,
    ) -> Self {
        let archives = Permits::new(ARCHIVES_MAX, ARCHIVES_PER_ADDRESS_MAX);
        let submissions = Permits::new(SUBMISSIONS_MAX, TRANSACTIONS_MAX);
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

    pub(super) fn actions(&self) -> &Actions {
        &self.0.actions
    }

    pub(super) fn access(&self) -> &Access {
        &self.0.access
    }

    pub(super) fn url(&self) -> &str {
        &self.0.url
    }

    /// Makes a one-time link that logs a browser in.
    pub(super) fn new_link(&self) -> String {
        format!("{}/login/{}", self.0.url, self.0.access.new_link(Instant::now()).digits())
    }

    /// The permission to send an archive.
    ///
    /// # Errors
    /// When too many are being sent already, to this client or in all.
    pub(super) fn archive_permit(&self, client: ClientAddress) -> Result<Permit, NoPermit> {
        self.0.archives.try_take(client)
    }

    /// Waits until this client may hand in this number of transactions, at most [`TRANSACTIONS_MAX`].
    ///
    /// # Errors
    /// When a few requests of this client wait already.
    pub(super) async fn submission_permit(
        &self,
        client: ClientAddress,
        count: usize,
    ) -> Result<Permit, NoPermit> {
        self.0.submissions.take(client, count).await
    }

    pub(super) fn events(&self) -> &EventLog {
        &self.0.events
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn leave(&self) {
        self.0.leave.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::PeerHandle;
    use crate::http::documented::context_of;

    #[tokio::test]
    async fn archives_are_shared_out_by_address() {
        let (context, _directory) = context_of(PeerHandle::new().0);
        let client = |number: usize| {
            ClientAddress::new([192, 0, 2, u8::try_from(number).expect("there are few")].into())
        };
        let mut held = Vec::new();
        for number in 0..ARCHIVES_MAX {
            let permit = context.archive_permit(client(number / ARCHIVES_PER_ADDRESS_MAX));
            held.push(permit.expect("there is one for it"));
            if held.len() == ARCHIVES_PER_ADDRESS_MAX {
                let refused = context.archive_permit(client(0)).expect_err("it has its share");
                assert_eq!(refused, NoPermit::OfClient { max: ARCHIVES_PER_ADDRESS_MAX });
            }
        }
        let refused = context.archive_permit(client(200)).expect_err("all are on their way");
        assert_eq!(refused, NoPermit::OfAll { max: ARCHIVES_MAX });
        held.pop();
        assert!(context.archive_permit(client(200)).is_ok());
    }
}
