//! When a block is final: what a validator may sign, and what its signatures amount to.
//!
//! These are the rules of Casper FFG with one epoch per height; `docs/FINALITY.md` explains them. A validator follows
//! the heaviest chain and signs two kinds of votes for blocks on it. A PREPARE names a block, the target, and a
//! justified block before it, the source; a quorum of them justifies the target. A COMMIT names a justified block; a
//! quorum of them makes it final, for ever and for everybody.
//!
//! All of it is pure functions of small values, so that the very code which the node runs can be searched
//! exhaustively: the tests beside this file do so, with each rule and without it. So nothing else may decide what a
//! validator signs, or what is justified or final. The caller knows the tree of blocks, checks blocks and signatures,
//! and writes [`Signed`] to the disk before a signature leaves; here are no blocks, keys, clocks or messages.
//!
//! # What each rule is for
//!
//! [`PrepareRefused`] and [`CommitRefused`] have one variant per rule. Without the rule, the search finds two final
//! blocks on different branches. Two rules stand in two places each, and either place alone is enough for that; without
//! both there is a conflict:
//!
//! - One vote per height: [`PrepareRefused::SameHeight`] and [`CommitRefused::SameHeight`]. Without the first, two
//!   blocks of one height can be justified, and validators that are locked on either can't go on together. The second
//!   changes nothing as long as the first holds.
//! - Justified sources: [`PrepareRefused::SourceNotJustified`], and that [`is_justified`] counts no others. No quorum
//!   is without honest validators, so either keeps branches apart. Without the first, a PREPARE may be signed that
//!   never counts. The second changes nothing as long as the first holds.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use protocol::units::Height;

/// The number of a validator: its place in the roster.
type ValidatorIndex = u16;

/// What a validator has signed so far, as far as the rules ask. It has to survive whatever befalls the validator: one
/// that forgets it is no better than a dishonest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Signed {
    /// The height of the target of its newest PREPARE, which is the highest that it ever prepared.
    pub prepared: Option<Height>,
    /// The height of its lock: the block of its newest COMMIT, which is the highest that it ever committed. At first it
    /// is the genesis block, which everybody takes for committed.
    pub lock: Height,
}

impl Signed {
    /// What it has signed after a PREPARE with this target, which [`may_prepare`] allowed.
    #[must_use]
    pub fn after_prepare(self, target: Height) -> Self {
        Self { prepared: Some(target), ..self }
    }

    /// What it has signed after a COMMIT for a block of this height, which [`may_commit`] allowed.
    #[must_use]
    pub fn after_commit(self, block: Height) -> Self {
        Self { lock: block, ..self }
    }
}

/// How the blocks of a PREPARE stand to each other and to the validator's lock, which only a tree of blocks knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Whether the source is justified. The genesis block is.
    pub source_is_justified: bool,
    /// Whether the source is an ancestor of the target, and not the target itself.
    pub source_is_proper_ancestor: bool,
    /// Whether the source descends from the block that the validator is locked on, or is that block.
    pub source_descends_from_lock: bool,
}

/// The rule by which a validator does not sign a PREPARE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum PrepareRefused {
    /// The heights of targets rise, so that the newest says it all.
    #[error("a block at height {prepared} was prepared, so none at {target}, below it")]
    LowerHeight { target: Height, prepared: Height },
    /// At most one block of a height is prepared.
    #[error("a block at height {target} was prepared already")]
    SameHeight { target: Height },
    /// The source is justified.
    #[error("the source at height {source_height} is not justified")]
    SourceNotJustified { source_height: Height },
    /// The source is an ancestor of the target.
    #[error("the source at height {source_height} is no ancestor of the target at {target}")]
    SourceNotAncestor { source_height: Height, target: Height },
    /// A lock is left only for a justified block that is higher: it shows that a quorum went on without it.
    #[error(
        "the source at height {source_height} neither descends from the lock at {lock} nor is higher"
    )]
    Locked { source_height: Height, lock: Height },
}

