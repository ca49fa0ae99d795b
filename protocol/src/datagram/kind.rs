//! The names of the kinds of datagram: in documents and logs (`REGISTER_PEER`), and where programs count datagrams by
//! their kind (`register_peer`).
//!
//! One list gives all of them. Its order is that of the variants of [`Datagram`], and so the number on the wire.

use super::Datagram;

/// Makes the names and the numbers from one list. A variant of [`Datagram`] that the list lacks does not compile.
macro_rules! kinds {
    ($($variant:ident $kind:literal,)+) => {
        /// Numbers the kinds in the order of the list.
        enum Number {
            $($variant,)+
        }

        impl Datagram {
            /// The names of all kinds for programs, such as `register_peer`, in the order of their
            /// [numbers](Self::number).
            pub const KINDS: [&'static str; [$($kind),+].len()] = [$($kind),+];

            const NAMES: [&'static str; Self::KINDS.len()] = [$({
                const NAME: [u8; $kind.len()] = upper_case($kind);
                match str::from_utf8(&NAME) {
                    Ok(name) => name,
                    Err(_) => panic!("a kind is written in ASCII"),
                }
            }),+];

            /// The number of this datagram's kind on the wire, from 0 to one below the length of
            /// [`KINDS`](Self::KINDS).
            #[must_use]
            pub fn number(&self) -> usize {
                let number = match self {
                    $(Self::$variant { .. } => Number::$variant,)+
                };
                number as usize
            }
        }
    };
}

kinds! {
    RegisterPeer "register_peer",
    RegisterAck "register_ack",
    UpdatePeers "update_peers",
    RequestBallot "request_ballot",
    BallotOptions "ballot_options",
    Poke "poke",
    PokeAck "poke_ack",
    NewTransactions "new_transactions",
    NewBlock "new_block",
    RequestChain "request_chain",
    ChainHeaders "chain_headers",
    ChainBlock "chain_block",
    ChainTransactions "chain_transactions",
    ChainCertificates "chain_certificates",
    Prepare "prepare",
    Commit "commit",
    LeavePeer "leave_peer",
    LeaveAck "leave_ack",
    Retry "retry",
    TransactionsAck "transactions_ack",
    InnerAddresses "inner_addresses",
    Announce "announce",
    Name "name",
    Presence "presence",
    Evidence "evidence",
}

impl Datagram {
    /// The name of this datagram's kind in the documents, such as `REGISTER_PEER`; for logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        Self::NAMES[self.number()]
    }
}

const fn upper_case<const LENGTH: usize>(kind: &str) -> [u8; LENGTH] {
    let mut bytes = *kind.as_bytes().first_chunk().expect("the caller gives the kind's own length");
    bytes.make_ascii_uppercase();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[test]
    fn names_and_numbers_are_those_of_the_wire() {
        for (name, kind) in Datagram::NAMES.iter().zip(Datagram::KINDS) {
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
            assert_eq!(datagram.name(), kind.to_uppercase());
        }
    }
}
