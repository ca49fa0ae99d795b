//! The votes by which validators make a block final, and the certificate that a quorum of them forms.
//!
//! This module defines only the data that crosses the network. When a validator may sign, and what a quorum is, are
//! rules of the chain.

use bincode::{Decode, Encode};

use crate::keys::Signature;
use crate::units::{BlockHash, Height};

/// A reference to a block by its height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct BlockReference {
    /// The block's height.
    pub height: Height,
    /// The block's hash.
    pub hash: BlockHash,
}

/// A validator's vote of the first phase (PREPARE).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Prepare {
    /// The validator's position in the ballot's roster.
    pub validator: u16,
    /// The block that the vote is for.
    pub target: BlockReference,
    /// The justified block on which the vote builds, which is an ancestor of the target.
    pub source: BlockReference,
    /// The validator's signature.
    pub signature: Signature,
}

/// A validator's vote of the second phase (COMMIT).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Commit {
    /// The validator's position in the ballot's roster.
    pub validator: u16,
    /// The block that the vote is for.
    pub block: BlockReference,
    /// The validator's signature.
    pub signature: Signature,
}

/// A quorum of COMMITs for one block.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Certificate {
    /// The block that is final.
    pub block: BlockReference,
    /// The validators, by their positions in the roster, with the signatures of their COMMITs.
    pub signatures: Vec<(u16, Signature)>,
}
