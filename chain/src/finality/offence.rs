//! Which two votes of one validator show that it broke the rules.

use protocol::units::Height;

/// What a finality vote says, with a block's hash or whatever else tells blocks apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statement<H> {
    /// PREPARE(target, source).
    Prepare {
        /// The height and the hash of the target.
        target: (Height, H),
        /// The height of the source.
        source: Height,
    },
    /// COMMIT(block).
    Commit {
        /// The height and the hash of the block.
        block: (Height, H),
    },
}

/// What two votes of one validator prove against it. No validator that follows the rules ever signs two such votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// It prepared two blocks of one height.
    TwoPrepares,
    /// It committed two blocks of one height.
    TwoCommits,
    /// It prepared a block above one that it committed, from a source below that one: it left its lock, or committed
    /// below its PREPARE.
    SurroundedLock,
}

/// The offence that two votes of one validator prove, if any. Their order does not matter.
///
/// Not everything that the rules forbid leaves such a proof: that a source or a committed block was not justified, or
/// that heights fell, can't be seen in two votes.
pub fn offence<H: PartialEq>(first: &Statement<H>, second: &Statement<H>) -> Option<Offence> {
    let is_double = |one: &(Height, H), other: &(Height, H)| one.0 == other.0 && one.1 != other.1;
    match (first, second) {
        (Statement::Prepare { target: one, .. }, Statement::Prepare { target: other, .. }) => {
            is_double(one, other).then_some(Offence::TwoPrepares)
        }
        (Statement::Commit { block: one }, Statement::Commit { block: other }) => {
            is_double(one, other).then_some(Offence::TwoCommits)
        }
        (Statement::Prepare { target, source }, Statement::Commit { block })
        | (Statement::Commit { block }, Statement::Prepare { target, source }) => {
            (*source < block.0 && block.0 < target.0).then_some(Offence::SurroundedLock)
        }
    }
}
