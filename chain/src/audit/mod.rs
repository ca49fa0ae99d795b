//! The audit: a chain is checked from its genesis block upwards by somebody who trusts nothing but the election.
//!
//! An audit applies the rules that a peer applies, through the same functions. [`CheckedBlock::new`] checks what needs
//! no other block, so many blocks can be checked at the same time; [`Audit::extend`] checks in order what depends on
//! the blocks before. No block is kept in memory, only its hash, who is registered, who voted, and the count.
//! [`Audit::certify`] then tells how much of the chain can't change any more.

mod certificate;
mod header_chain;
mod rule;

use std::sync::Arc;

use protocol::block::Block;
use protocol::election::Election;
use protocol::finality::BlockReference;
use protocol::transaction::HashedTransaction;
use protocol::units::{BlockHash, ElectionId, Height, UnixMillis, Work};

use super::branch::{AdmissionCounts, Branch, Tally};
use super::check;
use super::error::{BlockError, BodyError, HeaderError};
use super::summary::BlockEffects;
use crate::rules::Rules;
use crate::time::{Past, Phase};
pub use certificate::{CertificateRule, CertifyError, check_certificate};
use header_chain::HeaderChain;
pub use rule::AuditRule;

/// A block, and whether it follows the rules that need no other block.
#[derive(Debug)]
pub struct CheckedBlock {
    block: Arc<Block>,
    verdict: Result<BlockEffects, BodyError>,
}

/// The chain of an election, as far as it has been checked.
#[derive(Debug)]
pub struct Audit {
    election: Arc<Election>,
    headers: HeaderChain,
    branch: Branch,
    closing: Option<BlockReference>,
    transactions: u64,
    signatures: u64,
    /// The hashes of the chain by height, so that certificates for its blocks can be told from others.
    hashes: Vec<BlockHash>,
    final_block: Option<BlockReference>,
}

/// The first block that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("block {height} {hash} breaks the rule {}: {error}", error.rule())]
pub struct AuditFailure {
    /// The block's height in the chain, whatever its header says.
    pub height: Height,
    /// The block's hash.
    pub hash: BlockHash,
    /// The rule that it breaks.
    pub error: AuditError,
}

/// The rule that a block breaks, with the values that disagree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The header breaks a rule.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The body does not match its header, or breaks a rule.
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl CheckedBlock {
    /// Checks the merkle root, sizes, choices, stamps and signatures. This takes about 0.1 ms per
    /// transaction.
    #[must_use]
    pub fn new(block: Arc<Block>, election: &Election, id: &ElectionId) -> Self {
        let verdict = check_alone(&block, election, id).map(|()| BlockEffects::of(&block));
        Self { block, verdict }
    }

    /// What the block does to the count, or the first of those rules that it breaks.
    ///
    /// # Errors
    /// That rule.
    pub fn verdict(&self) -> Result<&BlockEffects, &BodyError> {
        self.verdict.as_ref()
    }

    /// The block that was checked.
    #[must_use]
    pub fn block(&self) -> &Arc<Block> {
        &self.block
    }
}

fn check_alone(block: &Block, election: &Election, id: &ElectionId) -> Result<(), BodyError> {
    check::merkle_root(block)?;
    check::body(block, election, id)?;
    for (index, transaction) in block.transactions.iter().enumerate() {
        transaction
            .check_signatures(&election.admission)
            .map_err(|error| BlockError::Transaction { index, error: error.into() })?;
    }
    Ok(())
}

fn signatures(transaction: &HashedTransaction) -> u64 {
    let by_registrars = transaction.transaction().registrar_signatures();
    by_registrars.map_or(1, |each| each.signatures.len() as u64)
}

impl Audit {
    /// Starts at the election's genesis block.
    #[must_use]
    pub fn new(election: Arc<Election>) -> Self {
        let headers = HeaderChain::new(&election);
        Self {
            hashes: vec![headers.tip().1],
            final_block: None,
            headers,
            branch: Branch::new(&election, Rules::ALL),
            closing: None,
            transactions: 0,
            signatures: 0,
            election,
        }
    }

