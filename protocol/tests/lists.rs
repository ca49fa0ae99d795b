//! Every list of a datagram at its limit and one past it, and what else is read up to an end.

use std::net::SocketAddr;

use protocol::block::{HEADER_BYTES, Header};
use protocol::codec;
use protocol::datagram::{
    ACKNOWLEDGED_MAX, AnnouncedBody, BALLOT_PIECE_BYTES, BLOCK_PIECE_BYTES, BehindRouter,
    ChainRequest, DATAGRAM_BYTES_MAX, Datagram, ElectionPrefix, Envelope, EnvelopeError,
    HEADERS_PER_PIECE, INNER_ADDRESSES_MAX, INNER_OF_PEER_MAX, LEFT_MAX, LOCATOR_MAX, PEERS_MAX,
    PLACES_MAX, RegisterAck, RunNumber, SHORT_IDS_MAX,
};
use protocol::key_text::KeyTextError;
use protocol::keys::{PublicKey, VoterKey};
use protocol::peer_name::NAME_BYTES_MAX;
use protocol::token::Token;
use protocol::units::{BlockHash, Difficulty, ElectionId, Height, MerkleRoot, UnixMillis};

fn read(datagram: Datagram) -> Result<(), EnvelopeError> {
    let (election, token) = (ElectionPrefix([1; 8]), Token([2; 8]));
    let envelope = Envelope { election, receiver_token: token, sender_token: token, datagram };
    Envelope::decode(&envelope.encode()).map(|read| assert_eq!(read, envelope))
}

fn header() -> Header {
    Header {
        previous: BlockHash([1; 32]),
        merkle_root: MerkleRoot([2; 32]),
        height: Height(1),
        time: UnixMillis(1),
        difficulty: Difficulty::from_bits(0),
        nonce: 0,
    }
}

/// Checks a kind of datagram whose list has some number of entries.
fn check_limit(limit: usize, datagram: impl Fn(usize) -> Datagram) {
    let name = datagram(0).name();
    for found in [0, 1, limit - 1, limit] {
        assert_eq!(read(datagram(found)), Ok(()), "{name} with {found}");
    }
    let found = limit + 1;
    assert_eq!(read(datagram(found)), Err(EnvelopeError::ListTooLong { found, limit }), "{name}");
}

#[test]
fn each_list_is_read_up_to_its_limit_and_refused_one_past_it() {
    let address: SocketAddr = "192.0.2.1:6001".parse().expect("an address");
    let header = header();
    check_limit(PEERS_MAX, |count| {
        Datagram::RegisterAck(RegisterAck {
            seen_as: address,
            election: ElectionId([1; 32]),
            ballot_bytes: 1,
            heartbeat_ms: 1_000,
            peers: vec![address; count],
        })
    });
    check_limit(LEFT_MAX, |count| Datagram::UpdatePeers {
        live: Vec::new(),
        left: vec![address; count],
    });
    // Those who left count among all.
    check_limit(PEERS_MAX, |count| {
        let left = count.min(LEFT_MAX - 1);
        Datagram::UpdatePeers { live: vec![address; count - left], left: vec![address; left] }
    });
    check_limit(BALLOT_PIECE_BYTES, |count| Datagram::BallotOptions {
        offset: 0,
        bytes: vec![0; count],
    });
    check_limit(BLOCK_PIECE_BYTES, |count| Datagram::ChainBlock {
        request: 1,
        piece: 0,
        pieces: 1,
        bytes: vec![0; count],
    });
    check_limit(LOCATOR_MAX, |count| Datagram::RequestChain {
        request: 1,
        wanted: ChainRequest::Headers {
            locator: vec![BlockHash([0; 32]); count],
            first: 0,
            count: 1,
        },
    });
    check_limit(PLACES_MAX, |count| Datagram::RequestChain {
        request: 1,
        wanted: ChainRequest::Transactions { block: BlockHash([0; 32]), places: vec![0; count] },
    });
    check_limit(ACKNOWLEDGED_MAX, |count| Datagram::TransactionsAck { ids: vec![[1; 8]; count] });
    let behind_router = |count| BehindRouter { outer: address, inner: vec![address; count] };
    check_limit(INNER_OF_PEER_MAX, |count| Datagram::InnerAddresses {
        peers: vec![behind_router(count)],
    });
    check_limit(INNER_ADDRESSES_MAX, |count| Datagram::InnerAddresses {
        peers: vec![behind_router(1); count],
    });
    check_limit(INNER_ADDRESSES_MAX, |count| Datagram::InnerAddresses {
        peers: vec![behind_router(0); count],
    });
    check_limit(NAME_BYTES_MAX, |count| Datagram::Name {
        run: RunNumber([1; 8]),
        name: "a".repeat(count),
    });
    check_limit(SHORT_IDS_MAX, |count| Datagram::NewBlock {
        header,
        body: AnnouncedBody::ShortIds(vec![[0; 8]; count]),
    });
}

