//! Vectors of what stands on the chain: the election, keys, transactions, merkle trees, headers, bodies.

use std::sync::Arc;

use protocol::admission::{AdmissionRule, Registrar, RegistrarSignatures};
use protocol::block::{self, Block, Header};
use protocol::codec;
use protocol::election::{Election, Question};
use protocol::keys::{self, Signature, VoterKey};
use protocol::merkle;
use protocol::proof_of_work;
use protocol::transaction::{Admission, HashedTransaction, Transaction, Vote};
use protocol::units::{
    Difficulty, ElectionId, Height, LeafHash, TransactionId, UnixMillis, sha256,
};

use crate::finality::timing_layout;
use crate::layout::{Layout, Vector};

const SECRET: [u8; 32] = [0x11; 32];
const REGISTRAR_SECRETS: [[u8; 32]; 3] = [[0x21; 32], [0x22; 32], [0x23; 32]];

pub(crate) fn election() -> Election {
    let id = std::array::from_fn(|place| u8::try_from(place).expect("below 16"));
    let question = |title: &str, choices_min, choices_max| Question {
        title: title.into(),
        options: ["Ada", "Grace", "Hedy"].map(String::from).to_vec(),
        choices_min,
        choices_max,
    };
    Election {
        id,
        title: "Vectors".into(),
        created: UnixMillis(1_793_523_600_000),
        difficulty_bits: 8,
        admission: AdmissionRule::Open { registration_bits: 8, max_voters: Some(1_000) },
        block_bytes_max: 262_144,
        questions: vec![question("Chair?", 1, 1), question("Committee?", 0, 2)],
        block_interval_s: None,
        times: None,
    }
}

fn registrar_key(secret: &[u8; 32]) -> VoterKey {
    VoterKey::from_secret_bytes(secret).expect("a secret key")
}

/// The same election where two of three registrars admit.
fn election_by_registrars() -> Election {
    let registrar = |(name, secret): (&str, &[u8; 32])| Registrar {
        name: name.into(),
        key: registrar_key(secret).public(),
    };
    let names = ["Secretary", "Treasurer", "Auditor"];
    let registrars = names.into_iter().zip(&REGISTRAR_SECRETS).map(registrar).collect();
    let admission = AdmissionRule::Registrars { registrars, threshold: 2 };
    Election { admission, ..election() }
}

pub(crate) fn election_id() -> ElectionId {
    election().election_id()
}

fn key() -> VoterKey {
    VoterKey::from_secret_bytes(&SECRET).expect("a secret key")
}

fn stamp_difficulty() -> Difficulty {
    election().admission.stamp_difficulty().expect("it is open")
}

fn stamp() -> u64 {
    let difficulty = stamp_difficulty();
    proof_of_work::find_stamp(&election_id(), &key().public().0, difficulty, 0)
}

pub(crate) fn registration() -> Transaction {
    Transaction::open_registration(&election_id(), &key(), stamp())
}

pub(crate) fn vote() -> Transaction {
    let vote = Vote {
        voter: key().public().voter(),
        choices: vec![vec![1], vec![0, 2]],
        nonce: [1, 2, 3, 4, 5, 6, 7, 8],
        cast_at: UnixMillis(1_793_523_661_234),
    };
    Transaction::vote(&election_id(), &key(), vote)
}

/// By the first and the third registrar.
fn registrar_signatures(id: &TransactionId) -> RegistrarSignatures {
    let sign = |place: usize| (place, registrar_key(&REGISTRAR_SECRETS[place]).sign(&id.0));
    let election = election_by_registrars().election_id();
    RegistrarSignatures::new(&election, [2, 0].map(sign).to_vec())
}

fn signed_registration() -> Transaction {
    let (election, voter_key) = (election_by_registrars().election_id(), key().public());
    let id = Transaction::admission_id(&election, &voter_key);
    Transaction::admission(voter_key, registrar_signatures(&id))
}

fn withdrawal() -> Transaction {
    let (election, voter) = (election_by_registrars().election_id(), key().public().voter());
    let id = Transaction::withdrawal_id(&election, &voter);
    Transaction::Withdrawal { voter, signatures: registrar_signatures(&id) }
}

