//! What users are shown of the election's times and of finality.

use protocol::finality::Offence;

use super::views::{EvidenceView, FinalityView, OwnValidatorView, ValidatorView};
use super::{Finality, Surroundings};
use crate::Node;
use protocol::units::Now;

impl Node {
    /// How far a timed election has come, and how final its count is.
    pub(crate) fn finality_view(&self, now: Now) -> Option<Box<FinalityView>> {
        let election = self.chain.election();
        let state = self.election_state()?;
        let (_, votes_final) = self.chain.final_counts();
        let around = self.surroundings(now);
        let finality = self.finality.as_ref();
        let pool = self.ledger.pool();
        Some(Box::new(FinalityView {
            state,
            opens: election.opens()?,
            vote_by: election.vote_by()?,
            closes: election.closes()?,
            median_time: self.chain.tip_median_time_past(),
            is_late: self.progress.is_late(),
            final_block: self.chain.final_block(),
            justified_block: self.chain.justified_block(),
            closing_block: self.chain.closing_block(),
            final_tally: self.chain.final_tally().cloned(),
            votes_final,
            votes_above: self.chain.tally().votes.saturating_sub(votes_final),
            votes_waiting: pool.votes() as u64,
            final_since: self.progress.final_since(),
            certificate: finality.and_then(|each| each.certificates.highest()).cloned(),
            closing_certificate: finality.and_then(|each| each.certificates.closing()).cloned(),
            depth: election.confirmations().map(|confirmations| self.depth_view(confirmations)),
            validators: finality.map(Finality::validator_views).unwrap_or_default(),
            own_validator: finality.and_then(|each| each.own_view(around, now)),
            evidence: finality.map(Finality::evidence_views).unwrap_or_default(),
            conflict: finality.and_then(|each| each.conflict.clone()),
        }))
    }
}

impl Finality {
    fn validator_views(&self) -> Vec<ValidatorView> {
        let views = (0..).zip(&self.roster.validators).map(|(place, validator)| {
            let (prepare, commit) = self.votes.newest(usize::from(place));
            ValidatorView {
                name: validator.name.clone(),
                prepared: prepare.map(|prepare| prepare.target.height),
                committed: commit.map(|commit| commit.block.height),
                present_at: self.presences.newest(place),
            }
        });
        views.collect()
    }

    fn own_view(&self, around: Surroundings, now: Now) -> Option<OwnValidatorView> {
        let own = self.own.as_ref()?;
        let record = own.record();
        Some(OwnValidatorView {
            place: own.place,
            name: self.roster.validator(own.place)?.name.clone(),
            abstains: own.abstains(self.starts, self.conflict.is_some(), around, now),
            prepared: record.and_then(|record| record.prepared).map(|(target, _)| target),
            committed: record.and_then(|record| record.committed),
        })
    }

    fn evidence_views(&self) -> Vec<EvidenceView> {
        let views = self.evidence.iter().filter_map(|(place, evidence)| {
            let offence =
                Offence::between(&evidence.first.statement(), &evidence.second.statement())?;
            let name = self.roster.validator(*place)?.name.clone();
            Some(EvidenceView { name, offence, evidence: evidence.clone() })
        });
        views.collect()
    }
}
