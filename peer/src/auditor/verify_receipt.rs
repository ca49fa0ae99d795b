//! The command `peer verify-receipt`, which tells whether the block that a receipt names is on a
//! chain, and how deep.

use host::output::print;
use protocol::receipt::Receipt;
use protocol::transaction::HashedTransaction;
use protocol::units::Height;

use super::OfflineError;
use super::source::Source;
use crate::cli::VerifyReceipt;
use crate::render::Style;
use crate::schema::{ReceiptStanding, Reply, Transaction};
use crate::store::data_directory;
use crate::voter::receipt;
use chain::Chain;
use chain::rules::Rules;
use host::clock;

/// Prints in one line what a receipt proves. Returns whether its transaction is on the best chain.
///
/// # Errors
/// When the receipt or the record can't be read, or when the record belongs to another election or
/// is not a chain.
pub fn verify_receipt(command: &VerifyReceipt) -> Result<bool, OfflineError> {
    let receipt = receipt::read(&command.file)?;
    let mut source = match &command.source {
        Some(path) => Source::open(path)?,
        None => Source::open(&data_directory::only_default()?)?,
    };
    source.expect(&receipt.election)?;
    let standing = match receipt.check(&source.election().admission) {
        Ok(transaction) => find(&receipt, &transaction, &mut source)?,
        Err(error) => ReceiptStanding::Worthless { reason: error.to_string() },
    };
    let style = Style::of(command.format.json, false);
    let is_on_best_chain = matches!(standing, ReceiptStanding::OnBestChain { .. });
    print(&style.answer(&Reply::ReceiptStanding(Box::new(standing))))?;
    Ok(is_on_best_chain)
}

/// Looks for the receipt's block. Only the links, the work and the times of all headers are
/// checked; everything else is the task of an audit.
fn find(
    receipt: &Receipt,
    transaction: &HashedTransaction,
    source: &mut Source,
) -> Result<ReceiptStanding, OfflineError> {
    let id = source.election().election_id();
    let mut chain = Chain::new(source.election().clone(), Rules::ALL, 0);
    let mut tip = Height(0);
    let mut is_found = false;
    let now = clock::unix_now();
    while let Some((record, _)) = source.next()? {
        let header = record.decode(&id)?.header;
        chain.insert_header_with_body(header, now).map_err(|error| OfflineError::NotAChain {
            path: source.path().to_owned(),
            height: header.height,
            hash: header.hash(),
            error,
        })?;
        is_found |= header == receipt.header;
        tip = header.height;
    }
    let transaction = Transaction::read(transaction, source.election());
    let (height, hash) = (receipt.header.height.0, receipt.header.hash());
    if is_found {
        let blocks_deep = tip.0 - height + 1;
        return Ok(ReceiptStanding::OnBestChain { transaction, height, hash, blocks_deep });
    }
    Ok(ReceiptStanding::NotOnBestChain { transaction, height, hash, tip_height: tip.0 })
}
