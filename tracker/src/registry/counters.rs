//! Counts dropped datagrams by the reason for which they were dropped. A hostile datagram only ever
//! raises a number; it must never cause a log line of its own, because anybody can send as many as
//! they like.

/// The reason why a datagram had no effect, or why a peer got no place.
#[derive(Debug, Clone, Copy)]
pub(super) enum DropReason {
    /// The bytes are not a datagram.
    Undecodable,
    /// The datagram bears another election.
    OtherElection,
    /// The datagram carries no valid token of ours. This is normal for the first datagram of every
    /// peer.
    NoToken,
    /// A kind of datagram that is never sent to a tracker, or inner addresses that the sender may not name.
    Unexpected,
    /// A POKE_ACK that does not answer the newest poke.
    StaleAck,
    /// A REQUEST_BALLOT for an offset beyond the end of the ballot.
    OffsetBeyondBallot,
    /// An unconfirmed peer was dropped to make room for a newer one.
    UnconfirmedEvicted,
    /// A peer answered its poke, but the list was full.
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
