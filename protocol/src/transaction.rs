//! Transactions: registrations, votes and withdrawals, which voters and registrars sign.
//!
//! A transaction's id is the SHA-256 of what its signatures sign: a domain tag, the election, and the body without the
//! signatures. Its leaf hash covers the signatures as well.

use std::fmt;

use bincode::{Decode, Encode};

use crate::admission::{AdmissionRule, RegistrarSignatures};
use crate::codec::{self, DecodeError};
use crate::keys::{self, PublicKey, Signature, SignatureError, VoterKey};
use crate::units::{ElectionId, LeafHash, TransactionId, UnixMillis, VoterId, sha256};

/// Longest encoding of a transaction: with the datagram around it, it fits into 1,200 bytes.
pub const TRANSACTION_BYTES_MAX: usize = 1_100;

const SIGNING_TAG: &[u8] = b"ostrakon/transaction/1";
const LEAF_PREFIX: &[u8] = &[0];

/// One entry of a block.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[expect(missing_docs, reason = "the types of the fields explain them")]
pub enum Transaction {
    /// Puts a voter's key on the chain.
    Registration { voter_key: PublicKey, admission: Admission },
    /// A voter's choices: one per voter and election.
    Vote { vote: Vote, signature: Signature },
    /// Takes a voter's registration back for good, or forbids it, by the registrars.
    Withdrawal { voter: VoterId, signatures: RegistrarSignatures },
}

/// By what right a voter is registered.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[expect(missing_docs, reason = "the variants explain their fields")]
pub enum Admission {
    /// A small proof of work over key and election, and the voter's signature.
    Open { stamp: u64, signature: Signature },
    /// The registrars' signatures. The voter need not sign: who holds the key can vote, nobody else can.
    Signed { signatures: RegistrarSignatures },
}

/// What a voter says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Vote {
    /// Who votes.
    pub voter: VoterId,
    /// Per question, in the ballot's order, the chosen options counted from 0, strictly rising.
    pub choices: Choices,
    /// Makes two votes of one voter differ.
    pub nonce: [u8; 8],
    /// When the vote was cast, by the clock of the peer that took it from its voter.
    pub cast_at: UnixMillis,
}

/// The chosen options, question by question.
pub type Choices = Vec<Vec<u16>>;

/// What a transaction does, whoever's it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum TransactionKind {
    /// A voter is registered.
    Registration,
    /// A voter votes.
    Vote,
    /// A voter is withdrawn.
    Withdrawal,
}

impl Transaction {
    /// A registration by a stamp (see [`crate::proof_of_work::find_stamp`]), signed by the voter.
    #[must_use]
    pub fn open_registration(election: &ElectionId, key: &VoterKey, stamp: u64) -> Self {
        let unsigned = Self::Registration {
            voter_key: key.public(),
            admission: Admission::Open { stamp, signature: Signature([0; 65]) },
        };
        unsigned.signed(election, key)
    }

    /// A registration by the registrars, who sign [`admission_id`](Self::admission_id).
    #[must_use]
    pub fn admission(voter_key: PublicKey, signatures: RegistrarSignatures) -> Self {
        Self::Registration { voter_key, admission: Admission::Signed { signatures } }
    }

    /// What registrars sign to admit a key: the id of that registration.
    #[must_use]
    pub fn admission_id(election: &ElectionId, voter_key: &PublicKey) -> TransactionId {
        signed_hash(election, &codec::encode(&(0u32, voter_key, 1u32)))
    }

    /// What registrars sign to withdraw a voter: the id of that withdrawal.
    #[must_use]
    pub fn withdrawal_id(election: &ElectionId, voter: &VoterId) -> TransactionId {
        signed_hash(election, &codec::encode(&(2u32, voter)))
    }

    /// A vote, signed by its voter.
    #[must_use]
    pub fn vote(election: &ElectionId, key: &VoterKey, vote: Vote) -> Self {
        Self::Vote { vote, signature: Signature([0; 65]) }.signed(election, key)
    }

