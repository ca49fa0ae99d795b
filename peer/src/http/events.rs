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
use host::http::{ClientAddress, NoPermit, Permit, Permits, Problem};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::handle::PeerHandle;
use crate::schema::{self, Event};
use host::clock::unix_now;

/// The most events that are kept. While 1,000 votes arrive per second, a listener that is away for
/// the few seconds of reconnecting still finds all events. They take about 1 MB, at about 250 bytes
/// each.
const EVENTS_MAX: usize = 4_096;

/// The most listeners at once. Each of them occupies one of the connections that the API has for
/// everybody, and most of these have to stay free for questions.
pub(crate) const LISTENERS_MAX: usize = 64;

/// The most listeners of one address, so that no two keep everybody else from hearing. A browser needs one for each
/// window, and a few people may share an address.
pub(crate) const LISTENERS_PER_ADDRESS_MAX: usize = 16;

/// After this time of silence a comment is sent. It is shorter than the half minute after which
/// proxies close a silent connection, and sending it shows whether a connection has broken
/// unnoticed.
const KEEP_ALIVE_PERIOD: Duration = Duration::from_secs(15);

/// How long a listener should wait before it connects again after its connection broke.
const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// There is no room for another listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("listeners: {0}")]
pub(crate) struct TooManyListeners(NoPermit);

impl From<TooManyListeners> for Problem {
    fn from(error: TooManyListeners) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_listeners", error.to_string())
    }
}

/// The newest events, shared by all listeners. It can be cloned any number of times.
#[derive(Debug, Clone)]
pub(crate) struct EventLog {
    run: u64,
    kept: watch::Receiver<Kept>,
    places: Permits,
}

/// A reader of the log.
#[derive(Debug)]
pub(crate) struct Listener {
    run: u64,
    kept: watch::Receiver<Kept>,
    /// The number of the event that this listener gets next.
    next: u64,
    beginning: Beginning,
    _place: Permit,
}

/// What a listener knows already when it connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// It starts with whatever happens from now on.
    Now,
    /// It continues after an event of this run.
    Resumed,
    /// It knows an event of another run, so nobody can tell how many events it has missed since.
    Unknown,
}

/// Identifies an event by the run of the peer, which is named by the time in Unix milliseconds at
/// which it began, and by the event's number in that run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EventId {
    run: u64,
    number: u64,
}

/// The newest events as JSON, numbered consecutively from 1.
#[derive(Debug)]
struct Kept {
    events: VecDeque<Arc<str>>,
    /// The number of the oldest event that is kept, or of the next event if none is kept.
    oldest: u64,
}

/// An event on its way to one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    id: EventId,
    json: Arc<str>,
}

impl EventLog {
    /// Records the events from now on, in a task that ends with the node. Must be called within a
    /// tokio runtime.
    pub(crate) fn start(handle: &PeerHandle) -> Self {
        let (sender, kept) = watch::channel(Kept { events: VecDeque::new(), oldest: 1 });
        // After the end of the node there is nothing to record, and the log stays as it is.
        if let Some(events) = handle.events() {
            tokio::spawn(follow(events, sender));
        }
        Self {
            run: unix_now().0,
            kept,
            places: Permits::new(LISTENERS_MAX, LISTENERS_PER_ADDRESS_MAX),
        }
    }

    /// Adds a listener. If it gives the id of the last event that it received, it continues after
    /// that event; otherwise it starts with what happens from now on.
    ///
    /// # Errors
    /// When there are too many listeners already, of this client or in all.
    pub(crate) fn listen(
        &self,
        client: ClientAddress,
        last_event_id: Option<&str>,
    ) -> Result<Listener, TooManyListeners> {
        let place = self.places.try_take(client).map_err(TooManyListeners)?;
        let kept = self.kept.clone();
        let newest = kept.borrow().newest();
        // By the standard for server-sent events, an empty id means that there is none.
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

    /// The number of current listeners.
    pub(crate) fn listeners(&self) -> usize {
        self.places.taken()
    }
}

impl Listener {
    /// The answer to the listener's request: events until it disconnects or the node ends.
    pub(crate) fn into_response(self) -> impl IntoResponse + use<> {
        let beat = KeepAlive::new().interval(KEEP_ALIVE_PERIOD);
        Sse::new(self.into_stream()).keep_alive(beat)
    }

