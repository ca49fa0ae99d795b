//! Makes elections, keys, transactions and blocks, honest ones and others.

use std::sync::Arc;

use protocol::block::{self, Block, Header};
use protocol::election::{Election, Question};
use protocol::keys::{Signature, VoterKey};
use protocol::proof_of_work;
use protocol::transaction::{HashedTransaction, Transaction, Vote};
use protocol::units::{ElectionId, UnixMillis, sha256};

use crate::clock::UNIX_START;
use crate::random;

/// Order of secp256k1, big-endian.
const CURVE_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// An election of two questions that began a day before its world.
#[must_use]
pub fn election(seed: u64, difficulty_bits: u8) -> Election {
    let noise = random::secret(seed, "election", 0);
    let id = *noise.first_chunk().expect("a secret has 32 bytes");
    let question = |title: &str, options: &[&str], least, most| Question {
        title: title.to_owned(),
        options: options.iter().map(|&option| option.to_owned()).collect(),
        choices_min: least,
        choices_max: most,
    };
    Election {
        id,
        title: "Simulated election".to_owned(),
        created: UnixMillis(UNIX_START.0 - 24 * 3_600 * 1_000),
        difficulty_bits,
        registration_bits: 2,
        block_bytes_max: 16 * 1024,
        questions: vec![
            question("Chair", &["Ada", "Grace", "Hedy"], 1, 1),
            question("Board", &["Emmy", "Sofja", "Maryam", "Rosalind"], 0, 2),
        ],
    }
}

/// The key of one of a world's voters.
#[must_use]
pub fn key(seed: u64, purpose: &str, number: u64) -> VoterKey {
    VoterKey::from_secret_bytes(&random::secret(seed, purpose, number))
        .expect("one in 2^128 hashes is no key")
}

/// A registration with its stamp.
#[must_use]
pub fn registration(election: &Election, key: &VoterKey) -> Transaction {
    registration_from(election, key, 0)
}

/// Another registration of the same key.
#[must_use]
pub fn registration_from(election: &Election, key: &VoterKey, start: u64) -> Transaction {
    let id = election.election_id();
    let difficulty = election.registration_difficulty();
    let stamp = proof_of_work::find_stamp(&id, &key.public().0, difficulty, start);
    Transaction::open_registration(&id, key, stamp)
}

/// A valid vote; votes with different numbers differ in their choices or their nonce.
#[must_use]
pub fn vote(id: &ElectionId, key: &VoterKey, number: u64, cast_at: UnixMillis) -> Transaction {
    let choice = u16::try_from(number % 3).expect("below 3");
    let board = if number.is_multiple_of(4) { Vec::new() } else { vec![choice, 3] };
    vote_for(id, key, vec![vec![choice], board], number, cast_at)
}

/// A vote with these choices, allowed or not.
#[must_use]
pub fn vote_for(
    id: &ElectionId,
    key: &VoterKey,
    choices: Vec<Vec<u16>>,
    number: u64,
    cast_at: UnixMillis,
) -> Transaction {
    let (voter, nonce) = (key.public().voter(), number.to_be_bytes());
    Transaction::vote(id, key, Vote { voter, choices, nonce, cast_at })
}

/// The transaction with another signature.
#[must_use]
pub fn with_signature(
    transaction: Transaction,
    change: impl FnOnce(&mut Signature),
) -> Transaction {
    let mut changed = transaction;
    match &mut changed {
        Transaction::Registration { signature, .. } | Transaction::Vote { signature, .. } => {
            change(signature);
        }
        Transaction::Withdrawal { .. } => {}
    }
    changed
}

/// The twin that ECDSA alone would accept: order − s, with the other recovery bit.
pub fn raise_s(signature: &mut Signature) {
    let mut borrow = 0i16;
    for index in (0..32).rev() {
        let digit = i16::from(CURVE_ORDER[index]) - i16::from(signature.0[32 + index]) - borrow;
        borrow = i16::from(digit < 0);
        signature.0[32 + index] = u8::try_from(digit.rem_euclid(256)).expect("below 256");
    }
    signature.0[64] ^= 1;
}

/// A header over these transactions on top of a parent, without work yet.
#[must_use]
pub fn header(
    parent: &Header,
    transactions: &[Arc<HashedTransaction>],
    time: UnixMillis,
) -> Header {
    Header {
        previous: parent.hash(),
        merkle_root: block::merkle_root(transactions),
        height: parent.height.next(),
        time: time.max(UnixMillis(parent.time.0 + 1)),
        difficulty: parent.difficulty,
        nonce: 0,
    }
}

/// Searches a nonce that shows the header's work.
#[must_use]
pub fn mined(header: Header) -> Header {
    let mut header = header;
    while !header.has_work() {
        header.nonce += 1;
    }
    header
}

/// The first nonce that does not show it.
#[must_use]
pub fn without_work(header: Header) -> Header {
    let mut header = header;
    while header.has_work() {
        header.nonce += 1;
    }
    header
}

/// A mined block.
#[must_use]
pub fn block(
    parent: &Header,
    transactions: Vec<Arc<HashedTransaction>>,
    time: UnixMillis,
) -> Block {
    Block { header: mined(header(parent, &transactions, time)), transactions }
}

/// A chain on top of the genesis, a second apart: the first blocks hold the registration and the vote of so
/// many voters each, the others are empty.
#[must_use]
pub fn chain(election: &Election, length: u64, full: u64, voters_per_block: u64) -> Vec<Block> {
    let id = election.election_id();
    let mut blocks: Vec<Block> = Vec::new();
    let mut parent = Header::genesis(election);
    for number in 0..length {
        let time = UnixMillis(parent.time.0 + 1_000);
        let voters = if number < full { voters_per_block } else { 0 };
        let papers = |voter| {
            let key = key(0, "chain", number * voters_per_block + voter);
            [registration(election, &key), vote(&id, &key, voter, time)]
        };
        let transactions = (0..voters).flat_map(papers);
        let transactions =
            transactions.map(|each| Arc::new(HashedTransaction::new(each, &id))).collect();
        let next = block(&parent, transactions, time);
        parent = next.header;
        blocks.push(next);
    }
    blocks
}

/// Bytes that look random and are the same every time.
#[must_use]
pub fn noise(seed: u64, number: u64) -> [u8; 32] {
    sha256(&[b"noise", &seed.to_be_bytes(), &number.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::keys::SignatureError;

    #[test]
    fn honest_transactions_are_valid_and_twins_are_not() {
        let election = election(1, 4);
        assert_eq!(election.check(), Ok(()));
        let id = election.election_id();
        let key = key(1, "voter", 0);
        for number in 0..12 {
            let vote = vote(&id, &key, number, UNIX_START);
            let Transaction::Vote { vote: inner, .. } = &vote else { unreachable!("it is a vote") };
            assert_eq!(election.check_choices(&inner.choices), Ok(()));
            assert_eq!(vote.check_signature(&vote.id(&id)), Ok(()));
            let twin = with_signature(vote, raise_s);
            assert_eq!(twin.check_signature(&twin.id(&id)), Err(SignatureError::HighS));
        }
    }

    #[test]
    fn a_chain_is_linked_and_mined() {
        let election = election(1, 1);
        let blocks = chain(&election, 20, 3, 2);
        let mut previous = Header::genesis(&election).hash();
        for block in &blocks {
            assert!(block.header.has_work());
            assert_eq!(block.header.previous, previous);
            assert_eq!(block.merkle_root(), block.header.merkle_root);
            previous = block.header.hash();
        }
    }
}
