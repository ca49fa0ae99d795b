//! What a datagram is called: in documents, in logs, and where datagrams are counted by their kind.

use super::Datagram;

/// By their number on the wire.
const NAMES: [&str; Datagram::KINDS.len()] = [
    "REGISTER_PEER",
    "REGISTER_ACK",
    "UPDATE_PEERS",
    "REQUEST_BALLOT",
    "BALLOT_OPTIONS",
    "POKE",
    "POKE_ACK",
    "NEW_TRANSACTIONS",
    "NEW_BLOCK",
    "REQUEST_CHAIN",
    "CHAIN_HEADERS",
    "CHAIN_BLOCK",
    "CHAIN_TRANSACTIONS",
    "CHAIN_CERTIFICATES",
    "PREPARE",
    "COMMIT",
    "LEAVE_PEER",
    "LEAVE_ACK",
    "RETRY",
];

impl Datagram {
    /// The kinds for programs, by their [number](Self::number).
    pub const KINDS: [&'static str; 19] = [
        "register_peer",
        "register_ack",
        "update_peers",
        "request_ballot",
        "ballot_options",
        "poke",
        "poke_ack",
        "new_transactions",
        "new_block",
        "request_chain",
        "chain_headers",
        "chain_block",
        "chain_transactions",
        "chain_certificates",
        "prepare",
        "commit",
        "leave_peer",
        "leave_ack",
        "retry",
    ];

    /// The number of its kind on the wire, below the number of [`KINDS`](Self::KINDS).
    #[must_use]
    pub fn number(&self) -> usize {
        match self {
            Self::RegisterPeer => 0,
            Self::RegisterAck(_) => 1,
            Self::UpdatePeers { .. } => 2,
            Self::RequestBallot { .. } => 3,
            Self::BallotOptions { .. } => 4,
            Self::Poke { .. } => 5,
            Self::PokeAck { .. } => 6,
            Self::NewTransactions(_) => 7,
            Self::NewBlock { .. } => 8,
            Self::RequestChain { .. } => 9,
            Self::ChainHeaders { .. } => 10,
            Self::ChainBlock { .. } => 11,
            Self::ChainTransactions { .. } => 12,
            Self::ChainCertificates { .. } => 13,
            Self::Prepare(_) => 14,
            Self::Commit(_) => 15,
            Self::LeavePeer => 16,
            Self::LeaveAck => 17,
            Self::Retry => 18,
        }
    }

    /// The name in the documents, for logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        NAMES[self.number()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[test]
    fn names_and_numbers_are_those_of_the_wire() {
        for (name, kind) in NAMES.iter().zip(Datagram::KINDS) {
            assert_eq!(*name, kind.to_uppercase());
        }
        let samples = [
            (Datagram::RegisterPeer, "register_peer"),
            (Datagram::Poke { nonce: 1, status: None }, "poke"),
            (Datagram::NewTransactions(vec![]), "new_transactions"),
            (
                Datagram::ChainCertificates {
                    request: 1,
                    piece: 0,
                    pieces: 1,
                    certificates: vec![],
                },
                "chain_certificates",
            ),
            (Datagram::Retry, "retry"),
        ];
        for (datagram, kind) in samples {
            let number =
                u32::from_le_bytes(*codec::encode(&datagram).first_chunk().expect("4 bytes"));
            assert_eq!(datagram.number(), number as usize, "{kind}");
            assert_eq!(Datagram::KINDS[datagram.number()], kind);
        }
    }
}
