//! Why datagrams are dropped, and how many were. The texts are part of the API: they must not change.

/// Declares the reasons together with their texts, so that none can be missing from the list of
/// all.
macro_rules! reasons {
    ($($reason:ident: $text:literal,)+) => {
        /// The reason why a datagram is dropped without any other effect.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum DropReason {
            $($reason,)+
        }

        impl DropReason {
            const TEXTS: [&'static str; [$(Self::$reason),+].len()] = [$($text),+];
        }
    };
}

reasons! {
    Malformed: "malformed",
    OtherElection: "another election",
    RetryWithoutToken: "a RETRY without our token",
    WithoutToken: "without a valid token",
    Banned: "from a banned address",
    Unexpected: "unexpected",
    BallotBeyondEnd: "a piece of the ballot beyond its end",
    TransactionsNotAsked: "transactions that nobody asked for",
    PieceNotAsked: "a piece that nobody asked for",
    ForeignLocator: "a locator without our genesis",
    PlacesOutOfOrder: "places out of order",
    DiskBusy: "a request while too many wait for the disk",
    UpdateTooSoon: "UPDATE_PEERS more often than once a second",
    InnerTooSoon: "INNER_ADDRESSES more often than once a second",
    NoRoom: "no room for another neighbour",
    MetInside: "from the outer address of a neighbour behind the same router",
    NoAnnouncement: "at the multicast group, and no announcement",
    OtherAnnouncement: "an announcement of another election",
    AnnouncementFromAfar: "an announcement from outside the local network",
    AnnouncementTooMany: "an announcement while too many others are looked into",
    NoName: "a name that may not be shown",
    NameTooSoon: "another name within 5 s",
    VoteOld: "a validator's vote for a block far below the newest",
    TooManyVotes: "more votes of validators than can be checked",
    Partitioned: "on the other side of a partition",
}

/// The number of dropped datagrams for each reason.
#[derive(Debug, Default)]
pub(super) struct Dropped([u64; DropReason::TEXTS.len()]);

impl Dropped {
    pub(super) fn count(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }

    /// The counts of all reasons, including those that never occurred.
    pub(super) fn counts(&self) -> Vec<(&'static str, u64)> {
        DropReason::TEXTS.into_iter().zip(self.0).collect()
    }
}
