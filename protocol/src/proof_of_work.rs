//! Decides when a hash proves enough work, for block headers and for registration stamps alike, and
//! searches for such hashes.

use crate::units::{Difficulty, ElectionId, sha256};

const STAMP_TAG: &[u8] = b"ostrakon/stamp/1";

/// Whether a hash shows that the expected number of attempts was made, which is the case when its
/// first 8 bytes, read as a big-endian number, are at most `u64::MAX / difficulty`.
#[must_use]
pub fn is_met(hash: &[u8; 32], difficulty: Difficulty) -> bool {
    let (head, _) = hash.split_first_chunk().expect("a hash has 32 bytes");
    u64::from_be_bytes(*head) <= u64::MAX / difficulty.attempts()
}

/// The hash that the stamp of an open registration has to bring below its target.
#[must_use]
pub fn stamp_hash(election: &ElectionId, voter_key: &[u8; 33], stamp: u64) -> [u8; 32] {
    sha256(&[STAMP_TAG, &election.0, voter_key, &stamp.to_be_bytes()])
}

/// The first stamp from `start` upwards that meets the difficulty. It takes about
/// 2^`registration_bits` attempts.
#[must_use]
pub fn find_stamp(
    election: &ElectionId,
    voter_key: &[u8; 33],
    difficulty: Difficulty,
    start: u64,
) -> u64 {
    let mut stamp = start;
    while !is_met(&stamp_hash(election, voter_key, stamp), difficulty) {
        stamp = stamp.wrapping_add(1);
    }
    stamp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_inclusive() {
        let difficulty = Difficulty::from_bits(8);
        let mut hash = [0xff; 32];
        hash[0] = 0;
        assert!(is_met(&hash, difficulty));
        hash[0] = 1;
        assert!(!is_met(&hash, difficulty));
        assert!(is_met(&[0xff; 32], Difficulty::from_bits(0)));
    }

    #[test]
    fn a_found_stamp_is_valid_for_its_key_alone() {
        let (election, difficulty) = (ElectionId([1; 32]), Difficulty::from_bits(12));
        let stamp = find_stamp(&election, &[2; 33], difficulty, 0);
        assert!(is_met(&stamp_hash(&election, &[2; 33], stamp), difficulty));
        assert!(!is_met(&stamp_hash(&election, &[3; 33], stamp), difficulty));
    }
}
