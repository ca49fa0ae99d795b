//! `peer export`: the best chain of a data directory as an archive.

use super::OfflineError;
use super::archive::ArchiveWriter;
use super::progress::Progress;
use super::source::DirectorySource;
use crate::cli::ExportChain;
use crate::shell::ballot::show;
use crate::shell::data_directory;

/// Writes an archive, and says what it holds.
///
/// # Errors
/// When the data directory can't be read, or the archive can't be written.
pub fn export(command: &ExportChain) -> Result<(), OfflineError> {
    let directory = match &command.data_dir {
        Some(directory) => directory.clone(),
        None => data_directory::only_default()?,
    };
    let mut source = DirectorySource::open(&directory)?;
    let mut writer = ArchiveWriter::create(&command.file, source.election(), command.force)?;
    let progress = Progress::new("exporting", source.blocks());
    while let Some(block) = source.next()? {
        writer.append(&block)?;
        progress.advance(1);
    }
    writer.finish()?;
    drop(progress);
    let (file, blocks) = (command.file.display(), source.blocks());
    let election = source.election().election_id();
    show(&format!("wrote {file}: election {election}, blocks after the genesis: {blocks}\n"))?;
    Ok(())
}
