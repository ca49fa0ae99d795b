//! Finality: collects what validators signed, finds what that justifies and makes final, and decides what this node's
//! own validator signs.
//!
//! A core of its own, as the ledger is: what it wants done it says in its outputs. It never sees a secret key, and
//! never decides by itself what may be signed or what is final; that is [`chain::finality`]'s.

pub(crate) mod about;
mod asking;
mod certificates;
mod collect;
pub(crate) mod depth;
mod dispatch;
mod evidence;
mod justified;
mod presence;
pub(crate) mod records;
mod serve;
pub(crate) mod state;
mod tell;
#[cfg(test)]
mod tests;
mod validator;
pub(crate) mod views;
mod votes;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::datagram::{Datagram, RunNumber};
use protocol::election::Election;
use protocol::finality::{BlockReference, Certificate, Evidence};
use protocol::roster::Roster;
use protocol::units::{ElectionId, Height, Now, UnixMillis};

use crate::config::OwnValidator;
use crate::dropped::DropReason;
use crate::event::Event;
use crate::timers::Timers;
use asking::Asking;
use certificates::Certificates;
use chain::Chain;
use justified::Justified;
use presence::{Checks, Presences};
use records::{FinalityRecord, RestoredFinality, ToSign};
use validator::OwnSigner;
pub(crate) use validator::Surroundings;
use votes::Votes;

/// How often a validator repeats its newest votes and says that it is there: with each POKE.
const BEAT: Duration = Duration::from_secs(1);

/// The purpose of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Repeat the own votes, and look whether there is more to sign.
    Beat,
    /// Ask a neighbour for certificates.
    Ask,
}

/// What the owner is to do.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send this to a neighbour.
    Send { to: SocketAddr, datagram: Datagram },
    /// Send this to all neighbours except the one that it came from.
    Relay { except: Option<SocketAddr>, datagram: Datagram },
    /// Write this.
    Persist(FinalityRecord),
    /// Have this signed.
    Sign(ToSign),
    /// A neighbour sent what breaks a rule.
    Fault { from: SocketAddr, reason: String },
    /// A datagram was dropped.
    Dropped(DropReason),
    /// Something else is final or justified in the chain.
    Moved,
    /// Something that a user may want to see.
    Event(Event),
}

/// What is known of finality in an election with validators.
#[derive(Debug)]
pub(crate) struct Finality {
    id: ElectionId,
    roster: Roster,
    /// Before this time nobody signs anything.
    starts: UnixMillis,
    votes: Votes,
    justified: Justified,
    certificates: Certificates,
    own: Option<OwnSigner>,
    /// At most one for each validator.
    evidence: BTreeMap<u16, Evidence>,
    presences: Presences,
    checks: Checks,
    asking: Asking,
    /// How many requests for certificates were answered.
    answered: usize,
    /// Two certificates that contradict each other.
    conflict: Option<Box<(Certificate, Certificate)>>,
    /// Whether a quorum signed for a block whose header is not known here.
    lacks_headers: bool,
    timers: Timers<Timer>,
    outputs: VecDeque<Output>,
}

