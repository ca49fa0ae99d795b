//! A connection's byte stream. It ends the connection of a client that reads nothing of its answer or too little, and
//! of one that keeps sending after its request was answered.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::http::connections::Place;
use crate::http::limits::Limits;
use crate::http::live::FarEnd;
use crate::http::pace::Pace;

/// After the last answer, incoming bytes are read and discarded up to this time and this amount. If
/// a socket is closed while it has unread bytes, the system resets the connection, and a client
/// that is still sending would never see why it was refused.
const LINGER_MAX: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 256 * 1024;
const LINGER_BUFFER_BYTES: usize = 4 * 1024;

/// A connection with time-outs of its own.
#[derive(Debug)]
pub(crate) struct WatchedStream {
    stream: TcpStream,
    pace: Pace,
    far_end: Arc<FarEnd>,
    linger: Option<Linger>,
}

#[derive(Debug)]
struct Linger {
    until: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl WatchedStream {
    pub(crate) fn new(
        stream: TcpStream,
        limits: &Limits,
        place: Arc<Place>,
        far_end: Arc<FarEnd>,
    ) -> Self {
        Self { stream, pace: Pace::new(limits, place), far_end, linger: None }
    }

    /// Notes that the client has closed its direction, if the answer wants to know. What the client sends beyond its
    /// request stays where it is, and hides the end.
    fn look_for_end(&self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.far_end.is_followed() {
            return Ok(());
        }
        let mut byte = [0];
        match self.stream.poll_peek(context, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(0)) => {
                self.far_end.note_closed();
                // So that the answer is asked for more.
                context.waker().wake_by_ref();
                Ok(())
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(_)) | Poll::Pending => Ok(()),
        }
    }

    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let linger = self.linger.get_or_insert_with(|| Linger {
            until: Box::pin(sleep(LINGER_MAX)),
            bytes_left: LINGER_BYTES_MAX,
        });
        while linger.bytes_left > 0 && linger.until.as_mut().poll(context).is_pending() {
            let mut bytes = [0; LINGER_BUFFER_BYTES];
            let mut buffer = ReadBuf::new(&mut bytes);
            // Whether the connection ended cleanly does not matter any more.
            let has_ended =
                ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)).is_err();
            if has_ended || buffer.filled().is_empty() {
                break;
            }
            linger.bytes_left = linger.bytes_left.saturating_sub(buffer.filled().len());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.pace.watch(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.pace.watch(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        Poll::Ready(self.look_for_end(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        self.poll_linger(context)
    }
}