    fn into_stream(self) -> impl Stream<Item = Result<SseEvent, Infallible>> + use<> {
        let mut opening = SseEvent::default().retry(RETRY_PERIOD);
        if self.beginning == Beginning::Now {
            // With this id the listener can resume even if its connection breaks before the first
            // event.
            opening = opening.id(self.id(self.next - 1).to_string());
        }
        let told = stream::unfold(self, |mut listener| async {
            let told = listener.next().await?;
            let event = SseEvent::default().id(told.id.to_string()).data(&*told.json);
            Some((event, listener))
        });
        stream::iter([opening]).chain(told).map(Ok)
    }

    /// Waits for the next event. Gives `None` after the last one, when the node has ended.
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.next_kept() {
                return Some(told);
            }
            self.kept.changed().await.ok()?;
        }
    }

    /// The next event if it is available. If events have left the log before this listener could
    /// read them, it gets their number instead, and after that the oldest event that is kept.
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
        // A number can be written in several ways, but ids are only ever given out in one.
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

    /// The number of the newest event, or 0 before the first.
    fn newest(&self) -> u64 {
        self.oldest + self.events.len() as u64 - 1
    }

    fn event(&self, number: u64) -> Option<&Arc<str>> {
        self.events.get(usize::try_from(number.checked_sub(self.oldest)?).ok()?)
    }
}

/// Records all public events until the node ends, and that end as the last of them.
async fn follow(mut events: broadcast::Receiver<Event>, kept: watch::Sender<Kept>) {
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            // Not all of the missed events need have been public, but that can no longer be
            // determined.
            Err(RecvError::Lagged(events)) => Event::Missed { events },
            Err(RecvError::Closed) => break,
        };
        if is_public(&event) {
            let json = to_json(&event);
            kept.send_modify(|kept| kept.push(json));
        }
    }
    // With this event listeners do not connect again, and do not mistake the end for a broken
    // connection.
    kept.send_modify(|kept| kept.push(to_json(&Event::Left)));
}

fn to_json(event: &Event) -> Arc<str> {
    let told = schema::Told { event, at_ms: unix_now().0 };
    serde_json::to_string(&told).expect("an event is plain data").into()
}

/// Whether everybody who can reach the API may learn of an event. Events about the chain, the
/// network and whether votes are accepted are public. Events about this machine's files, its own
/// voter and its problems concern only its user.
fn is_public(event: &Event) -> bool {
    match event {
        Event::Block { .. }
        | Event::Reorganisation { .. }
        | Event::Transaction { .. }
        | Event::Superseded { .. }
        | Event::StateChanged { .. }
        | Event::Final { .. }
        | Event::Evidence { .. }
        | Event::ConflictingCertificates { .. }
        | Event::InvalidBlock { .. }
        | Event::Experiment { .. }
        | Event::EarlyBlock { .. }
        | Event::NeighbourJoined { .. }
        | Event::NeighbourNamed { .. }
        | Event::NeighbourLeft { .. }
        | Event::Registered { .. }
        | Event::TrackerSilent { .. }
        | Event::PeerSilent { .. }
        | Event::NoContact { .. }
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
        | Event::OwnVote { .. }
        | Event::OwnVoteFinal { .. }
        | Event::NotCounted { .. }
        | Event::Twin { .. }
        | Event::Abstains { .. }
        | Event::Signs
        | Event::Left
        | Event::TrackerRefused { .. }
        | Event::GoesOn { .. }
        | Event::NameUnknown { .. }
        | Event::NameFound { .. }
        | Event::AddressGone { .. }
        | Event::AddressBack { .. }
        | Event::ClockDiffers { .. }
        | Event::ClockOff { .. }
        | Event::ClockAgrees { .. }
        | Event::Misbehaviour { .. }
        | Event::BlockLost { .. } => false,
    }
}

#[cfg(test)]
mod tests;
