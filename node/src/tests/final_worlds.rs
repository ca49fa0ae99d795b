//! Worlds in which validators make blocks final.

mod depth;
mod ends;
mod mining;
mod validators;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::election::Election;
use protocol::finality::{Commit, FinalityVote, Offence, Prepare, Presence};
use protocol::keys::VoterKey;
use protocol::proof_of_work::find_stamp;
use protocol::roster::{FinalityRule, Roster, Times, Validator};
use protocol::transaction::Transaction;
use protocol::units::TransactionId;

use super::{Network, address};
use crate::finality::records::{Signed, ToSign};
use crate::{Answer, Command, ElectionState, Event, Fate, FinalityView, OwnValidator, Restored};
use chain::fixtures::{election, key};

/// The interval between blocks.
const INTERVAL: Duration = Duration::from_secs(2);
/// From the creation of the election to its opening; mining starts 24 s before.
const UNTIL_OPEN: Duration = Duration::from_secs(30);
/// From the creation of the election to its closing.
const UNTIL_CLOSED: Duration = Duration::from_secs(120);

pub(crate) fn validator_key(place: u16) -> VoterKey {
    key(u8::try_from(200 + place).expect("few validators"))
}

/// An election that opens and closes, and whose blocks are final by three of four validators.
pub(crate) fn with_validators() -> Election {
    let validator = |place| Validator {
        name: format!("Validator {place}"),
        key: validator_key(place).public(),
    };
    let validators = (0..4).map(validator).collect();
    let roster = Roster { validators, quorum: 3, crash_faults_only: false };
    timed(FinalityRule::Roster(roster))
}

/// An election that opens and closes, and is final when it lies deep enough.
pub(super) fn with_depth(confirmations: u32) -> Election {
    timed(FinalityRule::Depth { confirmations })
}

fn timed(finality: FinalityRule) -> Election {
    let created = election().created;
    let times =
        Times { opens: created.plus(UNTIL_OPEN), closes: created.plus(UNTIL_CLOSED), finality };
    let interval = u32::try_from(INTERVAL.as_secs()).expect("short");
    Election {
        difficulty_bits: 6,
        block_interval_s: Some(interval),
        times: Some(times),
        ..election()
    }
}

impl Network {
    /// Nodes 1 to 4 are the validators 0 to 3, and more follow that are none. The first knows nobody, and all others
    /// know it.
    fn with_validators(nodes: u16) -> Self {
        let mut network = Self::timed(with_validators(), nodes);
        for number in 1..=4 {
            let own = OwnValidator { place: number - 1, trusts_empty_store: false };
            network.validators.insert(number, own);
        }
        network.start(nodes);
        network
    }

    fn timed(election: Election, miners: u16) -> Self {
        let mut network = Self::new();
        network.election = Arc::new(election);
        // All together find a block in an interval.
        network.attempt = Some(INTERVAL * u32::from(miners) / 64);
        network
    }

    fn start(&mut self, nodes: u16) {
        (1..=nodes).for_each(|number| self.add(number, Restored::default()));
    }

    /// Signs as a shell does that holds the validator's key.
    pub(super) fn sign(&mut self, at: SocketAddr, to_sign: ToSign) {
        let number = (1..100).find(|number| address(*number) == at).expect("a node");
        let place = self.validators[&number].place;
        let (id, secret) = (self.election.election_id(), validator_key(place));
        let signed = match to_sign {
            ToSign::Prepare { target, source } => {
                Signed::Prepare(Prepare::sign(&id, place, (target, source), &secret))
            }
            ToSign::Commit(block) => Signed::Commit(Commit::sign(&id, place, block, &secret)),
            ToSign::Presence { run, time } => {
                Signed::Presence(Presence::sign(&id, place, run, time, &secret))
            }
            ToSign::SecondPrepare { target, source } => {
                Signed::SecondPrepare(Prepare::sign(&id, place, (target, source), &secret))
            }
        };
        match &signed {
            Signed::Prepare(each) => self.signed.push((at, FinalityVote::Prepare(each.clone()))),
            Signed::Commit(each) => self.signed.push((at, FinalityVote::Commit(each.clone()))),
            Signed::Presence(_) | Signed::SecondPrepare(_) => {}
        }
        let now = self.time_at(at);
        self.nodes.get_mut(&at).expect("a node").handle_signed(signed, now);
    }

    /// Runs until so long after the creation of the election.
    fn run_until(&mut self, after_creation: Duration) {
        let so_far = self.now - self.start;
        self.run(after_creation.saturating_sub(so_far));
    }

    fn finality(&mut self, number: u16) -> FinalityView {
        match self.command(number, Command::Status) {
            Ok(Answer::Status(status)) => *status.finality.expect("it is timed"),
            other => panic!("{other:?}"),
        }
    }

    fn told(&self, number: u16) -> impl Iterator<Item = &Event> {
        let of_node = move |(at, _): &&(SocketAddr, Event)| *at == address(number);
        self.events.iter().filter(of_node).map(|(_, event)| event)
    }

    /// Runs until the first `nodes` are all in this state, which they are to be within 100 intervals.
    fn run_until_state(&mut self, nodes: u16, state: ElectionState) {
        let is_there = |network: &mut Self| network.states(nodes).iter().all(|each| *each == state);
        for _ in 0..100 {
            if is_there(self) {
                return;
            }
            self.run(INTERVAL);
        }
        panic!("{:?} instead of {state:?}", self.states(nodes));
    }

    fn states(&mut self, nodes: u16) -> Vec<ElectionState> {
        (1..=nodes).map(|number| self.finality(number).state).collect()
    }

    /// Registers a voter at a node, and hands in the vote.
    fn cast(&mut self, number: u16, voter: u8) -> TransactionId {
        let id = self.election.election_id();
        let stamp = self.election.admission.stamp_difficulty().expect("it is open");
        let stamp = find_stamp(&id, &key(voter).public().0, stamp, 0);
        self.submit(number, Transaction::open_registration(&id, &key(voter), stamp)).expect("good");
        let vote = self.vote(voter, 0);
        self.submit(number, vote).expect("good")
    }

    fn fate(&mut self, number: u16, id: TransactionId) -> Option<Fate> {
        match self.command(number, Command::Transaction(id)) {
            Ok(Answer::Transaction(answer)) => answer.fate,
            other => panic!("{other:?}"),
        }
    }

    /// No validator signed two votes that no honest one signs both, whatever it was put through.
    fn assert_nobody_signed_twice(&self) {
        for (index, (first_at, first)) in self.signed.iter().enumerate() {
            for (at, second) in &self.signed[index + 1..] {
                let is_same = first.validator() == second.validator();
                let offence =
                    Offence::between(&first.statement(), &second.statement()).filter(|_| is_same);
                assert_eq!(offence, None, "{first_at} {first:?}, {at} {second:?}");
            }
        }
    }
}
