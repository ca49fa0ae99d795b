//! Holds two records of one election against each other: both are audited side by side, and the first block at which
//! they differ is where they part. From there on both are read in turn, and only what one of them has and the other had
//! not yet is remembered.

mod alone;

use std::path::PathBuf;
use std::sync::Arc;

use protocol::block::{Block, Header};
use protocol::election::Election;
use protocol::transaction::TransactionKind;
use protocol::units::{BlockHash, UnixMillis};

use super::audit::{Auditing, Step};
use super::report::AuditOutcome;
use super::source::Source;
use super::{AheadOfClock, OfflineError};
use crate::schema::{
    ComparedRecord, Comparison, DifferingAnswer, PartedBlock, Relation, SUMS_DIFFER, Tip,
};
use alone::Alone;

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
    /// The one time by which both records are judged: a block that is early for one is early for the other.
    now: UnixMillis,
}

/// What comes next in a record.
enum Next {
    Counted(Arc<Block>),
    /// The block at which the audit stops.
    Uncounted(Arc<Block>),
    Nothing,
}

impl ComparedRecord {
    /// Whether something is wrong with it at any time.
    fn is_refuted(&self) -> bool {
        let differ = self.error.as_ref().is_some_and(|error| error.kind == SUMS_DIFFER);
        self.failure.is_some() || differ
    }
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
    now: UnixMillis,
) -> Result<Compared, OfflineError> {
    let election = Arc::clone(sources[0].election());
    let [mut a, mut b] = sources.map(|source| Side::new(source, now));
    let mut common = Tip { height: 0, hash: Header::genesis(&election).hash() };
    let (first, second) = loop {
        match (a.next()?, b.next()?) {
            (Next::Counted(first), Next::Counted(second)) if first.header == second.header => {
                common = Tip { height: first.header.height.0, hash: first.header.hash() };
            }
            parted => break parted,
        }
    };
    let relation = relation(&first, &second);
    let (goes_on_a, goes_on_b) = match relation {
        Relation::Same => (false, false),
        Relation::AGoesOn => (true, false),
        Relation::BGoesOn => (false, true),
        Relation::Part => (true, true),
    };
    let next_a = goes_on_a.then(|| first.parted()).flatten();
    let next_b = goes_on_b.then(|| second.parted()).flatten();
    let [alone_a, alone_b] = read_on([&mut a, &mut b], [first, second], &election)?;
    let unjudged = [&a, &b].into_iter().find_map(Side::ahead);
    let differing = differing(&a, &b);
    let (a, b) = (a.report(next_a, alone_a), b.report(next_b, alone_b));
    let is_certain = relation == Relation::Part || [&a, &b].iter().any(|each| each.is_refuted());
    let (election, title) = (election.election_id(), election.title.clone());
    let report = Comparison { relation, election, title, common, a, b, differing };
    Ok(Compared { report, unjudged: unjudged.filter(|_| !is_certain) })
}

/// How two records differ behind what they have in common. A block that is not counted is one all the same, and two of
/// one hash are one block, even where only one record has it whole.
fn relation(first: &Next, second: &Next) -> Relation {
    match (first.hash(), second.hash()) {
        (None, None) => Relation::Same,
        (Some(_), None) => Relation::AGoesOn,
        (None, Some(_)) => Relation::BGoesOn,
        (Some(a), Some(b)) if a == b => match (first, second) {
            (Next::Counted(_), _) => Relation::AGoesOn,
            (_, Next::Counted(_)) => Relation::BGoesOn,
            (Next::Uncounted(_) | Next::Nothing, Next::Uncounted(_) | Next::Nothing) => {
                Relation::Same
            }
        },
        (Some(_), Some(_)) => Relation::Part,
    }
}

