//! The option `--verify`: everything that a peer remembers is checked again before it starts. A
//! start without it trusts what was checked before it was written to disk, and reads no bodies.

use std::path::PathBuf;
use std::sync::Arc;

use protocol::block::Block;
use protocol::election::Election;
use protocol::units::{BlockHash, Height, TransactionId};
use rayon::prelude::*;

use crate::schema::Event;
use crate::store::{LoadError, Opened};
use chain::{BodyError, CheckedBlock, TransactionError};

/// The number of blocks that are read and then checked together, on all cores. They contain at most
/// 32 MiB of bodies, and take four times as much memory.
const CHECKED_TOGETHER: usize = 32;

/// What was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) blocks: u64,
    pub(crate) transactions: u64,
    /// The number of blocks whose bodies the disk does not give. They are fetched again from
    /// neighbours.
    pub(crate) lost: u64,
}

impl From<Verified> for Event {
    fn from(verified: Verified) -> Self {
        let Verified { blocks, transactions, lost } = verified;
        Self::Verified { blocks, transactions, lost }
    }
}

/// Something on the disk breaks a rule although its checksums are correct, so this program did not
/// write it.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(
        "block {height} {hash} in {path} breaks a rule: {error}; move the file away, and the chain is fetched again",
        path = path.display()
    )]
    Block { path: PathBuf, height: Height, hash: BlockHash, error: Box<BodyError> },
    #[error(
        "block {height} {hash} in {path} does not do what its summary says; move the file away, and the chain is fetched again",
        path = path.display()
    )]
    Summary { path: PathBuf, height: Height, hash: BlockHash },
    #[error(
        "transaction {id} in the pool in {path} breaks a rule: {error}; move the file away, and the chain is fetched again",
        path = path.display()
    )]
    Transaction { path: PathBuf, id: TransactionId, error: Box<TransactionError> },
}

/// Checks the bodies of all blocks of all branches, and the pool. Whether blocks follow each other
/// correctly is checked at every start anyway. Blocks that can't be read are marked in `opened`.
///
/// # Errors
/// The first thing that breaks a rule.
pub(crate) fn verify(opened: &mut Opened, election: &Election) -> Result<Verified, VerifyError> {
    let id = election.election_id();
    let path = || opened.chain.path();
    let mut verified = Verified::default();
    for stored in opened.restored.blocks.chunks_mut(CHECKED_TOGETHER) {
        let mut blocks: Vec<Option<Arc<Block>>> = Vec::with_capacity(stored.len());
        for stored in &mut *stored {
            let block = opened.chain.block(&stored.header);
            note_lost(&block, &stored.header.hash());
            stored.has_body = block.is_ok();
            blocks.push(block.ok());
        }
        let checked: Vec<Option<CheckedBlock>> = blocks
            .into_par_iter()
            .map(|block| Some(CheckedBlock::new(block?, election, &id)))
            .collect();
        for (stored, checked) in stored.iter().zip(checked) {
            verified.blocks += 1;
            let Some(checked) = checked else {
                verified.lost += 1;
                continue;
            };
            let (height, hash) = (stored.header.height, stored.header.hash());
            match checked.verdict() {
                Ok(summary) if *summary == stored.summary => {}
                Ok(_) => return Err(VerifyError::Summary { path: path(), height, hash }),
                Err(error) => {
                    let error = Box::new(error.clone());
                    return Err(VerifyError::Block { path: path(), height, hash, error });
                }
            }
            verified.transactions += stored.summary.transactions.len() as u64;
        }
    }
    for (_, transaction) in &opened.restored.pool {
        let checked = transaction.check_signatures(&election.admission);
        checked.map_err(|error| VerifyError::Transaction {
            path: path(),
            id: transaction.id(),
            error: Box::new(error.into()),
        })?;
        verified.transactions += 1;
    }
    Ok(verified)
}

fn note_lost(block: &Result<Arc<Block>, LoadError>, hash: &BlockHash) {
    if let Err(error) = block {
        tracing::warn!(%hash, %error, "a block can't be read");
    }
}
