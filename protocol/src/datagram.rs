//! Every datagram that crosses the network, and the envelope around it.
//!
//! `version 1 │ first 8 bytes of the ElectionId │ receiver's token 8 │ sender's token 8 │ bincode of Datagram`
//!
//! This module decides only whether bytes are a datagram at all. Whether a token is valid, and whether the election is
//! the right one, is decided by the node that receives them.

mod envelope;
mod kind;

use std::net::SocketAddr;

use bincode::{Decode, Encode};

use crate::block::Header;
use crate::finality::{Certificate, Commit, Evidence, Prepare, Presence};
use crate::transaction::Transaction;
pub use crate::units::RunNumber;
use crate::units::{BlockHash, ElectionId, Height, IdPrefix, UnixMillis, Work};
pub use envelope::{ElectionPrefix, Envelope, EnvelopeError};

/// The largest UDP payload that is ever sent. It fits the MTU of every path without fragments,
/// since IPv6 guarantees 1,280 bytes.
pub const DATAGRAM_BYTES_MAX: usize = 1_200;
/// Bytes of the envelope before the encoded [`Datagram`].
pub const ENVELOPE_BYTES: usize = 25;
/// The size of a RETRY, which is the smallest datagram, so that it is never larger than what it
/// answers.
pub const RETRY_BYTES: usize = ENVELOPE_BYTES + 4;
/// The most addresses in one list of peers. This many IPv6 addresses fit, at 22 bytes each.
pub const PEERS_MAX: usize = 50;
/// The most addresses of peers that left in one UPDATE_PEERS. The list of live peers is shortened
/// by the same number.
pub const LEFT_MAX: usize = 10;
/// The most inner addresses that one peer behind a router names: a machine with more interfaces names some of them.
pub const INNER_OF_PEER_MAX: usize = 8;
/// The most inner addresses in one INNER_ADDRESSES, of all its peers together, and the most peers in it. Twice what
/// one peer may name; a peer that met some behind its router hears of the others from them.
pub const INNER_ADDRESSES_MAX: usize = 16;
/// The bytes of the ballot in one BALLOT_OPTIONS.
pub const BALLOT_PIECE_BYTES: usize = 1_024;
/// The bytes of a block's body in one CHAIN_BLOCK.
pub const BLOCK_PIECE_BYTES: usize = 1_024;
/// The number of headers in one CHAIN_HEADERS, which take 11 × 96 bytes.
pub const HEADERS_PER_PIECE: usize = 11;
/// The most hashes of a locator. They are enough for any chain, because the distances double.
pub const LOCATOR_MAX: usize = 32;
/// The most transactions that are requested at once by their positions in a block.
pub const PLACES_MAX: usize = 256;
/// The most transactions that one TRANSACTIONS_ACK acknowledges, which are more than one NEW_TRANSACTIONS can carry.
pub const ACKNOWLEDGED_MAX: usize = 128;
/// The most short ids in a NEW_BLOCK. A block with more transactions is announced only by its
/// header.
pub const SHORT_IDS_MAX: usize = 128;

/// First 8 bytes of a transaction's leaf hash.
pub type ShortId = [u8; 8];

