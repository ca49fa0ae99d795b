//! The command `peer verify-receipt`, which tells whether the block that a receipt names is on a
//! chain, and how deep.

use host::output::print;
use protocol::receipt::Receipt;
use protocol::transaction::HashedTransaction;
use protocol::units::UnixMillis;

use super::OfflineError;
use super::linked::LinkedSource;
use super::source::Source;
use crate::cli::VerifyReceipt;
use crate::render::Style;
use crate::schema::{ReceiptStanding, Reply, Transaction};
use crate::store::data_directory;
use crate::voter::receipt;

/// Prints in one line what a receipt proves. Returns whether its transaction is on the best chain.
///
/// # Errors
/// When the receipt or the record can't be read, or when the record belongs to another election or
/// is not a chain.
pub fn verify_receipt(command: &VerifyReceipt) -> Result<bool, OfflineError> {
    let receipt = receipt::read(&command.file)?;
    let source = match &command.source {
        Some(path) => Source::open(path)?,
        None => Source::open(&data_directory::only_default()?)?,
    };
    source.expect(&receipt.election)?;
    let standing = match receipt.check(&source.election().admission) {
        Ok(transaction) => find(&receipt, &transaction, source)?,
        Err(error) => ReceiptStanding::Worthless { reason: error.to_string() },
    };
    let style = Style::of(command.format.json, false);
    let is_on_best_chain = matches!(standing, ReceiptStanding::OnBestChain { .. });
    print(&style.answer(&Reply::ReceiptStanding(Box::new(standing))))?;
    Ok(is_on_best_chain)
}

/// Looks for the receipt's block. Only that the blocks are one chain is checked; everything else is the task of an
/// audit, and so is whether their time has come.
fn find(
    receipt: &Receipt,
    transaction: &HashedTransaction,
    source: Source,
) -> Result<ReceiptStanding, OfflineError> {
    let mut source = LinkedSource::new(source, UnixMillis(u64::MAX));
    let mut is_found = false;
    while let Some(block) = source.next()? {
        is_found |= block.header == receipt.header;
    }
    let transaction = Transaction::read(transaction, source.election());
    let (height, hash) = (receipt.header.height.0, receipt.header.hash());
    let tip_height = source.height().0;
    if is_found {
        let blocks_deep = tip_height - height + 1;
        return Ok(ReceiptStanding::OnBestChain { transaction, height, hash, blocks_deep });
    }
    Ok(ReceiptStanding::NotOnBestChain { transaction, height, hash, tip_height })
}
