//! The ballot as it is shown to users.

use protocol::admission::{self, AdmissionRule};
use protocol::election::{self, Election, ElectionError};
use protocol::key_text::KeyTextError;
use protocol::roster;
use protocol::units::{ElectionId, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Hash;

/// Said before anybody votes.
pub(crate) const PRIVACY: &str = "Votes are public under your voter key for as long as the chain is kept: tell nobody which key is yours, and let the organiser's list not say who holds which.";

/// What everybody has to know who sees an election where nobody decides who may vote.
pub(crate) const OPEN_BANNER: &str =
    "OPEN ELECTION: anybody can register, any number of times; for demos and classes";

/// What is asked, and all else that defines the election.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Ballot {
    /// SHA-256 of the election's canonical bytes.
    #[schema(value_type = Hash)]
    pub(crate) election: ElectionId,
    /// The election's random id, 16 bytes in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) created_ms: u64,
    pub(crate) difficulty_bits: u8,
    pub(crate) admission: Admission,
    pub(crate) block_bytes_max: u32,
    /// Seconds between blocks, which the difficulty follows; null where it never changes.
    pub(crate) block_interval_s: Option<u32>,
    /// When it opens and closes, and what makes its result final; null where votes always count.
    pub(crate) times: Option<Times>,
    pub(crate) questions: Vec<Question>,
    /// Who sees what a voter chose.
    pub(crate) privacy: String,
}

/// Who may vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub(crate) enum Admission {
    /// Anybody may register any number of keys, each by a proof of work of 2^`registration_bits` attempts.
    Open {
        registration_bits: u8,
        /// Most voters that can register; null without a limit.
        max_voters: Option<u32>,
    },
    /// So many of the registrars sign for each voter.
    Registrar { threshold: u8, registrars: Vec<Registrar> },
}

/// When an election opens and closes, and what makes its result final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BallotTimes)]
pub(crate) struct Times {
    pub(crate) opens_ms: u64,
    pub(crate) closes_ms: u64,
    /// When blocks begin to be found although nobody votes: 12 block intervals before it opens. All validators run by
    /// then.
    pub(crate) mining_starts_ms: u64,
    /// Until when a vote that is cast is sure to be in time: 12 block intervals before it closes.
    pub(crate) vote_by_ms: u64,
    pub(crate) finality: FinalityRule,
}

/// What makes the result of an election final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub(crate) enum FinalityRule {
    /// So many blocks from the closing block to the tip, as each peer sees it.
    Depth { confirmations: u32 },
    /// Certificates by so many of the validators.
    Roster {
        quorum: u8,
        /// Whether the organiser vouches that validators fail only by stopping.
        crash_faults_only: bool,
        validators: Vec<Validator>,
    },
}

/// Somebody who signs for blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Validator {
    pub(crate) name: String,
    /// The public key, compressed.
    #[schema(pattern = "^0[23][0-9a-f]{64}$")]
    pub(crate) key: String,
}

/// Somebody who admits voters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Registrar {
    pub(crate) name: String,
    /// The public key, compressed.
    #[schema(pattern = "^0[23][0-9a-f]{64}$")]
    pub(crate) key: String,
}

/// One question and its options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Question {
    pub(crate) title: String,
    pub(crate) options: Vec<String>,
    /// Fewest options that a vote has to choose.
    pub(crate) min: u16,
    /// Most options that a vote may choose.
    pub(crate) max: u16,
}

/// Why a ballot that somebody sent can't be voted on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BallotError {
    #[error("its id is not 32 hexadecimal digits")]
    Id,
    #[error("registrar {name:?} has no good key: {error}")]
    Registrar { name: String, error: KeyTextError },
    #[error("validator {name:?} has no good key: {error}")]
    Validator { name: String, error: KeyTextError },
    #[error(transparent)]
    Election(#[from] ElectionError),
    #[error("it says that it is election {claimed}, and it is {found}")]
    OtherElection { claimed: ElectionId, found: ElectionId },
}

impl Ballot {
    pub(crate) fn of(election: &Election) -> Self {
        Self {
            election: election.election_id(),
            id: hex::encode(election.id),
            title: election.title.clone(),
            created_ms: election.created.0,
            difficulty_bits: election.difficulty_bits,
            admission: Admission::of(&election.admission),
            block_bytes_max: election.block_bytes_max,
            block_interval_s: election.block_interval_s,
            times: Times::of(election),
            questions: election.questions.iter().map(Question::of).collect(),
            privacy: PRIVACY.to_owned(),
        }
    }

