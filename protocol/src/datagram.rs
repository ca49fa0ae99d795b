//! Every datagram that crosses the network, and the envelope around it.
//!
//! `version 1 │ first 8 bytes of the ElectionId │ receiver's token 8 │ sender's token 8 │ bincode of Datagram`
//!
//! This module decides only whether bytes are a datagram at all. Whether a token is valid, and whether the election is
//! the right one, is decided by the node that receives them.

mod kind;

use std::net::SocketAddr;

use bincode::{Decode, Encode};

use crate::block::Header;
use crate::codec;
use crate::finality::{Certificate, Commit, Prepare};
use crate::token::Token;
use crate::transaction::Transaction;
use crate::units::{BlockHash, ElectionId, Height, IdPrefix, UnixMillis, Work};

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

const VERSION: u8 = 1;

/// The first 8 bytes of an ElectionId; zeros for "not known yet".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElectionPrefix(pub [u8; 8]);

impl ElectionPrefix {
    /// "Not known yet": allowed in REGISTER_PEER and REQUEST_BALLOT alone.
    pub const UNKNOWN: Self = Self([0; 8]);
}

impl From<&ElectionId> for ElectionPrefix {
    fn from(id: &ElectionId) -> Self {
        Self(id.prefix())
    }
}

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

/// A datagram with what surrounds it on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The election that the datagram belongs to.
    pub election: ElectionPrefix,
    /// The token that the receiver issued to the sender; none if it has none yet.
    pub receiver_token: Token,
    /// The token that the sender issues to the receiver.
    pub sender_token: Token,
    /// The message itself.
    pub datagram: Datagram,
}

/// Why bytes are no datagram.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum EnvelopeError {
    /// There are more bytes than any datagram may have.
    #[error("a datagram of {found} bytes is over {DATAGRAM_BYTES_MAX}")]
    TooLong { found: usize },
    /// There are fewer bytes than the envelope takes.
    #[error("a datagram of {found} bytes has no whole envelope")]
    TooShort { found: usize },
    /// The first byte names a version of the protocol that this code does not know.
    #[error("the datagram's version is {found}, not {VERSION}")]
    UnknownVersion { found: u8 },
    /// What follows the envelope is not exactly one [`Datagram`].
    #[error(transparent)]
    Undecodable(#[from] codec::DecodeError),
    /// A list has more entries than its limit allows.
    #[error("a list of {found} entries is over its limit of {limit}")]
    ListTooLong { found: usize, limit: usize },
    /// The election is [unknown](ElectionPrefix::UNKNOWN) where it must not be.
    #[error("the datagram bears no election, which its kind needs")]
    ElectionMissing,
    /// An announcement is for everybody who hears it, so that no token can be meant for it.
    #[error("an announcement bears tokens, or the port 0")]
    NoAnnouncement,
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

impl Envelope {
    /// The bytes to send.
    ///
    /// # Panics
    /// In debug builds, when the datagram is over [`DATAGRAM_BYTES_MAX`]: whoever fills a list keeps to
    /// the limits of this module.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(DATAGRAM_BYTES_MAX);
        bytes.push(VERSION);
        bytes.extend(self.election.0);
        bytes.extend(self.receiver_token.0);
        bytes.extend(self.sender_token.0);
        codec::encode_into(&self.datagram, &mut bytes);
        debug_assert!(bytes.len() <= DATAGRAM_BYTES_MAX, "{} is too long", self.datagram.name());
        bytes
    }

    /// Reads a datagram that arrived.
    ///
    /// # Errors
    /// When the bytes are not exactly one datagram, or break a limit of this module.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(EnvelopeError::TooLong { found: bytes.len() });
        }
        let Some((head, payload)) = bytes.split_first_chunk::<ENVELOPE_BYTES>() else {
            return Err(EnvelopeError::TooShort { found: bytes.len() });
        };
        if head[0] != VERSION {
            return Err(EnvelopeError::UnknownVersion { found: head[0] });
        }
        let field = |at: usize| head[at..at + 8].try_into().expect("eight bytes are in range");
        let datagram: Datagram = codec::decode(payload)?;
        datagram.check_lists()?;
        let envelope = Self {
            election: ElectionPrefix(field(1)),
            receiver_token: Token(field(9)),
            sender_token: Token(field(17)),
            datagram,
        };
        envelope.check_election()?;
        envelope.check_announcement()?;
        Ok(envelope)
    }

    fn check_election(&self) -> Result<(), EnvelopeError> {
        let may_be_unknown =
            matches!(self.datagram, Datagram::RegisterPeer | Datagram::RequestBallot { .. });
        if self.election == ElectionPrefix::UNKNOWN && !may_be_unknown {
            return Err(EnvelopeError::ElectionMissing);
        }
        Ok(())
    }

    fn check_announcement(&self) -> Result<(), EnvelopeError> {
        let Datagram::Announce { port } = self.datagram else { return Ok(()) };
        let bears_token = [self.receiver_token, self.sender_token] != [Token::NONE; 2];
        if bears_token || port == 0 { Err(EnvelopeError::NoAnnouncement) } else { Ok(()) }
    }
}

