//! Where transactions stand on a branch, by their ids.
//!
//! An entry keeps the first 8 bytes of the id alone, and takes 16 bytes; with what the tree around it takes, a
//! transaction costs 29 bytes of memory (measured with a million of them, the allocator's share included). So an entry only says where to look:
//! whoever looks for a transaction compares the whole id in the block's body. All entries with equal prefixes are
//! kept, so nothing is ever hidden by another one.
//!
//! Eight bytes suffice, since ids are hashes. Among ten million that nobody chose, two share a prefix by chance in
//! one of 370,000 elections. A stranger who wants two of its own transactions to share one needs about 2^32
//! hashes, and 2^64 to meet another voter's; and all that this gains is that a look for one of them reads one
//! body more.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use protocol::units::{Height, TransactionId};

use super::summary::{IdPrefix, id_prefix};

/// Where a transaction stands on the best chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub height: Height,
    /// Place in the block, from 0.
    pub index: u32,
}

impl Place {
    pub(super) fn new(height: Height, index: usize) -> Self {
        Self { height, index: u32::try_from(index).expect("a body of 1 MiB holds fewer") }
    }
}

/// A place in 8 bytes: there may be a million voters. The height is above 0, since the genesis holds nothing,
/// so that an optional one takes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackedPlace(NonZeroU64);

/// A body of 1 MiB holds fewer than 2^16 transactions, as each takes at least 44 bytes.
const INDEX_BITS: u32 = 16;

impl PackedPlace {
    const MIN: Self = Self(NonZeroU64::MIN);
    const MAX: Self = Self(NonZeroU64::MAX);

    pub(super) fn new(place: Place) -> Self {
        let packed = (place.height.0 << INDEX_BITS) | u64::from(place.index);
        Self(NonZeroU64::new(packed).expect("only the genesis has height 0"))
    }

    pub(super) fn unpack(self) -> Place {
        let height = Height(self.0.get() >> INDEX_BITS);
        let index = self.0.get() & ((1 << INDEX_BITS) - 1);
        Place { height, index: u32::try_from(index).expect("it has 16 bits") }
    }
}

/// The places of all transactions of a branch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places(BTreeSet<(IdPrefix, PackedPlace)>);

impl Places {
    pub(super) fn insert(&mut self, id: IdPrefix, place: Place) {
        self.0.insert((id, PackedPlace::new(place)));
    }

    pub(super) fn remove(&mut self, id: IdPrefix, place: Place) {
        self.0.remove(&(id, PackedPlace::new(place)));
    }

    /// The places where a transaction may stand, upwards; nearly always one or none.
    pub(super) fn candidates(&self, id: &TransactionId) -> impl Iterator<Item = Place> {
        let prefix = id_prefix(id);
        let range = self.0.range((prefix, PackedPlace::MIN)..=(prefix, PackedPlace::MAX));
        range.map(|(_, place)| place.unpack())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(height: u64, index: u32) -> Place {
        Place { height: Height(height), index }
    }

    #[test]
    fn an_entry_takes_16_bytes_and_places_survive_packing() {
        assert_eq!(size_of::<(IdPrefix, PackedPlace)>(), 16);
        assert_eq!(size_of::<Option<PackedPlace>>(), 8);
        for place in [place(1, 0), place(7, 65_535), place((1 << 48) - 1, 3)] {
            assert_eq!(PackedPlace::new(place).unpack(), place);
        }
    }

    #[test]
    fn ids_with_one_prefix_are_all_candidates_and_leave_one_by_one() {
        let (mut one, mut other) = ([1; 32], [1; 32]);
        (one[31], other[8]) = (2, 2);
        let (one, other) = (TransactionId(one), TransactionId(other));
        let mut places = Places::default();
        places.insert(id_prefix(&one), place(1, 5));
        places.insert(id_prefix(&other), place(3, 0));
        places.insert([0; 8], place(2, 0));
        places.insert([255; 8], place(2, 1));
        let found = |places: &Places, id| places.candidates(id).collect::<Vec<_>>();
        assert_eq!(found(&places, &one), [place(1, 5), place(3, 0)]);
        assert_eq!(found(&places, &other), found(&places, &one));
        places.remove(id_prefix(&one), place(1, 5));
        assert_eq!(found(&places, &one), [place(3, 0)]);
        assert_eq!(found(&places, &TransactionId([2; 32])), []);
    }
}