/// Reads both records to their ends in turn, and keeps what only one of them counts.
fn read_on(
    [a, b]: [&mut Side<'_>; 2],
    [mut first, mut second]: [Next; 2],
    election: &Election,
) -> Result<[Alone; 2], OfflineError> {
    let (mut of_a, mut of_b) = (Alone::default(), Alone::default());
    loop {
        let blocks = (first.counted(), second.counted());
        if matches!(blocks, (None, None)) {
            return Ok([of_a, of_b]);
        }
        if let Some(block) = blocks.0 {
            of_a.take(block, &mut of_b, election);
        }
        if let Some(block) = blocks.1 {
            of_b.take(block, &mut of_a, election);
        }
        (first, second) = (a.next()?, b.next()?);
    }
}

/// The answers whose numbers of votes are not the same in both.
fn differing(a: &Side<'_>, b: &Side<'_>) -> Vec<DifferingAnswer> {
    let tallies = [a, b].map(|side| &side.outcome().report.tally);
    let mut differing = Vec::new();
    for (question, (a, b)) in (1..).zip(tallies[0].iter().zip(tallies[1])) {
        let options = a.options.iter().zip(&b.options);
        let options = options.map(|(a, b)| (Some(a.name.clone()), a.votes, b.votes));
        let answers = options.chain([(None, a.blank, b.blank)]).filter(|(_, a, b)| a != b);
        differing.extend(answers.map(|(option, a, b)| DifferingAnswer { question, option, a, b }));
    }
    differing
}

impl Next {
    fn block(&self) -> Option<&Block> {
        match self {
            Self::Counted(block) | Self::Uncounted(block) => Some(block),
            Self::Nothing => None,
        }
    }

    fn counted(&self) -> Option<&Block> {
        match self {
            Self::Counted(block) => Some(block),
            Self::Uncounted(_) | Self::Nothing => None,
        }
    }

    fn hash(&self) -> Option<BlockHash> {
        self.block().map(|block| block.header.hash())
    }

    fn parted(&self) -> Option<PartedBlock> {
        let block = self.block()?;
        let of = |kind| block.transactions.iter().filter(|each| each.kind() == kind).count() as u64;
        Some(PartedBlock {
            height: block.header.height.0,
            hash: block.header.hash(),
            time_ms: block.header.time.0,
            counted: self.counted().is_some(),
            registrations: of(TransactionKind::Registration),
            votes: of(TransactionKind::Vote),
            withdrawals: of(TransactionKind::Withdrawal),
        })
    }
}

impl<'source> Side<'source> {
    fn new(source: &'source mut Source, now: UnixMillis) -> Self {
        let name = source.path().to_owned();
        Self { name, auditing: Auditing::new(source), outcome: None, now }
    }

    fn next(&mut self) -> Result<Next, OfflineError> {
        if self.outcome.is_some() {
            return Ok(Next::Nothing);
        }
        loop {
            match self.auditing.next(self.now)? {
                Step::Block(block, _) => return Ok(Next::Counted(block)),
                // It says how final the record is, and changes nothing of what it counts.
                Step::Certificate(..) => {}
                Step::End(outcome) => {
                    let stopped_at = outcome.stopped_at.clone();
                    self.outcome = Some(outcome);
                    return Ok(stopped_at.map_or(Next::Nothing, Next::Uncounted));
                }
            }
        }
    }

    fn outcome(&self) -> &AuditOutcome {
        self.outcome.as_ref().expect("it was read to its end")
    }

    fn ahead(&self) -> Option<(PathBuf, AheadOfClock)> {
        let failure = self.outcome().failure.as_ref()?;
        Some((self.name.clone(), AheadOfClock::of(failure)?))
    }

    fn report(self, next: Option<PartedBlock>, alone: Alone) -> ComparedRecord {
        let report = self.outcome.expect("it was read to its end").report;
        let (alone_counts, alone) = alone.told();
        ComparedRecord {
            source: self.name.display().to_string(),
            passed: report.passed,
            tip: report.tip,
            votes: report.votes,
            registered_voters: report.registered_voters,
            turnout_percent: report.turnout_percent,
            failure: report.failure,
            error: report.error,
            next,
            alone_counts,
            alone,
        }
    }
}
