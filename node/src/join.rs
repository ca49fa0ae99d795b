//! Joining without a ballot: registers with the tracker, learns which election it serves, and fetches that
//! election's canonical bytes in pieces. A [`super::Node`] goes on from there.
//!
//! The tracker is not trusted: the pieces must hash to the election that was announced, and a tracker of another
//! election than the user asked for is refused.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::datagram::{BALLOT_PIECE_BYTES, Datagram, ElectionPrefix, Envelope, RegisterAck};
use protocol::election::{CanonicalError, ELECTION_BYTES_MAX, Election};
use protocol::token::{Token, TokenIssuer};
use protocol::units::{ElectionId, Now, sha256};

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

/// The reason why a tracker's election can't be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The tracker serves another election than the one that was asked for.
    #[error(
        "the tracker {tracker} serves election {found}, not {expected}: ask for the right tracker or election"
    )]
    OtherElection {
        /// The tracker's address.
        tracker: SocketAddr,
        /// The election that it serves.
        found: ElectionId,
        /// The election that was asked for.
        expected: ElectionId,
    },
    /// The announced length is one that no ballot can have.
    #[error(
        "the tracker {tracker} announces a ballot of {bytes} bytes: it has 1 to {ELECTION_BYTES_MAX}"
    )]
    BallotSize {
        /// The tracker's address.
        tracker: SocketAddr,
        /// The announced length.
        bytes: u32,
    },
    /// The pieces together do not have the announced hash.
    #[error(
        "the ballot of the tracker {tracker} does not hash to the election {expected} that it announced"
    )]
    WrongHash {
        /// The tracker's address.
        tracker: SocketAddr,
        /// The announced election.
        expected: ElectionId,
    },
    /// The bytes are not a ballot, or an invalid one.
    #[error("the ballot of the tracker {tracker} is no good: {error}")]
    Ballot {
        /// The tracker's address.
        tracker: SocketAddr,
        /// What is wrong with it.
        error: CanonicalError,
    },
}

/// An effect of joining.
#[derive(Debug)]
pub enum JoinOutput {
    /// Send one datagram.
    Transmit {
        /// Where to.
        to: SocketAddr,
        /// The whole payload.
        bytes: Vec<u8>,
    },
    /// The tracker does not answer. This is reported once, and joining is tried again at growing
    /// intervals.
    TrackerSilent {
        /// The tracker's address.
        tracker: SocketAddr,
    },
    /// Joining failed for good. The shell must report the reason and end.
    Refused {
        /// Why.
        error: JoinError,
    },
    /// Joining succeeded. This is the election that the tracker serves.
    Joined {
        /// The election, which has been checked.
        election: Box<Election>,
    },
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

/// A peer that knows only its tracker's address so far.
#[derive(Debug)]
pub struct Joining {
    tracker: SocketAddr,
    expected: Option<ElectionId>,
    tokens: TokenIssuer,
    token: Token,
    download: Option<Download>,
    /// A refusal that was seen once. It must be seen again before it becomes final, because
    /// datagrams can be damaged on the way.
    doubted: Option<JoinError>,
    attempts: u32,
    silence_told: bool,
    /// Whether a RETRY may make this peer send again at once, which it may do once per attempt.
    may_retry: bool,
    next_at: Option<Instant>,
    outputs: VecDeque<JoinOutput>,
}

impl Joining {
    /// `expected` is the election that the user asked for, if any. `seed` must be secret and
    /// different at every start.
    #[must_use]
    pub fn new(
        tracker: SocketAddr,
        expected: Option<ElectionId>,
        seed: [u8; 32],
        now: Now,
    ) -> Self {
        Self {
            tracker,
            expected,
            tokens: TokenIssuer::new(seed, now.instant),
            token: Token::NONE,
            download: None,
            doubted: None,
            attempts: 0,
            silence_told: false,
            may_retry: false,
            next_at: Some(now.instant),
            outputs: VecDeque::new(),
        }
    }

    /// Handles one datagram.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all that does not concern one who joins")]
    pub fn handle_datagram(&mut self, from: SocketAddr, bytes: &[u8], now: Now) {
        self.tokens.rotate(now.instant);
        let Ok(envelope) = Envelope::decode(bytes) else { return };
        let is_ours = from == self.tracker && self.tokens.is_valid(from, envelope.receiver_token);
        if !is_ours || self.next_at.is_none() {
            return;
        }
        self.token = envelope.sender_token;
        match envelope.datagram {
            Datagram::Retry => self.handle_retry(),
            Datagram::RegisterAck(ack) => self.handle_register_ack(&ack, now),
            Datagram::BallotOptions { offset, bytes } => self.handle_piece(offset, bytes, now),
            // POKEs of the tracker come here too; the node that is started after joining will
            // answer them.
            other => tracing::trace!(kind = other.name(), "not for one who joins"),
        }
    }