#[test]
fn a_piece_of_headers_is_read_up_to_its_limit_and_no_more_fit() {
    let (election, token) = (ElectionPrefix([1; 8]), Token([2; 8]));
    let headers = vec![header(); HEADERS_PER_PIECE];
    let datagram = Datagram::ChainHeaders { request: 1, piece: 0, pieces: 1, headers };
    let envelope = Envelope { election, receiver_token: token, sender_token: token, datagram };
    let mut bytes = envelope.encode();
    assert_eq!(Envelope::decode(&bytes), Ok(envelope));

    // The list is the last field, and begins with the number of its entries.
    let count = bytes.len() - HEADERS_PER_PIECE * HEADER_BYTES - size_of::<u64>();
    bytes[count] += 1;
    bytes.extend([0; HEADER_BYTES]);
    let found = bytes.len();
    assert_eq!(Envelope::decode(&bytes), Err(EnvelopeError::TooLong { found }));
}

#[test]
fn an_announcement_bears_no_token_and_a_port() {
    let read = |receiver, sender, port| {
        let envelope = Envelope {
            election: ElectionPrefix([1; 8]),
            receiver_token: Token([receiver; 8]),
            sender_token: Token([sender; 8]),
            datagram: Datagram::Announce { port },
        };
        Envelope::decode(&envelope.encode()).map(drop)
    };
    assert_eq!(read(0, 0, 6_001), Ok(()));
    for (receiver, sender, port) in [(1, 0, 6_001), (0, 1, 6_001), (0, 0, 0)] {
        assert_eq!(read(receiver, sender, port), Err(EnvelopeError::NoAnnouncement));
    }
}

#[test]
fn a_datagram_of_exactly_the_most_bytes_is_looked_into() {
    let refused = Envelope::decode(&[1; DATAGRAM_BYTES_MAX]);
    assert!(matches!(refused, Err(EnvelopeError::Undecodable(_))), "{refused:?}");
    let found = DATAGRAM_BYTES_MAX + 1;
    assert_eq!(Envelope::decode(&vec![1; found]), Err(EnvelopeError::TooLong { found }));
}

#[test]
fn a_ballot_is_served_in_pieces_up_to_its_end() {
    let ballot: Vec<u8> = (0..=u8::MAX).cycle().take(BALLOT_PIECE_BYTES + 3).collect();
    let end = u32::try_from(ballot.len()).expect("it is small");
    let piece = |offset| Datagram::ballot_options(&ballot, offset);
    let bytes = ballot[..BALLOT_PIECE_BYTES].to_vec();
    assert_eq!(piece(0), Some(Datagram::BallotOptions { offset: 0, bytes }));
    let bytes = ballot[ballot.len() - 1..].to_vec();
    assert_eq!(piece(end - 1), Some(Datagram::BallotOptions { offset: end - 1, bytes }));
    assert_eq!((piece(end), piece(end + 1)), (None, None));
}

#[test]
fn eight_mebibytes_are_claimed_by_one_value_and_no_more() {
    let most = 8 * 1024 * 1024 - size_of::<u64>();
    let good = codec::encode(&vec![7u8; most]);
    assert_eq!(codec::decode::<Vec<u8>>(&good).map(|bytes| bytes.len()), Ok(most));
    let large = codec::encode(&vec![7u8; most + 1]);
    assert!(codec::decode::<Vec<u8>>(&large).is_err());
}

#[test]
fn a_secret_reads_back_and_a_wrong_key_is_told_from_wrong_digits() {
    let key = VoterKey::from_secret_bytes(&[3; 32]).expect("a secret key");
    assert_eq!(*key.secret_bytes(), [3; 32]);
    let text = key.public().to_string();
    assert_eq!(text.parse(), Ok(key.public()));
    let of = |prefix: &str, rest: &str| format!("{prefix}{rest}").parse::<PublicKey>();
    assert_eq!(of("0", &text[2..]), Err(KeyTextError::Digits { found: 65 }));
    assert!(matches!(of("05", &text[2..]), Err(KeyTextError::NotAPoint { .. })));
    for prefix in ["02", "03"] {
        // No point of the curve has an x beyond the field.
        let outside = of(prefix, &"ff".repeat(32));
        assert!(matches!(outside, Err(KeyTextError::NotAPoint { .. })), "{outside:?}");
    }
}

#[test]
fn the_zone_of_a_link_local_address_is_neither_empty_nor_unprintable() {
    for (text, is_good) in
        [("[fe80::1%eth0]:1", true), ("[fe80::1%]:1", false), ("[fe80::1%a b]:1", false)]
    {
        let read = text.parse::<protocol::address::AddressText>();
        assert_eq!(read.is_ok(), is_good, "{text}: {read:?}");
    }
}
