//! Who else has a transaction. Each neighbour acknowledges what was announced to it once that is durable there, as this
//! node does itself, so that a voter can be told how many others hold the vote. Nothing here may count a neighbour for
//! a transaction that it neither sent nor acknowledged.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use protocol::units::{IdPrefix, TransactionId};

use super::Ledger;

impl Ledger {
    /// Whether a neighbour sent this transaction or acknowledged it.
    pub(crate) fn is_held_by(&self, address: &SocketAddr, id: &TransactionId) -> bool {
        self.recipients.get(address).is_some_and(|recipient| recipient.holds(id))
    }

    /// Handles a neighbour's word on what it has. Returns what this peer's own user handed in and nobody else was known
    /// to have before.
    pub(crate) fn handle_acknowledged(
        &mut self,
        from: SocketAddr,
        ids: &[IdPrefix],
    ) -> Vec<TransactionId> {
        let Some(recipient) = self.recipients.get_mut(&from) else { return Vec::new() };
        let new: BTreeSet<_> =
            ids.iter().copied().filter(|id| recipient.acknowledged.insert(*id)).collect();
        if new.is_empty() {
            return Vec::new();
        }
        let own = self.own.newest_first().filter(|id| new.contains(&id.prefix()));
        let is_first = |id: &&TransactionId| {
            let holders = self.recipients.iter().filter(|(_, recipient)| recipient.holds(id));
            holders.take(2).count() == 1
        };
        own.filter(is_first).copied().collect()
    }

    /// Notes that a neighbour is to be told of a transaction once it is durable here.
    pub(crate) fn owe_acknowledgement(&mut self, to: SocketAddr, id: TransactionId) {
        if let Some(recipient) = self.recipients.get_mut(&to) {
            recipient.owe_acknowledgement(id);
        }
    }

    /// What each neighbour is to be told now: those of the transactions it sent that are durable. Those that are not
    /// yet wait on, and those that did not stay are forgotten. `is_row_durable` tells it of a row of the pool, and
    /// `is_block_durable` of a transaction in a block of the best chain; `None` if none has it. To be called when the
    /// disk wrote something.
    pub(crate) fn pop_acknowledgements(
        &mut self,
        is_row_durable: impl Fn(u64) -> bool,
        is_block_durable: impl Fn(&TransactionId) -> Option<bool>,
    ) -> Vec<(SocketAddr, Vec<IdPrefix>)> {
        let rows = &self.rows;
        let mut all = Vec::new();
        for (address, recipient) in &mut self.recipients {
            let mut durable = Vec::new();
            recipient.unacknowledged.retain(|id| {
                let is_durable = rows.get(id).map(&is_row_durable).or_else(|| is_block_durable(id));
                if is_durable == Some(true) {
                    durable.push(id.prefix());
                }
                is_durable == Some(false)
            });
            if !durable.is_empty() {
                all.push((*address, durable));
            }
        }
        all
    }
}
