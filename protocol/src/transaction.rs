//! What voters sign: registrations, votes and withdrawals.
//!
//! A transaction's id is the SHA-256 of what its signatures sign (a domain tag, the election, the body
//! without signatures); its leaf hash covers the signatures too.

use std::fmt;

use bincode::{Decode, Encode};

use crate::codec::{self, DecodeError};
use crate::keys::{self, PublicKey, Signature, SignatureError, VoterKey};
use crate::units::{ElectionId, LeafHash, TransactionId, UnixMillis, VoterId, sha256};

/// Longest encoding of a transaction: with the datagram around it, it fits into 1,200 bytes.
pub const TRANSACTION_BYTES_MAX: usize = 1_100;

/// Most registrars that an election can have, and so most signatures of a signed admission.
pub const REGISTRARS_MAX: usize = 16;

const SIGNING_TAG: &[u8] = b"ostrakon/transaction/1";
const LEAF_PREFIX: &[u8] = &[0];

/// One entry of a block.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Transaction {
    /// Puts a voter's key on the chain.
    Registration { voter_key: PublicKey, admission: Admission, signature: Signature },
    /// A voter's choices: one per voter and election.
    Vote { vote: Vote, signature: Signature },
    /// Takes a registration back, by the registrars.
    Withdrawal { voter: VoterId, signatures: Vec<Signature> },
}

/// By what right a voter is registered.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Admission {
    /// A small proof of work over key and election.
    Open { stamp: u64 },
    /// The registrars' signatures, in the order of the ballot.
    Signed { signatures: Vec<Signature> },
}

/// What a voter says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Vote {
    pub voter: VoterId,
    /// Per question, in the ballot's order, the chosen options counted from 0, strictly rising.
    pub choices: Choices,
    /// Makes two votes of one voter differ.
    pub nonce: [u8; 8],
    pub cast_at: UnixMillis,
}

/// The chosen options, question by question.
pub type Choices = Vec<Vec<u16>>;

/// What a transaction does, whoever's it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum TransactionKind {
    Registration,
    Vote,
    Withdrawal,
}

impl Transaction {
    /// A registration by a stamp (see [`crate::proof_of_work::find_stamp`]), signed by the voter.
    #[must_use]
    pub fn open_registration(election: &ElectionId, key: &VoterKey, stamp: u64) -> Self {
        let unsigned = Self::Registration {
            voter_key: key.public(),
            admission: Admission::Open { stamp },
            signature: Signature([0; 65]),
        };
        unsigned.signed(election, key)
    }

    /// A vote, signed by its voter.
    #[must_use]
    pub fn vote(election: &ElectionId, key: &VoterKey, vote: Vote) -> Self {
        Self::Vote { vote, signature: Signature([0; 65]) }.signed(election, key)
    }

    /// SHA-256 of what is signed.
    #[must_use]
    pub fn id(&self, election: &ElectionId) -> TransactionId {
        let body = match self {
            Self::Registration { voter_key, admission: Admission::Open { stamp }, .. } => {
                codec::encode(&(0u32, voter_key, 0u32, stamp))
            }
            Self::Registration { voter_key, admission: Admission::Signed { .. }, .. } => {
                codec::encode(&(0u32, voter_key, 1u32))
            }
            Self::Vote { vote, .. } => codec::encode(&(1u32, vote)),
            Self::Withdrawal { voter, .. } => codec::encode(&(2u32, voter)),
        };
        TransactionId(sha256(&[SIGNING_TAG, &election.0, &body]))
    }

    #[must_use]
    pub fn kind(&self) -> TransactionKind {
        match self {
            Self::Registration { .. } => TransactionKind::Registration,
            Self::Vote { .. } => TransactionKind::Vote,
            Self::Withdrawal { .. } => TransactionKind::Withdrawal,
        }
    }

    /// Whose registration, vote or withdrawal this is.
    #[must_use]
    pub fn voter(&self) -> VoterId {
        match self {
            Self::Registration { voter_key, .. } => voter_key.voter(),
            Self::Vote { vote, .. } => vote.voter,
            Self::Withdrawal { voter, .. } => *voter,
        }
    }

