//! The envelope around a datagram, and the limits of the lists inside it.

use super::{
    ACKNOWLEDGED_MAX, AnnouncedBody, BALLOT_PIECE_BYTES, BLOCK_PIECE_BYTES, BehindRouter,
    ChainRequest, DATAGRAM_BYTES_MAX, Datagram, ENVELOPE_BYTES, HEADERS_PER_PIECE,
    INNER_ADDRESSES_MAX, INNER_OF_PEER_MAX, LEFT_MAX, LOCATOR_MAX, PEERS_MAX, PLACES_MAX,
    SHORT_IDS_MAX,
};
use crate::codec;
use crate::peer_name::NAME_BYTES_MAX;
use crate::token::Token;
use crate::units::ElectionId;

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
            Self::Name { name, .. } => (name.len(), NAME_BYTES_MAX),
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
            | Self::Announce { .. }
            | Self::Presence(_)
            | Self::Evidence(_) => return Ok(()),
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
    use std::net::SocketAddr;

    use super::*;
    use crate::datagram::{RETRY_BYTES, RegisterAck};
    use crate::units::BlockHash;

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
