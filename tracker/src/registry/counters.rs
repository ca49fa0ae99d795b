//! Counts dropped datagrams by the reason for which they were dropped. A hostile datagram only ever
//! raises a number; it must never cause a log line of its own, because anybody can send as many as
//! they like.

/// Why a datagram had no effect, or a peer no place.
#[derive(Debug, Clone, Copy)]
pub(super) enum DropReason {
    /// The bytes are no datagram.
    Undecodable,
    /// The datagram bears another election.
    OtherElection,
    /// It bears no valid token of ours; every first datagram of a peer is one of these.
    NoToken,
    /// A kind that no tracker is sent.
    Unexpected,
    /// A POKE_ACK that answers no poke of the last period.
    StaleAck,
    /// A REQUEST_BALLOT beyond the ballot's end.
    OffsetBeyondBallot,
    /// An unconfirmed peer gave way to a newer one.
    UnconfirmedEvicted,
    /// A peer that answered found the list full.
    ListFull,
}

#[derive(Debug, Default)]
pub(super) struct Counters([u64; DropReason::ALL.len()]);

impl Counters {
    pub(super) fn add(&mut self, reason: DropReason) {
        let counter = &mut self.0[reason as usize];
        *counter = counter.saturating_add(1);
    }

    pub(super) fn by_reason(&self) -> Vec<(&'static str, u64)> {
        DropReason::ALL.iter().map(|reason| (reason.name(), self.0[*reason as usize])).collect()
    }
}

impl DropReason {
    const ALL: [Self; 8] = [
        Self::Undecodable,
        Self::OtherElection,
        Self::NoToken,
        Self::Unexpected,
        Self::StaleAck,
        Self::OffsetBeyondBallot,
        Self::UnconfirmedEvicted,
        Self::ListFull,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::OtherElection => "other_election",
            Self::NoToken => "no_token",
            Self::Unexpected => "unexpected",
            Self::StaleAck => "stale_ack",
            Self::OffsetBeyondBallot => "offset_beyond_ballot",
            Self::UnconfirmedEvicted => "unconfirmed_evicted",
            Self::ListFull => "list_full",
        }
    }
}