    /// SHA-256 of what is signed.
    #[must_use]
    pub fn id(&self, election: &ElectionId) -> TransactionId {
        match self {
            Self::Registration { voter_key, admission: Admission::Open { stamp, .. } } => {
                signed_hash(election, &codec::encode(&(0u32, voter_key, 0u32, stamp)))
            }
            Self::Registration { voter_key, admission: Admission::Signed { .. } } => {
                Self::admission_id(election, voter_key)
            }
            Self::Vote { vote, .. } => signed_hash(election, &codec::encode(&(1u32, vote))),
            Self::Withdrawal { voter, .. } => Self::withdrawal_id(election, voter),
        }
    }

    /// What the transaction does.
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

    /// Whether the voter's signature holds, or all of the registrars'; needs no knowledge of the chain. Costs about
    /// 50 µs per signature. Whether there are as many as the rule asks for, and for this election, is not looked at.
    ///
    /// # Errors
    /// See [`SignatureError`].
    pub fn check_signatures(
        &self,
        id: &TransactionId,
        rule: &AdmissionRule,
    ) -> Result<(), SignatureError> {
        match self {
            Self::Registration { voter_key, admission } => {
                keys::check_public_key(voter_key)?;
                match admission {
                    Admission::Open { signature, .. } => {
                        keys::check_signature(&id.0, signature, &voter_key.voter())
                    }
                    Admission::Signed { signatures } => signatures.check(&id.0, rule),
                }
            }
            Self::Vote { vote, signature } => keys::check_signature(&id.0, signature, &vote.voter),
            Self::Withdrawal { signatures, .. } => signatures.check(&id.0, rule),
        }
    }

    /// The registrars' signatures, where it is they who sign.
    #[must_use]
    pub fn registrar_signatures(&self) -> Option<&RegistrarSignatures> {
        match self {
            Self::Registration { admission: Admission::Signed { signatures }, .. }
            | Self::Withdrawal { signatures, .. } => Some(signatures),
            Self::Registration { admission: Admission::Open { .. }, .. } | Self::Vote { .. } => {
                None
            }
        }
    }

    fn signed(self, election: &ElectionId, key: &VoterKey) -> Self {
        let fresh = key.sign(&self.id(election).0);
        match self {
            Self::Registration { voter_key, admission: Admission::Open { stamp, .. } } => {
                let admission = Admission::Open { stamp, signature: fresh };
                Self::Registration { voter_key, admission }
            }
            Self::Vote { vote, .. } => Self::Vote { vote, signature: fresh },
            by_registrars @ (Self::Registration { .. } | Self::Withdrawal { .. }) => by_registrars,
        }
    }
}

/// What signatures sign, of a body without them.
fn signed_hash(election: &ElectionId, body: &[u8]) -> TransactionId {
    TransactionId(sha256(&[SIGNING_TAG, &election.0, body]))
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
    /// Hashes a transaction of an election.
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

    /// The transaction itself.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// SHA-256 of what its signatures sign.
    #[must_use]
    pub fn id(&self) -> TransactionId {
        self.id
    }

    /// The merkle leaf, which covers the signatures too.
    #[must_use]
    pub fn leaf(&self) -> LeafHash {
        self.leaf
    }

    /// Whose registration, vote or withdrawal it is.
    #[must_use]
    pub fn voter(&self) -> VoterId {
        self.voter
    }

    /// What it does.
    #[must_use]
    pub fn kind(&self) -> TransactionKind {
        self.transaction.kind()
    }

    /// Length of its encoding.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// See [`Transaction::check_signatures`].
    ///
    /// # Errors
    /// See [`SignatureError`].
    pub fn check_signatures(&self, rule: &AdmissionRule) -> Result<(), SignatureError> {
        self.transaction.check_signatures(&self.id, rule)
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
            let rule = AdmissionRule::Open { registration_bits: 0, max_voters: None };
            assert_eq!(transaction.check_signatures(&here, &rule), Ok(()));
            let elsewhere = transaction.id(&ElectionId([2; 32]));
            assert!(transaction.check_signatures(&elsewhere, &rule).is_err());
        }
    }
}
