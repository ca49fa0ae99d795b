//! What a node counts from its start on: datagrams by kind, and what became of blocks and submissions. For
//! graphs and alarms; nothing is ever decided by it.

use protocol::datagram::Datagram;

use super::dropped::Dropped;

/// All counts since the node started. They only ever rise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams that arrived and could be decoded, by kind, with every kind listed. This does not
    /// tell what became of them: those without a valid token, and those that were unexpected for
    /// another reason, are counted in `dropped` as well.
    pub received: Vec<(&'static str, u64)>,
    /// Datagrams that were sent, by kind, with every kind listed.
    pub sent: Vec<(&'static str, u64)>,
    /// Bytes of UDP payload that arrived, whether they could be decoded or not.
    pub received_bytes: u64,
    /// Bytes of UDP payload that were sent.
    pub sent_bytes: u64,
    /// Datagrams that were dropped, by reason, with every reason listed.
    pub dropped: Vec<(&'static str, u64)>,
    /// Changes of the best chain to another branch.
    pub reorganisations: u64,
    /// Blocks that joined the best chain right after this node mined them.
    pub blocks_mined: u64,
    /// All other blocks that joined the best chain, including those that returned to it.
    pub blocks_taken: u64,
    /// Transactions that this peer's own user or its interfaces handed in and that were accepted,
    /// including those that were known already.
    pub submissions_accepted: u64,
    /// Transactions from the same sources that were refused, for whatever reason.
    pub submissions_refused: u64,
}

/// The datagrams of one direction by kind. Every datagram is counted, so this is an array rather
/// than a map.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    by_kind: [u64; Datagram::KINDS.len()],
    bytes: u64,
}

/// Counts of what happened to the chain and to submitted transactions.
#[derive(Debug, Default)]
pub(super) struct Happenings {
    pub(super) reorganisations: u64,
    pub(super) blocks_mined: u64,
    pub(super) blocks_taken: u64,
    pub(super) submissions_accepted: u64,
    pub(super) submissions_refused: u64,
}

/// All that is counted while the node runs.
#[derive(Debug, Default)]
pub(super) struct LiveCounters {
    pub(super) received: Traffic,
    pub(super) sent: Traffic,
    pub(super) dropped: Dropped,
    pub(super) happenings: Happenings,
}

impl Traffic {
    pub(super) fn count_bytes(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
    }

    pub(super) fn count_kind(&mut self, datagram: &Datagram) {
        self.by_kind[datagram.number()] += 1;
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        Datagram::KINDS.into_iter().zip(self.by_kind).collect()
    }
}

impl LiveCounters {
    /// All counts as they are now.
    pub(super) fn snapshot(&self) -> Counters {
        let Self { received, sent, dropped, happenings } = self;
        Counters {
            received: received.counts(),
            sent: sent.counts(),
            received_bytes: received.bytes,
            sent_bytes: sent.bytes,
            dropped: dropped.counts(),
            reorganisations: happenings.reorganisations,
            blocks_mined: happenings.blocks_mined,
            blocks_taken: happenings.blocks_taken,
            submissions_accepted: happenings.submissions_accepted,
            submissions_refused: happenings.submissions_refused,
        }
    }
}
