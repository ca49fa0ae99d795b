//! The command `peer verify-receipt`, which tells whether the block that a receipt names is on a
//! chain, and how deep.
//!
//! With a certificate, the ballot alone is enough. Without one, a receipt leans on every block: on those below its own
//! for the right to vote, and on those above for how deep it is. So the whole chain is audited, by the rules that
//! everybody else here reads it by.

use std::path::Path;

use host::clock;
use protocol::election::Election;
use protocol::receipt::Receipt;
use protocol::transaction::HashedTransaction;

use super::audit::audit_source;
use super::source::Source;
use super::{OfflineError, Undone};
use crate::cli::VerifyReceipt;
use crate::render::Style;
use crate::schema::{Certified, ReceiptStanding, Reply, Transaction};
use crate::store::default_places;
use crate::store::local_election::read_ballot;
use crate::voter::receipt;

/// Prints in one line what a receipt proves. Returns whether its transaction is on the best chain.
///
/// # Errors
/// When the receipt or the record can't be read, or when the record belongs to another election or
/// breaks a rule or can't be judged by this machine's clock.
pub fn verify_receipt(command: &VerifyReceipt) -> Result<bool, OfflineError> {
    let receipt = receipt::read(&command.file)?;
    let standing = match &command.ballot {
        Some(ballot) => by_ballot(command, ballot, &receipt)?,
        None => by_record(command, &receipt)?,
    };
    let is_good = match &standing {
        ReceiptStanding::OnBestChain { .. } | ReceiptStanding::Final { .. } => true,
        ReceiptStanding::NotOnBestChain { .. } | ReceiptStanding::Worthless { .. } => false,
    };
    let style = Style::of(command.format.json, false);
    style.print(&Reply::ReceiptStanding(Box::new(standing)))?;
    Ok(is_good)
}

/// What the receipt's certificate proves to somebody who has nothing but the ballot: the validators checked the chain
/// before they signed for it.
fn by_ballot(
    command: &VerifyReceipt,
    ballot: &Path,
    receipt: &Receipt,
) -> Result<ReceiptStanding, OfflineError> {
    let election = read_ballot(ballot)?;
    let (found, expected) = (receipt.election, election.election_id());
    if found != expected {
        return Err(OfflineError::OtherElection { path: command.file.clone(), found, expected });
    }
    if receipt.finality.is_none() {
        return Err(OfflineError::NoCertificate { path: command.file.clone() });
    }
    let checked = check(receipt, &election);
    Ok(match checked {
        Ok((transaction, Some(certified))) => ReceiptStanding::Final {
            transaction: Transaction::read(&transaction, &election),
            height: receipt.header.height.0,
            hash: receipt.header.hash(),
            certified,
        },
        Ok((_, None)) => return Err(OfflineError::NoCertificate { path: command.file.clone() }),
        Err(reason) => ReceiptStanding::Worthless { reason },
    })
}

fn by_record(command: &VerifyReceipt, receipt: &Receipt) -> Result<ReceiptStanding, OfflineError> {
    let mut source = match &command.source {
        Some(path) => Source::open(path)?,
        None => Source::open(&default_places::running_default()?)?,
    };
    source.expect(&receipt.election)?;
    match check(receipt, &source.election().clone()) {
        Ok((transaction, certified)) => find(receipt, &transaction, certified, &mut source),
        Err(reason) => Ok(ReceiptStanding::Worthless { reason }),
    }
}

/// Checks all that a receipt says by itself; gives the transaction, and by whom its block is final if a certificate
/// says so.
///
/// # Errors
/// Why the receipt proves nothing.
fn check(
    receipt: &Receipt,
    election: &Election,
) -> Result<(HashedTransaction, Option<Certified>), String> {
    let transaction = receipt.check(&election.admission).map_err(|error| error.to_string())?;
    receipt::check_finality(receipt, election)?;
    let proof = receipt.finality.as_ref();
    Ok((transaction, proof.and_then(|proof| Certified::of(&proof.certificate, election))))
}

/// Looks for the receipt's block.
fn find(
    receipt: &Receipt,
    transaction: &HashedTransaction,
    certified: Option<Certified>,
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
        // The record's own certificate may cover the block as well.
        let of_record = report.finality.as_ref().and_then(Certified::of_record);
        let certified = certified.or(of_record.filter(|certified| certified.height >= height));
        let standing =
            ReceiptStanding::OnBestChain { transaction, height, hash, blocks_deep, certified };
        return Ok(standing);
    }
    Ok(ReceiptStanding::NotOnBestChain { transaction, height, hash, tip_height })
}