/// The election that a transaction is for.
fn election_of(transaction: &Transaction) -> Election {
    match transaction.registrar_signatures() {
        Some(_) => election_by_registrars(),
        None => election(),
    }
}

pub(crate) fn transactions() -> Vec<Arc<HashedTransaction>> {
    let hashed = |transaction| Arc::new(HashedTransaction::new(transaction, &election_id()));
    [registration(), vote()].map(hashed).to_vec()
}

/// The first block after the genesis, mined from nonce 0.
pub(crate) fn block() -> Block {
    let transactions = transactions();
    let mut header = Header {
        previous: Header::genesis(&election()).hash(),
        merkle_root: block::merkle_root(&transactions),
        height: Height(1),
        time: UnixMillis(1_793_523_665_000),
        difficulty: election().difficulty(),
        nonce: 0,
    };
    while !header.has_work() {
        header.nonce += 1;
    }
    Block { header, transactions }
}

pub(crate) fn vectors() -> Vec<Vector> {
    let mut vectors = vec![
        election_vector("election", election()),
        election_vector("election by registrars", election_by_registrars()),
        header_vector("genesis", &Header::genesis(&election())),
        key_vector(),
        signature_vector(),
        stamp_vector(),
        signed_vector("registration signed", &registration()),
        transaction_vector("registration", &registration()),
        signed_vector("registration by registrars signed", &signed_registration()),
        transaction_vector("registration by registrars", &signed_registration()),
        signed_vector("vote signed", &vote()),
        transaction_vector("vote", &vote()),
        signed_vector("withdrawal signed", &withdrawal()),
        transaction_vector("withdrawal", &withdrawal()),
        header_vector("header", &block().header),
        body_vector(),
    ];
    let names = ["merkle 1", "merkle 2", "merkle 3", "merkle 4", "merkle 5"];
    vectors.extend(names.into_iter().zip(1..).map(|(name, count)| merkle_vector(name, count)));
    vectors
}

pub(crate) fn election_vector(name: &'static str, election: Election) -> Vector {
    let mut layout = Layout::new()
        .u16("format", if election.block_interval_s.is_some() { 3 } else { 2 })
        .bytes("id", &election.id)
        .text("title", &election.title)
        .u64("created", election.created.0)
        .u8("difficulty_bits", election.difficulty_bits)
        .within("admission", admission_layout(&election.admission))
        .u32("block_bytes_max", election.block_bytes_max)
        .length("questions", election.questions.len());
    for (index, question) in election.questions.iter().enumerate() {
        let mut inner =
            Layout::new().text("title", &question.title).length("options", question.options.len());
        for (number, option) in question.options.iter().enumerate() {
            inner = inner.text(&format!("options[{number}]"), option);
        }
        inner = inner.u16("choices_min", question.choices_min);
        inner = inner.u16("choices_max", question.choices_max);
        layout = layout.within(&format!("questions[{index}]"), inner);
    }
    let layout = timing_layout(layout, &election);
    assert_eq!(election.canonical_bytes(), layout.all_bytes());
    assert_eq!(Election::from_canonical_bytes(&layout.all_bytes()), Ok(election.clone()));
    let id = sha256(&[&layout.all_bytes()]);
    assert_eq!(election.election_id().0, id);
    Vector::new(name, layout)
        .derive("election_id", hex::encode(id))
        .derive("prefix", hex::encode(&id[..8]))
}

fn admission_layout(rule: &AdmissionRule) -> Layout {
    match rule {
        AdmissionRule::Open { registration_bits, max_voters } => {
            let most = max_voters.expect("the vector has a limit");
            Layout::new()
                .variant("rule", 0, "Open")
                .u8("registration_bits", *registration_bits)
                .u8("max_voters is there", 1)
                .u32("max_voters", most)
        }
        AdmissionRule::Registrars { registrars, threshold } => {
            let mut layout = Layout::new()
                .variant("rule", 1, "Registrars")
                .length("registrars", registrars.len());
            for (index, registrar) in registrars.iter().enumerate() {
                layout = layout.text(&format!("registrars[{index}].name"), &registrar.name);
                layout = layout.bytes(&format!("registrars[{index}].key"), &registrar.key.0);
            }
            layout.u8("threshold", *threshold)
        }
    }
}

