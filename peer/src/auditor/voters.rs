//! Gathers what became of each voter, for a table. Memory grows with the number of voters alone.

use std::collections::HashMap;

use protocol::block::Block;
use protocol::keys::PublicKey;
use protocol::transaction::Transaction;
use protocol::units::{BlockHash, Height, UnixMillis, VoterId};

/// All voters of a chain, in the order in which it first names them.
#[derive(Debug, Default)]
pub(super) struct Voters {
    rows: Vec<(VoterId, VoterHistory)>,
    places: HashMap<VoterId, usize>,
}

/// What the chain holds of one voter.
#[derive(Debug, Default)]
pub(super) struct VoterHistory {
    /// `None` of a voter who was withdrawn and never registered.
    pub(super) key: Option<PublicKey>,
    pub(super) registered: Option<BlockPlace>,
    pub(super) withdrawn: Option<BlockPlace>,
    pub(super) voted: Option<BlockPlace>,
}

/// The block that holds something.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockPlace {
    pub(super) height: Height,
    pub(super) hash: BlockHash,
    pub(super) time: UnixMillis,
}

impl Voters {
    /// Adds the next block, which follows all rules.
    pub(super) fn add(&mut self, block: &Block) {
        let header = &block.header;
        let place = BlockPlace { height: header.height, hash: header.hash(), time: header.time };
        for transaction in &block.transactions {
            let voter = self.of(transaction.voter());
            match transaction.transaction() {
                Transaction::Registration { voter_key, .. } => {
                    (voter.key, voter.registered) = (Some(*voter_key), Some(place));
                }
                Transaction::Vote { .. } => voter.voted = Some(place),
                Transaction::Withdrawal { .. } => voter.withdrawn = Some(place),
            }
        }
    }

    pub(super) fn in_order(&self) -> impl Iterator<Item = &(VoterId, VoterHistory)> {
        self.rows.iter()
    }

    fn of(&mut self, voter: VoterId) -> &mut VoterHistory {
        let place = *self.places.entry(voter).or_insert_with(|| {
            self.rows.push((voter, VoterHistory::default()));
            self.rows.len() - 1
        });
        &mut self.rows[place].1
    }
}
