//! Holds two records of one election against each other: both are audited side by side, and the first block at which
//! they differ is where they part. Memory grows only with what follows that block.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use protocol::block::{Block, Header};
use protocol::election::Election;
use protocol::transaction::TransactionKind;
use protocol::units::{BlockHash, TransactionId, UnixMillis};

use super::audit::{Auditing, Step};
use super::report::AuditOutcome;
use super::source::Source;
use super::{AheadOfClock, OfflineError};
use crate::schema::{
    ComparedRecord, Comparison, PartedBlock, PartedTransaction, Relation, Tip, Transaction,
};

/// What came of comparing.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) report: Comparison,
    /// The record that can't be judged, where nothing worse is known.
    pub(super) unjudged: Option<(PathBuf, AheadOfClock)>,
}

/// One of the two records.
struct Side<'source> {
    name: PathBuf,
    auditing: Auditing<'source>,
    outcome: Option<Box<AuditOutcome>>,
    next: Option<PartedBlock>,
    after: Vec<PartedTransaction>,
}

impl Compared {
    pub(super) fn is_same_and_holds(&self) -> bool {
        let Comparison { relation, a, b, .. } = &self.report;
        *relation == Relation::Same && a.passed && b.passed
    }
}

/// Audits both sources, which have to be of one election.
///
/// # Errors
/// When one of them can't be read to its end.
pub(super) fn compare_sources(
    sources: [&mut Source; 2],
    clock: fn() -> UnixMillis,
) -> Result<Compared, OfflineError> {
    let election = Arc::clone(sources[0].election());
    let [mut a, mut b] = sources.map(|source| Side::new(source, clock));
    let mut common = Tip { height: 0, hash: Header::genesis(&election).hash() };
    let relation = loop {
        match (a.next()?, b.next()?) {
            (Some(first), Some(second)) if first.header == second.header => {
                common = Tip { height: first.header.height.0, hash: first.header.hash() };
            }
            (first, second) => {
                let relation = relation(first.is_some(), second.is_some(), &a, &b);
                a.part(first, &election)?;
                b.part(second, &election)?;
                break relation;
            }
        }
    };
    let (of_a, of_b) = (a.ids(), b.ids());
    let unjudged = [&a, &b].into_iter().find_map(Side::ahead);
    let (a, b) = (a.report(&of_b), b.report(&of_a));
    let is_certain = relation == Relation::Part || a.failure.is_some() || b.failure.is_some();
    let (election, title) = (election.election_id(), election.title.clone());
    let report = Comparison { relation, election, title, common, a, b };
    Ok(Compared { report, unjudged: unjudged.filter(|_| !is_certain) })
}

/// How two records differ behind what they have in common. A block that is not counted is one all the same.
fn relation(goes_on_a: bool, goes_on_b: bool, a: &Side<'_>, b: &Side<'_>) -> Relation {
    let goes_on = [(goes_on_a, a), (goes_on_b, b)]
        .map(|(goes_on, side)| goes_on || side.uncounted().is_some());
    match goes_on {
        [false, false] => Relation::Same,
        [true, false] => Relation::AGoesOn,
        [false, true] => Relation::BGoesOn,
        [true, true] if !goes_on_a && !goes_on_b && a.uncounted() == b.uncounted() => {
            Relation::Same
        }
        [true, true] => Relation::Part,
    }
}

impl<'source> Side<'source> {
    fn new(source: &'source mut Source, clock: fn() -> UnixMillis) -> Self {
        let name = source.path().to_owned();
        let auditing = Auditing::new(source, clock);
        Self { name, auditing, outcome: None, next: None, after: Vec::new() }
    }

    /// The next block that follows all rules; `None` after the last.
    fn next(&mut self) -> Result<Option<Arc<Block>>, OfflineError> {
        if self.outcome.is_some() {
            return Ok(None);
        }
        Ok(match self.auditing.next()? {
            Step::Block(block, _) => Some(block),
            Step::End(outcome) => {
                self.outcome = Some(outcome);
                None
            }
        })
    }

    /// The block at which the audit stopped.
    fn uncounted(&self) -> Option<BlockHash> {
        let failure = self.outcome.as_ref()?.failure.as_ref()?;
        Some(failure.hash)
    }

    fn ahead(&self) -> Option<(PathBuf, AheadOfClock)> {
        let failure = self.outcome.as_ref()?.failure.as_ref()?;
        Some((self.name.clone(), AheadOfClock::of(failure)?))
    }

    /// Reads on from the first block that the other does not have.
    fn part(
        &mut self,
        mut next: Option<Arc<Block>>,
        election: &Election,
    ) -> Result<(), OfflineError> {
        self.next = next.as_deref().map(parted_block);
        while let Some(block) = next {
            let height = block.header.height.0;
            let transactions = block.transactions.iter().map(|each| PartedTransaction {
                height,
                transaction: Transaction::read(each, election),
            });
            self.after.extend(transactions);
            next = self.next()?;
        }
        Ok(())
    }

    fn ids(&self) -> HashSet<TransactionId> {
        self.after.iter().map(|each| each.transaction.transaction).collect()
    }

    fn report(self, of_other: &HashSet<TransactionId>) -> ComparedRecord {
        let outcome = self.outcome.expect("it was read to its end");
        let report = outcome.report;
        let alone = self.after.into_iter();
        let alone = alone.filter(|each| !of_other.contains(&each.transaction.transaction));
        ComparedRecord {
            source: self.name.display().to_string(),
            passed: report.passed,
            tip: report.tip,
            votes: report.votes,
            registered_voters: report.registered_voters,
            turnout_percent: report.turnout_percent,
            failure: report.failure,
            error: report.error,
            next: self.next,
            alone: alone.collect(),
        }
    }
}

fn parted_block(block: &Block) -> PartedBlock {
    let count = |kind| block.transactions.iter().filter(|each| each.kind() == kind).count() as u64;
    PartedBlock {
        height: block.header.height.0,
        hash: block.header.hash(),
        time_ms: block.header.time.0,
        registrations: count(TransactionKind::Registration),
        votes: count(TransactionKind::Vote),
        withdrawals: count(TransactionKind::Withdrawal),
    }
}
