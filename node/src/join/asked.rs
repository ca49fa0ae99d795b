//! One tracker that is asked for its election.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::datagram::{BALLOT_PIECE_BYTES, Datagram, Envelope, RegisterAck};
use protocol::election::{ELECTION_BYTES_MAX, Election};
use protocol::token::Token;
use protocol::units::{ElectionId, Now, sha256};

use super::{JoinError, refusal_event};
use crate::event::Event;
use crate::given::{Given, Named, Whereabouts};

/// The wait before the second attempt. It doubles with every further attempt, up to the longest.
const WAIT_FIRST: Duration = Duration::from_millis(250);
/// The longest wait between attempts.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// The number of unanswered attempts after which the user is told, once.
const ATTEMPTS_BEFORE_NEWS: u32 = 4;
/// The number of pieces of the ballot that are requested at a time, which is all of them for most
/// ballots.
const PIECES_AT_ONCE: usize = 16;
/// The wait before lost pieces are requested again.
const PIECES_WAIT: Duration = Duration::from_millis(200);
/// The number of rounds without a single piece after which the tracker is assumed to be gone, and
/// joining starts over.
const FRUITLESS_ROUNDS_MAX: u32 = 10;

/// A datagram to a tracker.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) to: SocketAddr,
    pub(super) token: Token,
    pub(super) datagram: Datagram,
}

/// What is to be done after something happened.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) requests: Vec<Request>,
    pub(super) look_up: Option<Arc<str>>,
    pub(super) event: Option<Event>,
    /// Whether it is known what the tracker serves, or that it is of no use.
    pub(super) is_settled: bool,
}

/// The pieces of the ballot that have arrived.
#[derive(Debug)]
struct Download {
    election: ElectionId,
    bytes: usize,
    pieces: BTreeMap<u32, Vec<u8>>,
    /// The number of times that pieces were requested since the last one arrived.
    fruitless_rounds: u32,
}

#[derive(Debug)]
enum Outcome {
    /// The whole ballot, which has been checked.
    Whole(Box<Election>),
    Refused(JoinError),
}

#[derive(Debug)]
pub(super) struct Asked {
    place: Whereabouts,
    token: Token,
    download: Option<Download>,
    /// A refusal that was seen once. It must be seen again before it becomes final, because
    /// datagrams can be damaged on the way.
    doubted: Option<JoinError>,
    /// Those of its addresses that are of no use, and why.
    refused: Vec<(SocketAddr, JoinError)>,
    attempts: u32,
    silence_told: bool,
    /// Whether a RETRY may make this peer send again at once, which it may do once per attempt.
    may_retry: bool,
    next_at: Option<Instant>,
    outcome: Option<Outcome>,
}

impl Asked {
    pub(super) fn new(given: &Given, now: Instant) -> Self {
        Self {
            place: Whereabouts::new(given, now),
            token: Token::NONE,
            download: None,
            doubted: None,
            refused: Vec::new(),
            attempts: 0,
            silence_told: false,
            may_retry: false,
            next_at: Some(now),
            outcome: None,
        }
    }

    pub(super) fn is_at(&self, address: &SocketAddr) -> bool {
        self.place.contains(address)
    }

    /// Where it is, as far as that is known by now.
    pub(super) fn given(&self) -> Given {
        self.place.given()
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        self.place.name().is_some_and(|each| &**each == name)
    }

    /// When something is due; `None` once the outcome is known.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    /// The election, once its ballot is here.
    pub(super) fn whole(&self) -> Option<(Named, &Election)> {
        match &self.outcome {
            Some(Outcome::Whole(election)) => Some((self.place.named()?, election)),
            Some(Outcome::Refused(_)) | None => None,
        }
    }

    /// Why this tracker is of no use, if it is not.
    pub(super) fn refused(&self) -> Option<&JoinError> {
        match &self.outcome {
            Some(Outcome::Refused(error)) => Some(error),
            Some(Outcome::Whole(_)) | None => None,
        }
    }

