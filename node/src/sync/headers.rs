//! Header sync: headers are fetched from one neighbour at a time, in numbered pieces that follow a
//! locator.
//!
//! No neighbour must be able to hold it up: one that delivers too little loses its turn to the
//! next.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::block::Header;
use protocol::datagram::{ChainRequest, Datagram, HEADERS_PER_PIECE};
use protocol::units::{BlockHash, Now};

use super::pieces::{PIECES_PER_REQUEST, Pieces};
use super::{STALL, Subject};
use crate::Node;
use crate::dropped::DropReason;
use crate::finality::Finality;
use chain::HeaderError;

/// How many pieces may be requested beyond the first missing one. Each piece contains at most 11
/// headers.
const PIECES_AHEAD_MAX: u32 = 128;
/// The number of new headers that a header sync has to deliver per period; otherwise another
/// neighbour gets its turn. Even at a loss of 30 % a hundred times as many arrive.
const PACE_MIN: u32 = 100;
const PACE_PERIOD: Duration = Duration::from_secs(5);
/// The wait after a header sync that delivered nothing. It doubles each time, up to the longest.
const FRUITLESS_WAIT: Duration = Duration::from_secs(1);
/// The longest such wait, so that a neighbour that claims work which it does not show is asked once
/// a minute.
const FRUITLESS_WAIT_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct HeaderSync {
    pub(super) neighbour: SocketAddr,
    pub(super) progress_at: Instant,
    locator: Vec<BlockHash>,
    pieces: Pieces,
    /// The first piece that has not been processed yet.
    next_to_take: u32,
    early: BTreeMap<u32, Vec<Header>>,
    /// The last header that was processed. The next one has to follow it.
    last: Option<BlockHash>,
    /// The number of headers that were not known before.
    fresh: u32,
    /// When the pace was last examined, and the value of `fresh` at that time.
    paced_at: Instant,
    fresh_then: u32,
}

impl HeaderSync {
    /// Checks that only pieces are kept that are yet to be processed, and not too many.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        let wanted = self.next_to_take..self.next_to_take + PIECES_AHEAD_MAX;
        assert!(self.early.keys().all(|piece| wanted.contains(piece)), "pieces of headers ahead");
        self.pieces.check_invariants();
        assert!(self.fresh_then <= self.fresh, "new headers became fewer");
    }
}

impl Node {
    /// Starts a header sync with the neighbour that claims the best unknown tip, if there is one.
    pub(super) fn start_header_sync(&mut self, now: Now) {
        let best = self.chain.best_header();
        // A lighter branch may hold what a quorum signed, or, where nobody signs, have an end of its own.
        let looks_for_lighter = self.finality.as_ref().is_some_and(Finality::lacks_headers)
            || self.closing.looks_for_others();
        let mut chosen: Option<(SocketAddr, chain::Candidate)> = None;
        for (address, neighbour) in self.sync.sources.iter() {
            let Some(tip) = neighbour.tip(&self.chain) else { continue };
            let may_be_wanted = self.prefers(tip, best) || looks_for_lighter;
            let wanted = may_be_wanted && self.chain.header(&tip.hash).is_none();
            let better = chosen.is_none_or(|(_, chosen)| self.prefers(tip, chosen));
            if wanted && better && neighbour.headers_not_before <= now.instant {
                chosen = Some((*address, tip));
            }
        }
        let Some((neighbour, _)) = chosen else { return };
        self.sync.headers = Some(HeaderSync {
            neighbour,
            progress_at: now.instant,
            locator: self.chain.locator(),
            pieces: Pieces::default(),
            next_to_take: 0,
            early: BTreeMap::new(),
            last: None,
            fresh: 0,
            paced_at: now.instant,
            fresh_then: 0,
        });
    }

    /// Requests as many pieces as the neighbour's window has room for.
    pub(super) fn request_header_pieces(&mut self, now: Now) {
        while let Some((neighbour, first, count)) = self.next_header_pieces() {
            let Some(sync) = &self.sync.headers else { return };
            let wanted = ChainRequest::Headers { locator: sync.locator.clone(), first, count };
            self.request_pieces(neighbour, Subject::Headers, first..first + count, wanted, now);
        }
    }

    pub(crate) fn handle_chain_headers(
        &mut self,
        from: SocketAddr,
        (number, piece, pieces): (u32, u32, u32),
        headers: Vec<Header>,
        now: Now,
    ) {
        let subject = self.settle_piece(from, number, piece, pieces, now);
        let Some(sync) = self.sync.headers.as_mut() else { return };
        if subject != Some(Subject::Headers) || sync.neighbour != from {
            return;
        }
        let is_last = piece + 1 >= pieces;
        if headers.is_empty() && pieces > 0 || headers.len() < HEADERS_PER_PIECE && !is_last {
            let reason = format!("sent a piece of {} headers that is not the last", headers.len());
            self.record_fault(from, reason, now);
            self.end_header_sync(now);
            return self.continue_sync(now);
        }
        sync.pieces.count = Some(pieces);
        sync.pieces.arrive(piece);
        if piece >= sync.next_to_take && piece < sync.next_to_take + PIECES_AHEAD_MAX {
            sync.early.insert(piece, headers);
        }
        self.handle_headers_in_order(from, now);
        self.continue_sync(now);
    }

    pub(super) fn lose_header_pieces(&mut self, neighbour: SocketAddr, pieces: &[u32]) {
        if let Some(sync) = self.sync.headers.as_mut().filter(|sync| sync.neighbour == neighbour) {
            let is_awaited = |piece: &u32| *piece >= sync.next_to_take;
            sync.pieces.lose(pieces.iter().copied().filter(is_awaited));
        }
    }