    /// The election that this describes, checked against the id that it claims.
    ///
    /// # Errors
    /// See [`BallotError`].
    pub(crate) fn to_election(&self) -> Result<Election, BallotError> {
        let mut id = [0; 16];
        hex::decode_to_slice(&self.id, &mut id).map_err(|_| BallotError::Id)?;
        let questions = self.questions.iter().map(|question| election::Question {
            title: question.title.clone(),
            options: question.options.clone(),
            choices_min: question.min,
            choices_max: question.max,
        });
        let election = Election {
            id,
            title: self.title.clone(),
            created: UnixMillis(self.created_ms),
            difficulty_bits: self.difficulty_bits,
            admission: self.admission.to_rule()?,
            block_bytes_max: self.block_bytes_max,
            questions: questions.collect(),
            block_interval_s: self.block_interval_s,
            times: self.times.as_ref().map(Times::to_times).transpose()?,
        };
        election.check()?;
        match election.election_id() {
            found if found == self.election => Ok(election),
            found => Err(BallotError::OtherElection { claimed: self.election, found }),
        }
    }
}

impl Times {
    fn of(election: &Election) -> Option<Self> {
        let times = election.times.as_ref()?;
        let finality = match &times.finality {
            roster::FinalityRule::Depth { confirmations } => {
                FinalityRule::Depth { confirmations: *confirmations }
            }
            roster::FinalityRule::Roster(roster) => {
                let validators = roster
                    .validators
                    .iter()
                    .map(|each| Validator { name: each.name.clone(), key: each.key.to_string() });
                FinalityRule::Roster {
                    quorum: roster.quorum,
                    crash_faults_only: roster.crash_faults_only,
                    validators: validators.collect(),
                }
            }
        };
        Some(Self {
            opens_ms: times.opens.0,
            closes_ms: times.closes.0,
            mining_starts_ms: election.mining_starts()?.0,
            vote_by_ms: election.vote_by()?.0,
            finality,
        })
    }

    fn to_times(&self) -> Result<roster::Times, BallotError> {
        let finality = match &self.finality {
            FinalityRule::Depth { confirmations } => {
                roster::FinalityRule::Depth { confirmations: *confirmations }
            }
            FinalityRule::Roster { quorum, crash_faults_only, validators } => {
                let validators = validators.iter().map(|Validator { name, key }| {
                    let name = name.clone();
                    match key.parse() {
                        Ok(key) => Ok(roster::Validator { name, key }),
                        Err(error) => Err(BallotError::Validator { name, error }),
                    }
                });
                let validators = validators.collect::<Result<_, _>>()?;
                roster::FinalityRule::Roster(roster::Roster {
                    validators,
                    quorum: *quorum,
                    crash_faults_only: *crash_faults_only,
                })
            }
        };
        let (opens, closes) = (UnixMillis(self.opens_ms), UnixMillis(self.closes_ms));
        Ok(roster::Times { opens, closes, finality })
    }
}

impl Admission {
    pub(crate) fn of(rule: &AdmissionRule) -> Self {
        match rule {
            AdmissionRule::Open { registration_bits, max_voters } => {
                Self::Open { registration_bits: *registration_bits, max_voters: *max_voters }
            }
            AdmissionRule::Registrars { registrars, threshold } => {
                let registrars = registrars
                    .iter()
                    .map(|each| Registrar { name: each.name.clone(), key: each.key.to_string() });
                Self::Registrar { threshold: *threshold, registrars: registrars.collect() }
            }
        }
    }

    fn to_rule(&self) -> Result<AdmissionRule, BallotError> {
        match self {
            Self::Open { registration_bits, max_voters } => Ok(AdmissionRule::Open {
                registration_bits: *registration_bits,
                max_voters: *max_voters,
            }),
            Self::Registrar { threshold, registrars } => {
                let registrars = registrars.iter().map(|Registrar { name, key }| {
                    let name = name.clone();
                    match key.parse() {
                        Ok(key) => Ok(admission::Registrar { name, key }),
                        Err(error) => Err(BallotError::Registrar { name, error }),
                    }
                });
                let registrars = registrars.collect::<Result<_, _>>()?;
                Ok(AdmissionRule::Registrars { registrars, threshold: *threshold })
            }
        }
    }
}

impl Question {
    pub(crate) fn of(question: &election::Question) -> Self {
        Self {
            title: question.title.clone(),
            options: question.options.clone(),
            min: question.choices_min,
            max: question.choices_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chain::fixtures::election;

    #[test]
    fn a_ballot_gives_its_election_and_no_other() {
        let ballot = Ballot::of(&election());
        assert_eq!(ballot.to_election(), Ok(election()));
        let forged = Ballot { title: "Other".into(), ..ballot.clone() };
        assert!(matches!(forged.to_election(), Err(BallotError::OtherElection { .. })));
        let broken = Ballot { id: "0".into(), ..ballot.clone() };
        assert_eq!(broken.to_election(), Err(BallotError::Id));
        let empty = Ballot { questions: Vec::new(), ..ballot };
        assert!(matches!(empty.to_election(), Err(BallotError::Election(_))));
    }
}
