//! Who waits for a body that is on the disk alone.

use std::net::SocketAddr;

use protocol::datagram::ChainRequest;
use protocol::units::TransactionId;

use crate::command::{CommandError, Lookup, Ticket};
use crate::ledger::Submitter;

/// Who needs a body.
#[derive(Debug)]
pub(crate) enum Waiter {
    Neighbour {
        to: SocketAddr,
        request: u32,
        wanted: ChainRequest,
    },
    User {
        ticket: Ticket,
        lookup: Lookup,
    },
    /// A user's transaction that may be on the chain already, which only the body can tell.
    Submission(Resubmission),
    /// The move to a better branch.
    Chain,
}

/// A transaction that was submitted again: its id is known already.
#[derive(Debug)]
pub(crate) struct Resubmission {
    pub(crate) ticket: Ticket,
    pub(crate) id: TransactionId,
    pub(crate) by: Submitter,
    /// The answer that is given if the body shows that it is another transaction after all.
    pub(crate) refusal: CommandError,
}
