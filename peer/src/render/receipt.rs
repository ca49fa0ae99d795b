//! Says in one line what a receipt proves.

use super::text::{self, choice_line};
use crate::schema::{ReceiptStanding, Transaction};

pub(super) fn human(standing: &ReceiptStanding) -> String {
    match standing {
        ReceiptStanding::OnBestChain { transaction, height, hash, blocks_deep } => format!(
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

fn named(transaction: &Transaction) -> String {
    let (kind, id) = (text::kind(transaction.kind), text::short(transaction.transaction));
    match &transaction.choices {
        Some(choices) => format!("the {kind} {id} ({})", choice_line(choices)),
        None => format!("the {kind} {id}"),
    }
}
