//! The bodies of requests and answers. They report their progress to their connection's place, so
//! that `connections` knows which connection is waiting and which one is being served.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use crate::http::connections::Place;
use crate::http::live::{FarEnd, Probing};

/// The reason why a request's body can't be read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body has more than {bytes_max} bytes")]
    TooLarge { bytes_max: u64 },
    #[error("the connection gave way to another")]
    Closed,
    #[error("the body ended early, or its framing is wrong")]
    Broken(#[source] hyper::Error),
}

/// The body of a request. Its size is limited, and its connection counts as busy once the whole
/// body has arrived.
#[derive(Debug)]
pub(crate) struct RequestBody {
    incoming: Incoming,
    bytes_left: u64,
    bytes_max: u64,
    place: Arc<Place>,
}

/// The body of an answer. Once it was sent, its connection counts as waiting again.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    body: Body,
    place: Arc<Place>,
    far_end: Arc<FarEnd>,
    /// What a stream of events has.
    probing: Option<Probing>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, bytes_max: u64, place: Arc<Place>) -> Self {
        Self { incoming, bytes_left: bytes_max, bytes_max, place }
    }
}

impl AnswerBody {
    pub(crate) fn new(
        body: Body,
        place: Arc<Place>,
        far_end: Arc<FarEnd>,
        probing: Option<Probing>,
    ) -> Self {
        if probing.is_some() {
            far_end.follow();
        }
        Self { body, place, far_end, probing }
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match ready!(Pin::new(&mut self.incoming).poll_frame(context)) {
            Some(Ok(frame)) => Some(frame),
            Some(Err(error)) => return Poll::Ready(Some(Err(BodyError::Broken(error)))),
            None => None,
        };
        let length = frame.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len);
        let Some(bytes_left) = self.bytes_left.checked_sub(length as u64) else {
            let bytes_max = self.bytes_max;
            return Poll::Ready(Some(Err(BodyError::TooLarge { bytes_max })));
        };
        self.bytes_left = bytes_left;
        let is_whole = frame.is_none() || self.incoming.is_end_stream();
        if is_whole && !self.place.begin() {
            return Poll::Ready(Some(Err(BodyError::Closed)));
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, far_end, probing, .. } = &mut *self;
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            return Poll::Ready(frame);
        }
        let Some(probing) = probing else { return Poll::Pending };
        probing.poll_comment(far_end, context).map(|comment| Some(Ok(Frame::data(comment))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.far_end.ignore();
        self.place.end(Instant::now());
    }
}
