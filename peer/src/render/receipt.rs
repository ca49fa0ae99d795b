//! Says in one line what a receipt proves.

use super::text::{self, choice_line};
use crate::schema::{Certified, ReceiptStanding, Transaction};

pub(super) fn human(standing: &ReceiptStanding) -> String {
    match standing {
        ReceiptStanding::Final { transaction, height, hash, certified } => format!(
            "{} is FINAL: in block {height} ({}), {}; nothing can change it any more\n",
            named(transaction),
            text::short(hash),
            by(certified),
        ),
        ReceiptStanding::OnBestChain {
            transaction,
            height,
            hash,
            blocks_deep,
            certified: Some(certified),
        } => format!(
            "{} is FINAL, and on the best chain of this record: in block {height} ({}), {} deep, {}\n",
            named(transaction),
            text::short(hash),
            text::count(blocks_deep, "block"),
            by(certified),
        ),
        ReceiptStanding::OnBestChain {
            transaction,
            height,
            hash,
            blocks_deep,
            certified: None,
        } => format!(
            "{} is on the best chain of this record: in block {height} ({}), {} deep; whether others hold that chain, their records tell\n",
            named(transaction),
            text::short(hash),
            text::count(blocks_deep, "block"),
        ),
        ReceiptStanding::NotOnBestChain { transaction, height, hash, tip_height } => format!(
            "{} is NOT on the best chain in block {height} ({}), as the receipt says; this chain ends at height {tip_height}\n",
            named(transaction),
            text::short(hash),
        ),
        ReceiptStanding::Worthless { reason } => {
            format!("the receipt proves NOTHING: {reason}\n")
        }
    }
}

fn by(certified: &Certified) -> String {
    let Certified { height, signed_by, quorum, validators, .. } = certified;
    format!(
        "final by {quorum} of {validators} validators: {}; block {height}",
        signed_by.join(", ")
    )
}

fn named(transaction: &Transaction) -> String {
    let (kind, id) = (text::kind(transaction.kind), text::short(transaction.transaction));
    match &transaction.choices {
        Some(choices) => format!("the {kind} {id} ({})", choice_line(choices)),
        None => format!("the {kind} {id}"),
    }
}
