//! Which of the numbered pieces of a body, or of a run of headers, are still to be asked for. Pieces are asked for in
//! their order, and those that were lost on the way before any new ones.

use std::collections::BTreeSet;

/// The number of pieces in one request.
pub(super) const PIECES_PER_REQUEST: u32 = 16;

#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// The number of pieces, once it is known.
    pub(super) count: Option<u32>,
    /// The first piece that has not been asked for yet.
    next: u32,
    lost: BTreeSet<u32>,
}

impl Pieces {
    /// Checks that what was lost was asked for.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        assert!(self.lost.iter().all(|piece| *piece < self.next), "lost and never asked for");
    }

    /// The next pieces to ask for, below `end` and at most `most`, as the first piece and their number. Until the
    /// number of pieces is known, a single request for the first ones, `at_first`, is enough to learn it.
    pub(super) fn take_next(&mut self, at_first: u32, end: u32, most: u32) -> Option<(u32, u32)> {
        if most == 0 {
            return None;
        }
        if let Some(lost) = self.lost.pop_first() {
            return Some((lost, 1));
        }
        let known_end = match self.count {
            Some(count) => count.min(end),
            None if self.next == 0 => at_first,
            None => return None,
        };
        let count = known_end.saturating_sub(self.next).min(PIECES_PER_REQUEST).min(most);
        let first = self.next;
        self.next += count;
        (count > 0).then_some((first, count))
    }

    /// Notes that pieces which were asked for did not arrive in time.
    pub(super) fn lose(&mut self, pieces: impl IntoIterator<Item = u32>) {
        self.lost.extend(pieces);
    }

    /// Notes that a piece arrived after all.
    pub(super) fn arrive(&mut self, piece: u32) {
        self.lost.remove(&piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pieces_tell_how_many_there_are() {
        let mut pieces = Pieces::default();
        assert_eq!(pieces.take_next(1, u32::MAX, 0), None);
        assert_eq!(pieces.take_next(1, u32::MAX, 9), Some((0, 1)));
        assert_eq!(pieces.take_next(1, u32::MAX, 9), None);
        pieces.count = Some(40);
        assert_eq!(pieces.take_next(1, u32::MAX, 9), Some((1, 9)));
        assert_eq!(pieces.take_next(1, u32::MAX, 99), Some((10, PIECES_PER_REQUEST)));
        assert_eq!(pieces.take_next(1, 30, 99), Some((26, 4)));
        assert_eq!(pieces.take_next(1, 30, 99), None);
        assert_eq!(pieces.take_next(1, u32::MAX, 99), Some((30, 10)));
        assert_eq!(pieces.take_next(1, u32::MAX, 99), None);
    }

    #[test]
    fn lost_pieces_come_first_unless_they_arrive_late() {
        let mut pieces = Pieces { count: Some(20), ..Pieces::default() };
        assert_eq!(pieces.take_next(1, u32::MAX, 10), Some((0, 10)));
        pieces.lose([3, 5, 7]);
        pieces.arrive(5);
        let asked: Vec<_> = (0..3).map(|_| pieces.take_next(1, u32::MAX, 10)).collect();
        assert_eq!(asked, [Some((3, 1)), Some((7, 1)), Some((10, 10))]);
    }
}
