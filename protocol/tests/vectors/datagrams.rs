//! Vectors of every datagram and each of its forms, with their envelopes.

use std::net::SocketAddr;

use protocol::block::Header;
use protocol::datagram::{
    AnnouncedBody, BehindRouter, ChainRequest, Datagram, ElectionPrefix, Envelope, PeerStatus,
    RegisterAck, RunNumber,
};
use protocol::finality::{Evidence, FinalityVote, Prepare};
use protocol::token::Token;
use protocol::transaction::Transaction;
use protocol::units::{Height, UnixMillis, Work};

use crate::chain::{self, election, election_id, header_layout, transaction_layout};
use crate::finality::{Signed, certificate_layout, referred};
use crate::layout::{Layout, Vector};

const RECEIVER_TOKEN: Token = Token([0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7]);
const SENDER_TOKEN: Token = Token([0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7]);
const NONCE: u64 = 0x0102_0304_0506_0708;
const REQUEST: u32 = 7;

fn v4() -> SocketAddr {
    "192.0.2.1:6000".parse().expect("an address")
}

fn v6() -> SocketAddr {
    "[2001:db8::1]:6001".parse().expect("an address")
}

fn status() -> PeerStatus {
    let header = chain::block().header;
    PeerStatus {
        height: header.height,
        tip: header.hash(),
        work: Work(256),
        clock: UnixMillis(1_793_523_666_000),
    }
}

pub(crate) fn vectors() -> Vec<Vector> {
    let mut vectors = vec![register_peer()];
    vectors.extend(joining());
    vectors.extend(heartbeats());
    vectors.extend(announcements());
    vectors.extend(requests());
    vectors.extend(pieces());
    vectors.extend(finality());
    vectors.extend([
        vector("LEAVE_PEER", Datagram::LeavePeer, number(16, "LeavePeer")),
        vector("LEAVE_ACK", Datagram::LeaveAck, number(17, "LeaveAck")),
        vector("RETRY", Datagram::Retry, number(18, "Retry")),
        transactions_ack(),
        inner_addresses(),
        announce(),
        name(),
    ]);
    vectors
}

fn number(variant: u32, name: &str) -> Layout {
    Layout::new().variant("datagram", variant, name)
}

/// The vector of a datagram between nodes that know each other's tokens.
fn vector(name: &'static str, datagram: Datagram, layout: Layout) -> Vector {
    let election = ElectionPrefix::from(&election_id());
    let (receiver_token, sender_token) = (RECEIVER_TOKEN, SENDER_TOKEN);
    enveloped(name, Envelope { election, receiver_token, sender_token, datagram }, layout)
}

fn enveloped(name: &'static str, envelope: Envelope, layout: Layout) -> Vector {
    let layout = Layout::new()
        .u8("version", 1)
        .bytes("election prefix", &envelope.election.0)
        .bytes("receiver's token", &envelope.receiver_token.0)
        .bytes("sender's token", &envelope.sender_token.0)
        .within("", layout);
    let bytes = layout.all_bytes();
    assert_eq!(hex::encode(envelope.encode()), hex::encode(&bytes), "{name}");
    assert!(name.starts_with(envelope.datagram.name()), "{name}");
    assert_eq!(Envelope::decode(&bytes), Ok(envelope), "{name}");
    Vector::new(name, layout)
}

fn register_peer() -> Vector {
    let envelope = Envelope {
        election: ElectionPrefix::UNKNOWN,
        receiver_token: Token::NONE,
        sender_token: SENDER_TOKEN,
        datagram: Datagram::RegisterPeer,
    };
    enveloped("REGISTER_PEER", envelope, number(0, "RegisterPeer"))
}

fn transactions_ack() -> Vector {
    let ids = [[0x11; 8], [0x22; 8]];
    let layout = number(19, "TransactionsAck")
        .length("ids", ids.len())
        .bytes("ids[0]", &ids[0])
        .bytes("ids[1]", &ids[1]);
    vector("TRANSACTIONS_ACK", Datagram::TransactionsAck { ids: ids.to_vec() }, layout)
}

fn inner_addresses() -> Vector {
    let inner =
        ["192.168.1.5:6001", "[fd00::5]:6001"].map(|text| text.parse().expect("an address"));
    let layout = number(20, "InnerAddresses")
        .length("peers", 1)
        .address("peers[0].outer", v4())
        .addresses("peers[0].inner", &inner);
    let peers = vec![BehindRouter { outer: v4(), inner: inner.to_vec() }];
    vector("INNER_ADDRESSES", Datagram::InnerAddresses { peers }, layout)
}

fn announce() -> Vector {
    let envelope = Envelope {
        election: ElectionPrefix::from(&election_id()),
        receiver_token: Token::NONE,
        sender_token: Token::NONE,
        datagram: Datagram::Announce { port: 6_001 },
    };
    enveloped("ANNOUNCE", envelope, number(21, "Announce").u16("port", 6_001))
}

