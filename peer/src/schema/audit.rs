//! The findings of an audit, and what a receipt proves.

use protocol::election::Election;
use protocol::finality;
use protocol::units::{BlockHash, ElectionId, TransactionId, VoterId};
use serde::Serialize;

use super::{
    Admission, Admitted, Certificate, Percent, QuestionTally, Refusal, Results, Tip, Transaction,
    Waiting,
};

/// The kind of the error of an audit whose sums and count differ.
pub(crate) const SUMS_DIFFER: &str = "sums_differ";

/// How far an audit came, what it counted on the way, and where it stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AuditReport {
    pub(crate) passed: bool,
    pub(crate) election: ElectionId,
    pub(crate) title: String,
    pub(crate) blocks: u64,
    /// All on the chain, also of voters who were withdrawn later.
    pub(crate) registrations: u64,
    /// All on the chain, also of voters who were never registered.
    pub(crate) withdrawals: u64,
    pub(crate) votes: u64,
    /// Voters who are registered and were not withdrawn.
    pub(crate) registered_voters: u64,
    /// As in [`Results`].
    pub(crate) turnout_percent: Option<Percent>,
    pub(crate) admitted: Admitted,
    pub(crate) transactions: u64,
    pub(crate) signatures: u64,
    /// More than 64 bits may be needed, which many readers of JSON do not take as a number.
    pub(crate) work: String,
    pub(crate) tip: Tip,
    pub(crate) tally: Vec<QuestionTally>,
    pub(crate) sums: AuditSums,
    /// The first block that breaks a rule; nothing of it is counted.
    pub(crate) failure: Option<AuditFailure>,
    /// Why the first block that breaks no rule can't be judged, nothing of which is counted; or that the sums are not
    /// what the rules counted ([`SUMS_DIFFER`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Refusal>,
    /// How final the count is; null in an election that never closes.
    #[serde(rename = "final")]
    pub(crate) finality: Option<AuditFinality>,
    /// Who may vote: the text says which signatures were checked.
    #[serde(skip)]
    pub(crate) admission: Admission,
    /// As in [`Results`]; told to people alone.
    #[serde(skip)]
    pub(crate) blocks_deep: u64,
}

/// What has to add up, and what the audit holds against its count. Choices and blank votes are counted from the
/// transactions one by one; the other two are differences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AuditSums {
    /// Registered voters who were withdrawn: all registrations less these are the registered voters.
    pub(crate) withdrawn: u64,
    /// Registered voters without a vote: with the votes they are the registered voters.
    pub(crate) not_voted: u64,
    pub(crate) questions: Vec<QuestionSum>,
}

/// What has to add up at one question: `chosen`, `not_chosen`, and `blank` times `choices_max` are the votes times
/// `choices_max`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct QuestionSum {
    /// The most options that one vote may choose.
    pub(crate) choices_max: u16,
    /// The choices that all votes made, which are the votes for all options.
    pub(crate) chosen: u64,
    /// The further choices that votes might have made which are not blank here.
    pub(crate) not_chosen: u64,
    /// Votes that chose nothing here.
    pub(crate) blank: u64,
}

/// How final the count of a record is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AuditFinality {
    /// Whether the result can't change any more.
    pub(crate) is_final: bool,
    /// The first block that no transaction may stand in.
    pub(crate) closing_block: Option<Tip>,
    /// That of the highest final block.
    pub(crate) certificate: Option<Certificate>,
    /// The names of the validators who signed it.
    pub(crate) signed_by: Vec<String>,
    /// How many of the validators have to sign; null in an election without them.
    pub(crate) quorum: Option<u8>,
    /// How many validators there are.
    pub(crate) validators: Option<usize>,
    /// The blocks from the closing block to the tip, in an election without validators.
    pub(crate) blocks_deep: Option<u64>,
    /// How many of them make it final.
    pub(crate) confirmations: Option<u32>,
}

/// A block, or the certificate of one, that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AuditFailure {
    pub(crate) height: u64,
    pub(crate) hash: BlockHash,
    /// The rule's word.
    pub(crate) rule: String,
    pub(crate) reason: String,
    /// Whether it is its certificate that does.
    #[serde(skip)]
    pub(crate) is_certificate: bool,
}

