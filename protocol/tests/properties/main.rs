//! What holds for any value and any bytes: values read back, no bytes make the reader panic, and no two
//! encodings give one value.

mod strategies;
mod wincode_bytes;

use std::sync::Arc;

use bincode::{Decode, Encode};
use proptest::collection::vec;
use proptest::prelude::*;
use protocol::ballot_file;
use protocol::block::{self, Block, Header};
use protocol::codec;
use protocol::datagram::{DATAGRAM_BYTES_MAX, Datagram, Envelope};
use protocol::election::Election;
use protocol::merkle::{self, Proof};
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::{ElectionId, LeafHash};

use strategies::{damaged, datagram, election, envelope, header, transaction};

const ELECTION: ElectionId = ElectionId([1; 32]);

/// Whether bytes that decode are the encoding of what they decode to.
fn has_one_encoding<T: Encode + Decode<()>>(bytes: &[u8]) -> bool {
    codec::decode::<T>(bytes).is_ok_and(|value| codec::encode(&value) == bytes)
}

fn is_refused<T: Decode<()>>(bytes: &[u8]) -> bool {
    codec::decode::<T>(bytes).is_err()
}

fn check_bytes(bytes: &[u8]) -> Result<(), TestCaseError> {
    prop_assert!(is_refused::<Datagram>(bytes) || has_one_encoding::<Datagram>(bytes));
    prop_assert!(is_refused::<Transaction>(bytes) || has_one_encoding::<Transaction>(bytes));
    prop_assert!(is_refused::<Header>(bytes) || has_one_encoding::<Header>(bytes));
    prop_assert!(is_refused::<Proof>(bytes) || has_one_encoding::<Proof>(bytes));
    if let Ok(envelope) = Envelope::decode(bytes) {
        prop_assert_eq!(envelope.encode(), bytes);
    }
    if let Ok(election) = Election::from_canonical_bytes(bytes) {
        prop_assert_eq!(election.canonical_bytes(), bytes);
    }
    if let Ok(transactions) = block::decode_body(bytes, &ELECTION) {
        let header = Header::genesis(&sample_election());
        prop_assert_eq!(Block { header, transactions }.body_bytes(), bytes);
    }
    Ok(())
}

fn sample_election() -> Election {
    let text = "id = \"000102030405060708090a0b0c0d0e0f\"\ntitle = \"Board\"\n\
        created = \"2026-11-01T09:00:00Z\"\ndifficulty_bits = 8\nadmission = \"open\"\nregistration_bits = 4\n\
        block_bytes_max = 65536\n[[question]]\ntitle = \"Chair\"\noptions = [\"Ada\", \"Grace\"]\n";
    ballot_file::parse(text).expect("the sample is good")
}

/// Bytes of a value of any kind.
fn encoded() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => datagram().prop_map(|value| codec::encode(&value)),
        4 => envelope().prop_filter_map("too long", encode_if_short),
        2 => transaction().prop_map(|value| codec::encode(&value)),
        1 => vec(transaction(), 0..4).prop_map(|value| codec::encode(&value)),
        1 => header().prop_map(|value| codec::encode(&value)),
        2 => election().prop_map(|value| value.canonical_bytes()),
    ]
}

fn encode_if_short(envelope: Envelope) -> Option<Vec<u8>> {
    let is_short = codec::encoded_size(&envelope.datagram) <= DATAGRAM_BYTES_MAX - 25;
    is_short.then(|| envelope.encode())
}