fn name() -> Vector {
    let (run, name) = (RunNumber([0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7]), "Zo\u{eb} 2");
    let layout = number(22, "Name").bytes("run", &run.0).text("name", name);
    vector("NAME", Datagram::Name { run, name: name.to_owned() }, layout)
}

fn joining() -> Vec<Vector> {
    let ballot = election().canonical_bytes();
    let ballot_bytes = u32::try_from(ballot.len()).expect("a ballot is small");
    let ack = RegisterAck {
        seen_as: v4(),
        election: election_id(),
        ballot_bytes,
        heartbeat_ms: 1_000,
        peers: vec![v4(), v6()],
    };
    let ack_layout = number(1, "RegisterAck")
        .address("seen_as", v4())
        .bytes("election", &election_id().0)
        .u32("ballot_bytes", ballot_bytes)
        .u32("heartbeat_ms", 1_000)
        .addresses("peers", &[v4(), v6()]);
    let update_layout =
        number(2, "UpdatePeers").addresses("live", &[v4()]).addresses("left", &[v6()]);
    vec![
        vector("REGISTER_ACK", Datagram::RegisterAck(ack), ack_layout),
        vector(
            "UPDATE_PEERS",
            Datagram::UpdatePeers { live: vec![v4()], left: vec![v6()] },
            update_layout,
        ),
        vector(
            "REQUEST_BALLOT",
            Datagram::RequestBallot { offset: 1_024 },
            number(3, "RequestBallot").u32("offset", 1_024),
        ),
        vector(
            "BALLOT_OPTIONS",
            Datagram::BallotOptions { offset: 0, bytes: ballot.clone() },
            number(4, "BallotOptions").u32("offset", 0).byte_list("bytes", &ballot),
        ),
    ]
}

fn heartbeats() -> Vec<Vector> {
    let with_status = |layout: Layout| {
        layout
            .u8("status present", 1)
            .u64("status.height", status().height.0)
            .bytes("status.tip", &status().tip.0)
            .u128("status.work", status().work.0)
            .u64("status.clock", status().clock.0)
    };
    let poke = || number(5, "Poke").u64("nonce", NONCE);
    let ack = || number(6, "PokeAck").u64("nonce", NONCE);
    vec![
        vector(
            "POKE",
            Datagram::Poke { nonce: NONCE, status: None },
            poke().u8("status present", 0),
        ),
        vector(
            "POKE with status",
            Datagram::Poke { nonce: NONCE, status: Some(status()) },
            with_status(poke()),
        ),
        vector(
            "POKE_ACK",
            Datagram::PokeAck { nonce: NONCE, status: None },
            ack().u8("status present", 0),
        ),
        vector(
            "POKE_ACK with status",
            Datagram::PokeAck { nonce: NONCE, status: Some(status()) },
            with_status(ack()),
        ),
    ]
}

fn listed(layout: Layout, transactions: &[Transaction]) -> Layout {
    let start = layout.length("transactions", transactions.len());
    transactions.iter().enumerate().fold(start, |layout, (index, transaction)| {
        layout.within(&format!("transactions[{index}]"), transaction_layout(transaction))
    })
}

fn announcements() -> Vec<Vector> {
    let header = chain::block().header;
    let plain = vec![chain::registration(), chain::vote()];
    let short_ids: Vec<[u8; 8]> = chain::transactions()
        .iter()
        .map(|hashed| hashed.leaf().0[..8].try_into().expect("eight bytes are in range"))
        .collect();
    let announced = || number(8, "NewBlock").within("header", header_layout(&header));
    let ids_layout = short_ids.iter().enumerate().fold(
        announced().variant("body", 1, "ShortIds").length("short_ids", short_ids.len()),
        |layout, (index, id)| layout.bytes(&format!("short_ids[{index}]"), id),
    );
    vec![
        vector(
            "NEW_TRANSACTIONS",
            Datagram::NewTransactions(plain.clone()),
            listed(number(7, "NewTransactions"), &plain),
        ),
        vector(
            "NEW_BLOCK with transactions",
            Datagram::NewBlock { header, body: AnnouncedBody::Transactions(plain.clone()) },
            listed(announced().variant("body", 0, "Transactions"), &plain),
        ),
        vector(
            "NEW_BLOCK with short ids",
            Datagram::NewBlock { header, body: AnnouncedBody::ShortIds(short_ids) },
            ids_layout,
        ),
        vector(
            "NEW_BLOCK alone",
            Datagram::NewBlock { header, body: AnnouncedBody::Omitted },
            announced().variant("body", 2, "Omitted"),
        ),
    ]
}