/// One message. The order of the variants is their number on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[expect(missing_docs, reason = "docs/PROTOCOL.md describes each field beside its bytes")]
pub enum Datagram {
    /// Asks a tracker to list the sender; its address is the datagram's source.
    RegisterPeer,
    /// Answers [`RegisterPeer`](Self::RegisterPeer).
    RegisterAck(RegisterAck),
    /// A fresh sample of live peers, and hints of which ones left; from trackers, and from peer to peer.
    UpdatePeers { live: Vec<SocketAddr>, left: Vec<SocketAddr> },
    /// Asks for the piece of the election's canonical bytes from `offset` on.
    RequestBallot { offset: u32 },
    /// At most [`BALLOT_PIECE_BYTES`] of the election's canonical bytes.
    BallotOptions { offset: u32, bytes: Vec<u8> },
    /// The heartbeat: asks for an answer with the same nonce. Peers tell each other their status.
    Poke { nonce: u64, status: Option<PeerStatus> },
    /// Answers [`Poke`](Self::Poke).
    PokeAck { nonce: u64, status: Option<PeerStatus> },
    /// Transactions that no block holds yet, as many as fit.
    NewTransactions(Vec<Transaction>),
    /// Announces a block, with as much of its body as fits.
    NewBlock { header: Header, body: AnnouncedBody },
    /// Asks for a part of the chain. Answers repeat the number of the request.
    RequestChain { request: u32, wanted: ChainRequest },
    /// Answers a request with at most [`HEADERS_PER_PIECE`] headers: piece `piece`, from 0, of `pieces`.
    ChainHeaders { request: u32, piece: u32, pieces: u32, headers: Vec<Header> },
    /// Answers a request with at most [`BLOCK_PIECE_BYTES`] of a block's body.
    ChainBlock { request: u32, piece: u32, pieces: u32, bytes: Vec<u8> },
    /// Answers a request with transactions of a block.
    ChainTransactions { request: u32, piece: u32, pieces: u32, transactions: Vec<Transaction> },
    /// Answers a request with certificates of final blocks.
    ChainCertificates { request: u32, piece: u32, pieces: u32, certificates: Vec<Certificate> },
    /// A validator's vote of the first phase.
    Prepare(Prepare),
    /// A validator's vote of the second phase.
    Commit(Commit),
    /// Says that the sender leaves the network.
    LeavePeer,
    /// Answers [`LeavePeer`](Self::LeavePeer).
    LeaveAck,
    /// Tells a sender the token that it has to present. Its envelope says everything.
    Retry,
    /// Answers [`NewTransactions`](Self::NewTransactions) once the sender has these durably: the first 8 bytes of their
    /// ids.
    TransactionsAck { ids: Vec<IdPrefix> },
    /// Peers behind a router, with the addresses that they have there: a peer names its own to its tracker, and the
    /// tracker tells peers that it sees at one outer address of each other's.
    InnerAddresses { peers: Vec<BehindRouter> },
    /// Says to a multicast group, and nowhere else, that a peer listens on this port of the datagram's source.
    Announce { port: u16 },
    /// Says what a peer is called by whoever runs it, empty if by nothing, and which of its neighbours are one.
    Name { run: RunNumber, name: String },
    /// Says that a peer runs with a validator's key.
    Presence(Presence),
    /// Two votes of one validator that no honest one signs both.
    Evidence(Evidence),
}

/// A peer behind a router.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BehindRouter {
    /// The peer's address as a tracker outside sees it.
    pub outer: SocketAddr,
    /// Addresses under which it can be reached behind its router; at most [`INNER_OF_PEER_MAX`].
    pub inner: Vec<SocketAddr>,
}

/// What a tracker tells a peer that registered.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RegisterAck {
    /// The peer's address as the tracker sees it.
    pub seen_as: SocketAddr,
    /// The election that the tracker serves.
    pub election: ElectionId,
    /// Length of the election's canonical bytes.
    pub ballot_bytes: u32,
    /// How often the tracker pokes.
    pub heartbeat_ms: u32,
    /// All live peers, or a random sample in a large network.
    pub peers: Vec<SocketAddr>,
}

/// What peers tell each other with every heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct PeerStatus {
    /// Height of the sender's tip.
    pub height: Height,
    /// Hash of the sender's tip.
    pub tip: BlockHash,
    /// Work of the chain that ends in the sender's tip.
    pub work: Work,
    /// The sender's clock.
    pub clock: UnixMillis,
}

/// As much of a new block's body as fits into its announcement.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum AnnouncedBody {
    /// The whole body, as the transactions in their order.
    Transactions(Vec<Transaction>),
    /// A short id for each transaction, for a receiver that has most of them; at most [`SHORT_IDS_MAX`].
    ShortIds(Vec<ShortId>),
    /// Neither fits: ask for the block.
    Omitted,
}

/// What a REQUEST_CHAIN asks for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[expect(missing_docs, reason = "the variants explain their fields")]
pub enum ChainRequest {
    /// Headers of the best chain after the first locator hash on it: `count` pieces from piece `first`.
    Headers { locator: Vec<BlockHash>, first: u32, count: u32 },
    /// `count` pieces of a block's body from piece `first`.
    Block { hash: BlockHash, first: u32, count: u32 },
    /// Transactions of a block, by their places in it.
    Transactions { block: BlockHash, places: Vec<u16> },
    /// Certificates of final blocks from a height upwards.
    Certificates { from: Height },
}

impl Datagram {
    /// The piece of the ballot that a REQUEST_BALLOT asks for; `None` beyond its end.
    #[must_use]
    pub fn ballot_options(ballot: &[u8], offset: u32) -> Option<Self> {
        let rest = ballot.get(usize::try_from(offset).ok()?..)?;
        let bytes = rest[..rest.len().min(BALLOT_PIECE_BYTES)].to_vec();
        (!bytes.is_empty()).then_some(Self::BallotOptions { offset, bytes })
    }
}
