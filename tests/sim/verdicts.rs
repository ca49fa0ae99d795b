//! The results of signature checks. Every check is really carried out, but only once per world, and
//! its result is shared by all peers of that world, since the answer cannot differ between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::election::Election;
use protocol::keys::SignatureError;
use protocol::transaction::HashedTransaction;
use protocol::units::LeafHash;

#[derive(Debug)]
pub struct Verdicts {
    election: Arc<Election>,
    known: BTreeMap<LeafHash, Result<(), SignatureError>>,
}

impl Verdicts {
    #[must_use]
    pub fn new(election: Arc<Election>) -> Self {
        Self { election, known: BTreeMap::new() }
    }

    pub fn of(&mut self, transaction: &HashedTransaction) -> Result<(), SignatureError> {
        let check = || transaction.check_signatures(&self.election.admission);
        *self.known.entry(transaction.leaf()).or_insert_with(check)
    }
}