    /// Handles a datagram from one of the tracker's addresses.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all that does not concern one who joins")]
    pub(super) fn handle_datagram(
        &mut self,
        from: SocketAddr,
        envelope: Envelope,
        expected: Option<ElectionId>,
        now: Now,
    ) -> Progress {
        let mut progress = Progress::default();
        let is_elsewhere = self.place.address() != Some(from);
        let is_busy = is_elsewhere && self.download.is_some();
        if self.next_at.is_none() || is_busy || self.is_refused_at(&from) {
            return progress;
        }
        // An answer may come after the next address was tried.
        self.place.keep_to(&from);
        self.place.note_answer(now.instant);
        self.token = envelope.sender_token;
        match envelope.datagram {
            Datagram::Retry => self.handle_retry(&mut progress),
            Datagram::RegisterAck(ack) => {
                self.handle_register_ack(&ack, from, expected, &mut progress, now);
            }
            Datagram::BallotOptions { offset, bytes } => {
                self.handle_piece(offset, bytes, from, &mut progress, now);
            }
            // POKEs of the tracker come here too; the node that is started after joining will
            // answer them.
            other => tracing::trace!(kind = other.name(), "not for one who joins"),
        }
        progress
    }

    pub(super) fn handle_timeout(&mut self, now: Now) -> Progress {
        let mut progress = Progress::default();
        if self.next_at.is_none_or(|at| now.instant < at) {
            return progress;
        }
        if let Some(download) = &mut self.download {
            download.fruitless_rounds += 1;
            if download.fruitless_rounds <= FRUITLESS_ROUNDS_MAX {
                self.request_pieces(&mut progress);
                self.next_at = Some(now.instant + PIECES_WAIT);
                return progress;
            }
            self.download = None;
            self.attempts = 0;
        }
        if self.attempts > 0 {
            self.turn();
        }
        let enough = ATTEMPTS_BEFORE_NEWS + u32::from(self.place.further());
        if let Some((_, error)) = self.refused.first().filter(|_| self.attempts >= enough) {
            let error = error.clone();
            self.settle(Outcome::Refused(error), &mut progress);
            return progress;
        }
        progress.look_up = self.place.look_up(now.instant);
        let wait = WAIT_FIRST.saturating_mul(1 << self.attempts.min(8)).min(WAIT_MAX);
        self.next_at = Some(now.instant + wait);
        let Some(tracker) = self.place.named() else { return progress };
        if self.attempts >= enough && !self.silence_told {
            self.silence_told = true;
            progress.event = Some(Event::TrackerSilent { tracker });
        }
        self.attempts = self.attempts.saturating_add(1);
        self.may_retry = true;
        self.request(Datagram::RegisterPeer, &mut progress);
        progress
    }

    /// Goes on with the addresses that the name has now. Returns whether they are news.
    pub(super) fn handle_found(&mut self, addresses: &[SocketAddr], now: Now) -> bool {
        let before = self.place.address();
        let is_news = self.place.found(addresses.to_vec(), now.instant);
        self.refused.retain(|(address, _)| self.place.contains(address));
        if is_news && self.next_at.is_some() && self.place.address() != before {
            (self.token, self.download, self.attempts) = (Token::NONE, None, 0);
            self.next_at = Some(now.instant);
        }
        is_news
    }

    /// Notes that the name can't be looked up. Returns whether that is news.
    pub(super) fn handle_unknown(&mut self, now: Now) -> bool {
        self.place.not_found(now.instant)
    }

    fn handle_retry(&mut self, progress: &mut Progress) {
        if !std::mem::take(&mut self.may_retry) {
            return;
        }
        match self.download {
            Some(_) => self.request_pieces(progress),
            None => self.request(Datagram::RegisterPeer, progress),
        }
    }