    /// Adds the next block if it follows all rules.
    ///
    /// # Errors
    /// The first rule that it breaks, where the cheapest are checked first. That its time has not come is told last,
    /// of a block that breaks no rule, because it depends on a clock. The audit then stays where it is.
    pub fn extend(&mut self, checked: &CheckedBlock, now: UnixMillis) -> Result<(), AuditFailure> {
        let header = &checked.block.header;
        let hash = header.hash();
        let height = self.headers.next_height();
        let failed = |error| AuditFailure { height, hash, error };
        let early = match self.headers.check(header, now) {
            Err(early @ HeaderError::TooEarly { .. }) => Some(early),
            checked => checked.map(|()| None).map_err(|error| failed(error.into()))?,
        };
        let summary = checked.verdict.as_ref().map_err(|error| failed(error.clone().into()))?;
        let period = self.headers.past().period();
        self.branch
            .apply(height, period, summary)
            .map_err(|error| failed(BodyError::Invalid(error).into()))?;
        if let Some(early) = early {
            self.branch.undo(height, summary);
            return Err(failed(early.into()));
        }
        self.transactions += checked.block.transactions.len() as u64;
        self.signatures +=
            checked.block.transactions.iter().map(|each| signatures(each)).sum::<u64>();
        self.headers.add(header, hash);
        self.hashes.push(hash);
        if period.phase() == Phase::Closed && self.closing.is_none() {
            self.closing = Some(BlockReference { height, hash });
        }
        Ok(())
    }

    /// The election that the chain belongs to.
    #[must_use]
    pub fn election(&self) -> &Arc<Election> {
        &self.election
    }

    /// The last block that followed all rules. Its height is the number of blocks after the genesis
    /// block.
    #[must_use]
    pub fn tip(&self) -> (Height, BlockHash) {
        self.headers.tip()
    }

    /// What the next block has to follow.
    #[must_use]
    pub fn past(&self) -> &Past {
        self.headers.past()
    }

    /// Where the next block stands between the election's opening and closing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.past().phase()
    }

    /// The first block that carries no transactions because the election has closed.
    #[must_use]
    pub fn closing_block(&self) -> Option<BlockReference> {
        self.closing
    }

    /// The work of the chain up to the [tip](Self::tip).
    #[must_use]
    pub fn work(&self) -> Work {
        self.headers.work()
    }

    /// The number of transactions in all blocks up to the tip.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        self.transactions
    }

    /// The number of valid signatures: one for each vote and each open registration, and those of
    /// all registrars where registrars signed.
    #[must_use]
    pub fn signatures(&self) -> u64 {
        self.signatures
    }

    /// The number of voters who are registered and were not withdrawn.
    #[must_use]
    pub fn registered_voters(&self) -> u64 {
        self.branch.registered_voters() as u64
    }

    /// What the registrars did.
    #[must_use]
    pub fn admissions(&self) -> AdmissionCounts {
        self.branch.admissions()
    }

    /// The count at the tip.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        self.branch.tally()
    }

    /// The number of blocks from the newest one that contains a vote up to the tip, both included;
    /// 0 if there are no votes.
    #[must_use]
    pub fn blocks_since_newest_vote(&self) -> u64 {
        let (tip, _) = self.tip();
        self.branch.newest_vote().map_or(0, |newest| tip.0 - newest.0 + 1)
    }
}

impl AuditError {
    /// The rule that this error belongs to.
    ///
    /// # Panics
    /// Never: errors that belong to no rule of the chain do not result from the checks that an
    /// audit makes.
    #[must_use]
    pub fn rule(&self) -> AuditRule {
        let rule = match self {
            Self::Header(error) => AuditRule::of_header(error),
            Self::Body(error) => AuditRule::of_body(error),
        };
        rule.expect("only a tree of blocks or a user's own vote meets the others")
    }
}
