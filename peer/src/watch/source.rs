//! The two threads that receive news of the peer: one follows its events, the other asks for its
//! state. Both run until the program ends. While the peer cannot be reached they keep trying, even
//! if it comes back at a new address. Their news waits in a bounded queue.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use protocol::units::ElectionId;

use super::state::{Answers, Update};
use crate::cli::Connection;
use crate::client::events::Events;
use crate::client::http::{Http, HttpError, Patience};
use crate::client::server::{Target, TargetError};
use crate::schema::{Chain, Event, Results, Status, Tip};

/// The most news that waits to be drawn. When there is more, the threads wait, and the peer reports
/// later which events they were too slow for.
pub(super) const UPDATES_MAX: usize = 1_024;

/// The number of blocks that are requested, which is as many as the tallest terminal shows.
const BLOCKS_SHOWN_MAX: usize = 100;

/// The interval at which the peer is asked while nothing happens, and at which it is tried while it
/// cannot be reached.
const POLL_PERIOD: Duration = Duration::from_secs(1);

/// The shortest interval at which the peer is asked, however fast blocks arrive.
const POLL_PAUSE_MIN: Duration = Duration::from_millis(250);

/// A peer that does not answer within this time is shown as lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// How to find the peer.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) connection: Connection,
    pub(super) election: ElectionId,
}

/// The channel of the news, and the threads that fill it.
#[derive(Debug)]
pub(super) struct Updates {
    pub(super) receiver: Receiver<Update>,
    threads: [JoinHandle<()>; 2],
}

/// Nobody receives the news any more.
struct Over;

/// The reason why the peer can't be shown.
#[derive(Debug, thiserror::Error)]
enum QueryError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the peer there is now of another election ({found})")]
    OtherElection { found: ElectionId },
}

impl Source {
    /// Starts both threads.
    ///
    /// # Panics
    /// When the system cannot start a thread.
    pub(super) fn start(self) -> Updates {
        let (updates, receiver) = sync_channel(UPDATES_MAX);
        // Several requests to ask the peer again are as good as one.
        let (refresh, refreshes) = sync_channel(1);
        let follower = (self.clone(), updates.clone());
        let following = spawn("watch events", move || follow(&follower.0, &follower.1, &refresh));
        let asking = spawn("watch state", move || poll_peer(&self, &updates, &refreshes));
        Updates { receiver, threads: [following, asking] }
    }

    /// A client for the address at which the peer can be reached now.
    fn http(&self) -> Result<Http, TargetError> {
        let patience = Patience { answer: PATIENCE, ..Patience::default() };
        Ok(Http::new(Target::find(&self.connection)?.server, patience))
    }
}

impl Updates {
    /// Whether one of the threads has ended, which happens only by a panic as long as the news is
    /// received.
    pub(super) fn is_broken(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }
}

fn spawn(name: &str, work: impl FnOnce() -> Result<(), Over> + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            if work().is_err() {
                tracing::debug!("nobody watches any more");
            }
        })
        .expect("the system starts a thread")
}

/// Passes on events, and continues over broken connections and restarts of the peer.
fn follow(
    source: &Source,
    updates: &SyncSender<Update>,
    refresh: &SyncSender<()>,
) -> Result<(), Over> {
    let mut last_id = None;
    loop {
        let events =
            source.http().ok().and_then(|http| Events::connect(http, last_id.clone()).ok());
        // The other thread reports why the peer cannot be reached.
        for (id, event) in events.into_iter().flatten().flatten() {
            last_id = id.or(last_id);
            let changes_chain = matches!(
                event,
                Event::Block { .. }
                    | Event::Reorganisation { .. }
                    | Event::Missed { .. }
                    | Event::Left
            );
            updates.send(Update::Event(event)).map_err(|_| Over)?;
            if changes_chain && matches!(refresh.try_send(()), Err(TrySendError::Disconnected(())))
            {
                return Err(Over);
            }
        }
        thread::sleep(POLL_PERIOD);
    }
}

/// Asks for everything that is shown, once a second or when a block arrived.
fn poll_peer(
    source: &Source,
    updates: &SyncSender<Update>,
    refreshes: &Receiver<()>,
) -> Result<(), Over> {
    let mut http = source.http();
    let mut shown = None;
    loop {
        let asked_at = Instant::now();
        let answered = match &http {
            Ok(http) => query(http, source.election, shown),
            Err(_) => source.http().map_err(QueryError::from).and_then(|found| {
                let answered = query(&found, source.election, shown);
                http = Ok(found);
                answered
            }),
        };
        let update = match answered {
            Ok(answers) => {
                shown = Some(answers.status.tip);
                Update::Asked(Box::new(answers))
            }
            Err(error) => {
                // The peer may come back at another address, with another chain.
                http = source.http();
                shown = None;
                Update::Lost(error.to_string())
            }
        };
        updates.send(update).map_err(|_| Over)?;
        match refreshes.recv_timeout(POLL_PERIOD) {
            Ok(()) => thread::sleep(POLL_PAUSE_MIN.saturating_sub(asked_at.elapsed())),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Over),
        }
    }
}

/// `shown` is the tip for which the count and the blocks are known already.
fn query(http: &Http, election: ElectionId, shown: Option<Tip>) -> Result<Answers, QueryError> {
    let status: Status = http.get("/v1/status")?;
    if status.election != election {
        return Err(QueryError::OtherElection { found: status.election });
    }
    let chain = if shown == Some(status.tip) {
        None
    } else {
        let results: Results = http.get("/v1/results")?;
        let chain: Chain = http.get(&format!("/v1/chain?limit={BLOCKS_SHOWN_MAX}"))?;
        Some((results, chain))
    };
    let server = http.base().to_owned();
    Ok(Answers { server, status, peers: http.get("/v1/peers")?, chain })
}
