//! Serves events to any number of listeners over HTTP, as server-sent events. A log holds the
//! newest events of public interest. Every listener reads it at its own pace, and resumes where it
//! stopped after its connection broke.
//!
//! A listener is only a position in the log, so a slow one takes no memory and delays nobody else.
//! Each listener gets every event once and in order. When events have left the log before a
//! listener could read them, it is told so; a gap is never passed over in silence.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use host::http::Problem;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};

use crate::handle::PeerHandle;
use crate::schema::Event;
use host::clock::unix_now;

/// Most events that are kept: a listener that is away for the seconds of a new connection finds all of them while
/// 1,000 votes a second come in. About 1 MB, at some 250 bytes each.
const EVENTS_MAX: usize = 4_096;

/// Most listeners at once: each holds one of the connections that the API has for everybody, and most have to stay
/// free for questions.
pub(crate) const LISTENERS_MAX: usize = 64;

/// Silence after which a comment is sent: less than the half minute after which proxies give up, and a connection
/// that broke unnoticed ends by it.
const KEEP_ALIVE_PERIOD: Duration = Duration::from_secs(15);

/// When a listener should come back after its connection broke.
const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// There is no room for another listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{LISTENERS_MAX} listeners are here already, which is all that this peer takes: try again later"
)]
pub(crate) struct TooManyListeners;

impl From<TooManyListeners> for Problem {
    fn from(error: TooManyListeners) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_listeners", error.to_string())
    }
}

/// The newest events, and who listens to them; there may be any number of these.
#[derive(Debug, Clone)]
pub(crate) struct EventLog {
    run: u64,
    kept: watch::Receiver<Kept>,
    places: Arc<Semaphore>,
}

/// A reader of the log.
#[derive(Debug)]
pub(crate) struct Listener {
    run: u64,
    kept: watch::Receiver<Kept>,
    /// The number of the event that it is told next.
    next: u64,
    beginning: Beginning,
    _place: OwnedSemaphorePermit,
}

/// What a listener knows already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// It begins with what happens from now on.
    Now,
    /// It goes on after an event of this run.
    Resumed,
    /// It knows an event that this run does not: how much it missed since can't be told.
    Unknown,
}

/// Names an event: the run of the peer by the time that it began, in Unix milliseconds, and the event's number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EventId {
    run: u64,
    number: u64,
}

/// The newest events as JSON, numbered one by one, from 1.
#[derive(Debug)]
struct Kept {
    events: VecDeque<Arc<str>>,
    /// The number of the oldest that is kept, or of the next if none is.
    oldest: u64,
}

/// An event on its way to one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    id: EventId,
    json: Arc<str>,
}

impl EventLog {
    /// Keeps what is told from now on, on a task that ends with the node; it has to be called on a runtime.
    pub(crate) fn start(handle: &PeerHandle) -> Self {
        let (sender, kept) = watch::channel(Kept { events: VecDeque::new(), oldest: 1 });
        // After the node's end there is nothing to tell, and the log ends as it is.
        if let Some(events) = handle.events() {
            tokio::spawn(follow(events, sender));
        }
        Self { run: unix_now().0, kept, places: Arc::new(Semaphore::new(LISTENERS_MAX)) }
    }

    /// A listener that goes on after the event that it heard last, by the id that it was given with it; or with what
    /// happens from now on, without one.
    ///
    /// # Errors
    /// When [`LISTENERS_MAX`] listen already.
    pub(crate) fn listen(&self, last_event_id: Option<&str>) -> Result<Listener, TooManyListeners> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| TooManyListeners)?;
        let kept = self.kept.clone();
        let newest = kept.borrow().newest();
        // The empty id is no id, as the standard has it.
        let (last, beginning) = match last_event_id.filter(|id| !id.is_empty()) {
            None => (newest, Beginning::Now),
            Some(id) => match EventId::parse(id) {
                Some(id) if id.run == self.run && id.number <= newest => {
                    (id.number, Beginning::Resumed)
                }
                _ => (0, Beginning::Unknown),
            },
        };
        Ok(Listener { run: self.run, kept, next: last + 1, beginning, _place: place })
    }

    /// How many listen at the moment.
    pub(crate) fn listeners(&self) -> usize {
        LISTENERS_MAX - self.places.available_permits()
    }
}

impl Listener {
    /// The answer to its request: events until it goes away or the node ends.
    pub(crate) fn into_response(self) -> impl IntoResponse + use<> {
        let beat = KeepAlive::new().interval(KEEP_ALIVE_PERIOD);
        Sse::new(self.into_stream()).keep_alive(beat)
    }