    fn handle_register_ack(
        &mut self,
        ack: &RegisterAck,
        from: SocketAddr,
        expected: Option<ElectionId>,
        progress: &mut Progress,
        now: Now,
    ) {
        if self.download.is_some() {
            return;
        }
        let (tracker, found) = (self.named(from), ack.election);
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            let error = JoinError::OtherElection { tracker, found, expected };
            return self.doubt(error, from, progress, now);
        }
        let bytes = ack.ballot_bytes;
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        if !(1..=ELECTION_BYTES_MAX).contains(&length) {
            let error = JoinError::BallotSize { tracker, bytes };
            return self.doubt(error, from, progress, now);
        }
        let pieces = BTreeMap::new();
        let fruitless_rounds = 0;
        self.download = Some(Download { election: found, bytes: length, pieces, fruitless_rounds });
        self.request_pieces(progress);
        self.next_at = Some(now.instant + PIECES_WAIT);
    }

    fn handle_piece(
        &mut self,
        offset: u32,
        bytes: Vec<u8>,
        from: SocketAddr,
        progress: &mut Progress,
        now: Now,
    ) {
        let Some(download) = &mut self.download else { return };
        let is_wanted =
            missing(download).any(|(wanted, length)| wanted == offset && length == bytes.len());
        if !is_wanted {
            return;
        }
        download.pieces.insert(offset, bytes);
        download.fruitless_rounds = 0;
        if missing(download).next().is_none() {
            let whole: Vec<u8> = download.pieces.values().flatten().copied().collect();
            let expected = download.election;
            match read(self.named(from), expected, &whole) {
                Ok(election) => self.settle(Outcome::Whole(Box::new(election)), progress),
                Err(error) => self.doubt(error, from, progress, now),
            }
        }
    }

    /// Starts over. If the same problem occurs again, the address is given up, and the tracker with the last of them.
    fn doubt(&mut self, error: JoinError, from: SocketAddr, progress: &mut Progress, now: Now) {
        self.download = None;
        self.attempts = 0;
        if self.doubted.as_ref() != Some(&error) {
            self.doubted = Some(error);
            self.next_at = Some(now.instant + WAIT_FIRST);
            return;
        }
        self.doubted = None;
        self.refused.push((from, error.clone()));
        if self.place.addresses().iter().all(|address| self.is_refused_at(address)) {
            return self.settle(Outcome::Refused(error), progress);
        }
        progress.event = refusal_event(&error);
        self.turn();
        self.next_at = Some(now.instant);
    }

    fn is_refused_at(&self, address: &SocketAddr) -> bool {
        self.refused.iter().any(|(refused, _)| refused == address)
    }

    /// Goes on with the next address of its name that was not given up, where no token is known.
    fn turn(&mut self) {
        let before = self.place.address();
        for _ in self.place.addresses().to_vec() {
            let has_turned = self.place.turn();
            if !has_turned || !self.place.address().is_some_and(|each| self.is_refused_at(&each)) {
                break;
            }
        }
        if self.place.address() != before {
            self.token = Token::NONE;
        }
    }

    fn settle(&mut self, outcome: Outcome, progress: &mut Progress) {
        (self.next_at, self.download) = (None, None);
        self.outcome = Some(outcome);
        progress.is_settled = true;
    }

    fn request_pieces(&mut self, progress: &mut Progress) {
        let Some(download) = &self.download else { return };
        let offsets: Vec<u32> =
            missing(download).map(|(offset, _)| offset).take(PIECES_AT_ONCE).collect();
        self.may_retry = true;
        for offset in offsets {
            self.request(Datagram::RequestBallot { offset }, progress);
        }
    }

    fn request(&self, datagram: Datagram, progress: &mut Progress) {
        let token = self.token;
        progress.requests.extend(self.place.address().map(|to| Request { to, token, datagram }));
    }

    fn named(&self, address: SocketAddr) -> Named {
        Named { name: self.place.name().cloned(), address }
    }
}

fn read(tracker: Named, expected: ElectionId, bytes: &[u8]) -> Result<Election, JoinError> {
    if sha256(&[bytes]) != expected.0 {
        return Err(JoinError::WrongHash { tracker, expected });
    }
    let election = Election::from_canonical_bytes(bytes);
    election.map_err(|error| JoinError::Ballot { tracker, error })
}

/// The offsets and lengths of the pieces that are still missing.
fn missing(download: &Download) -> impl Iterator<Item = (u32, usize)> {
    let offsets = (0..download.bytes).step_by(BALLOT_PIECE_BYTES);
    offsets.filter_map(|offset| {
        let length = (download.bytes - offset).min(BALLOT_PIECE_BYTES);
        let offset = u32::try_from(offset).expect("bounded by ELECTION_BYTES_MAX");
        (!download.pieces.contains_key(&offset)).then_some((offset, length))
    })
}
