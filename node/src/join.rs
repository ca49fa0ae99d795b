//! Joining without a ballot: registers with the trackers, learns which election they serve, and fetches that
//! election's canonical bytes in pieces. A [`super::Node`] goes on from there.
//!
//! No tracker is trusted: the pieces must hash to the election that was announced, and a tracker of another
//! election than the user asked for is refused. All are asked at the same time, and the first that answers is enough,
//! unless another one serves another election.

mod asked;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::datagram::{ElectionPrefix, Envelope};
use protocol::election::{CanonicalError, ELECTION_BYTES_MAX, Election};
use protocol::token::TokenIssuer;
use protocol::units::{ElectionId, Now};

use crate::config::TRACKERS_MAX;
use crate::event::Event;
use crate::given::{Given, Named};
use asked::{Asked, Progress, Request};

/// How long the other trackers have to name another election, once the first ballot is here. They were asked at the
/// same time.
const OTHERS_WAIT: Duration = Duration::from_millis(500);

/// The reason why a tracker's election can't be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The tracker serves another election than the one that was asked for.
    #[error(
        "the tracker {tracker} serves election {found}, not {expected}: ask for the right tracker or election"
    )]
    OtherElection {
        /// The tracker.
        tracker: Named,
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
        /// The tracker.
        tracker: Named,
        /// The announced length.
        bytes: u32,
    },
    /// The pieces together do not have the announced hash.
    #[error(
        "the ballot of the tracker {tracker} does not hash to the election {expected} that it announced"
    )]
    WrongHash {
        /// The tracker.
        tracker: Named,
        /// The announced election.
        expected: ElectionId,
    },
    /// The bytes are not a ballot, or an invalid one.
    #[error("the ballot of the tracker {tracker} is no good: {error}")]
    Ballot {
        /// The tracker.
        tracker: Named,
        /// What is wrong with it.
        error: CanonicalError,
    },
    /// Two trackers serve different elections, and none was asked for.
    #[error(
        "the trackers {} and {} serve different elections, {} and {}: say by --election which one is meant",
        .one.0, .other.0, .one.1, .other.1
    )]
    Differ {
        /// One of them, and its election.
        one: Box<(Named, ElectionId)>,
        /// The other, and its election.
        other: Box<(Named, ElectionId)>,
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
    /// Look up the addresses of this name and port, and then call [`Joining::handle_looked_up`].
    LookUp(Arc<str>),
    /// Something that a user may want to see, such as a tracker that does not answer. Joining is tried again at growing
    /// intervals.
    Event(Event),
    /// Joining failed for good. The shell must report the reason and end.
    Refused {
        /// Why.
        error: JoinError,
    },
    /// Joining succeeded. This is the election that the trackers serve.
    Joined {
        /// The election, which has been checked.
        election: Box<Election>,
    },
}

/// A peer that knows only where its trackers are so far.
#[derive(Debug)]
pub struct Joining {
    asked: Vec<Asked>,
    expected: Option<ElectionId>,
    tokens: TokenIssuer,
    /// When the ballots that are here are enough.
    enough_at: Option<Instant>,
    is_over: bool,
    outputs: VecDeque<JoinOutput>,
}

impl Joining {
    /// Asks the first [`TRACKERS_MAX`] of the trackers. `expected` is the election that the user asked for, if any.
    /// `seed` must be secret and different at every start.
    #[must_use]
    pub fn new(trackers: &[Given], expected: Option<ElectionId>, seed: [u8; 32], now: Now) -> Self {
        let trackers = trackers.iter().take(TRACKERS_MAX);
        Self {
            asked: trackers.map(|given| Asked::new(given, now.instant)).collect(),
            expected,
            tokens: TokenIssuer::new(seed, now.instant),
            enough_at: None,
            is_over: false,
            outputs: VecDeque::new(),
        }
    }

    /// Handles one datagram.
    pub fn handle_datagram(&mut self, from: SocketAddr, bytes: &[u8], now: Now) {
        self.tokens.rotate(now.instant);
        let Ok(envelope) = Envelope::decode(bytes) else { return };
        if self.is_over || !self.tokens.is_valid(from, envelope.receiver_token) {
            return;
        }
        // Two may stand for one address.
        for place in 0..self.asked.len() {
            if self.asked[place].is_at(&from) && !self.is_over {
                let (envelope, expected) = (envelope.clone(), self.expected);
                let progress = self.asked[place].handle_datagram(from, envelope, expected, now);
                self.follow(place, progress, now);
            }
        }
    }

    /// Does everything that is due. Calling it when nothing is due is harmless.
    pub fn handle_timeout(&mut self, now: Now) {
        self.tokens.rotate(now.instant);
        if self.is_over {
            return;
        }
        for place in 0..self.asked.len() {
            let progress = self.asked[place].handle_timeout(now);
            self.follow(place, progress, now);
        }
        self.decide(now);
    }