    /// Ends a header sync. If it delivered nothing, the neighbour is not asked again for a while.
    pub(super) fn end_header_sync(&mut self, now: Now) {
        let Some(sync) = self.sync.headers.take() else { return };
        let settled = self.sync.requests.forget_headers();
        let Some(neighbour) = self.sync.sources.get_mut(&sync.neighbour) else { return };
        neighbour.window.settled(settled);
        neighbour.headers_wait = match sync.fresh > 0 {
            true => Duration::ZERO,
            false => (neighbour.headers_wait * 2).clamp(FRUITLESS_WAIT, FRUITLESS_WAIT_MAX),
        };
        neighbour.headers_not_before = now.instant + neighbour.headers_wait;
    }

    fn next_header_pieces(&mut self) -> Option<(SocketAddr, u32, u32)> {
        let sync = self.sync.headers.as_mut()?;
        let room = self.sync.sources.get(&sync.neighbour)?.window.room();
        let end = sync.next_to_take + PIECES_AHEAD_MAX;
        let (first, count) = sync.pieces.take_next(PIECES_PER_REQUEST, end, room)?;
        Some((sync.neighbour, first, count))
    }

    fn handle_headers_in_order(&mut self, from: SocketAddr, now: Now) {
        while let Some(sync) = self.sync.headers.as_mut() {
            if sync.pieces.count.is_some_and(|pieces| sync.next_to_take >= pieces) {
                return self.end_header_sync(now);
            }
            let Some(headers) = sync.early.remove(&sync.next_to_take) else { return };
            sync.next_to_take += 1;
            sync.progress_at = now.instant;
            for header in headers {
                if !self.handle_synced_header(from, header, now) {
                    return self.end_header_sync(now);
                }
            }
        }
    }

    /// Adds the next header of a sync. Returns false if the sync ends with it.
    fn handle_synced_header(&mut self, from: SocketAddr, header: Header, now: Now) -> bool {
        let Some(sync) = self.sync.headers.as_mut() else { return false };
        let follows = match sync.last {
            Some(last) => header.previous == last,
            None => sync.locator.contains(&header.previous),
        };
        // Otherwise the neighbour moved to another branch in the meantime. It is asked again later,
        // from a new locator.
        if !follows {
            return false;
        }
        let hash = header.hash();
        sync.last = Some(hash);
        if self.chain.header(&hash).is_some() {
            return true;
        }
        if let Err(error) = self.chain.insert_header(header, now.unix) {
            self.refuse_synced_header(from, &header, error, now);
            return false;
        }
        if !self.chain.is_withheld(&hash)
            && let Some(sync) = self.sync.headers.as_mut()
        {
            sync.fresh += 1;
            self.sync.bodies.extend_plan(header.height, hash, header.previous);
        }
        self.header_joined(hash, now);
        true
    }

    /// Ends a header sync that stalls or delivers too slowly, because only one runs at a time and
    /// other neighbours are waiting.
    pub(super) fn watch_header_sync(&mut self, now: Now) {
        let Some(sync) = self.sync.headers.as_mut() else { return };
        let mut is_over = now.instant >= sync.progress_at + STALL;
        if now.instant >= sync.paced_at + PACE_PERIOD {
            is_over |= sync.fresh - sync.fresh_then < PACE_MIN;
            (sync.paced_at, sync.fresh_then) = (now.instant, sync.fresh);
        }
        if is_over {
            sync.fresh = 0;
            self.end_header_sync(now);
        }
    }

    fn refuse_synced_header(
        &mut self,
        from: SocketAddr,
        header: &Header,
        error: HeaderError,
        now: Now,
    ) {
        match error {
            // The neighbour moved to another branch in the meantime, or our tree is full. It is
            // asked again later.
            HeaderError::UnknownParent { .. } | HeaderError::TooManyHeaders { .. } => {}
            HeaderError::TooEarly { .. } => self.hold_early_header(*header, from, now),
            error @ (HeaderError::InvalidParent { .. }
            | HeaderError::NoWork { .. }
            | HeaderError::Height { .. }
            | HeaderError::Difficulty { .. }
            | HeaderError::NotAfterParent { .. }) => {
                self.record_fault(from, format!("sent a header that is refused: {error}"), now);
            }
        }
    }

    /// Sends one request for pieces, and records it.
    pub(super) fn request_pieces(
        &mut self,
        to: SocketAddr,
        subject: Subject,
        pieces: std::ops::Range<u32>,
        wanted: ChainRequest,
        now: Now,
    ) {
        let Some(neighbour) = self.sync.sources.get_mut(&to) else { return };
        neighbour.window.sent(pieces.end - pieces.start);
        let timeout = neighbour.window.timeout();
        let request = self.sync.requests.start(to, subject, pieces, now.instant, timeout);
        self.send(to, Datagram::RequestChain { request, wanted });
    }

    /// Settles the request that a piece answers; `None` if nobody asked for the piece.
    pub(super) fn settle_piece(
        &mut self,
        from: SocketAddr,
        number: u32,
        piece: u32,
        pieces: u32,
        now: Now,
    ) -> Option<Subject> {
        let Some(arrival) = self.sync.requests.arrive(number, from, piece, pieces, now.instant)
        else {
            self.counters.dropped.count(DropReason::PieceNotAsked);
            return None;
        };
        if let Some(neighbour) = self.sync.sources.get_mut(&from) {
            neighbour.window.measure(arrival.round_trip);
            if !arrival.late {
                neighbour.window.arrived();
                neighbour.window.settled(arrival.settled.saturating_sub(1));
            }
        }
        Some(arrival.subject)
    }
}
