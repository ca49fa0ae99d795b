//! Answers that go on as things happen (server-sent events): they pass proxies at once, and end soon after their
//! reader went away.
//!
//! A client that closes its direction may have gone, or may only have nothing more to say: one end of a connection does
//! not tell. A reader of events is therefore sent comments from then on. The system of one that has gone refuses them,
//! and its connection ends; any other reader passes over them.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Interval, MissedTickBehavior, interval};

const EVENT_STREAM: &str = "text/event-stream";

/// nginx keeps what it passes on in a buffer, unless the answer has this header.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Between two comments to a reader that may have gone. The second is refused if the first found nobody.
const PROBE_PERIOD: Duration = Duration::from_secs(1);

/// A comment among server-sent events.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// Whether the client of a connection has closed its direction, as far as the answer wants to know.
#[derive(Debug, Default)]
pub(crate) struct FarEnd(AtomicU8);

const IGNORED: u8 = 0;
const FOLLOWED: u8 = 1;
const CLOSED: u8 = 2;

/// What makes an answer end when its reader has gone.
#[derive(Debug)]
pub(crate) struct Probing {
    comments: Option<Interval>,
}

impl FarEnd {
    /// From now on the client's end is looked for.
    pub(crate) fn follow(&self) {
        self.0.store(FOLLOWED, Ordering::Relaxed);
    }

    pub(crate) fn ignore(&self) {
        self.0.store(IGNORED, Ordering::Relaxed);
    }

    pub(crate) fn is_followed(&self) -> bool {
        self.0.load(Ordering::Relaxed) == FOLLOWED
    }

    pub(crate) fn note_closed(&self) {
        self.0.store(CLOSED, Ordering::Relaxed);
    }

    fn is_closed(&self) -> bool {
        self.0.load(Ordering::Relaxed) == CLOSED
    }
}

impl Probing {
    /// What an answer with these headers needs, which are changed so that proxies hold nothing back; `None` if it is
    /// no stream of events.
    pub(crate) fn of(headers: &mut HeaderMap) -> Option<Self> {
        let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        if !content_type.starts_with(EVENT_STREAM) {
            return None;
        }
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
        Some(Self { comments: None })
    }

    /// The next comment, when it is due. Nothing is due while the client has not closed its direction; whoever notes
    /// that it has also wakes the task.
    pub(crate) fn poll_comment(
        &mut self,
        far_end: &FarEnd,
        context: &mut Context<'_>,
    ) -> Poll<Bytes> {
        if !far_end.is_closed() {
            return Poll::Pending;
        }
        let comments = self.comments.get_or_insert_with(|| {
            let mut comments = interval(PROBE_PERIOD);
            comments.set_missed_tick_behavior(MissedTickBehavior::Delay);
            comments
        });
        Pin::new(comments).poll_tick(context).map(|_| COMMENT)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::time::advance;

    use super::*;

    #[test]
    fn events_alone_are_said_to_be_live() {
        for (content_type, is_live) in [
            (Some("text/event-stream"), true),
            (Some("text/event-stream; charset=utf-8"), true),
            (Some("text/plain"), false),
            (None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(content_type) = content_type {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            }
            assert_eq!(Probing::of(&mut headers).is_some(), is_live, "{content_type:?}");
            let buffering = headers.get(X_ACCEL_BUFFERING).map(HeaderValue::as_bytes);
            assert_eq!(buffering, is_live.then_some(b"no".as_slice()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_closed_its_direction_is_asked_each_second_and_no_other() {
        let far_end = FarEnd::default();
        let mut probing = Probing { comments: None };
        let mut is_due = |far_end: &FarEnd| {
            probing.poll_comment(far_end, &mut Context::from_waker(Waker::noop())).is_ready()
        };
        far_end.follow();
        advance(10 * PROBE_PERIOD).await;
        assert!(far_end.is_followed() && !is_due(&far_end));
        far_end.note_closed();
        assert!(!far_end.is_followed() && is_due(&far_end));
        assert!(!is_due(&far_end), "one at a time");
        advance(PROBE_PERIOD).await;
        assert!(is_due(&far_end) && !is_due(&far_end));
        far_end.ignore();
        advance(PROBE_PERIOD).await;
        assert!(!is_due(&far_end));
    }
}
