//! `wincode` reads and writes the same bytes as the codec: the way out, should bincode ever have to go.
//!
//! The types here mirror those of the crate. What the codec wrote is read into the mirror, to the last
//! byte, and written again.

#![allow(dead_code, reason = "the fields are read and written by derived code alone")]

use std::net::SocketAddr;

use proptest::prelude::*;
use protocol::codec;
use wincode::{SchemaRead, SchemaWrite};

use crate::strategies::{datagram, election, transaction};

type Hash = [u8; 32];
type SignatureBytes = [u8; 65];
type HeaderBytes = [u8; 96];

#[derive(SchemaRead, SchemaWrite)]
enum Transaction {
    Registration { voter_key: [u8; 33], admission: Admission },
    Vote { vote: Vote, signature: SignatureBytes },
    Withdrawal { voter: Hash, signatures: RegistrarSignatures },
}

#[derive(SchemaRead, SchemaWrite)]
enum Admission {
    Open { stamp: u64, signature: SignatureBytes },
    Signed { signatures: RegistrarSignatures },
}

#[derive(SchemaRead, SchemaWrite)]
struct RegistrarSignatures {
    election: [u8; 8],
    registrars: u16,
    signatures: Vec<SignatureBytes>,
}

#[derive(SchemaRead, SchemaWrite)]
struct Vote {
    voter: Hash,
    choices: Vec<Vec<u16>>,
    nonce: [u8; 8],
    cast_at: u64,
}

#[derive(SchemaRead, SchemaWrite)]
enum Datagram {
    RegisterPeer,
    RegisterAck(RegisterAck),
    UpdatePeers { live: Vec<SocketAddr>, left: Vec<SocketAddr> },
    RequestBallot { offset: u32 },
    BallotOptions { offset: u32, bytes: Vec<u8> },
    Poke { nonce: u64, status: Option<PeerStatus> },
    PokeAck { nonce: u64, status: Option<PeerStatus> },
    NewTransactions(Vec<Transaction>),
    NewBlock { header: HeaderBytes, body: AnnouncedBody },
    RequestChain { request: u32, wanted: ChainRequest },
    ChainHeaders { request: u32, piece: u32, pieces: u32, headers: Vec<HeaderBytes> },
    ChainBlock { request: u32, piece: u32, pieces: u32, bytes: Vec<u8> },
    ChainTransactions { request: u32, piece: u32, pieces: u32, transactions: Vec<Transaction> },
    ChainCertificates { request: u32, piece: u32, pieces: u32, certificates: Vec<Certificate> },
    Prepare(Prepare),
    Commit(Commit),
    LeavePeer,
    LeaveAck,
    Retry,
    TransactionsAck { ids: Vec<[u8; 8]> },
    InnerAddresses { peers: Vec<BehindRouter> },
    Announce { port: u16 },
    Name { run: [u8; 8], name: String },
    Presence(Presence),
    Evidence { first: FinalityVote, second: FinalityVote },
}

#[derive(SchemaRead, SchemaWrite)]
struct BehindRouter {
    outer: SocketAddr,
    inner: Vec<SocketAddr>,
}

#[derive(SchemaRead, SchemaWrite)]
struct RegisterAck {
    seen_as: SocketAddr,
    election: Hash,
    ballot_bytes: u32,
    heartbeat_ms: u32,
    peers: Vec<SocketAddr>,
}

#[derive(SchemaRead, SchemaWrite)]
struct PeerStatus {
    height: u64,
    tip: Hash,
    work: u128,
    clock: u64,
}

#[derive(SchemaRead, SchemaWrite)]
enum AnnouncedBody {
    Transactions(Vec<Transaction>),
    ShortIds(Vec<[u8; 8]>),
    Omitted,
}

#[derive(SchemaRead, SchemaWrite)]
enum ChainRequest {
    Headers { locator: Vec<Hash>, first: u32, count: u32 },
    Block { hash: Hash, first: u32, count: u32 },
    Transactions { block: Hash, places: Vec<u16> },
    Certificates { from: u64 },
}

#[derive(SchemaRead, SchemaWrite)]
struct BlockReference {
    height: u64,
    hash: Hash,
}

#[derive(SchemaRead, SchemaWrite)]
struct Prepare {
    validator: u16,
    target: BlockReference,
    source: BlockReference,
    signature: SignatureBytes,
}

#[derive(SchemaRead, SchemaWrite)]
struct Commit {
    validator: u16,
    block: BlockReference,
    signature: SignatureBytes,
}

#[derive(SchemaRead, SchemaWrite)]
enum FinalityVote {
    Prepare(Prepare),
    Commit(Commit),
}

#[derive(SchemaRead, SchemaWrite)]
struct Presence {
    validator: u16,
    run: [u8; 8],
    time: u64,
    signature: SignatureBytes,
}

#[derive(SchemaRead, SchemaWrite)]
struct Certificate {
    block: BlockReference,
    signatures: Vec<(u16, SignatureBytes)>,
}

#[derive(SchemaRead, SchemaWrite)]
struct CanonicalElection {
    format: u16,
    id: [u8; 16],
    title: String,
    created: u64,
    difficulty_bits: u8,
    admission: AdmissionRule,
    block_bytes_max: u32,
    questions: Vec<Question>,
}

#[derive(SchemaRead, SchemaWrite)]
struct TimedElection {
    untimed: CanonicalElection,
    block_interval_s: u32,
    times: Option<Times>,
}

#[derive(SchemaRead, SchemaWrite)]
struct Times {
    opens: u64,
    closes: u64,
    finality: FinalityRule,
}

#[derive(SchemaRead, SchemaWrite)]
enum FinalityRule {
    Depth { confirmations: u32 },
    Roster { validators: Vec<Registrar>, quorum: u8, crash_faults_only: bool },
}

#[derive(SchemaRead, SchemaWrite)]
enum AdmissionRule {
    Open { registration_bits: u8, max_voters: Option<u32> },
    Registrars { registrars: Vec<Registrar>, threshold: u8 },
}

#[derive(SchemaRead, SchemaWrite)]
struct Registrar {
    name: String,
    key: [u8; 33],
}

#[derive(SchemaRead, SchemaWrite)]
struct Question {
    title: String,
    options: Vec<String>,
    choices_min: u16,
    choices_max: u16,
}

proptest! {
    #[test]
    fn wincode_gives_the_same_bytes_for_datagrams(value in datagram()) {
        let bytes = codec::encode(&value);
        let mirror: Datagram = wincode::deserialize_exact(&bytes).expect("wincode reads it");
        prop_assert_eq!(wincode::serialize(&mirror).expect("wincode writes it"), bytes);
    }

    #[test]
    fn wincode_gives_the_same_bytes_for_transactions(value in transaction()) {
        let bytes = codec::encode(&value);
        let mirror: Transaction = wincode::deserialize_exact(&bytes).expect("wincode reads it");
        prop_assert_eq!(wincode::serialize(&mirror).expect("wincode writes it"), bytes);
    }

    #[test]
    fn wincode_gives_the_same_bytes_for_elections(value in election()) {
        let bytes = value.canonical_bytes();
        let again = if value.block_interval_s.is_some() {
            let mirror: TimedElection = wincode::deserialize_exact(&bytes).expect("wincode reads it");
            wincode::serialize(&mirror)
        } else {
            let mirror: CanonicalElection = wincode::deserialize_exact(&bytes).expect("wincode reads it");
            wincode::serialize(&mirror)
        };
        prop_assert_eq!(again.expect("wincode writes it"), bytes);
    }
}
