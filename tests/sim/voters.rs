//! The people who vote: they register, vote at one peer or at several, try again when a peer is
//! down, and some of them try to cheat.

use std::time::Duration;

use node::CommandError;
use protocol::election::Election;
use protocol::keys::VoterKey;
use protocol::proof_of_work;
use protocol::transaction::Transaction;
use protocol::units::{TransactionId, UnixMillis, VoterId};

use crate::forge;
use crate::queue::HostIndex;

/// How long a voter waits for an answer before trying elsewhere. A sync of the disk takes
/// milliseconds, and a peer that crashed never answers.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// The most attempts of one voter, which last longer than any partition.
const ATTEMPTS_MAX: u32 = 200;

/// How a voter behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Character {
    /// Signs one vote and hands it in at one peer, or at the next one if that peer is down.
    Single,
    /// Signs one vote and hands it in at all its peers at the same moment.
    Everywhere,
    /// Signs two different votes and hands them in at two peers at the same moment.
    Double,
    /// Registers at two peers at the same moment with two stamps, and then votes once.
    TwoStamps,
    /// Votes at one peer while the registrars withdraw the voter at another. Either may stand, but
    /// never both.
    Withdrawn,
    /// Hands in transactions that must be refused.
    Bad(Badness),
}

/// What is wrong with a vote, which determines the word with which it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Badness {
    NoSuchOption,
    TooManyChoices,
    NotRising,
    Unregistered,
    HighS,
    RecoveryBit,
    OtherSigner,
    OtherElection,
    Old,
    Twice,
    NoStamp,
    /// The id of a registered voter, except for its last digit.
    LookAlike,
    Reregistration,
    /// A stamp, although registrars admit voters in this election.
    Unadmitted,
    AdmittedElsewhere,
    WrongRegistrar,
    /// One signature fewer than the registrars have to give.
    HalfAdmitted,
    /// As many signatures as required, but all by one registrar.
    SignedTwice,
    /// Admitted, withdrawn, and admitted again.
    Withdrawn,
    /// Admitted and withdrawn, and voting nevertheless.
    VotesWithdrawn,
    /// Withdrawn after voting.
    WithdrawnTooLate,
}

impl Badness {
    /// Faults that are possible in any election.
    pub const ANYWHERE: [Self; 11] = [
        Self::NoSuchOption,
        Self::TooManyChoices,
        Self::NotRising,
        Self::Unregistered,
        Self::HighS,
        Self::RecoveryBit,
        Self::OtherSigner,
        Self::OtherElection,
        Self::Old,
        Self::Twice,
        Self::LookAlike,
    ];

    /// Faults that are possible where anybody may register.
    pub const OPENLY: [Self; 2] = [Self::NoStamp, Self::Reregistration];

    /// Faults that are possible where registrars admit voters, and that a single transaction shows.
    pub const BY_REGISTRARS: [Self; 5] = [
        Self::Unadmitted,
        Self::AdmittedElsewhere,
        Self::WrongRegistrar,
        Self::HalfAdmitted,
        Self::SignedTwice,
    ];

    /// Faults of a voter whom registrars withdraw.
    pub const WITHDRAWN: [Self; 3] =
        [Self::Withdrawn, Self::VotesWithdrawn, Self::WithdrawnTooLate];

    /// The word that programs are given for this fault.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::NoSuchOption => "no_such_option",
            Self::TooManyChoices => "wrong_number_of_choices",
            Self::NotRising => "choices_not_rising",
            Self::Unregistered => "not_registered",
            Self::HighS => "high_s",
            Self::RecoveryBit => "wrong_recovery_bit",
            Self::OtherSigner | Self::OtherElection => "bad_signature",
            Self::Old => "cast_at_far_from_clock",
            Self::Twice => "already_voted",
            Self::NoStamp => "stamp_without_work",
            Self::LookAlike => "not_registered",
            Self::Reregistration => "already_registered",
            Self::Unadmitted => "needs_admission",
            Self::AdmittedElsewhere => "wrong_election",
            Self::WrongRegistrar => "not_a_registrar",
            Self::HalfAdmitted => "wrong_number_of_signatures",
            Self::SignedTwice => "registrar_twice",
            Self::Withdrawn | Self::VotesWithdrawn => "withdrawn",
            Self::WithdrawnTooLate => "withdrawal_after_vote",
        }
    }

    /// Whether the voter has to be registered for this fault to be the one that is reported.
    #[must_use]
    pub fn needs_registration(self) -> bool {
        !matches!(self, Self::Unregistered | Self::NoStamp) && !Self::BY_REGISTRARS.contains(&self)
    }
}