    /// Whether the voter's signature holds; needs no knowledge of the chain. Costs about 0.1 ms.
    /// Registrars' signatures are the chain's matter, since only the ballot says who they are.
    ///
    /// # Errors
    /// See [`SignatureError`].
    pub fn check_signature(&self, id: &TransactionId) -> Result<(), SignatureError> {
        match self {
            Self::Registration { voter_key, signature, .. } => {
                keys::check_public_key(voter_key)?;
                keys::check(&id.0, signature, &voter_key.voter())
            }
            Self::Vote { vote, signature } => keys::check(&id.0, signature, &vote.voter),
            Self::Withdrawal { .. } => Ok(()),
        }
    }

    fn signed(self, election: &ElectionId, key: &VoterKey) -> Self {
        let fresh = key.sign(&self.id(election).0);
        match self {
            Self::Registration { voter_key, admission, .. } => {
                Self::Registration { voter_key, admission, signature: fresh }
            }
            Self::Vote { vote, .. } => Self::Vote { vote, signature: fresh },
            unsigned @ Self::Withdrawal { .. } => unsigned,
        }
    }
}

/// A transaction with its hashes and size, computed once.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedTransaction {
    transaction: Transaction,
    id: TransactionId,
    leaf: LeafHash,
    voter: VoterId,
    bytes: usize,
}

impl HashedTransaction {
    #[must_use]
    pub fn new(transaction: Transaction, election: &ElectionId) -> Self {
        let encoded = codec::encode(&transaction);
        Self {
            id: transaction.id(election),
            leaf: LeafHash(sha256(&[LEAF_PREFIX, &encoded])),
            voter: transaction.voter(),
            bytes: encoded.len(),
            transaction,
        }
    }

    /// From a transaction's encoding, as a client submits it.
    ///
    /// # Errors
    /// When the bytes are no transaction.
    pub fn decode(bytes: &[u8], election: &ElectionId) -> Result<Self, DecodeError> {
        Ok(Self::new(codec::decode(bytes)?, election))
    }

    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    #[must_use]
    pub fn id(&self) -> TransactionId {
        self.id
    }

    #[must_use]
    pub fn leaf(&self) -> LeafHash {
        self.leaf
    }

    #[must_use]
    pub fn voter(&self) -> VoterId {
        self.voter
    }

    #[must_use]
    pub fn kind(&self) -> TransactionKind {
        self.transaction.kind()
    }

    /// Length of its encoding.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// See [`Transaction::check_signature`].
    ///
    /// # Errors
    /// See [`SignatureError`].
    pub fn check_signature(&self) -> Result<(), SignatureError> {
        self.transaction.check_signature(&self.id)
    }
}

impl fmt::Debug for HashedTransaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {:?}", self.id, self.transaction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELECTION: ElectionId = ElectionId([1; 32]);

    fn key() -> VoterKey {
        VoterKey::from_secret_bytes(&[3; 32]).expect("a secret key")
    }

    fn vote() -> Transaction {
        let vote = Vote {
            voter: key().public().voter(),
            choices: vec![vec![0, 2], vec![]],
            nonce: [4; 8],
            cast_at: UnixMillis(1_000),
        };
        Transaction::vote(&ELECTION, &key(), vote)
    }

    #[test]
    fn the_id_covers_body_and_election_but_no_signature() {
        let mut hashed = HashedTransaction::new(vote(), &ELECTION);
        let Transaction::Vote { signature, .. } = &mut hashed.transaction else { unreachable!() };
        signature.0[0] ^= 1;
        let other = HashedTransaction::new(hashed.transaction, &ELECTION);
        assert_eq!(other.id(), hashed.id);
        assert_ne!(other.leaf(), hashed.leaf);
        assert_ne!(vote().id(&ElectionId([2; 32])), hashed.id);
    }

    #[test]
    fn signatures_hold_and_bind_the_election() {
        for transaction in [vote(), Transaction::open_registration(&ELECTION, &key(), 9)] {
            let here = transaction.id(&ELECTION);
            assert_eq!(transaction.check_signature(&here), Ok(()));
            let elsewhere = transaction.id(&ElectionId([2; 32]));
            assert!(transaction.check_signature(&elsewhere).is_err());
        }
    }
}