proptest! {
    #[test]
    fn every_datagram_reads_back(value in datagram()) {
        let bytes = codec::encode(&value);
        prop_assert_eq!(codec::encoded_size(&value), bytes.len());
        prop_assert_eq!(codec::decode(&bytes), Ok(value));
    }

    #[test]
    fn every_envelope_reads_back(value in envelope()) {
        if let Some(bytes) = encode_if_short(value.clone()) {
            prop_assert_eq!(Envelope::decode(&bytes), Ok(value));
        }
    }

    #[test]
    fn every_transaction_header_and_body_reads_back(
        transactions in vec(transaction(), 0..6),
        header in header(),
    ) {
        prop_assert_eq!(codec::decode(&codec::encode(&header)), Ok(header));
        let hashed = |plain: &Transaction| {
            Arc::new(HashedTransaction::new(plain.clone(), &ELECTION))
        };
        for plain in &transactions {
            let read = HashedTransaction::decode(&codec::encode(plain), &ELECTION);
            prop_assert_eq!(read.as_ref(), Ok(&*hashed(plain)));
            // Nothing that anyone can write makes the signature check panic.
            let _ = hashed(plain).check_signatures(&sample_election().admission);
        }
        let block = Block { header, transactions: transactions.iter().map(hashed).collect() };
        let body = block.body_bytes();
        prop_assert_eq!(block::decode_body(&body, &ELECTION), Ok(block.transactions));
    }

    #[test]
    fn every_election_reads_back_from_its_bytes_and_from_its_file(value in election()) {
        prop_assert_eq!(value.check(), Ok(()));
        prop_assert_eq!(Election::from_canonical_bytes(&value.canonical_bytes()), Ok(value.clone()));
        prop_assert_eq!(ballot_file::parse(&ballot_file::write(&value)), Ok(value));
    }

    #[test]
    fn random_bytes_have_one_encoding_or_none(bytes in vec(any::<u8>(), 0..200)) {
        check_bytes(&bytes)?;
    }

    #[test]
    fn every_cut_of_a_value_is_refused(bytes in datagram().prop_map(|value| codec::encode(&value))) {
        for length in 0..bytes.len() {
            prop_assert!(is_refused::<Datagram>(&bytes[..length]), "{length}");
        }
    }

    #[test]
    fn any_text_is_a_ballot_or_one_line(text in prop_oneof![any::<String>(), cut_files()]) {
        if let Err(slip) = ballot_file::parse(&text) {
            let line = slip.to_string();
            prop_assert_eq!(line.lines().count(), 1, "{}", line);
        }
    }

    #[test]
    fn a_proof_holds_for_its_leaf_place_and_root_alone(
        count in 1usize..70,
        place in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let leaf = |number: usize| LeafHash(protocol::units::sha256(&[&number.to_string().into_bytes()]));
        let leaves: Vec<_> = (0..count).map(leaf).collect();
        let (place, root) = (place.index(count), merkle::root(&leaves));
        let proof = Proof::new(&leaves, place).expect("the place has a leaf");
        prop_assert!(proof.proves(leaves[place], root));
        prop_assert!(!proof.proves(leaf(count), root));
        prop_assert!(!proof.proves(leaves[place], merkle::root(&leaves[..count - 1])));
        if let Some(sibling) = proof.siblings.len().checked_sub(1).map(|last| flip.index(last + 1)) {
            let mut forged = proof.clone();
            forged.siblings[sibling][0] ^= 1;
            prop_assert!(!forged.proves(leaves[place], root));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn damaged_values_have_one_encoding_or_none(bytes in encoded().prop_flat_map(damaged)) {
        check_bytes(&bytes)?;
    }
}

/// Good files with a part missing or doubled.
fn cut_files() -> impl Strategy<Value = String> {
    (election(), any::<(prop::sample::Index, prop::sample::Index)>(), any::<bool>()).prop_map(
        |(election, (from, to), is_doubled)| {
            let characters: Vec<char> = ballot_file::write(&election).chars().collect();
            let (from, to) = (from.index(characters.len()), to.index(characters.len()));
            let (from, to) = (from.min(to), from.max(to));
            let middle = if is_doubled { &characters[from..to] } else { &[][..] };
            let parts = [&characters[..from], middle, middle, &characters[to..]];
            parts.concat().into_iter().collect()
        },
    )
}
