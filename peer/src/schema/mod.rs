//! All answers and events as plain data.
//!
//! These types are the prompt's `--json` lines, the bodies of the HTTP API and what the client
//! reads; `render` turns them into text for people. docs/CLI.md and the OpenAPI document describe
//! them, so a name that has been published must stay. Nothing is decided or looked up here, and
//! this module imports no other folder of the program.

mod audit;
mod ballot;
mod calibration;
mod chain;
mod comparison;
mod event;
mod evidence;
mod evidence_proof;
mod exchange;
mod final_results;
mod finality;
mod key;
mod laboratory;
mod order;
mod peer;
mod registrar;
mod reply;
mod results;
mod voter;

use protocol::election::Election;
use protocol::transaction::Choices;
use protocol::units::BlockHash;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use audit::{
    AuditFailure, AuditFinality, AuditReport, AuditSums, Certified, Exported, ExportedKind,
    Imported, QuestionSum, ReceiptStanding, SUMS_DIFFER,
};
pub(crate) use ballot::{
    Admission, Ballot, BallotError, FinalityRule, OPEN_BANNER, PRIVACY, Question,
};
pub(crate) use calibration::Calibration;
pub(crate) use chain::{Block, BlockSummary, Chain, Transaction, TransactionKind};
pub(crate) use comparison::{
    AloneCounts, ComparedRecord, Comparison, DifferingAnswer, PartedBlock, PartedTransaction,
    Relation,
};
pub(crate) use event::{Event, LeaveReason, PeerAt, Told};
pub(crate) use evidence::{EvidenceList, ShownVote};
pub(crate) use evidence_proof::{EvidenceProof, SignedVote};
pub(crate) use exchange::{
    Health, Login, Outcome, Outcomes, PeerAddress, PoolPage, Receipt, Submission, TransactionFound,
    VoteOrder,
};
pub(crate) use final_results::{FinalResults, NothingFinal};
pub(crate) use finality::{
    Certificate, ElectionState, Fate, FinalTally, Finality, OwnValidator, ValidatorShown,
};
pub(crate) use key::{KeyShown, Signed};
pub(crate) use laboratory::{BadBlockOrder, Experiment, PartitionOrder};
pub(crate) use order::{
    BlockOrdered, CAST_QUESTION, LEAVE_QUESTION, LEAVE_WARNING, Left, ReceiptWritten, Registered,
    Submitted, SyncOrdered, Voted,
};
pub(crate) use peer::{
    Clock, HeldBy, Mining, Multicast, Neighbour, Peers, Role, Status, Tracker, Unready, Waiting,
};
pub(crate) use registrar::{
    IncompleteEntry, ListedTwice, NewSigner, Posted, RecordKind, RefusedEntry, RegistrarSigned,
    ShowReport, SignReport, SignaturesMissing,
};
pub(crate) use reply::{CommandHelp, Reply};

pub(crate) use results::{Admitted, OptionTally, Percent, QuestionTally, Results};
pub(crate) use voter::{OwnVoteStanding, Standing, Vote, Voter};

/// Version of a receipt's JSON without a certificate.
pub(crate) const RECEIPT_FORMAT_PLAIN: u64 = 1;
/// Version of one with a certificate; a newer one is refused.
pub(crate) const RECEIPT_FORMAT: u64 = 2;

/// 32 bytes as 64 lower-case hexadecimal digits.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
#[expect(dead_code, reason = "it only describes what ids look like")]
pub(crate) struct Hash(String);

/// A block by height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Tip {
    pub(crate) height: u64,
    #[schema(value_type = Hash)]
    pub(crate) hash: BlockHash,
}

impl From<node::Tip> for Tip {
    fn from(tip: node::Tip) -> Self {
        Self { height: tip.height.0, hash: tip.hash }
    }
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Refusal {
    /// A stable word for programs.
    pub(crate) kind: String,
    /// One line for people.
    pub(crate) message: String,
}

/// Names of the chosen options, question by question.
pub(crate) fn choice_names(choices: &Choices, election: &Election) -> Vec<Vec<String>> {
    let questions = election.questions.iter().zip(choices);
    let named = questions.map(|(question, chosen)| {
        let options = chosen.iter().filter_map(|index| question.options.get(usize::from(*index)));
        options.cloned().collect()
    });
    named.collect()
}

/// Rounds to three digits after the point, which is enough for people.
pub(crate) fn round_to_thousandths(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
