//! The Merkle tree over a block's transactions, and the paths that prove a transaction's position
//! in it.
//!
//! Leaves and inner nodes are hashed with different prefixes, so that no node can pass for a leaf.
//! An odd node moves up a level unhashed, so that no transaction can be duplicated under the same
//! root (CVE-2012-2459). For full levels the shape is that of RFC 6962. The root over no
//! transactions is 32 zeros.

use bincode::{Decode, Encode};

use crate::units::{LeafHash, MerkleRoot, sha256};

const NODE_PREFIX: &[u8] = &[1];

/// The root over the leaves in the block's order.
#[must_use]
pub fn root(leaves: &[LeafHash]) -> MerkleRoot {
    let mut level: Vec<[u8; 32]> = leaves.iter().map(|leaf| leaf.0).collect();
    while level.len() > 1 {
        level = parents(&level);
    }
    MerkleRoot(level.first().copied().unwrap_or([0; 32]))
}

/// The path from one leaf to the root: the sibling at each level where there is one, from the leaf
/// upwards.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Proof {
    /// The transaction's position in its block, counted from 0.
    pub place: u32,
    /// The number of transactions in the block.
    pub leaves: u32,
    /// The hashes that are combined with the leaf's hash on the way to the root, starting at the
    /// lowest level.
    pub siblings: Vec<[u8; 32]>,
}

impl Proof {
    /// Makes the proof for the leaf at `place`; `None` if there is no such leaf.
    #[must_use]
    pub fn new(leaves: &[LeafHash], place: usize) -> Option<Self> {
        leaves.get(place)?;
        let mut siblings = Vec::new();
        let mut level: Vec<[u8; 32]> = leaves.iter().map(|leaf| leaf.0).collect();
        let mut index = place;
        while level.len() > 1 {
            if let Some(sibling) = level.get(index ^ 1) {
                siblings.push(*sibling);
            }
            level = parents(&level);
            index /= 2;
        }
        Some(Self {
            place: u32::try_from(place).ok()?,
            leaves: u32::try_from(leaves.len()).ok()?,
            siblings,
        })
    }

    /// Whether this path leads from `leaf` to `root`.
    #[must_use]
    pub fn proves(&self, leaf: LeafHash, root: MerkleRoot) -> bool {
        if self.place >= self.leaves {
            return false;
        }
        let (mut index, mut width) = (self.place, self.leaves);
        let mut hash = leaf.0;
        let mut siblings = self.siblings.iter();
        while width > 1 {
            if index ^ 1 < width {
                let Some(sibling) = siblings.next() else { return false };
                hash = if index % 2 == 0 { node(&hash, sibling) } else { node(sibling, &hash) };
            }
            index /= 2;
            width = width.div_ceil(2);
        }
        siblings.next().is_none() && hash == root.0
    }
}

fn parents(level: &[[u8; 32]]) -> Vec<[u8; 32]> {
    level
        .chunks(2)
        .map(|pair| match pair {
            [left, right] => node(left, right),
            [odd] => *odd,
            _ => unreachable!("chunks(2) gives one or two"),
        })
        .collect()
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    sha256(&[NODE_PREFIX, left, right])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaves(count: u8) -> Vec<LeafHash> {
        (0..count).map(|number| LeafHash(sha256(&[&[number]]))).collect()
    }

    #[test]
    fn the_empty_root_is_zero_and_a_single_leaf_is_its_own_root() {
        assert_eq!(root(&[]), MerkleRoot([0; 32]));
        let one = leaves(1);
        assert_eq!(root(&one).0, one[0].0);
    }

    #[test]
    fn an_odd_leaf_is_not_doubled() {
        let three = leaves(3);
        let mut four = three.clone();
        four.push(three[2]);
        assert_ne!(root(&three), root(&four));
    }

    proptest! {
        #[test]
        fn every_leaf_has_a_proof_and_no_other_leaf_passes(count in 1u8..40, place in 0usize..40) {
            let leaves = leaves(count);
            let root = root(&leaves);
            match Proof::new(&leaves, place) {
                None => prop_assert!(place >= leaves.len()),
                Some(proof) => {
                    for (other, leaf) in leaves.iter().enumerate() {
                        prop_assert_eq!(proof.proves(*leaf, root), other == place);
                    }
                    let longer = Proof { siblings: [proof.siblings.clone(), vec![[0; 32]]].concat(), ..proof };
                    prop_assert!(!longer.proves(leaves[place], root));
                }
            }
        }
    }
}
