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

/// What is told and not drawn yet; then whoever tells waits, and the peer says what it can't tell later.
pub(super) const UPDATES_MAX: usize = 1_024;

/// Blocks that are asked for: as many as the tallest terminal shows.
const BLOCKS_SHOWN_MAX: usize = 100;

/// Between two looks at the peer while nothing happens, and between two tries while it is away.
const POLL_PERIOD: Duration = Duration::from_secs(1);

/// Shortest time between two looks, however fast blocks come.
const POLL_PAUSE_MIN: Duration = Duration::from_millis(250);

/// A peer that answers no sooner is shown as lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the peer is found.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) connection: Connection,
    pub(super) election: ElectionId,
}

/// What the threads tell, and the threads.
#[derive(Debug)]
pub(super) struct Updates {
    pub(super) receiver: Receiver<Update>,
    threads: [JoinHandle<()>; 2],
}

/// Nobody listens any more.
struct Over;

/// Why the peer is not shown.
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
    /// When the system starts no thread.
    pub(super) fn start(self) -> Updates {
        let (updates, receiver) = sync_channel(UPDATES_MAX);
        // One request to look again stands for all.
        let (refresh, refreshes) = sync_channel(1);
        let follower = (self.clone(), updates.clone());
        let following = spawn("watch events", move || follow(&follower.0, &follower.1, &refresh));
        let asking = spawn("watch state", move || poll_peer(&self, &updates, &refreshes));
        Updates { receiver, threads: [following, asking] }
    }

    /// The peer, where it is reached now.
    fn http(&self) -> Result<Http, TargetError> {
        let patience = Patience { answer: PATIENCE, ..Patience::default() };
        Ok(Http::new(Target::find(&self.connection)?.server, patience))
    }
}

impl Updates {
    /// Whether one of the threads has ended, which only a panic does while somebody listens.
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

/// Tells events, over broken connections and restarts.
fn follow(
    source: &Source,
    updates: &SyncSender<Update>,
    refresh: &SyncSender<()>,
) -> Result<(), Over> {
    let mut last_id = None;
    loop {
        let events =
            source.http().ok().and_then(|http| Events::connect(http, last_id.clone()).ok());
        // Why it is away, the other thread tells.
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

/// Asks for all that is shown, once a second or when a block came.
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
                // It may come back elsewhere, with another chain.
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

/// `shown` is the tip whose count and blocks are known.
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
