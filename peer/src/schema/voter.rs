//! A voter, and the state of the voter's registration and vote.

use protocol::admission::AdmissionRule;
use protocol::election::Election;
use protocol::units::{BlockHash, TransactionId, VoterId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Fate, Hash, HeldBy, choice_names};
use chain::TransactionError;

/// What the best chain and the pool say of a voter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Voter {
    #[schema(value_type = Hash)]
    pub(crate) voter: VoterId,
    pub(crate) registration: Option<Standing>,
    /// How final that is; absent in an untimed election.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) registration_fate: Option<Fate>,
    /// Where the registrars took the right to vote back.
    pub(crate) withdrawal: Option<Standing>,
    pub(crate) vote: Option<Vote>,
}

/// A voter's vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Vote {
    #[schema(value_type = Hash)]
    pub(crate) transaction: TransactionId,
    /// The chosen options by name, question by question.
    pub(crate) choices: Vec<Vec<String>>,
    pub(crate) cast_at_ms: u64,
    pub(crate) standing: Standing,
    /// Neighbours that have the vote, in a block or waiting for one.
    pub(crate) held_by: HeldBy,
    /// How final that is; absent in an untimed election.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fate: Option<Fate>,
}

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "in", rename_all = "snake_case")]
pub(crate) enum Standing {
    /// In no block of the best chain yet.
    Pool {
        /// Neighbours that sent or acknowledged it.
        held_by: HeldBy,
    },
    /// On the best chain; `blocks_deep` is 1 in the tip itself.
    Block {
        height: u64,
        #[schema(value_type = Hash)]
        hash: BlockHash,
        blocks_deep: u64,
        /// Neighbours whose chains hold that block.
        held_by: HeldBy,
    },
}

/// What becomes of the votes of this peer's own voters when it leaves now: of the one that fares worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OwnVoteStanding {
    NotCast,
    /// No neighbour has it: it is counted only when this peer comes back and meets others.
    Alone,
    /// Neighbours have it, and no block holds it yet.
    Pool,
    /// Neighbours have it, and a block holds it.
    Block,
}

impl Voter {
    pub(crate) fn of(view: &node::VoterView, election: &Election) -> Self {
        Self {
            voter: view.voter,
            registration: view.registration.map(Standing::from),
            registration_fate: view.registration_fate.map(Fate::from),
            withdrawal: view.withdrawal.map(Standing::from),
            vote: view.vote.as_ref().map(|vote| Vote::of(vote, election)),
        }
    }

    /// Why a vote of this voter would be refused in any case. Nobody should have to fill in a ballot first.
    pub(crate) fn refusal(&self, rule: &AdmissionRule) -> Option<TransactionError> {
        let voter = self.voter;
        if self.vote.is_some() {
            Some(TransactionError::AlreadyVoted { voter })
        } else if self.withdrawal.is_some() {
            Some(TransactionError::Withdrawn { voter })
        } else if self.registration.is_none() && rule.registration_bits().is_none() {
            Some(TransactionError::NeedsAdmission)
        } else {
            None
        }
    }

    pub(crate) fn own_vote(&self) -> OwnVoteStanding {
        match self.vote.as_ref().map(|vote| (vote.held_by.neighbours, vote.standing)) {
            None => OwnVoteStanding::NotCast,
            Some((0, _)) => OwnVoteStanding::Alone,
            Some((_, Standing::Pool { .. })) => OwnVoteStanding::Pool,
            Some((_, Standing::Block { .. })) => OwnVoteStanding::Block,
        }
    }
}

impl Vote {
    fn of(view: &node::VoteView, election: &Election) -> Self {
        Self {
            transaction: view.transaction,
            choices: choice_names(&view.choices, election),
            cast_at_ms: view.cast_at.0,
            standing: view.standing.into(),
            held_by: view.held_by.into(),
            fate: view.fate.map(Fate::from),
        }
    }
}

impl From<node::Standing> for Standing {
    fn from(standing: node::Standing) -> Self {
        match standing {
            node::Standing::Pool { held_by } => Self::Pool { held_by: held_by.into() },
            node::Standing::Block { height, hash, blocks_deep, held_by } => {
                let (height, held_by) = (height.0, held_by.into());
                Self::Block { height, hash, blocks_deep, held_by }
            }
        }
    }
}