pub(crate) fn header_layout(header: &Header) -> Layout {
    Layout::new()
        .bytes("previous", &header.previous.0)
        .bytes("merkle_root", &header.merkle_root.0)
        .u64_big_endian("height", header.height.0)
        .u64_big_endian("time", header.time.0)
        .u64_big_endian("difficulty", header.difficulty.attempts())
        .u64_big_endian("nonce", header.nonce)
}

fn header_vector(name: &'static str, header: &Header) -> Vector {
    let layout = header_layout(header);
    assert_eq!(codec::encode(header), layout.all_bytes());
    assert_eq!(codec::decode(&layout.all_bytes()), Ok(*header));
    let hash = sha256(&[&layout.all_bytes()]);
    assert_eq!(header.hash().0, hash);
    Vector::new(name, layout).derive("hash", hex::encode(hash))
}

fn key_vector() -> Vector {
    let public = key().public();
    assert_eq!(keys::check_public_key(&public), Ok(()));
    assert_eq!(public.voter().0, sha256(&[&public.0]));
    Vector::new("key", Layout::new().bytes("secret", &SECRET))
        .derive("public_key", hex::encode(public.0))
        .derive("text", key().public().text())
        .derive("voter_id", public.voter())
}

fn signature_vector() -> Vector {
    let id = vote().id(&election_id());
    let signature = key().sign(&id.0);
    assert_eq!(keys::check_signature(&id.0, &signature, &key().public().voter()), Ok(()));
    Vector::new("signature", signature_layout(&signature)).derive("digest", id)
}

fn signature_layout(signature: &Signature) -> Layout {
    Layout::new()
        .bytes("r", &signature.0[..32])
        .bytes("s", &signature.0[32..64])
        .u8("recovery bit", signature.0[64])
}

fn stamp_vector() -> Vector {
    let layout = Layout::new()
        .bytes("tag \"ostrakon/stamp/1\"", b"ostrakon/stamp/1")
        .bytes("election", &election_id().0)
        .bytes("voter_key", &key().public().0)
        .u64_big_endian("stamp", stamp());
    let hash = sha256(&[&layout.all_bytes()]);
    assert_eq!(proof_of_work::stamp_hash(&election_id(), &key().public().0, stamp()), hash);
    let difficulty = stamp_difficulty();
    assert!(proof_of_work::is_met(&hash, difficulty));
    Vector::new("stamp", layout)
        .derive("difficulty", difficulty)
        .derive("target", u64::MAX / difficulty.attempts())
        .derive("hash", hex::encode(hash))
}

/// What stands before the signatures of a transaction, and is signed.
fn body_layout(transaction: &Transaction) -> Layout {
    match transaction {
        Transaction::Registration { voter_key, admission } => {
            let layout = Layout::new()
                .variant("transaction", 0, "Registration")
                .bytes("voter_key", &voter_key.0);
            match admission {
                Admission::Open { stamp, .. } => {
                    layout.variant("admission", 0, "Open").u64("stamp", *stamp)
                }
                Admission::Signed { .. } => layout.variant("admission", 1, "Signed"),
            }
        }
        Transaction::Vote { vote, .. } => {
            let mut layout = Layout::new()
                .variant("transaction", 1, "Vote")
                .bytes("voter", &vote.voter.0)
                .length("choices", vote.choices.len());
            for (index, chosen) in vote.choices.iter().enumerate() {
                layout = layout.length(&format!("choices[{index}]"), chosen.len());
                for (number, option) in chosen.iter().enumerate() {
                    layout = layout.u16(&format!("choices[{index}][{number}]"), *option);
                }
            }
            layout.bytes("nonce", &vote.nonce).u64("cast_at", vote.cast_at.0)
        }
        Transaction::Withdrawal { voter, .. } => {
            Layout::new().variant("transaction", 2, "Withdrawal").bytes("voter", &voter.0)
        }
    }
}

