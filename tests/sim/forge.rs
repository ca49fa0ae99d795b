//! Makes the elections, keys, transactions and blocks that scenarios need, valid ones as well as
//! invalid ones.

mod timed;

use std::sync::Arc;

use protocol::admission::{AdmissionRule, Registrar, RegistrarSignatures};
use protocol::block::{self, Block, Header};
use protocol::election::{Election, Question};
use protocol::keys::{Signature, VoterKey};
use protocol::proof_of_work;
use protocol::transaction::{Admission, HashedTransaction, Transaction, Vote};
use protocol::units::{ElectionId, TransactionId, UnixMillis, sha256};

pub use timed::{roster, timed_election, validator_key};

use crate::clock::UNIX_START;
use crate::random;

/// The order of the curve secp256k1, big-endian.
const CURVE_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// An election with two questions that began a day before its world.
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
        admission: AdmissionRule::Open { registration_bits: 2, max_voters: None },
        block_bytes_max: 16 * 1024,
        questions: vec![
            question("Chair", &["Ada", "Grace", "Hedy"], 1, 1),
            question("Board", &["Emmy", "Sofja", "Maryam", "Rosalind"], 0, 2),
        ],
        block_interval_s: None,
        times: None,
    }
}

/// The key of one of a world's voters.
#[must_use]
pub fn key(seed: u64, purpose: &str, number: u64) -> VoterKey {
    VoterKey::from_secret_bytes(&random::secret(seed, purpose, number))
        .expect("one in 2^128 hashes is no key")
}

/// The same election, but with voters who are admitted by two of three registrars.
#[must_use]
pub fn election_by_registrars(seed: u64, difficulty_bits: u8) -> Election {
    let registrar = |number| Registrar {
        name: format!("Registrar {number}"),
        key: registrar_key(number).public(),
    };
    let registrars = (0..3).map(registrar).collect();
    let admission = AdmissionRule::Registrars { registrars, threshold: 2 };
    Election { admission, ..election(seed, difficulty_bits) }
}

/// All elections have the same registrars.
fn registrar_key(number: u64) -> VoterKey {
    key(0, "registrar", number)
}

/// Signatures over an id. At a registrar's position there is the signature of that registrar or of
/// another.
fn registrars_sign(
    id: &ElectionId,
    signed: &TransactionId,
    pairs: &[(usize, u64)],
) -> RegistrarSignatures {
    let sign = |(place, signer): &(usize, u64)| (*place, registrar_key(*signer).sign(&signed.0));
    RegistrarSignatures::new(id, pairs.iter().map(sign).collect())
}

/// An admission of a key that is signed by two registrars.
#[must_use]
pub fn admission(id: &ElectionId, key: &VoterKey, registrars: [u64; 2]) -> Transaction {
    let pairs = registrars.map(|number| (usize::try_from(number).expect("a few"), number));
    admission_by(id, key, &pairs)
}

/// An admission with signatures at registrars' positions, whoever made them.
#[must_use]
pub fn admission_by(id: &ElectionId, key: &VoterKey, pairs: &[(usize, u64)]) -> Transaction {
    let signed = Transaction::admission_id(id, &key.public());
    Transaction::admission(key.public(), registrars_sign(id, &signed, pairs))
}

/// A withdrawal of a voter that is signed by two registrars.
#[must_use]
pub fn withdrawal(id: &ElectionId, key: &VoterKey) -> Transaction {
    let voter = key.public().voter();
    let signed = Transaction::withdrawal_id(id, &voter);
    let signatures = registrars_sign(id, &signed, &[(0, 0), (2, 2)]);
    Transaction::Withdrawal { voter, signatures }
}

/// A vote by a key in the name of a voter id that differs from its own only in the last digit.
#[must_use]
pub fn vote_by_look_alike(id: &ElectionId, key: &VoterKey, cast_at: UnixMillis) -> Transaction {
    let mut transaction = vote(id, key, 1, cast_at);
    if let Transaction::Vote { vote, .. } = &mut transaction {
        vote.voter.0[31] ^= 1;
    }
    let signed = transaction.id(id);
    with_signature(transaction, |signature| *signature = key.sign(&signed.0))
}

/// A registration with its stamp, or an admission by two registrars if the election has registrars.
#[must_use]
pub fn registration(election: &Election, key: &VoterKey) -> Transaction {
    registration_from(election, key, 0)
}

/// Another registration of the same key.
#[must_use]
pub fn registration_from(election: &Election, key: &VoterKey, start: u64) -> Transaction {
    let id = election.election_id();
    let Some(difficulty) = election.admission.stamp_difficulty() else {
        // Signatures of other registrars give other bytes with the same id.
        return admission(&id, key, if start > 0 { [1, 2] } else { [0, 1] });
    };
    let stamp = proof_of_work::find_stamp(&id, &key.public().0, difficulty, start);
    Transaction::open_registration(&id, key, stamp)
}

/// A valid vote. Votes with different numbers differ in their choices or in their nonces.
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
pub fn with_signature(transaction: Transaction, change: impl FnMut(&mut Signature)) -> Transaction {
    let mut changed = transaction;
    let mut change = change;
    match &mut changed {
        Transaction::Registration { admission: Admission::Open { signature, .. }, .. }
        | Transaction::Vote { signature, .. } => change(signature),
        Transaction::Registration { admission: Admission::Signed { signatures }, .. }
        | Transaction::Withdrawal { signatures, .. } => {
            signatures.signatures.iter_mut().take(1).for_each(change);
        }
    }
    changed
}

/// Makes the twin of a signature that ECDSA alone would accept: order − s, with the other recovery
/// bit.
pub fn raise_s(signature: &mut Signature) {
    let mut borrow = 0i16;
    for index in (0..32).rev() {
        let digit = i16::from(CURVE_ORDER[index]) - i16::from(signature.0[32 + index]) - borrow;
        borrow = i16::from(digit < 0);
        signature.0[32 + index] = u8::try_from(digit.rem_euclid(256)).expect("below 256");
    }
    signature.0[64] ^= 1;
}

/// A header over these transactions that follows a parent, without work yet.
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

/// Searches for a nonce that gives the header enough work.
#[must_use]
pub fn mined(header: Header) -> Header {
    let mut header = header;
    while !header.has_work() {
        header.nonce += 1;
    }
    header
}

/// Searches for the first nonce that does not give the header enough work.
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

/// A chain that follows the genesis block, with blocks a second apart. The first blocks contain the
/// registrations and votes of this number of voters each, and the others are empty.
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
            assert_eq!(vote.check_signatures(&vote.id(&id), &election.admission), Ok(()));
            let twin = with_signature(vote, raise_s);
            assert_eq!(
                twin.check_signatures(&twin.id(&id), &election.admission),
                Err(SignatureError::HighS)
            );
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
