//! The index from a transaction's id to its location in the blocks of a branch.
//!
//! An entry holds only the first 8 bytes of the id and takes 16 bytes; with its share of the tree around it, a
//! transaction costs 29 bytes of memory (measured with a million transactions, including the allocator's overhead). The
//! index therefore only says where to look: whoever looks for a transaction compares the whole id in the block's body.
//! Entries with equal prefixes are all kept, so no transaction can hide another one.
//!
//! Eight bytes are enough because ids are hashes. Among ten million ids that nobody chose, two share a prefix by chance
//! in one of 370,000 elections. Somebody who wants two of their own transactions to share a prefix needs about 2^32
//! hashes, and about 2^64 to share one with another voter's transaction. All that this gains is that a search for one
//! of them reads one more body.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use protocol::units::{Height, IdPrefix, TransactionId};

/// Where a transaction stands on the best chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionLocation {
    /// Height of the block.
    pub height: Height,
    /// The position in the block, from 0.
    pub index: u32,
}

impl TransactionLocation {
    pub(super) fn new(height: Height, index: usize) -> Self {
        Self { height, index: u32::try_from(index).expect("a body of 1 MiB holds fewer") }
    }
}

/// A location packed into 8 bytes, since there may be a million voters. The height is above 0,
/// because the genesis block contains nothing; an optional location therefore takes no more space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackedLocation(NonZeroU64);

/// The bits that hold the position. A body of 1 MiB holds fewer than 2^16 transactions, because
/// each takes at least 44 bytes.
const INDEX_BITS: u32 = 16;

impl PackedLocation {
    const MIN: Self = Self(NonZeroU64::MIN);
    const MAX: Self = Self(NonZeroU64::MAX);

    pub(super) fn new(location: TransactionLocation) -> Self {
        let packed = (location.height.0 << INDEX_BITS) | u64::from(location.index);
        Self(NonZeroU64::new(packed).expect("only the genesis has height 0"))
    }

    pub(super) fn unpack(self) -> TransactionLocation {
        let height = Height(self.0.get() >> INDEX_BITS);
        let index = self.0.get() & ((1 << INDEX_BITS) - 1);
        TransactionLocation { height, index: u32::try_from(index).expect("it has 16 bits") }
    }
}

/// The locations of all transactions of a branch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LocationIndex(BTreeSet<(IdPrefix, PackedLocation)>);

impl LocationIndex {
    pub(super) fn insert(&mut self, id: IdPrefix, location: TransactionLocation) {
        self.0.insert((id, PackedLocation::new(location)));
    }

    pub(super) fn remove(&mut self, id: IdPrefix, location: TransactionLocation) {
        self.0.remove(&(id, PackedLocation::new(location)));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The locations at which a transaction may be, in ascending order; nearly always one or none.
    pub(super) fn candidates(
        &self,
        id: &TransactionId,
    ) -> impl Iterator<Item = TransactionLocation> {
        let prefix = id.prefix();
        let range = self.0.range((prefix, PackedLocation::MIN)..=(prefix, PackedLocation::MAX));
        range.map(|(_, location)| location.unpack())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(height: u64, index: u32) -> TransactionLocation {
        TransactionLocation { height: Height(height), index }
    }

    #[test]
    fn an_entry_takes_16_bytes_and_places_survive_packing() {
        assert_eq!(size_of::<(IdPrefix, PackedLocation)>(), 16);
        assert_eq!(size_of::<Option<PackedLocation>>(), 8);
        for location in [at(1, 0), at(7, 65_535), at((1 << 48) - 1, 3)] {
            assert_eq!(PackedLocation::new(location).unpack(), location);
        }
    }

    #[test]
    fn ids_with_one_prefix_are_all_candidates_and_leave_one_by_one() {
        let (mut one, mut other) = ([1; 32], [1; 32]);
        (one[31], other[8]) = (2, 2);
        let (one, other) = (TransactionId(one), TransactionId(other));
        let mut locations = LocationIndex::default();
        locations.insert(one.prefix(), at(1, 5));
        locations.insert(other.prefix(), at(3, 0));
        locations.insert([0; 8], at(2, 0));
        locations.insert([255; 8], at(2, 1));
        let found = |locations: &LocationIndex, id| locations.candidates(id).collect::<Vec<_>>();
        assert_eq!(found(&locations, &one), [at(1, 5), at(3, 0)]);
        assert_eq!(found(&locations, &other), found(&locations, &one));
        locations.remove(one.prefix(), at(1, 5));
        assert_eq!(found(&locations, &one), [at(3, 0)]);
        assert_eq!(found(&locations, &TransactionId([2; 32])), []);
    }
}
