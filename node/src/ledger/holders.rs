//! Who else has a transaction. Each neighbour acknowledges what was announced to it once that is durable there, as this
//! node does itself, so that a voter can be told how many others hold the vote. Nothing here may count a neighbour for
//! a transaction that it neither sent nor acknowledged.

use std::net::SocketAddr;

use protocol::units::{IdPrefix, TransactionId};

use super::Ledger;
use chain::Chain;

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
        let new: Vec<_> =
            ids.iter().copied().filter(|id| recipient.acknowledged.insert(*id)).collect();
        let own = self.own.newest_first().filter(|id| new.contains(&id.prefix()));
        let is_first = |id: &&TransactionId| {
            let holders = self.recipients.iter().filter(|(_, recipient)| recipient.holds(id));
            holders.take(2).count() == 1
        };
        own.filter(is_first).copied().collect()
    }

    /// Notes that a neighbour sent a transaction, and is to be told when it is safe here.
    pub(super) fn note_received(&mut self, from: SocketAddr, id: TransactionId) {
        if let Some(recipient) = self.recipients.get_mut(&from) {
            recipient.owe_acknowledgement(id);
        }
    }

    /// What each neighbour is to be told now: those of the transactions it sent that are durable. Those that are not
    /// yet wait on, and those that did not stay are forgotten. `is_durable` tells it of a row of the pool.
    pub(crate) fn pop_acknowledgements(
        &mut self,
        chain: &Chain,
        is_durable: impl Fn(u64) -> bool,
    ) -> Vec<(SocketAddr, Vec<IdPrefix>)> {
        let rows = &self.rows;
        let mut all = Vec::new();
        for (address, recipient) in &mut self.recipients {
            let mut durable = Vec::new();
            recipient.unacknowledged.retain(|id| {
                let is_here = match rows.get(id) {
                    Some(row) if !is_durable(row) => return true,
                    Some(_) => true,
                    None => chain.locations_of(id).next().is_some(),
                };
                if is_here {
                    durable.push(id.prefix());
                }
                false
            });
            if !durable.is_empty() {
                all.push((*address, durable));
            }
        }
        all
    }
}
