//! Turns the outcome of an audit into the report that is shown to the user.

use std::path::Path;
use std::sync::Arc;

use chain::{Audit, AuditFailure};
use node::{Admitted, QuestionTally, Tip};
use protocol::block::Block;
use protocol::finality::Certificate;

use super::finality::{self, BadCertificate};
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
    /// The first certificate that makes nothing final.
    pub(super) bad_certificate: Option<BadCertificate>,
    /// The first sum that is not what the rules counted.
    pub(super) sums_differ: Option<SumsError>,
}

/// What an audit does not go past.
#[derive(Debug)]
pub(super) enum Stopped {
    Block(AuditFailure, Arc<Block>),
    Certificate(BadCertificate),
}

impl AuditOutcome {
    /// The outcome of an audit that met, or did not meet, something that it does not go past. The certificate is that
    /// of the highest final block.
    pub(super) fn new(
        audit: &Audit,
        sums: &Sums,
        certificate: Option<&Certificate>,
        stopped: Option<Stopped>,
    ) -> Self {
        let (failure, stopped_at, bad_certificate) = match stopped {
            None => (None, None, None),
            Some(Stopped::Block(failure, block)) => (Some(failure), Some(block), None),
            Some(Stopped::Certificate(bad)) => (None, None, Some(bad)),
        };
        let sums_differ = sums.check(audit).err();
        let election = audit.election();
        let (height, hash) = audit.tip();
        let tally = audit.tally();
        let ahead = failure.as_ref().and_then(AheadOfClock::of);
        let broken = failure.as_ref().filter(|_| ahead.is_none());
        let report = AuditReport {
            passed: failure.is_none() && bad_certificate.is_none() && sums_differ.is_none(),
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
            failure: broken
                .map(schema::AuditFailure::from)
                .or_else(|| bad_certificate.as_ref().map(schema::AuditFailure::from)),
            finality: finality::of(audit, certificate),
            error: match sums_differ {
                Some(error) => Some(error.into()),
                None => ahead.map(schema::Refusal::from),
            },
            admission: Admission::of(&election.admission),
            blocks_deep: audit.blocks_since_newest_vote(),
        };
        Self { report, failure, stopped_at, bad_certificate, sums_differ }
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
        if let Some(failure) = self.failure {
            return Err(OfflineError::stopped(path, failure, undone));
        }
        let path = path.to_owned();
        if let Some(bad) = self.bad_certificate {
            return Err(OfflineError::BadCertificate { path, bad: Box::new(bad), undone });
        }
        match self.sums_differ {
            Some(error) => Err(OfflineError::SumsDiffer { path, error, undone }),
            None => Ok(self.report),
        }
    }
}