/// What was written into a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Exported {
    pub(crate) file: String,
    #[serde(rename = "as")]
    pub(crate) kind: ExportedKind,
    pub(crate) election: ElectionId,
    pub(crate) tip: Tip,
    pub(crate) votes: u64,
    pub(crate) registered_voters: u64,
    pub(crate) turnout_percent: Option<Percent>,
    /// How final that is; left out in an election that never closes.
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    pub(crate) finality: Option<AuditFinality>,
}

/// What of a chain was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExportedKind {
    Archive,
    Votes,
    Voters,
    Results,
}

/// A data directory that was made from an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Imported {
    pub(crate) data_dir: String,
    pub(crate) election: ElectionId,
    pub(crate) tip: Tip,
    pub(crate) votes: u64,
    pub(crate) registered_voters: u64,
    pub(crate) turnout_percent: Option<Percent>,
}

/// What a receipt proves against somebody's copy of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "ReceiptObject")]
pub(crate) enum ReceiptStanding {
    /// The transaction is on the best chain; `blocks_deep` is 1 in the tip itself.
    OnBestChain {
        transaction: Transaction,
        height: u64,
        hash: BlockHash,
        blocks_deep: u64,
        /// By whom the block is final, if it is.
        certified: Option<Certified>,
    },
    /// The receipt's own certificate makes its block final, so that no copy of the chain was asked.
    Final { transaction: Transaction, height: u64, hash: BlockHash, certified: Certified },
    /// The receipt is good, and its block is not on this chain.
    NotOnBestChain { transaction: Transaction, height: u64, hash: BlockHash, tip_height: u64 },
    /// The receipt proves nothing.
    Worthless { reason: String },
}

/// By whom a block is final: the certified block is that block, or one that builds on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Certified {
    /// Of the certified block.
    pub(crate) height: u64,
    pub(crate) hash: BlockHash,
    /// The names of the validators who signed.
    pub(crate) signed_by: Vec<String>,
    pub(crate) quorum: u8,
    /// How many validators there are.
    pub(crate) validators: usize,
}

impl Certified {
    /// What a good certificate says; `None` if the election has no validators.
    pub(crate) fn of(certificate: &finality::Certificate, election: &Election) -> Option<Self> {
        let roster = election.roster()?;
        let places = certificate.signatures.iter().map(|(place, _)| *place);
        let signed_by = places.filter_map(|place| Some(roster.validator(place)?.name.clone()));
        Some(Self {
            height: certificate.block.height.0,
            hash: certificate.block.hash,
            signed_by: signed_by.collect(),
            quorum: roster.quorum,
            validators: roster.validators.len(),
        })
    }

    /// The certificate that an audit found in a record.
    pub(crate) fn of_record(found: &AuditFinality) -> Option<Self> {
        let certificate = found.certificate.as_ref()?;
        Some(Self {
            height: certificate.height,
            hash: certificate.hash,
            signed_by: found.signed_by.clone(),
            quorum: found.quorum?,
            validators: found.validators?,
        })
    }
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
    /// By whom the block is final; null if nothing says that it is.
    #[serde(rename = "final")]
    certified: Option<Certified>,
    reason: Option<String>,
}

impl AuditReport {
    /// The count as `results` shows it.
    pub(crate) fn results(&self) -> Results {
        Results {
            tip: self.tip,
            votes: self.votes,
            registered_voters: self.registered_voters,
            turnout_percent: self.turnout_percent,
            admitted: self.admitted.clone(),
            blocks_deep: self.blocks_deep,
            questions: self.tally.clone(),
            tip_held_by: None,
            unready: Vec::new(),
            waiting: Waiting::default(),
            finality: None,
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
            is_certificate: false,
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
            certified: None,
            reason: None,
        };
        match standing {
            ReceiptStanding::OnBestChain { transaction, height, hash, blocks_deep, certified } => {
                Self {
                    on_best_chain: true,
                    blocks_deep: Some(blocks_deep),
                    certified,
                    ..proven(transaction, height, hash)
                }
            }
            ReceiptStanding::Final { transaction, height, hash, certified } => Self {
                on_best_chain: true,
                certified: Some(certified),
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
                certified: None,
                reason: Some(reason),
            },
        }
    }
}