    fn into_stream(self) -> impl Stream<Item = Result<SseEvent, Infallible>> + use<> {
        let mut opening = SseEvent::default().retry(RETRY_PERIOD);
        if self.beginning == Beginning::Now {
            // So that it can go on even if it hears of nothing before its connection breaks.
            opening = opening.id(self.id(self.next - 1).to_string());
        }
        let told = stream::unfold(self, |mut listener| async {
            let told = listener.next().await?;
            let event = SseEvent::default().id(told.id.to_string()).data(&*told.json);
            Some((event, listener))
        });
        stream::iter([opening]).chain(told).map(Ok)
    }

    /// Waits for the next event; `None` after the last one, when the node has ended.
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.next_kept() {
                return Some(told);
            }
            self.kept.changed().await.ok()?;
        }
    }

    /// The next event if it is there. One that it was too late for is replaced by how many these were, and the next
    /// after that is the oldest that is kept.
    fn next_kept(&mut self) -> Option<Told> {
        let kept = self.kept.borrow_and_update();
        let told = if self.beginning == Beginning::Unknown || self.next < kept.oldest {
            let missed = Event::Missed { events: kept.oldest.saturating_sub(self.next) };
            self.next = kept.oldest;
            Told { id: EventId { run: self.run, number: kept.oldest - 1 }, json: to_json(&missed) }
        } else {
            let json = Arc::clone(kept.event(self.next)?);
            self.next += 1;
            Told { id: EventId { run: self.run, number: self.next - 1 }, json }
        };
        drop(kept);
        self.beginning = Beginning::Resumed;
        Some(told)
    }

    fn id(&self, number: u64) -> EventId {
        EventId { run: self.run, number }
    }
}

impl EventId {
    fn parse(text: &str) -> Option<Self> {
        let (run, number) = text.split_once('-')?;
        let id = Self { run: run.parse().ok()?, number: number.parse().ok()? };
        // Numbers have other spellings, which nobody was given.
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.run, self.number)
    }
}

impl Kept {
    fn push(&mut self, json: Arc<str>) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
            self.oldest += 1;
        }
        self.events.push_back(json);
    }

    /// The number of the newest event that happened; 0 before the first.
    fn newest(&self) -> u64 {
        self.oldest + self.events.len() as u64 - 1
    }

    fn event(&self, number: u64) -> Option<&Arc<str>> {
        self.events.get(usize::try_from(number.checked_sub(self.oldest)?).ok()?)
    }
}

/// Keeps all public events until the node's end, and that end as the last of them.
async fn follow(mut events: broadcast::Receiver<Event>, kept: watch::Sender<Kept>) {
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            // Not all of them need have been public, but nobody knows any more.
            Err(RecvError::Lagged(events)) => Event::Missed { events },
            Err(RecvError::Closed) => break,
        };
        if is_public(&event) {
            kept.send_modify(|kept| kept.push(to_json(&event)));
        }
    }
    // So that nobody comes back for more, or takes the end for a broken connection.
    kept.send_modify(|kept| kept.push(to_json(&Event::Left)));
}

fn to_json(event: &Event) -> Arc<str> {
    serde_json::to_string(event).expect("an event is plain data").into()
}

/// Whether everybody who reaches the API may hear of it: of the chain, of the network, and whether votes are
/// accepted. This machine's files, its own voter and its quarrels are its user's matter.
fn is_public(event: &Event) -> bool {
    match event {
        Event::Block { .. }
        | Event::Reorganisation { .. }
        | Event::Transaction { .. }
        | Event::Superseded { .. }
        | Event::InvalidBlock { .. }
        | Event::Experiment { .. }
        | Event::EarlyBlock { .. }
        | Event::NeighbourJoined { .. }
        | Event::NeighbourLeft { .. }
        | Event::Registered { .. }
        | Event::TrackerSilent { .. }
        | Event::Syncing { .. }
        | Event::Synced { .. }
        | Event::DiskRefuses { .. }
        | Event::DiskRecovered
        | Event::Missed { .. } => true,
        Event::Listening { .. }
        | Event::Mended { .. }
        | Event::Verified { .. }
        | Event::Mining(_)
        | Event::Registering { .. }
        | Event::Left
        | Event::TrackerRefused { .. }
        | Event::ClockDiffers { .. }
        | Event::Misbehaviour { .. }
        | Event::BlockLost { .. } => false,
    }
}

#[cfg(test)]
mod tests;
