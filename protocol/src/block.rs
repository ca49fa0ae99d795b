//! Block headers and blocks, and the encoding of a block's body.

use std::sync::Arc;

use bincode::de::read::Reader;
use bincode::enc::write::Writer;
use bincode::error::{DecodeError as BincodeDecodeError, EncodeError};
use bincode::{Decode, Encode};

use crate::codec;
use crate::election::Election;
use crate::merkle;
use crate::proof_of_work;
use crate::transaction::{HashedTransaction, Transaction};
use crate::units::{BlockHash, Difficulty, ElectionId, Height, MerkleRoot, UnixMillis, sha256};

/// Bytes of a header.
pub const HEADER_BYTES: usize = 96;

/// What is hashed for the proof of work. Encoded in 96 bytes, big-endian, in the order of the fields, so
/// that the first two fill one SHA-256 block, whose state is computed once per template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Hash of the parent's header; for the genesis block, the ElectionId.
    pub previous: BlockHash,
    /// Root of the merkle tree over the transactions: see [`crate::merkle`].
    pub merkle_root: MerkleRoot,
    /// Number of blocks between this one and the genesis block, which has height 0.
    pub height: Height,
    /// When the block was made, in Unix milliseconds by the miner's clock.
    pub time: UnixMillis,
    /// Expected number of attempts to find the nonce; never 0.
    pub difficulty: Difficulty,
    /// The number that miners vary until the hash meets the difficulty.
    pub nonce: u64,
}

impl Header {
    /// The first header of an election's chain. Its `previous` is the election itself, so no two elections
    /// share a block. It needs no proof of work: it is never received, only derived.
    #[must_use]
    pub fn genesis(election: &Election) -> Self {
        Self {
            previous: BlockHash(election.election_id().0),
            merkle_root: merkle::root(&[]),
            height: Height(0),
            time: election.created,
            difficulty: election.difficulty(),
            nonce: 0,
        }
    }

    /// The encoding that is hashed, sent and stored.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..32].copy_from_slice(&self.previous.0);
        bytes[32..64].copy_from_slice(&self.merkle_root.0);
        bytes[64..72].copy_from_slice(&self.height.0.to_be_bytes());
        bytes[72..80].copy_from_slice(&self.time.0.to_be_bytes());
        bytes[80..88].copy_from_slice(&self.difficulty.attempts().to_be_bytes());
        bytes[88..].copy_from_slice(&self.nonce.to_be_bytes());
        bytes
    }

    /// `None` when the difficulty is 0, the only bytes that no header has.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let number = |at: usize| {
            u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes are in range"))
        };
        let hash = |at: usize| bytes[at..at + 32].try_into().expect("32 bytes are in range");
        Some(Self {
            previous: BlockHash(hash(0)),
            merkle_root: MerkleRoot(hash(32)),
            height: Height(number(64)),
            time: UnixMillis(number(72)),
            difficulty: Difficulty::new(number(80))?,
            nonce: number(88),
        })
    }

    /// SHA-256 of the [encoding](Self::to_bytes): the block's hash.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        BlockHash(sha256(&[&self.to_bytes()]))
    }

    /// Whether the header's hash shows the work that its difficulty asks for.
    #[must_use]
    pub fn has_work(&self) -> bool {
        proof_of_work::is_met(&self.hash().0, self.difficulty)
    }
}

impl Encode for Header {
    fn encode<E: bincode::enc::Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        encoder.writer().write(&self.to_bytes())
    }
}

impl<Context> Decode<Context> for Header {
    fn decode<D: bincode::de::Decoder<Context = Context>>(
        decoder: &mut D,
    ) -> Result<Self, BincodeDecodeError> {
        decoder.claim_bytes_read(HEADER_BYTES)?;
        let mut bytes = [0; HEADER_BYTES];
        decoder.reader().read(&mut bytes)?;
        Self::from_bytes(&bytes).ok_or(BincodeDecodeError::Other("a header's difficulty is zero"))
    }
}

bincode::impl_borrow_decode!(Header);

/// A header with the transactions that its merkle root commits to, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The header, which is all that the proof of work covers.
    pub header: Header,
    /// The transactions, in the order in which they are applied.
    pub transactions: Vec<Arc<HashedTransaction>>,
}

impl Block {
    /// The root over this block's transactions, which its header should bear.
    #[must_use]
    pub fn merkle_root(&self) -> MerkleRoot {
        merkle_root(&self.transactions)
    }

    /// The body's encoding: what is served in pieces and what the block size limit counts.
    #[must_use]
    pub fn body_bytes(&self) -> Vec<u8> {
        let mut bytes = codec::encode(&(self.transactions.len() as u64));
        for transaction in &self.transactions {
            codec::encode_into(transaction.transaction(), &mut bytes);
        }
        bytes
    }
}

/// Bytes of a body beside its transactions: their number.
pub const BODY_OVERHEAD_BYTES: usize = 8;

/// The root over transactions in block order.
#[must_use]
pub fn merkle_root(transactions: &[Arc<HashedTransaction>]) -> MerkleRoot {
    let leaves: Vec<_> = transactions.iter().map(|transaction| transaction.leaf()).collect();
    merkle::root(&leaves)
}

/// The transactions that a body's encoding holds.
///
/// # Errors
/// When the bytes are no body.
pub fn decode_body(
    bytes: &[u8],
    election: &ElectionId,
) -> Result<Vec<Arc<HashedTransaction>>, codec::DecodeError> {
    let transactions: Vec<Transaction> = codec::decode(bytes)?;
    Ok(transactions
        .into_iter()
        .map(|transaction| Arc::new(HashedTransaction::new(transaction, election)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            previous: BlockHash([1; 32]),
            merkle_root: MerkleRoot([2; 32]),
            height: Height(3),
            time: UnixMillis(4),
            difficulty: Difficulty::from_bits(0),
            nonce: 6,
        }
    }

    #[test]
    fn a_header_reads_back_and_zero_difficulty_does_not() {
        let mut bytes = header().to_bytes();
        assert_eq!(Header::from_bytes(&bytes), Some(header()));
        assert_eq!(codec::decode(&codec::encode(&header())), Ok(header()));
        assert_eq!(codec::encode(&header()), bytes);
        bytes[80..88].fill(0);
        assert_eq!(Header::from_bytes(&bytes), None);
        assert!(codec::decode::<Header>(&bytes).is_err());
    }

    #[test]
    fn a_body_is_encoded_as_a_sequence_of_transactions() {
        let election = ElectionId([9; 32]);
        let key = crate::keys::VoterKey::from_secret_bytes(&[3; 32]).expect("a secret key");
        let plain = vec![Transaction::open_registration(&election, &key, 1)];
        let transactions = decode_body(&codec::encode(&plain), &election).expect("a body");
        let block = Block { header: header(), transactions };
        assert_eq!(block.body_bytes(), codec::encode(&plain));
        assert_eq!(block.body_bytes().len(), BODY_OVERHEAD_BYTES + block.transactions[0].bytes());
    }
}
