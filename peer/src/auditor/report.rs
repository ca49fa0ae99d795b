//! What came of an audit.

use std::sync::Arc;

use protocol::election::Election;
use protocol::units::Work;

use chain::{Audit, AuditFailure};
use node::{Admitted, QuestionTally, Results, Tip};

/// How far an audit came, what it counted on the way, and where it stopped.
#[derive(Debug)]
pub(crate) struct AuditReport {
    pub(crate) election: Arc<Election>,
    pub(crate) results: Results,
    pub(crate) work: Work,
    pub(crate) transactions: u64,
    pub(crate) signatures: u64,
    /// The first block that breaks a rule; nothing of it is counted.
    pub(crate) failure: Option<AuditFailure>,
}

impl AuditReport {
    pub(super) fn new(audit: &Audit, failure: Option<AuditFailure>) -> Self {
        let election = Arc::clone(audit.election());
        let (height, hash) = audit.tip();
        let tally = audit.tally();
        let results = Results {
            tip: Tip { height, hash },
            votes: tally.votes,
            registered_voters: audit.registered_voters(),
            admitted: Admitted::of(audit.election(), &audit.admissions()),
            blocks_deep: audit.blocks_since_newest_vote(),
            tally: QuestionTally::of_all(&election, tally),
        };
        Self {
            election,
            results,
            work: audit.work(),
            transactions: audit.transactions(),
            signatures: audit.signatures(),
            failure,
        }
    }
}