fn requests() -> Vec<Vector> {
    let (hash, genesis) = (chain::block().header.hash(), Header::genesis(&election()).hash());
    let asked = || number(9, "RequestChain").u32("request", REQUEST);
    let request = |wanted| Datagram::RequestChain { request: REQUEST, wanted };
    vec![
        vector(
            "REQUEST_CHAIN for headers",
            request(ChainRequest::Headers { locator: vec![hash, genesis], first: 0, count: 64 }),
            asked()
                .variant("wanted", 0, "Headers")
                .length("locator", 2)
                .bytes("locator[0]", &hash.0)
                .bytes("locator[1]", &genesis.0)
                .u32("first", 0)
                .u32("count", 64),
        ),
        vector(
            "REQUEST_CHAIN for a block",
            request(ChainRequest::Block { hash, first: 2, count: 3 }),
            asked()
                .variant("wanted", 1, "Block")
                .bytes("hash", &hash.0)
                .u32("first", 2)
                .u32("count", 3),
        ),
        vector(
            "REQUEST_CHAIN for transactions",
            request(ChainRequest::Transactions { block: hash, places: vec![0, 258] }),
            asked()
                .variant("wanted", 2, "Transactions")
                .bytes("block", &hash.0)
                .length("places", 2)
                .u16("places[0]", 0)
                .u16("places[1]", 258),
        ),
        vector(
            "REQUEST_CHAIN for certificates",
            request(ChainRequest::Certificates { from: Height(1) }),
            asked().variant("wanted", 3, "Certificates").u64("from", 1),
        ),
    ]
}

fn pieces() -> Vec<Vector> {
    let piece = |variant, name, piece, pieces| {
        number(variant, name).u32("request", REQUEST).u32("piece", piece).u32("pieces", pieces)
    };
    let request = REQUEST;
    let headers = vec![chain::block().header, chain::next_header()];
    let headers_layout = headers.iter().enumerate().fold(
        piece(10, "ChainHeaders", 0, 1).length("headers", headers.len()),
        |layout, (index, header)| {
            layout.within(&format!("headers[{index}]"), header_layout(header))
        },
    );
    let body = chain::block().body_bytes();
    let body_layout = piece(11, "ChainBlock", 0, 1).byte_list("bytes", &body);
    let absent_layout = piece(11, "ChainBlock", 0, 0).byte_list("bytes", &[]);
    let transactions = vec![chain::vote()];
    let transactions_layout = listed(piece(12, "ChainTransactions", 0, 1), &transactions);
    vec![
        vector(
            "CHAIN_HEADERS",
            Datagram::ChainHeaders { request, piece: 0, pieces: 1, headers },
            headers_layout,
        ),
        vector(
            "CHAIN_BLOCK",
            Datagram::ChainBlock { request, piece: 0, pieces: 1, bytes: body },
            body_layout,
        ),
        vector(
            "CHAIN_BLOCK of an unknown block",
            Datagram::ChainBlock { request, piece: 0, pieces: 0, bytes: Vec::new() },
            absent_layout,
        ),
        vector(
            "CHAIN_TRANSACTIONS",
            Datagram::ChainTransactions { request, piece: 0, pieces: 1, transactions },
            transactions_layout,
        ),
    ]
}

fn finality() -> Vec<Vector> {
    let signed = Signed::new();
    let certificates = number(13, "ChainCertificates")
        .u32("request", REQUEST)
        .u32("piece", 0)
        .u32("pieces", 1)
        .length("certificates", 1)
        .within("certificates[0]", certificate_layout(&signed.certificate));
    let prepare = |layout: Layout, prepare: &Prepare| {
        let layout = layout.u16("validator", prepare.validator);
        let layout = referred(layout, "target", prepare.target);
        referred(layout, "source", prepare.source).bytes("signature", &prepare.signature.0)
    };
    let commit = referred(
        number(15, "Commit").u16("validator", signed.commit.validator),
        "block",
        signed.commit.block,
    )
    .bytes("signature", &signed.commit.signature.0);
    let presence = number(23, "Presence")
        .u16("validator", signed.presence.validator)
        .bytes("run", &signed.presence.run.0)
        .u64("time", signed.presence.time.0)
        .bytes("signature", &signed.presence.signature.0);
    let vote = |at: &str, vote: &Prepare| {
        Layout::new().variant(at, 0, "Prepare").within(at, prepare(Layout::new(), vote))
    };
    let evidence = number(24, "Evidence")
        .within("", vote("first", &signed.prepare))
        .within("", vote("second", &signed.other_prepare));
    vec![
        vector(
            "CHAIN_CERTIFICATES",
            Datagram::ChainCertificates {
                request: REQUEST,
                piece: 0,
                pieces: 1,
                certificates: vec![signed.certificate.clone()],
            },
            certificates,
        ),
        vector(
            "PREPARE",
            Datagram::Prepare(signed.prepare.clone()),
            prepare(number(14, "Prepare"), &signed.prepare),
        ),
        vector("COMMIT", Datagram::Commit(signed.commit.clone()), commit),
        vector("PRESENCE", Datagram::Presence(signed.presence.clone()), presence),
        vector(
            "EVIDENCE",
            Datagram::Evidence(Evidence {
                first: FinalityVote::Prepare(signed.prepare.clone()),
                second: FinalityVote::Prepare(signed.other_prepare),
            }),
            evidence,
        ),
    ]
}
