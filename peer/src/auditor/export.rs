//! The command `peer export`, which writes the best chain of a data directory as an archive, or its votes, voters or
//! results as a table.

use chain::Audit;
use protocol::finality::BlockReference;
use protocol::units::{Height, UnixMillis};

use super::archive::ArchiveWriter;
use super::audit::{Auditing, Step, Visited, audit_source};
use super::finality;
use super::source::{Source, url_of};
use super::table::{Cells, TableFormat, TableWriter};
use super::voters::Voters;
use super::{OfflineError, Undone};
use crate::cli::{ExportChain, ExportKind};
use crate::render::Style;
use crate::schema::{AuditReport, Exported, ExportedKind, Reply};
use crate::store::default_places;
use host::clock;
use host::files::FileError;
use host::progress::Progress;
use host::whole_file::{Existing, FileMode, WholeFile, WholeFileError};

/// Writes an archive or a table, and prints what it contains.
///
/// # Errors
/// When the chain can't be read, breaks a rule or can't be judged by this machine's clock, or when the file can't be
/// written.
pub fn export(command: &ExportChain) -> Result<(), OfflineError> {
    let path = match (&command.from, &command.data_dir) {
        (Some(path), _) | (None, Some(path)) => path.clone(),
        (None, None) => default_places::running_default()?,
    };
    match command.kind {
        ExportKind::Archive if command.from.is_some() && url_of(&path).is_none() => {
            Err(OfflineError::ArchiveOfArchive)
        }
        ExportKind::Archive if command.from.is_some() => {
            export_archive(command, Source::open(&path)?)
        }
        ExportKind::Archive => export_archive(command, Source::open_directory(&path)?),
        ExportKind::Votes => export_votes(command, Source::open(&path)?),
        ExportKind::Voters => export_voters(command, Source::open(&path)?),
        ExportKind::Results => export_results(command, Source::open(&path)?),
    }
}

/// The reason why a record has no result that can't change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFinal {
    /// The ballot says no times.
    #[error("this election never closes, so nothing of it is final: leave --final out")]
    Untimed,
    /// The record ends before the election does.
    #[error("the election has not closed in it")]
    NotClosed,
    /// No certificate covers the closing block.
    #[error(
        "it has no certificate for the closing block, which is number {closing}, or one above it"
    )]
    NotCertified {
        /// The height of the closing block.
        closing: Height,
    },
    /// The closing block is not deep enough.
    #[error("its closing block, which is number {closing}, is not yet deep enough")]
    NotDeep {
        /// The height of the closing block.
        closing: Height,
    },
}

impl NotFinal {
    fn of(audit: &Audit) -> Self {
        match audit.closing_block() {
            _ if audit.election().times.is_none() => Self::Untimed,
            None => Self::NotClosed,
            Some(BlockReference { height: closing, .. }) => match audit.election().roster() {
                Some(_) => Self::NotCertified { closing },
                None => Self::NotDeep { closing },
            },
        }
    }
}

/// Writes the archive of a result that can't change any more: up to the block by which it became final, whatever came
/// after it. So everybody who has the same certificate writes the same file.
fn export_final(command: &ExportChain, mut source: Source) -> Result<(), OfflineError> {
    let path = source.path().to_owned();
    let mut writer = ArchiveWriter::create(&command.file, source.election(), command.force)?;
    let progress = Progress::new("auditing", source.steps());
    let mut auditing = Auditing::new(&mut source);
    let outcome = loop {
        let steps = match auditing.next(UnixMillis(u64::MAX))? {
            Step::Block(block, steps) => {
                writer.append(&block)?;
                steps
            }
            Step::Certificate(certificate, steps) => {
                if finality::is_final(auditing.audit()) {
                    writer.certify(&certificate)?;
                }
                steps
            }
            Step::End(outcome) => {
                // What is wrong with a record is told before that it is not final.
                outcome.whole(&path, Undone::Export)?;
                let reason = NotFinal::of(auditing.audit());
                return Err(OfflineError::NotFinal { path, reason });
            }
        };
        progress.advance(steps);
        if finality::is_final(auditing.audit()) {
            break auditing.outcome();
        }
    };
    let report = outcome.whole(&path, Undone::Export)?;
    writer.finish()?;
    say(command, ExportedKind::Archive, &report)
}

