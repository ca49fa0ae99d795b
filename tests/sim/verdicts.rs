//! Signature checks, each really made, but once per world for all peers of it.

use std::collections::BTreeMap;

use protocol::keys::SignatureError;
use protocol::transaction::HashedTransaction;
use protocol::units::LeafHash;

#[derive(Debug, Default)]
pub struct Verdicts(BTreeMap<LeafHash, Result<(), SignatureError>>);

impl Verdicts {
    pub fn of(&mut self, transaction: &HashedTransaction) -> Result<(), SignatureError> {
        *self.0.entry(transaction.leaf()).or_insert_with(|| transaction.check_signature())
    }
}
