//! Turns the outcome of an audit into the report that is shown to the user.

use chain::{Audit, AuditFailure};
use node::{Admitted, QuestionTally, Tip};

use super::AheadOfClock;
use super::sums::Sums;
use crate::schema::{self, Admission, AuditReport, Percent};

/// The outcome of an audit.
#[derive(Debug)]
pub(super) struct AuditOutcome {
    pub(super) report: AuditReport,
    /// The first block that breaks a rule or is ahead of the clock, with everything that its error says.
    pub(super) failure: Option<AuditFailure>,
}

impl AuditOutcome {
    pub(super) fn new(audit: &Audit, sums: &Sums, failure: Option<AuditFailure>) -> Self {
        let election = audit.election();
        let (height, hash) = audit.tip();
        let tally = audit.tally();
        let ahead = failure.as_ref().and_then(AheadOfClock::of);
        let broken = failure.as_ref().filter(|_| ahead.is_none());
        let report = AuditReport {
            passed: failure.is_none(),
            election: election.election_id(),
            title: election.title.clone(),
            blocks: height.0,
            registrations: sums.registrations,
            withdrawals: sums.withdrawals,
            votes: tally.votes,
            registered_voters: audit.registered_voters(),
            turnout_percent: Percent::of(tally.votes, audit.registered_voters()),
            admitted: schema::Admitted::from(&Admitted::of(election, &audit.admissions())),
            transactions: audit.transactions(),
            signatures: audit.signatures(),
            work: audit.work().to_string(),
            tip: Tip { height, hash }.into(),
            tally: QuestionTally::of_all(election, tally)
                .iter()
                .map(schema::QuestionTally::from)
                .collect(),
            sums: sums.of(audit),
            failure: broken.map(schema::AuditFailure::from),
            error: ahead.map(schema::Refusal::from),
            admission: Admission::of(&election.admission),
            blocks_deep: audit.blocks_since_newest_vote(),
        };
        Self { report, failure }
    }
}
