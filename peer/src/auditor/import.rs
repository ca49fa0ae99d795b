//! The command `peer import`, which makes a data directory from an archive. The whole archive is
//! audited first, so no data directory ever starts from a chain that breaks a rule.

use super::OfflineError;
use super::audit::audit_source;
use super::report::AuditOutcome;
use super::source::Source;
use crate::cli::ImportChain;
use crate::store::ChainImporter;
use crate::store::data_directory::DataDirectory;
use host::clock;
use host::output::print;

/// Makes a data directory. Its chain gets its name only after the whole archive was found to be
/// valid and is durable.
///
/// # Errors
/// When the archive breaks a rule or can't be read, or when the directory has a chain already or
/// can't be written.
pub fn import(command: &ImportChain) -> Result<(), OfflineError> {
    let mut source = Source::open(&command.file)?;
    let election = source.election().clone();
    let id = election.election_id();
    let directory = DataDirectory::open(command.data_dir.clone())?;
    directory.keeps_election(&election)?;
    let mut importer = ChainImporter::create(directory.path(), &id)?;
    let audited = audit_source(&mut source, clock::unix_now, |block| {
        Ok(importer.append(std::slice::from_ref(block))?)
    });
    let report = match audited {
        Ok(AuditOutcome { failure: None, report }) => report,
        Ok(AuditOutcome { failure: Some(failure), .. }) => {
            importer.abandon()?;
            let (path, failure) = (command.file.clone(), Box::new(failure));
            return Err(OfflineError::NotImported { path, failure });
        }
        Err(error) => {
            importer.abandon()?;
            return Err(error);
        }
    };
    directory.keep_election(&election)?;
    importer.finish()?;
    let path = directory.path().display();
    let (height, votes) = (report.blocks, report.votes);
    print(&format!(
        "made {path}: election {id}, blocks after the genesis: {height}, votes: {votes}\n"
    ))?;
    Ok(())
}
