//! The search for a header's nonce: many attempts at one header, each at the price of one compression of SHA-256.
//!
//! [`proof_of_work`](crate::proof_of_work) decides whether a hash shows enough work. Nothing here may run for longer
//! than it is asked to, since whoever mines has to notice a new tip.

use sha2::block_api::compress256;

use crate::block::{HEADER_BYTES, Header};

/// The state of SHA-256 before the first block (FIPS 180-4, section 5.3.3).
const INITIAL_STATE: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// What all attempts at one header have in common: the state of SHA-256 after the header's first 64
/// bytes, which do not contain the nonce. Because it is computed only once, an attempt costs one
/// compression instead of two.
#[derive(Debug)]
pub struct HeaderMidstate {
    state: [u32; 8],
    /// The header's last 32 bytes, padded as SHA-256 pads 96 bytes. The nonce is in the bytes
    /// 24..32.
    tail: [u8; 64],
    /// The highest value of a hash's first 8 bytes that shows enough work.
    target: u64,
}

impl HeaderMidstate {
    /// Prepares the search for this header's nonce. The nonce that the header has now does not
    /// matter.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        let bytes = header.to_bytes();
        let (head, rest) = bytes.split_first_chunk::<64>().expect("a header has 96 bytes");
        let mut state = INITIAL_STATE;
        compress256(&mut state, std::slice::from_ref(head));
        let mut tail = [0; 64];
        tail[..32].copy_from_slice(rest);
        tail[32] = 0x80;
        let bits = HEADER_BYTES as u64 * 8;
        tail[56..].copy_from_slice(&bits.to_be_bytes());
        Self { state, tail, target: u64::MAX / header.difficulty.attempts() }
    }

    /// Tries `attempts` nonces from `start` upwards, wrapping around, and returns the first that
    /// gives the header enough work.
    #[must_use]
    pub fn find_nonce(&self, start: u64, attempts: u64) -> Option<u64> {
        (0..attempts)
            .map(|attempt| start.wrapping_add(attempt))
            .find(|nonce| self.head_of_hash(*nonce) <= self.target)
    }

    /// The hash's first 8 bytes as a number, since the difficulty depends on nothing else.
    fn head_of_hash(&self, nonce: u64) -> u64 {
        let state = self.hash(nonce);
        u64::from(state[0]) << 32 | u64::from(state[1])
    }

    fn hash(&self, nonce: u64) -> [u32; 8] {
        let (mut state, mut tail) = (self.state, self.tail);
        tail[24..32].copy_from_slice(&nonce.to_be_bytes());
        compress256(&mut state, std::slice::from_ref(&tail));
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{BlockHash, Difficulty, Height, MerkleRoot, UnixMillis};

    fn header(difficulty_bits: u8) -> Header {
        Header {
            previous: BlockHash([1; 32]),
            merkle_root: MerkleRoot([2; 32]),
            height: Height(3),
            time: UnixMillis(1_700_000_000_000),
            difficulty: Difficulty::from_bits(difficulty_bits),
            nonce: 0,
        }
    }

    #[test]
    fn the_midstate_gives_the_hash_of_the_header() {
        let header = header(0);
        for nonce in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            let words = HeaderMidstate::new(&header).hash(nonce);
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            assert_eq!(bytes, Header { nonce, ..header }.hash().0);
        }
    }

    #[test]
    fn the_first_nonce_with_enough_work_is_found_and_no_attempt_is_made_after_the_last() {
        let header = header(8);
        let midstate = HeaderMidstate::new(&header);
        let start = u64::MAX - 10;
        let found = midstate.find_nonce(start, 1_000_000).expect("8 bits take 256 attempts or so");
        assert!(Header { nonce: found, ..header }.has_work());
        let before = found.wrapping_sub(start);
        assert_eq!(midstate.find_nonce(start, before), None);
        assert_eq!(midstate.find_nonce(start, before + 1), Some(found));
    }
}
