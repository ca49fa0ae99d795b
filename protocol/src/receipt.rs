//! The receipt, which proves that a block contains a transaction. A voter keeps it in order to show
//! later, against anybody's copy of the chain, that the vote is in there. A receipt alone does not
//! show that its block is part of the chain.

use crate::admission::AdmissionRule;
use crate::block::{Block, Header};
use crate::finality::{BlockReference, Certificate};
use crate::keys::SignatureError;
use crate::merkle::Proof;
use crate::transaction::{HashedTransaction, Transaction};
use crate::units::{BlockHash, ElectionId, TransactionId};

/// A transaction, the header of its block, and the path that connects the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The election to which the transaction belongs.
    pub election: ElectionId,
    /// The transaction, with its signatures.
    pub transaction: Transaction,
    /// The header of the block that contains it.
    pub header: Header,
    /// The path from the transaction to the header's merkle root.
    pub proof: Proof,
    /// What shows that the block is final, if it is.
    pub finality: Option<FinalityProof>,
}

/// The most headers from a receipt's block up to the certified one. A receipt that would take more is made without a
/// certificate: it is checked against a record then.
pub const RECEIPT_HEADERS_MAX: usize = 16_384;

/// A certificate for a receipt's block, or for one that builds on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalityProof {
    /// The headers above the receipt's block up to the certified block, in ascending order; none if it is certified
    /// itself. At most [`RECEIPT_HEADERS_MAX`].
    pub headers: Vec<Header>,
    /// The certificate.
    pub certificate: Certificate,
}

/// The reason why headers do not lead from a receipt's block to the certified one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum HeadersError {
    /// A header does not name the one before it, or is not one higher.
    #[error("header {index} does not build on the one before it")]
    Unlinked { index: usize },
    /// The last header is not that of the certified block.
    #[error(
        "the headers lead to block {} {}; the certificate is for block {} {}",
        found.height, found.hash, expected.height, expected.hash
    )]
    OtherBlock { found: BlockReference, expected: BlockReference },
}

impl FinalityProof {
    /// Checks that the headers lead from the block with this header to the certified one. What the certificate is worth
    /// is not checked here.
    ///
    /// # Errors
    /// See [`HeadersError`].
    pub fn check_headers(&self, block: &Header) -> Result<(), HeadersError> {
        let mut below = BlockReference { height: block.height, hash: block.hash() };
        for (index, header) in self.headers.iter().enumerate() {
            if header.previous != below.hash || header.height != below.height.next() {
                return Err(HeadersError::Unlinked { index });
            }
            below = BlockReference { height: header.height, hash: header.hash() };
        }
        let expected = self.certificate.block;
        if below != expected {
            return Err(HeadersError::OtherBlock { found: below, expected });
        }
        Ok(())
    }
}

/// The reason why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum ReceiptError {
    /// A signature of the transaction is not valid.
    #[error("the signature of transaction {id} does not hold: {error}")]
    Signature { id: TransactionId, error: SignatureError },
    /// The path does not lead to the header's Merkle root.
    #[error("the path does not lead from transaction {id} to block {block}")]
    Path { id: TransactionId, block: BlockHash },
}

impl Receipt {
    /// Makes the receipt for the transaction at `place`, counted from 0; `None` if there is no such
    /// transaction.
    #[must_use]
    pub fn new(block: &Block, place: usize, election: &ElectionId) -> Option<Self> {
        let leaves: Vec<_> = block.transactions.iter().map(|each| each.leaf()).collect();
        let proof = Proof::new(&leaves, place)?;
        let transaction = block.transactions.get(place)?.transaction().clone();
        let header = block.header;
        Some(Self { election: *election, transaction, header, proof, finality: None })
    }

    /// Checks the receipt and returns the transaction that the block with this header contains.
    /// Whether that block is on a chain is not checked here. `rule` must be the admission rule of
    /// the receipt's election.
    ///
    /// # Errors
    /// When a signature or the path is not valid.
    pub fn check(&self, rule: &AdmissionRule) -> Result<HashedTransaction, ReceiptError> {
        let transaction = HashedTransaction::new(self.transaction.clone(), &self.election);
        let id = transaction.id();
        let signed = transaction.check_signatures(rule);
        signed.map_err(|error| ReceiptError::Signature { id, error })?;
        if !self.proof.proves(transaction.leaf(), self.header.merkle_root) {
            return Err(ReceiptError::Path { id, block: self.header.hash() });
        }
        Ok(transaction)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::block;
    use crate::keys::VoterKey;
    use crate::units::{Difficulty, Height, UnixMillis};

    #[test]
    fn headers_lead_from_the_receipts_block_to_the_certified_one() {
        let on = |parent: &Header, nonce| Header {
            previous: parent.hash(),
            height: parent.height.next(),
            nonce,
            ..*parent
        };
        let first = Header {
            previous: BlockHash([1; 32]),
            merkle_root: block::merkle_root(&[]),
            height: Height(3),
            time: UnixMillis(4),
            difficulty: Difficulty::from_bits(0),
            nonce: 6,
        };
        let second = on(&first, 7);
        let third = on(&second, 8);
        let proof = |headers: &[Header], certified: &Header| {
            let block = BlockReference { height: certified.height, hash: certified.hash() };
            let certificate = Certificate { block, signatures: Vec::new() };
            FinalityProof { headers: headers.to_vec(), certificate }.check_headers(&first)
        };
        assert_eq!(proof(&[], &first), Ok(()));
        assert_eq!(proof(&[second, third], &third), Ok(()));
        assert_eq!(proof(&[third], &third), Err(HeadersError::Unlinked { index: 0 }));
        let higher = Header { height: Height(9), ..third };
        assert_eq!(proof(&[second, higher], &higher), Err(HeadersError::Unlinked { index: 1 }));
        for (headers, certified) in [(&[second][..], &third), (&[], &second), (&[second], &first)] {
            let wrong = proof(headers, certified);
            assert!(matches!(wrong, Err(HeadersError::OtherBlock { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn a_receipt_holds_for_its_own_transaction_and_block_alone() {
        let election = ElectionId([1; 32]);
        let registration = |number: u8| {
            let key = VoterKey::from_secret_bytes(&[number; 32]).expect("a secret key");
            let transaction = Transaction::open_registration(&election, &key, 0);
            Arc::new(HashedTransaction::new(transaction, &election))
        };
        let transactions: Vec<_> = (1..=3).map(registration).collect();
        let header = Header {
            previous: BlockHash([1; 32]),
            merkle_root: block::merkle_root(&transactions),
            height: Height(3),
            time: UnixMillis(4),
            difficulty: Difficulty::from_bits(0),
            nonce: 6,
        };
        let block = Block { header, transactions };
        assert_eq!(Receipt::new(&block, 3, &election), None);
        let receipt = Receipt::new(&block, 2, &election).expect("there are three");
        let rule = AdmissionRule::Open { registration_bits: 0, max_voters: None };
        let held = receipt.check(&rule).expect("it holds");
        assert_eq!(held.id(), block.transactions[2].id());

        let of_another = block.transactions[1].transaction().clone();
        let swapped = Receipt { transaction: of_another, ..receipt.clone() };
        assert!(matches!(swapped.check(&rule), Err(ReceiptError::Path { .. })));
        let elsewhere = Receipt { election: ElectionId([2; 32]), ..receipt };
        assert!(matches!(elsewhere.check(&rule), Err(ReceiptError::Signature { .. })));
    }
}