impl Finality {
    /// `None` in an election without validators. `run` is the number of this run.
    pub(crate) fn new(
        election: &Election,
        own: Option<OwnValidator>,
        restored: RestoredFinality,
        (run, genesis): (RunNumber, BlockReference),
        now: Now,
    ) -> Option<Self> {
        let roster = election.roster()?.clone();
        let starts = election.mining_starts()?;
        let own = own.filter(|own| roster.validator(own.place).is_some());
        let signer = own.map(|own| OwnSigner::new(own, restored.validator, (run, starts), now));
        let is_written = signer.as_ref().is_some_and(|(_, is_written)| *is_written);
        let mut finality = Self {
            id: election.election_id(),
            starts,
            votes: Votes::new(roster.validators.len()),
            justified: Justified::new(genesis, usize::from(roster.quorum)),
            certificates: Certificates::default(),
            own: signer.map(|(signer, _)| signer),
            evidence: BTreeMap::new(),
            presences: Presences::default(),
            checks: Checks::default(),
            asking: Asking::default(),
            answered: 0,
            conflict: None,
            lacks_headers: false,
            timers: Timers::default(),
            outputs: VecDeque::new(),
            roster,
        };
        // It was checked before it was written.
        for prepare in restored.lock_justification.into_iter().chain(restored.justification) {
            finality.justified.insert(prepare.target);
            finality.votes.insert(protocol::finality::FinalityVote::Prepare(prepare));
        }
        finality.certificates.restore([restored.certificate, restored.closing_certificate]);
        let evidence = restored.evidence.into_iter();
        finality.evidence = evidence.map(|each| (each.first.validator(), each)).collect();
        if let Some(record) =
            finality.own.as_ref().and_then(OwnSigner::record).filter(|_| is_written)
        {
            let record = FinalityRecord::Validator(record.clone());
            finality.outputs.push_back(Output::Persist(record));
        }
        if finality.own.is_some() {
            finality.timers.set(Timer::Beat, Some(now.instant));
        }
        Some(finality)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Does everything that is due.
    pub(crate) fn handle_timeout(&mut self, chain: &Chain, around: Surroundings, now: Now) {
        while let Some(timer) = self.timers.pop_expired(now.instant) {
            match timer {
                Timer::Beat => self.handle_beat(chain, around, now),
                Timer::Ask => self.ask_next(chain.final_block().height, around.is_over, now),
            }
        }
    }

    /// Stops signing, repeating and asking, since this node leaves.
    pub(crate) fn stop(&mut self) {
        self.timers = Timers::default();
    }

    /// Whether two certificates contradict each other.
    pub(crate) fn conflict(&self) -> Option<&(Certificate, Certificate)> {
        self.conflict.as_deref()
    }

    /// Whether a quorum signed for a block whose header is not known here: it is on a branch that has to be fetched,
    /// however light it is.
    pub(crate) fn lacks_headers(&self) -> bool {
        self.lacks_headers
    }

    /// Whether something that was signed names this block, whose header has just become known.
    pub(crate) fn names(&self, block: &BlockReference) -> bool {
        self.votes.name(block) || self.certificates.get(block).is_some()
    }

    fn handle_beat(&mut self, chain: &Chain, around: Surroundings, now: Now) {
        self.timers.set(Timer::Beat, Some(now.instant + BEAT));
        self.consider(chain, around, now);
        let is_over = around.is_over;
        let Some(own) = &mut self.own else { return };
        for vote in own.votes_to_send(chain.final_block().height) {
            self.outputs
                .push_back(Output::Relay { except: None, datagram: collect::datagram(vote) });
        }
        if !is_over {
            self.outputs.push_back(Output::Sign(own.presence(now)));
        }
    }

    /// Looks whether the own validator has something to sign, and says so if it doesn't sign.
    pub(crate) fn consider(&mut self, chain: &Chain, around: Surroundings, now: Now) {
        let is_disputed = self.conflict.is_some();
        let Some(own) = &mut self.own else { return };
        let reason = own.abstains(self.starts, is_disputed, around, now);
        if own.tell(reason) {
            let event = reason.map_or(Event::Signs, |reason| Event::Abstains { reason });
            self.outputs.push_back(Output::Event(event));
        }
        if reason.is_some() || around.is_catching_up {
            return;
        }
        let ahead = own.tell_ahead(chain, now).map(|reason| Event::Abstains { reason });
        self.outputs.extend(ahead.map(Output::Event));
        let lock = own.record().and_then(|record| record.committed);
        let Some(record) = own.decide(chain, &self.justified, now) else { return };
        if record.committed != lock
            && let Some(lock) = record.committed
        {
            let shown = {
                let below = Height(lock.height.0 - 1);
                self.justified.justification(lock, &self.votes, chain, below)
            };
            self.outputs.push_back(Output::Persist(FinalityRecord::LockJustification(shown)));
        }
        self.outputs.push_back(Output::Persist(FinalityRecord::Validator(record)));
    }

    /// The validator's decision is in this batch.
    pub(crate) fn note_batch(&mut self, number: u64) {
        if let Some(own) = &mut self.own {
            own.note_batch(number);
        }
    }

    /// All batches up to this one are on the disk.
    pub(crate) fn note_durable(&mut self, confirmed: u64) {
        let to_sign = self.own.as_mut().and_then(|own| own.note_durable(confirmed));
        self.outputs.extend(to_sign.map(Output::Sign));
    }

    /// # Panics
    /// When an invariant does not hold.
    pub(crate) fn check_invariants(&self) {
        self.votes.check_invariants();
        self.certificates.check_invariants();
        self.justified.check_invariants();
        self.presences.check_invariants(self.roster.validators.len());
        let places = self.evidence.iter().map(|(place, each)| (*place, each.first.validator()));
        assert!(places.clone().all(|(place, validator)| place == validator));
        assert!(places.count() <= self.roster.validators.len(), "evidence");
        assert!(self.outputs.is_empty(), "outputs of finality that nobody drained");
    }
}