    /// Does everything that is due. Calling it when nothing is due is harmless.
    pub fn handle_timeout(&mut self, now: Now) {
        self.tokens.rotate(now.instant);
        if self.next_at.is_none_or(|at| now.instant < at) {
            return;
        }
        if let Some(download) = &mut self.download {
            download.fruitless_rounds += 1;
            if download.fruitless_rounds <= FRUITLESS_ROUNDS_MAX {
                self.request_pieces();
                self.next_at = Some(now.instant + PIECES_WAIT);
                return;
            }
            self.download = None;
            self.attempts = 0;
        }
        if self.attempts >= ATTEMPTS_BEFORE_NEWS && !self.silence_told {
            self.silence_told = true;
            self.outputs.push_back(JoinOutput::TrackerSilent { tracker: self.tracker });
        }
        let wait = WAIT_FIRST.saturating_mul(1 << self.attempts.min(8)).min(WAIT_MAX);
        self.attempts += 1;
        self.may_retry = true;
        self.send(Datagram::RegisterPeer);
        self.next_at = Some(now.instant + wait);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` once the outcome is final.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_at
    }

    /// The next effect. The caller must drain all effects after every `handle_*` call.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<JoinOutput> {
        self.outputs.pop_front()
    }
    fn handle_retry(&mut self) {
        if !std::mem::take(&mut self.may_retry) {
            return;
        }
        match self.download {
            Some(_) => self.request_pieces(),
            None => self.send(Datagram::RegisterPeer),
        }
    }

    fn handle_register_ack(&mut self, ack: &RegisterAck, now: Now) {
        if self.download.is_some() {
            return;
        }
        let (tracker, found) = (self.tracker, ack.election);
        if let Some(expected) = self.expected.filter(|expected| *expected != found) {
            return self.doubt(JoinError::OtherElection { tracker, found, expected }, now);
        }
        let bytes = ack.ballot_bytes;
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        if !(1..=ELECTION_BYTES_MAX).contains(&length) {
            return self.doubt(JoinError::BallotSize { tracker, bytes }, now);
        }
        let pieces = BTreeMap::new();
        let fruitless_rounds = 0;
        self.download = Some(Download { election: found, bytes: length, pieces, fruitless_rounds });
        self.request_pieces();
        self.next_at = Some(now.instant + PIECES_WAIT);
    }

    fn handle_piece(&mut self, offset: u32, bytes: Vec<u8>, now: Now) {
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
            match self.read(expected, &whole) {
                Ok(election) => {
                    let election = Box::new(election);
                    self.finish(JoinOutput::Joined { election });
                }
                Err(error) => self.doubt(error, now),
            }
        }
    }

    fn read(&self, expected: ElectionId, bytes: &[u8]) -> Result<Election, JoinError> {
        let tracker = self.tracker;
        if sha256(&[bytes]) != expected.0 {
            return Err(JoinError::WrongHash { tracker, expected });
        }
        let election = Election::from_canonical_bytes(bytes);
        election.map_err(|error| JoinError::Ballot { tracker, error })
    }

    /// Starts joining over, or gives up if the same problem occurs again.
    fn doubt(&mut self, error: JoinError, now: Now) {
        if self.doubted.as_ref() == Some(&error) {
            return self.finish(JoinOutput::Refused { error });
        }
        self.doubted = Some(error);
        self.download = None;
        self.attempts = 0;
        self.next_at = Some(now.instant + WAIT_FIRST);
    }

    fn request_pieces(&mut self) {
        let Some(download) = &self.download else { return };
        let offsets: Vec<u32> =
            missing(download).map(|(offset, _)| offset).take(PIECES_AT_ONCE).collect();
        self.may_retry = true;
        for offset in offsets {
            self.send(Datagram::RequestBallot { offset });
        }
    }

    fn finish(&mut self, outcome: JoinOutput) {
        self.next_at = None;
        self.outputs.push_back(outcome);
    }

    fn send(&mut self, datagram: Datagram) {
        let to = self.tracker;
        let (receiver_token, sender_token) = (self.token, self.tokens.issue(to));
        let election = ElectionPrefix::UNKNOWN;
        let envelope = Envelope { election, receiver_token, sender_token, datagram };
        self.outputs.push_back(JoinOutput::Transmit { to, bytes: envelope.encode() });
    }
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
