//! The findings of an audit, and what a receipt proves.

use protocol::units::{BlockHash, ElectionId, TransactionId, VoterId};
use serde::Serialize;

use super::{Admission, Admitted, QuestionTally, Refusal, Results, Tip, Transaction, Waiting};

/// How far an audit came, what it counted on the way, and where it stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AuditReport {
    pub(crate) passed: bool,
    pub(crate) election: ElectionId,
    pub(crate) title: String,
    pub(crate) blocks: u64,
    pub(crate) registrations: u64,
    pub(crate) votes: u64,
    pub(crate) admitted: Admitted,
    pub(crate) transactions: u64,
    pub(crate) signatures: u64,
    /// More than 64 bits may be needed, which many readers of JSON do not take as a number.
    pub(crate) work: String,
    pub(crate) tip: Tip,
    pub(crate) tally: Vec<QuestionTally>,
    /// The first block that breaks a rule; nothing of it is counted.
    pub(crate) failure: Option<AuditFailure>,
    /// Why the first block that breaks no rule can't be judged; nothing of it is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Refusal>,
    /// Who may vote: the text says which signatures were checked.
    #[serde(skip)]
    pub(crate) admission: Admission,
    /// As in [`Results`]; told to people alone.
    #[serde(skip)]
    pub(crate) blocks_deep: u64,
}

/// A block that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AuditFailure {
    pub(crate) height: u64,
    pub(crate) hash: BlockHash,
    /// The rule's word.
    pub(crate) rule: String,
    pub(crate) reason: String,
}

/// What a receipt proves against somebody's copy of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "ReceiptObject")]
pub(crate) enum ReceiptStanding {
    /// The transaction is on the best chain; `blocks_deep` is 1 in the tip itself.
    OnBestChain { transaction: Transaction, height: u64, hash: BlockHash, blocks_deep: u64 },
    /// The receipt is good, and its block is not on this chain.
    NotOnBestChain { transaction: Transaction, height: u64, hash: BlockHash, tip_height: u64 },
    /// The receipt proves nothing.
    Worthless { reason: String },
}

/// The JSON form of a [`ReceiptStanding`]: the same keys in each case.
#[derive(Debug, Serialize)]
struct ReceiptObject {
    on_best_chain: bool,
    transaction: Option<TransactionId>,
    voter: Option<VoterId>,
    choices: Option<Vec<Vec<String>>>,
    height: Option<u64>,
    hash: Option<BlockHash>,
    blocks_deep: Option<u64>,
    reason: Option<String>,
}

impl AuditReport {
    /// The count as `results` shows it.
    pub(crate) fn results(&self) -> Results {
        Results {
            tip: self.tip,
            votes: self.votes,
            registered_voters: self.registrations,
            admitted: self.admitted.clone(),
            blocks_deep: self.blocks_deep,
            questions: self.tally.clone(),
            tip_held_by: None,
            unready: Vec::new(),
            waiting: Waiting::default(),
        }
    }
}

impl From<&chain::AuditFailure> for AuditFailure {
    fn from(failure: &chain::AuditFailure) -> Self {
        Self {
            height: failure.height.0,
            hash: failure.hash,
            rule: failure.error.rule().name().to_owned(),
            reason: failure.error.to_string(),
        }
    }
}

impl From<ReceiptStanding> for ReceiptObject {
    fn from(standing: ReceiptStanding) -> Self {
        let proven = |transaction: Transaction, height, hash| Self {
            on_best_chain: false,
            transaction: Some(transaction.transaction),
            voter: Some(transaction.voter),
            choices: transaction.choices,
            height: Some(height),
            hash: Some(hash),
            blocks_deep: None,
            reason: None,
        };
        match standing {
            ReceiptStanding::OnBestChain { transaction, height, hash, blocks_deep } => Self {
                on_best_chain: true,
                blocks_deep: Some(blocks_deep),
                ..proven(transaction, height, hash)
            },
            ReceiptStanding::NotOnBestChain { transaction, height, hash, tip_height } => {
                let reason =
                    format!("its block is not on this chain, which ends at height {tip_height}");
                Self { reason: Some(reason), ..proven(transaction, height, hash) }
            }
            ReceiptStanding::Worthless { reason } => Self {
                on_best_chain: false,
                transaction: None,
                voter: None,
                choices: None,
                height: None,
                hash: None,
                blocks_deep: None,
                reason: Some(reason),
            },
        }
    }
}