/// The rule by which a validator does not sign a COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum CommitRefused {
    /// The block is justified.
    #[error("the block at height {block} is not justified")]
    NotJustified { block: Height },
    /// The lock never goes down.
    #[error("the lock is at height {lock}, so no block at {block}, below it, is committed")]
    BelowLock { block: Height, lock: Height },
    /// At most one block of a height is committed, and the lock was.
    #[error("the block at height {block} was committed already, or another at that height")]
    SameHeight { block: Height },
    /// No PREPARE was signed above the block: it may already have justified a block of another branch.
    #[error(
        "a block at height {prepared} was prepared, so none at {block}, below it, is committed"
    )]
    BelowPrepare { block: Height, prepared: Height },
}

/// Checks whether a validator may sign PREPARE(target, source), once it has checked the target's block.
///
/// # Errors
/// The first rule that the PREPARE breaks.
pub fn may_prepare(
    signed: &Signed,
    target: Height,
    source: Height,
    link: Link,
) -> Result<(), PrepareRefused> {
    prepare_refusals(signed, target, source, link).next().map_or(Ok(()), Err)
}

/// All rules that PREPARE(target, source) breaks, none if it may be signed.
fn prepare_refusals(
    signed: &Signed,
    target: Height,
    source: Height,
    link: Link,
) -> impl Iterator<Item = PrepareRefused> + use<> {
    let prepared = signed.prepared.unwrap_or_default();
    let lock = signed.lock;
    let may_leave_lock = link.source_descends_from_lock || source > lock;
    let refusals = [
        (target < prepared).then_some(PrepareRefused::LowerHeight { target, prepared }),
        (target == prepared).then_some(PrepareRefused::SameHeight { target }),
        (!link.source_is_justified)
            .then_some(PrepareRefused::SourceNotJustified { source_height: source }),
        (!link.source_is_proper_ancestor)
            .then_some(PrepareRefused::SourceNotAncestor { source_height: source, target }),
        (!may_leave_lock).then_some(PrepareRefused::Locked { source_height: source, lock }),
    ];
    refusals.into_iter().flatten()
}

/// Checks whether a validator may sign COMMIT(block).
///
/// # Errors
/// The first rule that the COMMIT breaks.
pub fn may_commit(signed: &Signed, block: Height, is_justified: bool) -> Result<(), CommitRefused> {
    commit_refusals(signed, block, is_justified).next().map_or(Ok(()), Err)
}

/// All rules that COMMIT(block) breaks, none if it may be signed.
fn commit_refusals(
    signed: &Signed,
    block: Height,
    is_justified: bool,
) -> impl Iterator<Item = CommitRefused> + use<> {
    let prepared = signed.prepared.unwrap_or_default();
    let lock = signed.lock;
    let refusals = [
        (!is_justified).then_some(CommitRefused::NotJustified { block }),
        (block < lock).then_some(CommitRefused::BelowLock { block, lock }),
        (block == lock).then_some(CommitRefused::SameHeight { block }),
        (block < prepared).then_some(CommitRefused::BelowPrepare { block, prepared }),
    ];
    refusals.into_iter().flatten()
}

/// Whether PREPAREs with one target justify it: those that name a justified source, by a quorum of different
/// validators. Each is given as its validator and whether its source is justified.
///
/// The genesis block is justified without any.
pub fn is_justified(
    prepares: impl IntoIterator<Item = (ValidatorIndex, bool)>,
    quorum: usize,
) -> bool {
    let counting = prepares.into_iter().filter(|(_, source_is_justified)| *source_is_justified);
    is_quorum(counting.map(|(validator, _)| validator), quorum)
}

/// Whether COMMITs for one block make it final: those of a quorum of different validators.
///
/// The genesis block is final without any.
pub fn is_final(commits: impl IntoIterator<Item = ValidatorIndex>, quorum: usize) -> bool {
    is_quorum(commits.into_iter(), quorum)
}

fn is_quorum(validators: impl Iterator<Item = ValidatorIndex>, quorum: usize) -> bool {
    validators.collect::<BTreeSet<_>>().len() >= quorum
}