/// A bad transaction of a voter.
#[must_use]
pub fn bad_transaction(
    badness: Badness,
    election: &Election,
    key: &VoterKey,
    now: UnixMillis,
) -> Transaction {
    let id = election.election_id();
    let good = || forge::vote(&id, key, 1, now);
    let choose = |choices| forge::vote_for(&id, key, choices, 1, now);
    match badness {
        Badness::NoSuchOption => choose(vec![vec![3], vec![]]),
        Badness::TooManyChoices => choose(vec![vec![0, 1], vec![]]),
        Badness::NotRising => choose(vec![vec![0], vec![1, 0]]),
        Badness::Unregistered => good(),
        Badness::HighS => forge::with_signature(good(), forge::raise_s),
        Badness::RecoveryBit => forge::with_signature(good(), |signature| signature.0[64] ^= 1),
        Badness::OtherSigner => forge::with_signature(good(), |signature| {
            *signature = forge::key(0, "other signer", 0).sign(&[7; 32]);
        }),
        Badness::OtherElection => {
            let other = protocol::units::ElectionId([7; 32]);
            forge::vote(&other, key, 1, now)
        }
        Badness::Old => forge::vote(&id, key, 1, UnixMillis(now.0 - 3_600_000)),
        Badness::Twice => forge::vote(&id, key, 2, now),
        Badness::LookAlike => forge::vote_by_look_alike(&id, key, now),
        Badness::Reregistration => forge::registration_from(election, key, 1_000_000),
        Badness::Unadmitted => Transaction::open_registration(&id, key, 0),
        Badness::AdmittedElsewhere => {
            forge::admission(&protocol::units::ElectionId([7; 32]), key, [0, 1])
        }
        Badness::WrongRegistrar => forge::admission_by(&id, key, &[(0, 0), (1, 9)]),
        Badness::HalfAdmitted => forge::admission_by(&id, key, &[(0, 0)]),
        Badness::SignedTwice => forge::admission_by(&id, key, &[(0, 0), (1, 0)]),
        Badness::Withdrawn => forge::admission(&id, key, [1, 2]),
        Badness::VotesWithdrawn => good(),
        Badness::WithdrawnTooLate => forge::withdrawal(&id, key),
        Badness::NoStamp => {
            let stamped = forge::registration(election, key);
            let Transaction::Registration { voter_key, .. } = &stamped else { return stamped };
            let difficulty = election.admission.stamp_difficulty().expect("it is open");
            let stamp = (0u64..)
                .find(|stamp| {
                    let hash = proof_of_work::stamp_hash(&id, &voter_key.0, *stamp);
                    !proof_of_work::is_met(&hash, difficulty)
                })
                .expect("most stamps show no work");
            Transaction::open_registration(&id, key, stamp)
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoterPlan {
    pub starts_at: Duration,
    /// The peers that the voter trusts, in the order in which they are tried.
    pub hosts: Vec<HostIndex>,
    pub character: Character,
}

/// Which of a voter's transactions was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    Registration,
    /// 0 for the first vote, or 1 for the second of two different votes.
    Vote(u8),
    Withdrawal,
    Bad,
}

/// A peer's statement that a vote is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement {
    pub vote: TransactionId,
    pub host: HostIndex,
    pub at: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Register,
    Vote,
    Cheat,
    Done,
}

#[derive(Debug)]
pub struct Voter {
    pub plan: VoterPlan,
    pub key: VoterKey,
    pub id: VoterId,
    pub acknowledgements: Vec<Acknowledgement>,
    /// The number of the step that is due. Any other step is out of date.
    pub turn: u32,
    stage: Stage,
    attempts: u32,
    registrations: Vec<Transaction>,
    /// Signed once, and handed in again unchanged.
    votes: Vec<Transaction>,
}

/// What a voter does next.
#[derive(Debug)]
pub struct Step {
    pub submissions: Vec<(HostIndex, Paper, Transaction)>,
    /// When the voter checks again whether an answer arrived.
    pub again_after: Option<Duration>,
}

impl Voter {
    #[must_use]
    pub fn new(plan: VoterPlan, key: VoterKey) -> Self {
        let stage = match plan.character {
            Character::Bad(badness) if !badness.needs_registration() => Stage::Cheat,
            _ => Stage::Register,
        };
        Self {
            id: key.public().voter(),
            plan,
            key,
            acknowledgements: Vec::new(),
            turn: 0,
            stage,
            attempts: 0,
            registrations: Vec::new(),
            votes: Vec::new(),
        }
    }

    /// Whether the voter signed only one vote, which therefore has to be counted once it was
    /// acknowledged.
    #[must_use]
    pub fn signed_one_vote(&self) -> bool {
        match self.plan.character {
            Character::Single | Character::Everywhere | Character::TwoStamps => true,
            Character::Bad(badness) => badness == Badness::Twice,
            Character::Double | Character::Withdrawn => false,
        }
    }

    /// Whether only the registrars can keep the voter's vote from being counted once it was
    /// acknowledged. They withdraw nobody else.
    #[must_use]
    pub fn may_lose_to_withdrawal_alone(&self) -> bool {
        self.signed_one_vote() || self.plan.character == Character::Withdrawn
    }

    #[must_use]
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// The voter's next attempt. `now` is the clock of the voter's peers.
    pub fn step(&mut self, election: &Election, now: UnixMillis) -> Step {
        self.attempts += 1;
        if self.stage == Stage::Done || self.attempts > ATTEMPTS_MAX {
            return Step { submissions: Vec::new(), again_after: None };
        }
        let papers = match self.stage {
            Stage::Register => self.registration_papers(election),
            Stage::Vote => self.vote_papers(election, now),
            Stage::Cheat => self.bad_papers(election, now),
            Stage::Done => Vec::new(),
        };
        Step { submissions: papers, again_after: Some(PATIENCE) }
    }

    fn registration_papers(&mut self, election: &Election) -> Vec<(HostIndex, Paper, Transaction)> {
        if self.registrations.is_empty() {
            let first = forge::registration(election, &self.key);
            let start = 1_000_000;
            let second = forge::registration_from(election, &self.key, start);
            self.registrations = vec![first, second];
        }
        let mut papers = vec![(self.host(0), Paper::Registration, self.registrations[0].clone())];
        if self.plan.character == Character::TwoStamps && self.attempts == 1 {
            papers.push((self.host(1), Paper::Registration, self.registrations[1].clone()));
        }
        papers
    }

    fn vote_papers(
        &mut self,
        election: &Election,
        now: UnixMillis,
    ) -> Vec<(HostIndex, Paper, Transaction)> {
        if self.votes.is_empty() {
            let id = election.election_id();
            let number = u64::from_be_bytes(*self.id.0.first_chunk().expect("an id is 32 bytes"));
            self.votes = (0..2)
                .map(|vote| forge::vote(&id, &self.key, number.wrapping_add(vote), now))
                .collect();
        }
        let paper = |voter: &Self, place: u32, vote: u8| {
            (voter.host(place), Paper::Vote(vote), voter.votes[usize::from(vote)].clone())
        };
        match self.plan.character {
            Character::Everywhere => {
                (0..self.plan.hosts.len() as u32).map(|place| paper(self, place, 0)).collect()
            }
            Character::Double => vec![paper(self, 0, 0), paper(self, 1, 1)],
            Character::Withdrawn => {
                let withdrawal = forge::withdrawal(&election.election_id(), &self.key);
                vec![paper(self, 0, 0), (self.host(1), Paper::Withdrawal, withdrawal)]
            }
            Character::Single | Character::TwoStamps | Character::Bad(_) => {
                vec![paper(self, 0, 0)]
            }
        }
    }

    fn bad_papers(
        &mut self,
        election: &Election,
        now: UnixMillis,
    ) -> Vec<(HostIndex, Paper, Transaction)> {
        let Character::Bad(badness) = self.plan.character else { return Vec::new() };
        // A second vote is handed in at the peer that certainly knows the first.
        let knows_first = self.acknowledgements.last().map(|known| known.host);
        let host = match (badness, knows_first) {
            (Badness::Twice, Some(host)) => host,
            (Badness::Twice, None) => return Vec::new(),
            _ => self.host(0),
        };
        vec![(host, Paper::Bad, bad_transaction(badness, election, &self.key, now))]
    }

    /// The peer to go to, `place` positions after the one whose turn it is.
    fn host(&self, place: u32) -> HostIndex {
        let turn = (self.attempts - 1) / 2 + place;
        self.plan.hosts[turn as usize % self.plan.hosts.len()]
    }

    /// Handles the answer to a transaction. Returns whether the voter acts again at once.
    ///
    /// # Errors
    /// Says which answer no peer may give.
    pub fn hear(
        &mut self,
        paper: Paper,
        outcome: &Result<TransactionId, CommandError>,
        host: HostIndex,
        at: Duration,
    ) -> Result<bool, String> {
        let is_withdrawn = self.plan.character == Character::Withdrawn;
        match (paper, outcome) {
            (Paper::Registration | Paper::Vote(_), Err(error))
                if is_withdrawn && is(error, "withdrawn") =>
            {
                self.stage = Stage::Done;
                Ok(false)
            }
            (Paper::Withdrawal, Ok(_)) => Ok(false),
            (Paper::Withdrawal, Err(error))
                if is(error, "withdrawal_after_vote") || is_passing(error) =>
            {
                Ok(false)
            }
            (Paper::Withdrawal, Err(error)) => {
                Err(format!("the withdrawal of {:?} was refused: {error}", self.id))
            }
            (Paper::Registration, Ok(_)) => Ok(self.registered()),
            (Paper::Registration, Err(error)) if is(error, "already_registered") => {
                Ok(self.registered())
            }
            (Paper::Vote(_), Ok(vote)) => {
                self.acknowledgements.push(Acknowledgement { vote: *vote, host, at });
                Ok(self.voted())
            }
            (Paper::Vote(_), Err(error)) if is(error, "already_voted") => Ok(self.voted()),
            // Another peer may not know the registration yet.
            (Paper::Vote(_), Err(error)) if is(error, "not_registered") => Ok(false),
            (Paper::Registration | Paper::Vote(_), Err(error)) if is(error, "closed") => {
                self.stage = Stage::Done;
                Ok(false)
            }
            (Paper::Vote(_), Err(error)) if is(error, "not_open") => Ok(false),
            (Paper::Registration | Paper::Vote(_), Err(error)) if is_passing(error) => Ok(false),
            (Paper::Registration | Paper::Vote(_), Err(error)) => {
                Err(format!("an honest {paper:?} of {:?} was refused: {error}", self.id))
            }
            (Paper::Bad, outcome) => self.hear_of_bad(outcome),
        }
    }

    fn hear_of_bad(
        &mut self,
        outcome: &Result<TransactionId, CommandError>,
    ) -> Result<bool, String> {
        let Character::Bad(badness) = self.plan.character else {
            return Err("an honest voter handed in a bad paper".to_owned());
        };
        match outcome {
            Err(error) if error.kind() == badness.kind() => {
                self.stage = Stage::Done;
                Ok(false)
            }
            // A peer that was cut off from the first stamp accepts the second one, as it does from
            // an honest voter.
            Ok(_) if badness == Badness::Reregistration => {
                self.stage = Stage::Done;
                Ok(false)
            }
            // The peer that knew the registration or the first vote may be another one.
            Err(error) if is_passing(error) || is(error, "not_registered") => Ok(false),
            other => Err(format!("a vote that is bad by {badness:?} was answered {other:?}")),
        }
    }

    fn registered(&mut self) -> bool {
        if self.stage != Stage::Register {
            return false;
        }
        self.stage = match self.plan.character {
            Character::Bad(badness) if badness != Badness::Twice => Stage::Cheat,
            _ => Stage::Vote,
        };
        true
    }

    fn voted(&mut self) -> bool {
        if self.stage != Stage::Vote {
            return false;
        }
        let cheats = matches!(self.plan.character, Character::Bad(_));
        self.stage = if cheats { Stage::Cheat } else { Stage::Done };
        cheats
    }
}

fn is(error: &CommandError, kind: &str) -> bool {
    error.kind() == kind
}

/// Errors that say nothing about the transaction itself.
fn is_passing(error: &CommandError) -> bool {
    ["pool_full", "not_durable", "leaving"].contains(&error.kind())
}
