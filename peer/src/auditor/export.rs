//! The command `peer export`, which writes the best chain of a data directory as an archive, or its votes, voters or
//! results as a table.

use protocol::units::UnixMillis;

use super::archive::ArchiveWriter;
use super::audit::audit_source;
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

fn export_archive(command: &ExportChain, mut source: Source) -> Result<(), OfflineError> {
    let mut writer = ArchiveWriter::create(&command.file, source.election(), command.force)?;
    // The peer checked the times when the blocks arrived, and a clock that was set back since loses
    // none of them.
    let any_time = || UnixMillis(u64::MAX);
    let outcome = audit_source(&mut source, any_time, |block| Ok(writer.append(block)?))?;
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
    let outcome = audit_source(&mut source, clock::unix_now, |block| {
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
    let outcome = audit_source(&mut source, clock::unix_now, |block| {
        voters.add(block);
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
