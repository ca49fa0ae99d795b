//! The command `peer verify-receipt`, which tells whether the block that a receipt names is on a
//! chain, and how deep.
//!
//! A receipt leans on every block: on those below its own for the right to vote, and on those above for how deep it is.
//! So the whole chain is audited, by the rules that everybody else here reads it by.

use host::clock;
use protocol::receipt::Receipt;
use protocol::transaction::HashedTransaction;

use super::audit::audit_source;
use super::source::Source;
use super::{OfflineError, Undone};
use crate::cli::VerifyReceipt;
use crate::render::Style;
use crate::schema::{ReceiptStanding, Reply, Transaction};
use crate::store::default_places;
use crate::voter::receipt;

/// Prints in one line what a receipt proves. Returns whether its transaction is on the best chain.
///
/// # Errors
/// When the receipt or the record can't be read, or when the record belongs to another election or
/// breaks a rule or can't be judged by this machine's clock.
pub fn verify_receipt(command: &VerifyReceipt) -> Result<bool, OfflineError> {
    let receipt = receipt::read(&command.file)?;
    let mut source = match &command.source {
        Some(path) => Source::open(path)?,
        None => Source::open(&default_places::running_default()?)?,
    };
    source.expect(&receipt.election)?;
    let style = Style::of(command.format.json, false);
    let found = match receipt.check(&source.election().admission) {
        Ok(transaction) => find(&receipt, &transaction, &mut source),
        Err(error) => Ok(ReceiptStanding::Worthless { reason: error.to_string() }),
    };
    let standing = found?;
    let is_on_best_chain = matches!(standing, ReceiptStanding::OnBestChain { .. });
    style.print(&Reply::ReceiptStanding(Box::new(standing)))?;
    Ok(is_on_best_chain)
}

/// Looks for the receipt's block.
fn find(
    receipt: &Receipt,
    transaction: &HashedTransaction,
    source: &mut Source,
) -> Result<ReceiptStanding, OfflineError> {
    let mut is_found = false;
    let outcome = audit_source(source, clock::unix_now, |visited| {
        is_found |= visited.block().is_some_and(|block| block.header == receipt.header);
        Ok(())
    })?;
    let report = outcome.whole(source.path(), Undone::Proof)?;
    let transaction = Transaction::read(transaction, source.election());
    let (height, hash) = (receipt.header.height.0, receipt.header.hash());
    let tip_height = report.blocks;
    if is_found {
        let blocks_deep = tip_height - height + 1;
        return Ok(ReceiptStanding::OnBestChain { transaction, height, hash, blocks_deep });
    }
    Ok(ReceiptStanding::NotOnBestChain { transaction, height, hash, tip_height })
}
