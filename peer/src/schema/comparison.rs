//! Where two records of one election part.

use protocol::units::{BlockHash, ElectionId};
use serde::Serialize;

use super::{AuditFailure, Percent, Refusal, Tip, Transaction};

/// Two records, each audited by itself, held against each other block by block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Comparison {
    pub(crate) relation: Relation,
    pub(crate) election: ElectionId,
    pub(crate) title: String,
    /// The last block that both have.
    pub(crate) common: Tip,
    pub(crate) a: ComparedRecord,
    pub(crate) b: ComparedRecord,
    /// The answers that one record counts more often than the other.
    pub(crate) differing: Vec<DifferingAnswer>,
}

/// An answer whose number of votes differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DifferingAnswer {
    /// From 1.
    pub(crate) question: usize,
    /// `None` of blank votes.
    pub(crate) option: Option<String>,
    pub(crate) a: u64,
    pub(crate) b: u64,
}

/// How two records differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Relation {
    Same,
    /// B ends where A goes on, so that they don't contradict each other.
    AGoesOn,
    BGoesOn,
    /// Each goes on with another block.
    Part,
}

/// One of the two records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ComparedRecord {
    /// What was named: a file, a data directory or a URL.
    pub(crate) source: String,
    pub(crate) passed: bool,
    pub(crate) tip: Tip,
    pub(crate) votes: u64,
    pub(crate) registered_voters: u64,
    pub(crate) turnout_percent: Option<Percent>,
    pub(crate) failure: Option<AuditFailure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Refusal>,
    /// Its first block that the other does not have.
    pub(crate) next: Option<PartedBlock>,
    /// How much it counts and the other does not.
    pub(crate) alone_counts: AloneCounts,
    /// The transactions of these, in the order of its chain, up to a number.
    pub(crate) alone: Vec<PartedTransaction>,
}

/// How many transactions of each kind only one record counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AloneCounts {
    pub(crate) registrations: u64,
    pub(crate) votes: u64,
    pub(crate) withdrawals: u64,
}

/// A block that the other record does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PartedBlock {
    pub(crate) height: u64,
    pub(crate) hash: BlockHash,
    pub(crate) time_ms: u64,
    /// Nothing of a block that breaks a rule, or whose time has not come, is counted.
    pub(crate) counted: bool,
    pub(crate) registrations: u64,
    pub(crate) votes: u64,
    pub(crate) withdrawals: u64,
}

/// A transaction that the other record does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PartedTransaction {
    /// The height of its block.
    pub(crate) height: u64,
    #[serde(flatten)]
    pub(crate) transaction: Transaction,
}
