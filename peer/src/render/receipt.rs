//! What a receipt is worth, in one line.

use protocol::election::Election;
use protocol::transaction::{HashedTransaction, Transaction};
use serde_json::{Value, json};

use super::{choice_line, text};
use crate::auditor::ReceiptStanding;
use crate::schema::choice_names;

pub(super) fn human(standing: &ReceiptStanding, election: &Election) -> String {
    match standing {
        ReceiptStanding::OnBestChain { vote, header, blocks_deep } => format!(
            "{} is on the best chain: in block {} ({}), {} deep\n",
            named(vote, election),
            header.height,
            text::short(header.hash()),
            text::count(*blocks_deep, "block"),
        ),
        ReceiptStanding::NotOnBestChain { vote, header, tip } => format!(
            "{} is NOT on the best chain in block {} ({}), as the receipt says; this chain ends at height {tip}\n",
            named(vote, election),
            header.height,
            text::short(header.hash()),
        ),
        ReceiptStanding::Worthless(error) => format!("the receipt proves NOTHING: {error}\n"),
    }
}

pub(super) fn json(standing: &ReceiptStanding, election: &Election) -> Value {
    let (vote, header, blocks_deep, reason) = match standing {
        ReceiptStanding::OnBestChain { vote, header, blocks_deep } => {
            (Some(vote), Some(header), Some(*blocks_deep), None)
        }
        ReceiptStanding::NotOnBestChain { vote, header, tip } => {
            let reason = format!("its block is not on this chain, which ends at height {tip}");
            (Some(vote), Some(header), None, Some(reason))
        }
        ReceiptStanding::Worthless(error) => (None, None, None, Some(error.to_string())),
    };
    let choices = vote.and_then(|vote| match vote.transaction() {
        Transaction::Vote { vote, .. } => Some(choice_names(&vote.choices, election)),
        Transaction::Registration { .. } | Transaction::Withdrawal { .. } => None,
    });
    json!({
        "answer": "verify-receipt",
        "on_best_chain": blocks_deep.is_some(),
        "transaction": vote.map(|vote| vote.id().to_string()),
        "voter": vote.map(|vote| vote.voter().to_string()),
        "choices": choices,
        "height": header.map(|header| header.height.0),
        "hash": header.map(|header| header.hash().to_string()),
        "blocks_deep": blocks_deep,
        "reason": reason,
    })
}

fn named(transaction: &HashedTransaction, election: &Election) -> String {
    let id = text::short(transaction.id());
    match transaction.transaction() {
        Transaction::Vote { vote, .. } => {
            format!("the vote {id} ({})", choice_line(&choice_names(&vote.choices, election)))
        }
        Transaction::Registration { .. } | Transaction::Withdrawal { .. } => {
            format!("the {} {id}", text::kind(transaction.kind().into()))
        }
    }
}
