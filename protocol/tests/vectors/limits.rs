//! The table of limits in the document.

use std::collections::BTreeMap;

use protocol::admission::{REGISTRARS_MAX, REGISTRATION_BITS_MAX, VOTERS_MAX};
use protocol::block::HEADER_BYTES;
use protocol::datagram::{
    ACKNOWLEDGED_MAX, BALLOT_PIECE_BYTES, BLOCK_PIECE_BYTES, DATAGRAM_BYTES_MAX, ENVELOPE_BYTES,
    HEADERS_PER_PIECE, INNER_ADDRESSES_MAX, INNER_OF_PEER_MAX, LEFT_MAX, LOCATOR_MAX, PEERS_MAX,
    PLACES_MAX, SHORT_IDS_MAX,
};
use protocol::election::{
    BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, DIFFICULTY_BITS_MAX, ELECTION_BYTES_MAX, OPTIONS_MAX,
    QUESTIONS_MAX, TEXT_BYTES_MAX,
};
use protocol::peer_name::NAME_BYTES_MAX;
use protocol::receipt::RECEIPT_HEADERS_MAX;
use protocol::roster::{
    BLOCK_INTERVAL_S_MAX, BLOCK_INTERVAL_S_MIN, CONFIRMATIONS_MAX, VALIDATED_INTERVAL_S_MIN,
    VALIDATORS_MAX,
};
use protocol::transaction::TRANSACTION_BYTES_MAX;

macro_rules! by_name {
    ($($constant:ident),* $(,)?) => {
        BTreeMap::from([$((stringify!($constant).to_owned(), $constant.to_string())),*])
    };
}

#[test]
fn the_limits_in_the_document_are_those_of_the_code() {
    let text = std::fs::read_to_string(crate::DOCUMENT_PATH).expect("docs/PROTOCOL.md can be read");
    let (_, section) = text.split_once("\n## Limits\n").expect("the document has limits");
    let (section, _) = section.split_once("\n## ").expect("a section follows");
    let rows = section.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let (value, _) = rest.split_once(" | ")?;
        Some((name.to_owned(), value.replace(',', "")))
    });
    let expected = by_name![
        ACKNOWLEDGED_MAX,
        BALLOT_PIECE_BYTES,
        BLOCK_BYTES_MAX,
        BLOCK_BYTES_MIN,
        BLOCK_INTERVAL_S_MAX,
        BLOCK_INTERVAL_S_MIN,
        BLOCK_PIECE_BYTES,
        CONFIRMATIONS_MAX,
        DATAGRAM_BYTES_MAX,
        DIFFICULTY_BITS_MAX,
        ELECTION_BYTES_MAX,
        ENVELOPE_BYTES,
        HEADERS_PER_PIECE,
        HEADER_BYTES,
        INNER_ADDRESSES_MAX,
        INNER_OF_PEER_MAX,
        LEFT_MAX,
        LOCATOR_MAX,
        NAME_BYTES_MAX,
        OPTIONS_MAX,
        PEERS_MAX,
        PLACES_MAX,
        QUESTIONS_MAX,
        RECEIPT_HEADERS_MAX,
        REGISTRARS_MAX,
        REGISTRATION_BITS_MAX,
        SHORT_IDS_MAX,
        TEXT_BYTES_MAX,
        TRANSACTION_BYTES_MAX,
        VALIDATED_INTERVAL_S_MIN,
        VALIDATORS_MAX,
        VOTERS_MAX,
    ];
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), expected);
}