impl Datagram {
    /// Lists that a sender could fill beyond what the documents allow, though they fit the datagram.
    fn check_lists(&self) -> Result<(), EnvelopeError> {
        let (found, limit) = match self {
            Self::RegisterAck(ack) => (ack.peers.len(), PEERS_MAX),
            Self::UpdatePeers { left, .. } if left.len() > LEFT_MAX => (left.len(), LEFT_MAX),
            Self::UpdatePeers { live, left } => (live.len() + left.len(), PEERS_MAX),
            Self::BallotOptions { bytes, .. } => (bytes.len(), BALLOT_PIECE_BYTES),
            Self::ChainHeaders { headers, .. } => (headers.len(), HEADERS_PER_PIECE),
            Self::ChainBlock { bytes, .. } => (bytes.len(), BLOCK_PIECE_BYTES),
            Self::RequestChain { wanted: ChainRequest::Headers { locator, .. }, .. } => {
                (locator.len(), LOCATOR_MAX)
            }
            Self::RequestChain { wanted: ChainRequest::Transactions { places, .. }, .. } => {
                (places.len(), PLACES_MAX)
            }
            Self::NewBlock { body: AnnouncedBody::ShortIds(ids), .. } => (ids.len(), SHORT_IDS_MAX),
            Self::TransactionsAck { ids } => (ids.len(), ACKNOWLEDGED_MAX),
            Self::InnerAddresses { peers } => inner_addresses(peers),
            Self::RequestChain {
                wanted: ChainRequest::Block { .. } | ChainRequest::Certificates { .. },
                ..
            }
            | Self::NewBlock {
                body: AnnouncedBody::Transactions(_) | AnnouncedBody::Omitted,
                ..
            }
            | Self::RegisterPeer
            | Self::RequestBallot { .. }
            | Self::Poke { .. }
            | Self::PokeAck { .. }
            | Self::NewTransactions(_)
            | Self::ChainTransactions { .. }
            | Self::ChainCertificates { .. }
            | Self::Prepare(_)
            | Self::Commit(_)
            | Self::LeavePeer
            | Self::LeaveAck
            | Self::Retry
            | Self::Announce { .. } => return Ok(()),
        };
        if found > limit { Err(EnvelopeError::ListTooLong { found, limit }) } else { Ok(()) }
    }
}

