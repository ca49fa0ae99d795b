//! The ballot.

use protocol::election::{self, Election};
use protocol::units::ElectionId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Hash;

/// Said before anybody votes.
pub(crate) const PRIVACY: &str = "Votes are public: everybody can see what your voter key chose, for as long as the chain is kept.";

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
    pub(crate) registration_bits: u8,
    pub(crate) block_bytes_max: u32,
    pub(crate) questions: Vec<Question>,
    /// Who sees what a voter chose.
    pub(crate) privacy: String,
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

impl Ballot {
    pub(crate) fn of(election: &Election) -> Self {
        Self {
            election: election.election_id(),
            id: hex::encode(election.id),
            title: election.title.clone(),
            created_ms: election.created.0,
            difficulty_bits: election.difficulty_bits,
            registration_bits: election.registration_bits,
            block_bytes_max: election.block_bytes_max,
            questions: election.questions.iter().map(Question::of).collect(),
            privacy: PRIVACY.to_owned(),
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
