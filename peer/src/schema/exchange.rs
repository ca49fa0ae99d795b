//! Requests and answers that exist only over HTTP.

use std::net::SocketAddr;

use protocol::codec;
use protocol::election::Election;
use protocol::receipt;
use protocol::units::{ElectionId, TransactionId};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Fate, Hash, Refusal, Standing, Transaction};
use keys::{Passphrase, VoterName};
use node::TransactionAnswer;

/// A vote that this peer is to cast for one of its own voters.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoteOrder {
    /// The chosen options by name, one list for each question; an empty one leaves its question blank.
    #[schema(example = json!([["Ada"], ["Tuesday", "Thursday"]]))]
    pub(crate) choices: Vec<Vec<String>>,
    /// The voter whose key is `voters/NAME.key` of the data directory, instead of `voter.key`.
    #[schema(value_type = Option<String>, pattern = "^[0-9a-z][0-9a-z_-]{0,31}$", example = "ada")]
    #[serde(default, deserialize_with = "voter_name")]
    pub(crate) voter: Option<VoterName>,
    /// What opens the voter's key, if it is locked; at most 1,024 bytes of UTF-8. It is kept no longer than this takes.
    #[schema(value_type = Option<String>, format = Password, write_only, min_length = 1, max_length = 1_024)]
    pub(crate) passphrase: Option<Passphrase>,
}

/// Signed transactions to be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Submission {
    /// Each one's encoding in hexadecimal digits.
    #[schema(min_items = 1, max_items = 1_000, example = json!(["HEX"]))]
    pub(crate) transactions: Vec<String>,
}

/// What became of each transaction, in the order of the submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Outcomes {
    pub(crate) outcomes: Vec<Outcome>,
}

/// What became of one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Outcome {
    /// Whether it is durable on this peer and on its way to the others.
    pub(crate) accepted: bool,
    /// The transaction that was accepted.
    #[schema(value_type = Option<Hash>)]
    pub(crate) transaction: Option<TransactionId>,
    /// Whether it is a vote that came too late to be sure to be counted; absent where it did not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) late: bool,
    /// Why it was not.
    pub(crate) error: Option<Refusal>,
}

/// The proof that a block of the best chain holds a vote; the same as in a file of `myvote --receipt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Receipt {
    /// Version of the format.
    #[schema(minimum = 1, maximum = 2)]
    pub(crate) receipt: u64,
    #[schema(value_type = Hash)]
    pub(crate) election: ElectionId,
    /// The vote's encoding in hexadecimal digits.
    #[schema(pattern = "^([0-9a-f]{2})+$")]
    pub(crate) transaction: String,
    /// The block's header in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{192}$")]
    pub(crate) header: String,
    /// The vote's place in the block, from 0.
    pub(crate) place: u32,
    /// How many transactions the block holds.
    pub(crate) transactions: u32,
    /// The siblings from the leaf up to the root.
    #[schema(value_type = Vec<Hash>)]
    pub(crate) path: Vec<String>,
    /// The headers above the block up to the certified one, in hexadecimal digits; in format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) headers: Option<Vec<String>>,
    /// The certificate's bytes in hexadecimal digits; in format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<String>,
}

/// A transaction, where it stands, and the proof that a block holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct TransactionFound {
    #[serde(flatten)]
    pub(crate) transaction: Transaction,
    /// Its encoding in hexadecimal digits.
    #[schema(pattern = "^([0-9a-f]{2})+$")]
    pub(crate) encoding: String,
    pub(crate) standing: Standing,
    /// How final that is; absent in an untimed election.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fate: Option<Fate>,
    /// The proof, if a block of the best chain holds it.
    pub(crate) receipt: Option<Receipt>,
}

/// Transactions of the pool in the order of their arrival.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct PoolPage {
    pub(crate) transactions: Vec<Transaction>,
    /// Transactions in the whole pool.
    pub(crate) total: usize,
    /// To be given as `after` to go on; `null` at the end.
    pub(crate) next: Option<u64>,
}

/// A peer to be tried for as long as this one runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PeerAddress {
    /// IP and UDP port.
    #[schema(value_type = String, example = "192.0.2.7:6001",
        pattern = r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}$")]
    #[serde(deserialize_with = "host::http::address")]
    pub(crate) address: SocketAddr,
}

/// A link that logs a browser in, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Login {
    pub(crate) url: String,
}

/// The peer is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Health {
    pub(crate) ok: bool,
}

fn voter_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<VoterName>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}

impl TransactionFound {
    pub(crate) fn of(answer: &TransactionAnswer, election: &Election) -> Self {
        Self {
            transaction: Transaction::of(&answer.view, election),
            encoding: hex::encode(codec::encode(answer.transaction.transaction())),
            standing: answer.standing.into(),
            fate: answer.fate.map(Fate::from),
            receipt: answer.receipt.as_ref().map(Receipt::from),
        }
    }
}

impl PoolPage {
    pub(crate) fn of(page: &node::PoolPage, election: &Election) -> Self {
        let transactions = page.transactions.iter();
        Self {
            transactions: transactions.map(|each| Transaction::of(&each.view, election)).collect(),
            total: page.total,
            next: page.next,
        }
    }
}

impl Outcome {
    pub(crate) fn accepted(transaction: TransactionId, late: bool) -> Self {
        Self { accepted: true, transaction: Some(transaction), late, error: None }
    }

    pub(crate) fn refused(error: Refusal) -> Self {
        Self { accepted: false, transaction: None, late: false, error: Some(error) }
    }
}

impl From<&receipt::Receipt> for Receipt {
    fn from(receipt: &receipt::Receipt) -> Self {
        Self {
            receipt: match receipt.finality {
                None => super::RECEIPT_FORMAT_PLAIN,
                Some(_) => super::RECEIPT_FORMAT,
            },
            election: receipt.election,
            transaction: hex::encode(codec::encode(&receipt.transaction)),
            header: hex::encode(receipt.header.to_bytes()),
            place: receipt.proof.place,
            transactions: receipt.proof.leaves,
            path: receipt.proof.siblings.iter().map(hex::encode).collect(),
            headers: receipt.finality.as_ref().map(|finality| {
                finality.headers.iter().map(|header| hex::encode(header.to_bytes())).collect()
            }),
            certificate: receipt
                .finality
                .as_ref()
                .map(|finality| hex::encode(codec::encode(&finality.certificate))),
        }
    }
}
