//! Answers to orders, such as a vote or a registration.

use std::path::Path;

use protocol::receipt::Receipt;
use protocol::units::{BlockHash, TransactionId, VoterId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Hash, HeldBy, OwnVoteStanding, Standing, Voter};

/// What a user is told who leaves with a vote that nobody else has.
pub(crate) const LEAVE_WARNING: &str = "Nobody else has your vote yet. If you leave now, it is not counted until you come back and others get it.";
/// What such a user is asked.
pub(crate) const LEAVE_QUESTION: &str = "Leave all the same?";
/// What a voter is asked whose choices are complete.
pub(crate) const CAST_QUESTION: &str = "Cast this vote? It can't be changed.";

/// A registration that is safe on the peer's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Registered {
    pub(crate) accepted: bool,
    #[schema(value_type = Hash)]
    pub(crate) transaction: TransactionId,
    #[schema(value_type = Hash)]
    pub(crate) voter: VoterId,
}

/// A vote that is safe on the peer's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Voted {
    pub(crate) accepted: bool,
    #[schema(value_type = Hash)]
    pub(crate) transaction: TransactionId,
    /// The chosen options by name, question by question.
    pub(crate) choices: Vec<Vec<String>>,
    /// Neighbours that have the vote by now; `null` where that could not be asked.
    pub(crate) held_by: Option<HeldBy>,
    /// Whether it came too late to be sure to be counted; absent where it did not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) late: bool,
}

/// A transaction, signed elsewhere, that is safe on the peer's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Submitted {
    pub(crate) accepted: bool,
    #[schema(value_type = Hash)]
    pub(crate) transaction: TransactionId,
    /// Whether it came too late to be sure to be counted; absent where it did not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) late: bool,
}

/// A block is being mined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct BlockOrdered {
    /// The height that it will have.
    pub(crate) height: u64,
}

/// Neighbours are being asked for what this peer lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SyncOrdered {
    pub(crate) neighbours: usize,
}

/// The peer takes leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Left {
    pub(crate) own_vote: OwnVoteStanding,
}

/// A receipt was written into a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ReceiptWritten {
    /// The file.
    pub(crate) receipt: String,
    /// The block that holds the vote.
    pub(crate) height: u64,
    pub(crate) hash: BlockHash,
    /// Neighbours whose chains hold that block; `null` where the vote has moved meanwhile.
    pub(crate) held_by: Option<HeldBy>,
}

impl ReceiptWritten {
    /// `voter` is what the peer knows of the voter just now.
    pub(crate) fn of(file: &Path, receipt: &Receipt, voter: &Voter) -> Self {
        let held_by = match voter.vote.as_ref().map(|vote| vote.standing) {
            Some(Standing::Block { hash, held_by, .. }) if hash == receipt.header.hash() => {
                Some(held_by)
            }
            Some(Standing::Block { .. } | Standing::Pool { .. }) | None => None,
        };
        Self {
            held_by,
            receipt: file.display().to_string(),
            height: receipt.header.height.0,
            hash: receipt.header.hash(),
        }
    }
}
