//! Determines how many pieces may be in flight from one neighbour, and when a piece counts as lost.
//! It follows RFC 9002 (QUIC's loss detection and congestion control), with pieces instead of
//! bytes.

use std::time::{Duration, Instant};

/// The fewest pieces in flight, which keeps a path with heavy loss usable.
const PIECES_MIN: f32 = 32.0;
/// The most pieces in flight per neighbour. They are about 512 kB, which is the product of 40
/// Mbit/s and 100 ms.
const PIECES_MAX: f32 = 512.0;
/// The round trip that is assumed before anything was measured.
const ROUND_TRIP_FIRST: Duration = Duration::from_millis(200);
/// With a shorter timeout, the scheduling of a busy neighbour would be mistaken for loss.
const TIMEOUT_MIN: Duration = Duration::from_millis(60);
/// A longer timeout would last beyond the time after which a neighbour counts as stalled.
const TIMEOUT_MAX: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Window {
    smoothed: Option<Duration>,
    variation: Duration,
    pieces: f32,
    /// Below this value the window grows by one per piece, and above it by one per round trip.
    threshold: f32,
    /// Losses of what was sent before this moment belong to one event, to which the window has
    /// reacted already.
    reduced_at: Option<Instant>,
    /// Doubles the timeout after each loss, until something arrives.
    backoff: u32,
    in_flight: u32,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            smoothed: None,
            variation: ROUND_TRIP_FIRST / 2,
            pieces: PIECES_MIN,
            threshold: PIECES_MAX,
            reduced_at: None,
            backoff: 0,
            in_flight: 0,
        }
    }
}

impl Window {
    /// The smoothed round trip, once it has been measured.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.smoothed
    }

    /// How long to wait for an answer.
    pub(super) fn timeout(&self) -> Duration {
        let round_trip = self.smoothed.unwrap_or(ROUND_TRIP_FIRST);
        let timeout = (round_trip + self.variation * 4).max(TIMEOUT_MIN);
        timeout.saturating_mul(1 << self.backoff.min(4)).min(TIMEOUT_MAX)
    }

    /// Takes one measurement of the round trip into account (RFC 6298).
    pub(crate) fn measure(&mut self, sample: Duration) {
        match self.smoothed {
            None => {
                self.smoothed = Some(sample);
                self.variation = sample / 2;
            }
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(sample)) / 4;
                self.smoothed = Some((smoothed * 7 + sample) / 8);
            }
        }
    }

    /// How many more pieces may be requested.
    pub(super) fn room(&self) -> u32 {
        // The window is at most 512, which both an f32 and a u32 represent exactly.
        (self.pieces as u32).saturating_sub(self.in_flight)
    }

    /// The number of pieces that were requested and have not arrived.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub(super) fn sent(&mut self, pieces: u32) {
        self.in_flight += pieces;
    }

    /// Notes that pieces are no longer awaited, which says nothing about the path.
    pub(super) fn settled(&mut self, pieces: u32) {
        self.in_flight = self.in_flight.saturating_sub(pieces);
    }

    pub(super) fn arrived(&mut self) {
        self.settled(1);
        self.backoff = 0;
        let growth = if self.pieces < self.threshold { 1.0 } else { 1.0 / self.pieces };
        self.pieces = (self.pieces + growth).min(PIECES_MAX);
    }

    /// Notes that pieces which were requested at `sent_at` did not arrive.
    pub(super) fn lost(&mut self, pieces: u32, sent_at: Instant, now: Instant) {
        self.settled(pieces);
        if self.reduced_at.is_some_and(|reduced_at| sent_at <= reduced_at) {
            return;
        }
        self.reduced_at = Some(now);
        self.backoff += 1;
        self.threshold = (self.pieces / 2.0).max(PIECES_MIN);
        self.pieces = self.threshold;
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
mod tests {
    use super::*;

    #[test]
    fn the_window_grows_with_what_arrives_and_halves_once_per_loss() {
        let start = Instant::now();
        let mut window = Window::default();
        assert_eq!(window.room(), 32);
        for _ in 0..100 {
            window.sent(1);
            window.arrived();
        }
        assert_eq!(window.room(), 132);
        window.sent(10);
        window.lost(4, start, start + Duration::from_millis(1));
        window.lost(6, start, start + Duration::from_millis(1));
        assert_eq!(window.room(), 66);
        for later in 2..20 {
            let sent_at = start + Duration::from_secs(later);
            window.sent(1);
            window.lost(1, sent_at, sent_at + Duration::from_millis(1));
        }
        assert_eq!(window.room(), 32);
    }

    #[test]
    fn no_more_than_512_pieces_are_in_flight() {
        let mut window = Window::default();
        let grow = |window: &mut Window| {
            window.sent(1);
            window.arrived();
        };
        (0..479).for_each(|_| grow(&mut window));
        assert_eq!(window.room(), 511);
        grow(&mut window);
        assert_eq!(window.room(), 512);
        (0..1_024).for_each(|_| grow(&mut window));
        assert_eq!(window.room(), 512);
        window.sent(512);
        assert_eq!(window.room(), 0);
    }

    #[test]
    fn the_timeout_follows_the_round_trip_within_its_bounds() {
        let mut window = Window::default();
        (0..100).for_each(|_| window.measure(Duration::from_micros(100)));
        assert_eq!(window.timeout(), TIMEOUT_MIN);
        (0..100).for_each(|_| window.measure(Duration::from_secs(5)));
        assert_eq!(window.timeout(), TIMEOUT_MAX);
    }
}