    /// What came of a [`JoinOutput::LookUp`]: the addresses at which the name can be reached, or why there is none.
    pub fn handle_looked_up(
        &mut self,
        name: &str,
        found: Result<Vec<SocketAddr>, String>,
        now: Now,
    ) {
        let of_name = self.asked.iter_mut().filter(|asked| asked.has_name(name));
        let event = match found {
            Ok(addresses) => {
                let news = of_name.map(|asked| asked.handle_found(&addresses, now));
                // Each of them is to be told.
                let news: Vec<_> = news.collect();
                news.contains(&true).then(|| Event::NameFound { name: name.into(), addresses })
            }
            Err(reason) => {
                let news: Vec<_> = of_name.map(|asked| asked.handle_unknown(now)).collect();
                news.contains(&true).then(|| Event::NameUnknown { name: name.into(), reason })
            }
        };
        self.outputs.extend(event.map(JoinOutput::Event));
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` once the outcome is final.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.asked.iter().filter_map(Asked::next_at).chain(self.enough_at).min();
        due.filter(|_| !self.is_over)
    }

    /// Where the trackers are, for the node that is started afterwards: what was looked up need not be looked up again,
    /// and who answered is asked first.
    #[must_use]
    pub fn trackers(&self) -> Vec<Given> {
        self.asked.iter().map(Asked::given).collect()
    }

    /// The next effect. The caller must drain all effects after every `handle_*` call.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<JoinOutput> {
        self.outputs.pop_front()
    }

    fn follow(&mut self, place: usize, progress: Progress, now: Now) {
        if let Some(name) = progress.look_up {
            self.outputs.push_back(JoinOutput::LookUp(name));
        }
        self.outputs.extend(progress.event.map(JoinOutput::Event));
        progress.requests.into_iter().for_each(|request| self.send(place, request));
        if progress.is_settled {
            self.decide(now);
            self.tell_refusal(place);
        }
    }

    /// Ends joining if enough is known.
    fn decide(&mut self, now: Now) {
        let mut whole = self.asked.iter().filter_map(Asked::whole);
        let Some((first, election)) = whole.next() else {
            let refused = self.asked.iter().map(Asked::refused).collect::<Option<Vec<_>>>();
            let error = refused.and_then(|refused| Some((*refused.first()?).clone()));
            return error.into_iter().for_each(|error| self.finish(JoinOutput::Refused { error }));
        };
        let id = election.election_id();
        if let Some((other, found)) = whole.find(|(_, other)| other.election_id() != id) {
            let one = Box::new((first, id));
            let other = Box::new((other, found.election_id()));
            return self.finish(JoinOutput::Refused { error: JoinError::Differ { one, other } });
        }
        let enough_at = *self.enough_at.get_or_insert(now.instant + OTHERS_WAIT);
        let is_enough = self.expected.is_some()
            || now.instant >= enough_at
            || self.asked.iter().all(|asked| asked.next_at().is_none());
        if is_enough {
            let election = Box::new(election.clone());
            self.finish(JoinOutput::Joined { election });
        }
    }

    /// Tells of a tracker that is of no use, unless that is the end.
    fn tell_refusal(&mut self, place: usize) {
        let Some(error) = self.asked[place].refused().filter(|_| !self.is_over) else { return };
        self.outputs.extend(refusal_event(error).map(JoinOutput::Event));
    }

    fn finish(&mut self, outcome: JoinOutput) {
        self.is_over = true;
        self.outputs.push_back(outcome);
    }

    fn send(&mut self, place: usize, Request { to, token, datagram }: Request) {
        debug_assert!(self.asked[place].is_at(&to), "only trackers are written to");
        let sender_token = self.tokens.issue(to);
        let election = ElectionPrefix::UNKNOWN;
        let envelope = Envelope { election, receiver_token: token, sender_token, datagram };
        self.outputs.push_back(JoinOutput::Transmit { to, bytes: envelope.encode() });
    }
}

/// What is told of a tracker that is of no use, while others may be.
fn refusal_event(error: &JoinError) -> Option<Event> {
    match error.clone() {
        JoinError::OtherElection { tracker, found, expected } => {
            let found_prefix = ElectionPrefix::from(&found).0;
            Some(Event::TrackerRefused { tracker, expected, found_prefix })
        }
        error @ (JoinError::BallotSize { .. }
        | JoinError::WrongHash { .. }
        | JoinError::Ballot { .. }
        | JoinError::Differ { .. }) => {
            tracing::warn!(%error, "this tracker is passed over");
            None
        }
    }
}

#[cfg(test)]
mod tests;