pub(crate) fn transaction_layout(transaction: &Transaction) -> Layout {
    let mut layout = body_layout(transaction);
    match transaction {
        Transaction::Registration { admission: Admission::Open { signature, .. }, .. }
        | Transaction::Vote { signature, .. } => layout.bytes("signature", &signature.0),
        Transaction::Registration { admission: Admission::Signed { signatures }, .. }
        | Transaction::Withdrawal { signatures, .. } => {
            layout = layout
                .bytes("election", &signatures.election)
                .u16("registrars", signatures.registrars)
                .length("signatures", signatures.signatures.len());
            for (index, signature) in signatures.signatures.iter().enumerate() {
                layout = layout.bytes(&format!("signatures[{index}]"), &signature.0);
            }
            layout
        }
    }
}

fn signed_vector(name: &'static str, transaction: &Transaction) -> Vector {
    let layout = Layout::new()
        .bytes("tag \"ostrakon/transaction/1\"", b"ostrakon/transaction/1")
        .bytes("election", &election_of(transaction).election_id().0)
        .within("", body_layout(transaction));
    let id = sha256(&[&layout.all_bytes()]);
    assert_eq!(transaction.id(&election_of(transaction).election_id()).0, id);
    Vector::new(name, layout).derive("transaction_id", hex::encode(id))
}

fn transaction_vector(name: &'static str, transaction: &Transaction) -> Vector {
    let layout = transaction_layout(transaction);
    let bytes = layout.all_bytes();
    assert_eq!(codec::encode(transaction), bytes);
    let election = election_of(transaction);
    let hashed = HashedTransaction::decode(&bytes, &election.election_id());
    let hashed = hashed.expect("the vector decodes");
    assert_eq!(hashed.transaction(), transaction);
    assert_eq!(hashed.check_signatures(&election.admission), Ok(()));
    assert_eq!(hashed.leaf().0, sha256(&[&[0], &bytes]));
    Vector::new(name, layout)
        .derive("transaction_id", hashed.id())
        .derive("voter_id", hashed.voter())
        .derive("leaf_hash", hashed.leaf())
}

fn body_vector() -> Vector {
    let block = block();
    let mut layout = Layout::new().length("transactions", block.transactions.len());
    for (index, transaction) in block.transactions.iter().enumerate() {
        let inner = transaction_layout(transaction.transaction());
        layout = layout.within(&format!("transactions[{index}]"), inner);
    }
    assert_eq!(block.body_bytes(), layout.all_bytes());
    let decoded = block::decode_body(&layout.all_bytes(), &election_id());
    assert_eq!(decoded, Ok(block.transactions.clone()));
    Vector::new("body", layout).derive("merkle_root", block.merkle_root())
}

fn merkle_vector(name: &'static str, count: u8) -> Vector {
    let leaves: Vec<_> = (0..count).map(|number| LeafHash(sha256(&[&[0, number]]))).collect();
    let layout = leaves.iter().enumerate().fold(Layout::new(), |layout, (index, leaf)| {
        layout.bytes(&format!("leaves[{index}]"), &leaf.0)
    });
    let root = merkle::root(&leaves);
    let mut vector = Vector::new(name, layout).derive("root", root);
    for (place, leaf) in leaves.iter().enumerate() {
        let proof = merkle::Proof::new(&leaves, place).expect("the place has a leaf");
        assert!(proof.proves(*leaf, root));
        let bytes = codec::encode(&proof);
        assert_eq!(codec::decode(&bytes), Ok(proof));
        vector = vector.derive(&format!("proof of {place}"), hex::encode(bytes));
    }
    vector
}

/// An empty block's header on top of [`block`].
pub(crate) fn next_header() -> Header {
    let block = block();
    let mut header = Header {
        previous: block.header.hash(),
        merkle_root: merkle::root(&[]),
        height: Height(2),
        time: UnixMillis(block.header.time.0 + 1),
        difficulty: Difficulty::from_bits(8),
        nonce: 0,
    };
    while !header.has_work() {
        header.nonce += 1;
    }
    header
}
