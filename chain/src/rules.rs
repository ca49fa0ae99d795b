//! The rules that a test can switch off, to show that the simulated worlds notice when one is missing.
//!
//! A release cannot switch any of them off: only the feature `sabotage` provides a constructor for it.

/// One rule whose absence some simulated world has to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Rule {
    /// Datagrams count only with a token that we issued to their source.
    AddressTokens,
    /// A header's hash shows the work that its difficulty asks for.
    ProofOfWork,
    /// A body has to match its header's merkle root.
    MerkleRoot,
    /// Every signature is checked before a transaction counts.
    Signatures,
    /// One vote per voter in a branch.
    OneVotePerVoter,
    /// No branch without the last final block is followed, and of the others first those that contain the highest
    /// justified one.
    FinalBlock,
    /// Among equally heavy chains the smaller tip hash wins.
    TieBreak,
    /// Transactions of a branch that lost go back to the pool.
    ReturnToPool,
    /// A transaction in the pool is announced again until a block holds it.
    Reannouncement,
    /// Lost pieces are asked for again.
    LostPieces,
    /// A vote is acknowledged after it is durable.
    DurableAcknowledgement,
    /// Heartbeats tell the tip, and a heavier one is fetched.
    TipExchange,
    /// A peer that hears no tracker registers again.
    Reregistration,
    /// A neighbour that misses three heartbeats is dropped.
    MissedHeartbeats,
}

/// Which rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    absent: Option<Rule>,
}

impl Rules {
    /// Every rule holds, as in every release.
    pub const ALL: Self = Self { absent: None };

    /// Every rule but one.
    #[cfg(any(test, feature = "sabotage"))]
    #[must_use]
    pub const fn without(rule: Rule) -> Self {
        Self { absent: Some(rule) }
    }

    /// Whether a rule holds.
    #[must_use]
    pub fn enforces(self, rule: Rule) -> bool {
        self.absent != Some(rule)
    }
}
