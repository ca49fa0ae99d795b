//! Worlds in which validators make blocks final.

mod ends;
mod validators;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::election::Election;
use protocol::finality::{Commit, Prepare, Presence};
use protocol::keys::VoterKey;
use protocol::roster::{FinalityRule, Roster, Times, Validator};
use protocol::units::UnixMillis;

use super::{Network, address};
use crate::finality::records::{Signed, ToSign};
use crate::{Answer, Command, Event, FinalityView, OwnValidator, Restored};
use chain::fixtures::{election, key};

/// The interval between blocks.
const INTERVAL: Duration = Duration::from_secs(2);
/// From the creation of the election to its opening; mining starts 24 s before.
const UNTIL_OPEN: Duration = Duration::from_secs(30);
/// From the creation of the election to its closing.
const UNTIL_CLOSED: Duration = Duration::from_secs(90);

pub(super) fn validator_key(place: u16) -> VoterKey {
    key(u8::try_from(200 + place).expect("few validators"))
}

/// An election that opens and closes, and whose blocks are final by three of four validators.
pub(super) fn with_validators() -> Election {
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
        };
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

    fn unix(&self) -> UnixMillis {
        self.time().unix
    }
}
