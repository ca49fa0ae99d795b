//! Turns the outcome of an audit into the report that is shown to the user.

use std::path::Path;
use std::sync::Arc;

use chain::{Audit, AuditFailure};
use node::{Admitted, QuestionTally, Tip};
use protocol::block::Block;

use super::sums::{Sums, SumsError};
use super::{AheadOfClock, OfflineError, Undone};
use crate::schema::{self, Admission, AuditReport, Percent};

/// The outcome of an audit.
#[derive(Debug)]
pub(super) struct AuditOutcome {
    pub(super) report: AuditReport,
    /// The first block that breaks a rule or is ahead of the clock, with everything that its error says.
    pub(super) failure: Option<AuditFailure>,
    /// That block.
    pub(super) stopped_at: Option<Arc<Block>>,
    /// The first sum that is not what the rules counted.
    pub(super) sums_differ: Option<SumsError>,
}

impl AuditOutcome {
    pub(super) fn new(
        audit: &Audit,
        sums: &Sums,
        stopped: Option<(AuditFailure, Arc<Block>)>,
    ) -> Self {
        let (failure, stopped_at) = stopped.unzip();
        let sums_differ = sums.check(audit).err();
        let election = audit.election();
        let (height, hash) = audit.tip();
        let tally = audit.tally();
        let ahead = failure.as_ref().and_then(AheadOfClock::of);
        let broken = failure.as_ref().filter(|_| ahead.is_none());
        let report = AuditReport {
            passed: failure.is_none() && sums_differ.is_none(),
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
            error: match sums_differ {
                Some(error) => Some(error.into()),
                None => ahead.map(schema::Refusal::from),
            },
            admission: Admission::of(&election.admission),
            blocks_deep: audit.blocks_since_newest_vote(),
        };
        Self { report, failure, stopped_at, sums_differ }
    }

    /// The error of a record that this machine's clock kept from being judged, if nothing worse is known of it.
    pub(super) fn unjudged(&self, path: &Path) -> Option<OfflineError> {
        let ahead = self.failure.as_ref().and_then(AheadOfClock::of)?;
        let path = path.to_owned();
        let error = OfflineError::AheadOfClock { path, ahead, undone: Undone::Audit };
        self.sums_differ.is_none().then_some(error)
    }

    /// The report of a record that holds to its end.
    ///
    /// # Errors
    /// What does not hold, and what is not done because of it.
    pub(super) fn whole(self, path: &Path, undone: Undone) -> Result<AuditReport, OfflineError> {
        match (self.failure, self.sums_differ) {
            (Some(failure), _) => Err(OfflineError::stopped(path, failure, undone)),
            (None, Some(error)) => {
                Err(OfflineError::SumsDiffer { path: path.to_owned(), error, undone })
            }
            (None, None) => Ok(self.report),
        }
    }
}