/// The list of an INNER_ADDRESSES that is the longest for its limit, and the limit.
fn inner_addresses(peers: &[BehindRouter]) -> (usize, usize) {
    let of_one = peers.iter().map(|peer| peer.inner.len()).max().unwrap_or_default();
    if of_one > INNER_OF_PEER_MAX {
        return (of_one, INNER_OF_PEER_MAX);
    }
    let of_all = peers.iter().map(|peer| peer.inner.len()).sum();
    (peers.len().max(of_all), INNER_ADDRESSES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(datagram: Datagram) -> Envelope {
        Envelope {
            election: ElectionPrefix([1; 8]),
            receiver_token: Token([2; 8]),
            sender_token: Token([3; 8]),
            datagram,
        }
    }

    #[test]
    fn a_retry_is_the_smallest_datagram() {
        let retry = envelope(Datagram::Retry).encode();
        assert_eq!(retry.len(), RETRY_BYTES);
        assert_eq!(Envelope::decode(&retry), Ok(envelope(Datagram::Retry)));
    }

    #[test]
    fn a_probe_stays_within_64_bytes() {
        let probe = envelope(Datagram::Poke { nonce: 1, status: None }).encode();
        assert!(probe.len() <= 64, "{}", probe.len());
    }

    #[test]
    fn the_longest_lists_fit() {
        let address: SocketAddr = "[2001:db8::1]:65535".parse().expect("an address");
        let ack = RegisterAck {
            seen_as: address,
            election: ElectionId([1; 32]),
            ballot_bytes: 1,
            heartbeat_ms: 1_000,
            peers: vec![address; PEERS_MAX],
        };
        for datagram in [
            Datagram::RegisterAck(ack),
            Datagram::UpdatePeers {
                live: vec![address; PEERS_MAX - LEFT_MAX],
                left: vec![address; LEFT_MAX],
            },
            Datagram::BallotOptions { offset: 0, bytes: vec![0; BALLOT_PIECE_BYTES] },
            Datagram::RequestChain {
                request: 1,
                wanted: ChainRequest::Headers {
                    locator: vec![BlockHash([0; 32]); LOCATOR_MAX],
                    first: 0,
                    count: 1,
                },
            },
            Datagram::ChainBlock {
                request: 1,
                piece: 0,
                pieces: 1,
                bytes: vec![0; BLOCK_PIECE_BYTES],
            },
            Datagram::RequestChain {
                request: 1,
                wanted: ChainRequest::Transactions {
                    block: BlockHash([0; 32]),
                    places: vec![0; PLACES_MAX],
                },
            },
            Datagram::TransactionsAck { ids: vec![[0; 8]; ACKNOWLEDGED_MAX] },
        ] {
            let name = datagram.name();
            assert!(envelope(datagram).encode().len() <= DATAGRAM_BYTES_MAX, "{name}");
        }
    }

    #[test]
    fn peers_and_those_who_left_are_bounded_together_and_those_who_left_alone() {
        let address: SocketAddr = "192.0.2.1:6001".parse().expect("an address");
        let decoded = |live: usize, left: usize| {
            let (live, left) = (vec![address; live], vec![address; left]);
            Envelope::decode(&envelope(Datagram::UpdatePeers { live, left }).encode()).map(|_| ())
        };
        let too_many = |found, limit| Err(EnvelopeError::ListTooLong { found, limit });
        assert_eq!(decoded(PEERS_MAX - LEFT_MAX, LEFT_MAX), Ok(()));
        assert_eq!(decoded(PEERS_MAX, 0), Ok(()));
        let over = too_many(PEERS_MAX + 1, PEERS_MAX);
        assert_eq!(decoded(PEERS_MAX - LEFT_MAX + 1, LEFT_MAX), over);
        assert_eq!(decoded(PEERS_MAX + 1, 0), over);
        assert_eq!(decoded(0, LEFT_MAX + 1), too_many(LEFT_MAX + 1, LEFT_MAX));
    }

    #[test]
    fn what_is_no_datagram_is_refused() {
        let good = envelope(Datagram::LeavePeer).encode();
        assert!(matches!(
            Envelope::decode(&good[..20]),
            Err(EnvelopeError::TooShort { found: 20 })
        ));
        let mut wrong = good.clone();
        wrong[0] = 2;
        assert_eq!(Envelope::decode(&wrong), Err(EnvelopeError::UnknownVersion { found: 2 }));
        let mut longer = good.clone();
        longer.push(0);
        assert!(matches!(Envelope::decode(&longer), Err(EnvelopeError::Undecodable(_))));
        assert!(matches!(
            Envelope::decode(&[1; DATAGRAM_BYTES_MAX + 1]),
            Err(EnvelopeError::TooLong { .. })
        ));
        let unknown =
            Envelope { election: ElectionPrefix::UNKNOWN, ..envelope(Datagram::LeavePeer) };
        assert_eq!(Envelope::decode(&unknown.encode()), Err(EnvelopeError::ElectionMissing));
    }
}
