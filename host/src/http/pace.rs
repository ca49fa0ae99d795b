//! Tells a reader on a slow line from one that reads nothing of its answer, or next to nothing.
//!
//! Only time in which the answer waits for its reader counts. That in which the server has nothing to send does not,
//! and neither do bytes that fit into the system's buffers before the first wait.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::http::connections::Place;
use crate::http::limits::Limits;

/// How fast the reader of a connection is.
#[derive(Debug)]
pub(crate) struct Pace {
    write_wait: Duration,
    write_bytes_min: u64,
    place: Arc<Place>,
    stall: Option<Stall>,
    period: Period,
}

/// The reader takes nothing at the moment.
#[derive(Debug)]
struct Stall {
    since: Instant,
    /// Ends with the period.
    end: Pin<Box<Sleep>>,
}

/// Time in which the answer waits for `write_wait` in all, with breaks while its reader goes on.
#[derive(Debug, Default)]
struct Period {
    waited: Duration,
    /// What was taken since the answer first waited.
    bytes: u64,
}

impl Pace {
    pub(crate) fn new(limits: &Limits, place: Arc<Place>) -> Self {
        let Limits { write_wait, write_bytes_min, .. } = *limits;
        Self { write_wait, write_bytes_min, place, stall: None, period: Period::default() }
    }

    /// Notes the outcome of writing, and gives it back.
    ///
    /// # Errors
    /// When the reader takes too little, although nothing was written now.
    pub(crate) fn watch(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = written {
            if let Some(stall) = self.stall.take() {
                self.place.resume();
                self.period.waited += stall.since.elapsed();
            }
            if self.period.waited > Duration::ZERO {
                self.period.bytes += *outcome.as_ref().unwrap_or(&0) as u64;
            }
            return Poll::Ready(outcome);
        }
        loop {
            let left = self.write_wait.saturating_sub(self.period.waited);
            let place = &self.place;
            let stall = self.stall.get_or_insert_with(|| {
                let since = Instant::now();
                place.stall(since.into_std());
                Stall { since, end: Box::pin(sleep(left)) }
            });
            ready!(stall.end.as_mut().poll(context));
            let period = std::mem::take(&mut self.period);
            let stops = stall.since.elapsed() >= self.write_wait;
            if stops || period.bytes < self.write_bytes_min {
                return Poll::Ready(Err(ErrorKind::TimedOut.into()));
            }
            // It was fast enough. The next period begins in this stall, which has lasted for some time already.
            let left = self.write_wait.saturating_sub(stall.since.elapsed());
            stall.end = Box::pin(sleep(left));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::time::advance;

    use super::*;
    use crate::http::connections::Connections;

    const WAIT: Duration = Duration::from_millis(200);
    const MOMENT: Duration = Duration::from_millis(1);
    const BYTES_MIN: usize = 1_000;

    /// A connection that is watched, on a clock that stands still unless a test moves it.
    struct Reader(Pace);

    impl Reader {
        fn new() -> Self {
            let limits =
                Limits { write_wait: WAIT, write_bytes_min: BYTES_MIN as u64, ..Limits::default() };
            let now = std::time::Instant::now();
            let place = Connections::new(&limits).admit([192, 0, 2, 1].into(), now);
            Self(Pace::new(&limits, Arc::new(place.expect("it is the first").0)))
        }

        /// The reader takes so many bytes.
        fn takes(&mut self, bytes: usize) {
            let watched = self.watch(Poll::Ready(Ok(bytes)));
            assert!(matches!(watched, Poll::Ready(Ok(same)) if same == bytes), "{watched:?}");
        }

        /// The answer waits for the reader; whether the connection goes on.
        fn waits(&mut self) -> bool {
            match self.watch(Poll::Pending) {
                Poll::Pending => true,
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::TimedOut => false,
                other @ Poll::Ready(_) => panic!("{other:?}"),
            }
        }

        fn watch(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
            self.0.watch(written, &mut Context::from_waker(Waker::noop()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_ended_after_exactly_the_wait() {
        let mut reader = Reader::new();
        assert!(reader.waits());
        advance(WAIT - MOMENT).await;
        assert!(reader.waits());
        advance(MOMENT).await;
        assert!(!reader.waits());
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_bytes_in_a_period_are_enough_and_one_less_is_not() {
        for (bytes, goes_on) in [(BYTES_MIN, true), (BYTES_MIN - 1, false), (0, false)] {
            let mut reader = Reader::new();
            assert!(reader.waits());
            advance(WAIT - MOMENT).await;
            reader.takes(bytes);
            assert!(reader.waits(), "the period is not over");
            advance(MOMENT).await;
            assert_eq!(reader.waits(), goes_on, "{bytes} bytes");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_of_a_period_add_up_and_the_next_one_begins_with_none() {
        let mut reader = Reader::new();
        assert!(reader.waits());
        advance(WAIT / 2).await;
        for (bytes, goes_on) in [(BYTES_MIN, true), (3 * BYTES_MIN, true), (BYTES_MIN - 1, false)] {
            reader.takes(bytes - bytes / 2);
            reader.takes(bytes / 2);
            assert!(reader.waits());
            advance(WAIT / 2).await;
            assert_eq!(reader.waits(), goes_on, "{bytes} bytes");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_system_took_before_the_first_wait_does_not_count() {
        let mut reader = Reader::new();
        reader.takes(1_000 * BYTES_MIN);
        assert!(reader.waits());
        advance(WAIT / 2).await;
        reader.takes(BYTES_MIN - 1);
        assert!(reader.waits());
        advance(WAIT / 2).await;
        assert!(!reader.waits());
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nothing_is_to_be_sent_does_not_count() {
        let mut reader = Reader::new();
        for _ in 0..3 {
            assert!(reader.waits());
            advance(WAIT / 4).await;
            reader.takes(1);
            advance(100 * WAIT).await;
        }
        assert!(reader.waits());
        advance(WAIT / 4 - MOMENT).await;
        assert!(reader.waits());
        advance(MOMENT).await;
        assert!(!reader.waits(), "it took three bytes while it was waited for");
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_reader_that_stops_has_a_whole_wait_from_then_on() {
        let mut reader = Reader::new();
        assert!(reader.waits());
        advance(WAIT - MOMENT).await;
        reader.takes(BYTES_MIN);
        assert!(reader.waits());
        // The period ends early in this stall, which counts for the next one from its own beginning.
        advance(WAIT - MOMENT).await;
        assert!(reader.waits());
        advance(MOMENT).await;
        assert!(!reader.waits());
    }
}
