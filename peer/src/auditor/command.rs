//! The command `peer audit`, for one record and for two.

use std::io::IsTerminal;
use std::path::Path;

use protocol::units::ElectionId;

use super::audit::audit_source;
use super::compare::compare_sources;
use super::source::Source;
use super::{OfflineError, Undone};
use crate::cli::AuditChain;
use crate::render::{Style, wants_color};
use crate::schema::Reply;
use crate::store::local_election::{LocalElectionError, read_ballot};
use host::clock;

/// Audits a record and prints a report. Returns whether everything is valid, and the same as what it was to be compared
/// with.
///
/// # Errors
/// When the record can't be read, belongs to another election than the one that was asked for, or can't be judged by
/// this machine's clock.
pub fn audit(command: &AuditChain) -> Result<bool, OfflineError> {
    let mut source = Source::open(&command.source)?;
    if let Some(expected) = expected_election(command)? {
        source.expect(&expected)?;
    }
    if let Some(against) = &command.against {
        return compare(command, source, against);
    }
    let outcome = audit_source(&mut source, clock::unix_now, |_| Ok(()))?;
    let color = std::io::stdout().is_terminal() && wants_color();
    let style = Style::of(command.format.json, color);
    let (passed, unjudged) = (outcome.report.passed, outcome.unjudged(source.path()));
    style.print(&Reply::Audit(Box::new(outcome.report)))?;
    // The report has told which rule is broken, or which sum differs.
    unjudged.map_or(Ok(passed), Err)
}

/// Audits two records and prints where they part. Returns whether they are the same and valid.
fn compare(command: &AuditChain, mut source: Source, against: &Path) -> Result<bool, OfflineError> {
    let mut other = Source::open(against)?;
    other.expect(&source.election().election_id())?;
    let comparison = compare_sources([&mut source, &mut other], clock::unix_now())?;
    let (is_same, unjudged) = (comparison.is_same_and_holds(), comparison.unjudged);
    let color = std::io::stdout().is_terminal() && wants_color();
    let style = Style::of(command.format.json, color);
    style.print(&Reply::Comparison(Box::new(comparison.report)))?;
    match unjudged {
        Some((path, ahead)) => {
            Err(OfflineError::AheadOfClock { path, ahead, undone: Undone::Audit })
        }
        None => Ok(is_same),
    }
}

fn expected_election(command: &AuditChain) -> Result<Option<ElectionId>, LocalElectionError> {
    match &command.ballot {
        Some(path) => Ok(Some(read_ballot(path)?.election_id())),
        None => Ok(command.election),
    }
}
