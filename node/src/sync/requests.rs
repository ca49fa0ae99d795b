//! The requests for pieces that are under way, by their numbers. A piece that nobody asked for must
//! never get past this module.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::units::BlockHash;

/// For how long after the timeout an answer is still accepted.
const LATE_MAX: Duration = Duration::from_secs(2);

/// What the requested pieces belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Headers,
    Block(BlockHash),
}

/// One REQUEST_CHAIN that was sent.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) neighbour: SocketAddr,
    pub(super) subject: Subject,
    pub(super) sent_at: Instant,
    /// The pieces that have not arrived yet.
    pub(super) outstanding: BTreeSet<u32>,
    expired: bool,
    deadline: Instant,
}

/// A request that was not answered in time, or not completely.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) neighbour: SocketAddr,
    pub(super) subject: Subject,
    pub(super) sent_at: Instant,
    pub(super) pieces: Vec<u32>,
}

/// What an arriving piece tells about its request.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) subject: Subject,
    /// The time since the request was sent.
    pub(super) round_trip: Duration,
    /// The number of pieces that are no longer awaited: this one and, if it tells where the end is,
    /// those beyond the end.
    pub(super) settled: u32,
    /// Whether the request had been given up before the piece arrived.
    pub(super) late: bool,
}

#[derive(Debug, Default)]
pub(super) struct Requests {
    by_number: BTreeMap<u32, Request>,
    deadlines: BTreeSet<(Instant, u32)>,
    last_number: u32,
}

impl Requests {
    pub(super) fn is_idle(&self) -> bool {
        self.by_number.is_empty()
    }

    /// The number of pieces that are awaited from a neighbour in time.
    pub(super) fn in_flight(&self, neighbour: &SocketAddr) -> u32 {
        let theirs = self.by_number.values().filter(|request| request.neighbour == *neighbour);
        let in_time = theirs.filter(|request| !request.expired);
        in_time.map(|request| request.outstanding.len() as u32).sum()
    }

    /// Checks that each request waits for something, and has one deadline.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        assert_eq!(self.deadlines.len(), self.by_number.len(), "deadlines of requests");
        for (number, request) in &self.by_number {
            assert!(self.deadlines.contains(&(request.deadline, *number)), "request {number}");
            assert!(!request.outstanding.is_empty(), "request {number} waits for nothing");
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Records a request for `count` pieces from `first` on. Returns its number.
    pub(super) fn start(
        &mut self,
        neighbour: SocketAddr,
        subject: Subject,
        pieces: std::ops::Range<u32>,
        sent_at: Instant,
        timeout: Duration,
    ) -> u32 {
        self.last_number = self.last_number.wrapping_add(1);
        let deadline = sent_at + timeout;
        let outstanding = pieces.collect();
        let request =
            Request { neighbour, subject, sent_at, outstanding, expired: false, deadline };
        self.by_number.insert(self.last_number, request);
        self.deadlines.insert((deadline, self.last_number));
        self.last_number
    }

    /// Handles the arrival of a piece; `None` if nobody asked for it.
    pub(super) fn arrive(
        &mut self,
        number: u32,
        neighbour: SocketAddr,
        piece: u32,
        pieces: u32,
        now: Instant,
    ) -> Option<Arrival> {
        let request = self.by_number.get_mut(&number)?;
        let is_answer = request.outstanding.contains(&piece) || pieces == 0;
        if request.neighbour != neighbour || !is_answer {
            return None;
        }
        let before = request.outstanding.len();
        request.outstanding.remove(&piece);
        request.outstanding.retain(|outstanding| *outstanding < pieces);
        let arrival = Arrival {
            subject: request.subject,
            round_trip: now.saturating_duration_since(request.sent_at),
            settled: (before - request.outstanding.len()) as u32,
            late: request.expired,
        };
        if request.outstanding.is_empty() {
            self.remove(number);
        }
        Some(arrival)
    }

    /// Removes the requests whose time is up. They are remembered for a while, so that late answers
    /// can be used.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Vec<Lost> {
        let mut lost = Vec::new();
        while let Some(&(deadline, number)) = self.deadlines.first().filter(|(at, _)| *at <= now) {
            self.deadlines.remove(&(deadline, number));
            let Some(request) = self.by_number.get_mut(&number) else { continue };
            if request.expired {
                self.by_number.remove(&number);
                continue;
            }
            request.expired = true;
            request.deadline = now + LATE_MAX;
            self.deadlines.insert((request.deadline, number));
            lost.push(Lost {
                neighbour: request.neighbour,
                subject: request.subject,
                sent_at: request.sent_at,
                pieces: request.outstanding.iter().copied().collect(),
            });
        }
        lost
    }

    pub(super) fn forget_neighbour(&mut self, neighbour: &SocketAddr) {
        self.forget(|request| request.neighbour == *neighbour);
    }

    /// Forgets the requests for a block to one neighbour. Returns how many pieces were still
    /// awaited.
    pub(super) fn forget_block(&mut self, hash: &BlockHash, neighbour: &SocketAddr) -> u32 {
        self.forget(|request| {
            request.subject == Subject::Block(*hash) && request.neighbour == *neighbour
        })
    }

    /// Forgets the requests for headers. Returns how many pieces were still awaited.
    pub(super) fn forget_headers(&mut self) -> u32 {
        self.forget(|request| request.subject == Subject::Headers)
    }

    fn forget(&mut self, matches: impl Fn(&Request) -> bool) -> u32 {
        let numbers: Vec<u32> = self
            .by_number
            .iter()
            .filter(|(_, request)| matches(request))
            .map(|(number, _)| *number)
            .collect();
        let mut waited_for = 0;
        for number in numbers {
            if let Some(request) = self.remove(number).filter(|request| !request.expired) {
                waited_for += request.outstanding.len() as u32;
            }
        }
        waited_for
    }

    fn remove(&mut self, number: u32) -> Option<Request> {
        let request = self.by_number.remove(&number)?;
        self.deadlines.remove(&(request.deadline, number));
        Some(request)
    }
}