fn export_archive(command: &ExportChain, mut source: Source) -> Result<(), OfflineError> {
    if command.is_final {
        return export_final(command, source);
    }
    let mut writer = ArchiveWriter::create(&command.file, source.election(), command.force)?;
    // The peer checked the times when the blocks arrived, and a clock that was set back since loses
    // none of them.
    let any_time = || UnixMillis(u64::MAX);
    let outcome = audit_source(&mut source, any_time, |visited| {
        match visited {
            Visited::Block(block) => writer.append(block)?,
            Visited::Certificate(certificate, _) => writer.certify(certificate)?,
        }
        Ok(())
    })?;
    let report = outcome.whole(source.path(), Undone::Export)?;
    writer.finish()?;
    say(command, ExportedKind::Archive, &report)
}

fn export_votes(command: &ExportChain, mut source: Source) -> Result<(), OfflineError> {
    let format = table_format(command)?;
    let file = create(command)?;
    let election = source.election().clone();
    let failed = |error| FileError::new("write", &command.file, error);
    let mut table = TableWriter::votes(file, format).map_err(failed)?;
    let outcome = audit_source(&mut source, clock::unix_now, |visited| {
        let Some(block) = visited.block() else { return Ok(()) };
        Ok(table.write_votes(block, &election).map_err(failed)?)
    })?;
    let report = outcome.whole(source.path(), Undone::Export)?;
    table.finish().map_err(failed)?.finish()?;
    say(command, ExportedKind::Votes, &report)
}

fn export_voters(command: &ExportChain, mut source: Source) -> Result<(), OfflineError> {
    let format = table_format(command)?;
    let file = create(command)?;
    let failed = |error| FileError::new("write", &command.file, error);
    let mut table = TableWriter::voters(file, format).map_err(failed)?;
    let mut voters = Voters::default();
    let outcome = audit_source(&mut source, clock::unix_now, |visited| {
        if let Some(block) = visited.block() {
            voters.add(block);
        }
        Ok(())
    })?;
    let report = outcome.whole(source.path(), Undone::Export)?;
    table.write_voters(&voters).map_err(failed)?;
    table.finish().map_err(failed)?.finish()?;
    say(command, ExportedKind::Voters, &report)
}

fn export_results(command: &ExportChain, mut source: Source) -> Result<(), OfflineError> {
    let format = table_format(command)?;
    let file = create(command)?;
    let failed = |error| FileError::new("write", &command.file, error);
    let mut table = TableWriter::results(file, format).map_err(failed)?;
    let report = audit_source(&mut source, clock::unix_now, |_| Ok(()))?
        .whole(source.path(), Undone::Export)?;
    table.write_results(&report.results()).map_err(failed)?;
    table.finish().map_err(failed)?.finish()?;
    say(command, ExportedKind::Results, &report)
}

fn say(
    command: &ExportChain,
    kind: ExportedKind,
    report: &AuditReport,
) -> Result<(), OfflineError> {
    let exported = Exported {
        file: command.file.display().to_string(),
        kind,
        election: report.election,
        tip: report.tip,
        votes: report.votes,
        registered_voters: report.registered_voters,
        turnout_percent: report.turnout_percent,
        finality: report.finality.clone(),
    };
    Ok(Style::of(command.format.json, false).print(&Reply::Exported(exported))?)
}

fn create(command: &ExportChain) -> Result<WholeFile, WholeFileError> {
    WholeFile::create(&command.file, Existing::replace_if(command.force), FileMode::Default)
}

fn table_format(command: &ExportChain) -> Result<TableFormat, OfflineError> {
    match command.file.extension().and_then(|extension| extension.to_str()) {
        Some("csv") if command.raw_cells => Ok(TableFormat::Csv { cells: Cells::Raw }),
        Some("csv") => Ok(TableFormat::Csv { cells: Cells::Guarded }),
        Some("jsonl") => Ok(TableFormat::JsonLines),
        _ => Err(OfflineError::TableName { path: command.file.clone() }),
    }
}
